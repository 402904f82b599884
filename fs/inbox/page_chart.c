/* The days of status.html. A bar for each day; what a bar stands for is its title, and a row of the table. */
#include "fs/inbox/page_chart.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/inbox/page_text.h"
#include "fs/inbox/report.h"
#include "fs/inbox/wording.h"

enum {
    STEP = 18, /* from bar to bar; the unit is a pixel at full size */
    BAR = 14,
    HEIGHT = 90,
    ABOVE = 20, /* for the number of the highest bar */
    BELOW = 20, /* for the days */
    WIDTH = STEP * REPORT_DAYS,
    WEEK = 7,
};

static void put_date(int day, struct buffer *out)
{
    buffer_printf(out, "%04d-%02d-%02d", day / 10000, day / 100 % 100, day % 100);
}

static double minutes_of(const struct report_day *d, const char *currency)
{
    (void)currency;
    return (double)d->audio_ms / 60000;
}

static double cost_of(const struct report_day *d, const char *currency)
{
    for (int i = 0; i < SPENT_CURRENCIES; i++)
        if (strcmp(d->spent.money[i].currency, currency) == 0)
            return (double)d->spent.money[i].micro / 1e6;
    return 0;
}

/* "2026-11-22: 12.5 min, 3 recordings" or "2026-11-22: 0.17 CNY" */
static void put_title(const struct wording *w, const struct report_day *d, double value, const char *currency, struct buffer *out)
{
    put_date(d->day, out);
    if (*currency)
        buffer_printf(out, ": %.4g %s", value, currency);
    else
        buffer_printf(out, say_count(w, ": %.1f min, %lld recording", ": %.1f min, %lld recordings", (unsigned long)d->done), value,
                      (long long)d->done);
}

static void put_plot(const struct wording *w, const struct report_all *all, const char *title,
                     double (*value)(const struct report_day *, const char *), const char *currency, struct buffer *out)
{
    double most = 0;
    for (int i = 0; i < REPORT_DAYS; i++)
        most = value(&all->days[i], currency) > most ? value(&all->days[i], currency) : most;
    buffer_puts(out, "<figure style=\"margin:0\"><figcaption class=\"dim small\">");
    page_put_html(title, out);
    if (*currency)
        buffer_printf(out, " (%s)", currency);
    buffer_printf(out, "</figcaption><svg viewBox=\"0 0 %d %d\" role=\"img\">\n", WIDTH, ABOVE + HEIGHT + BELOW);
    for (int i = 0; i < REPORT_DAYS; i++) {
        const struct report_day *d = &all->days[i];
        double v = value(d, currency);
        double height = v > 0 ? v / most * HEIGHT : 0;
        const char *class = v <= 0 ? " class=\"none\"" : *currency ? " class=\"cost\"" : "";
        height = height < 2 ? 2 : height;
        buffer_printf(out, "<rect%s x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" rx=\"2\"><title>", class,
                      i * STEP + (STEP - BAR) / 2, ABOVE + HEIGHT - height, BAR, height);
        put_title(w, d, v, currency, out);
        buffer_puts(out, "</title></rect>\n");
        /* Today, and whole weeks before it. */
        if ((REPORT_DAYS - 1 - i) % WEEK == 0)
            buffer_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%02d-%02d</text>\n",
                          i == REPORT_DAYS - 1 ? WIDTH : i * STEP + STEP / 2, ABOVE + HEIGHT + BELOW - 3,
                          i == REPORT_DAYS - 1 ? "end" : "middle", d->day / 100 % 100, d->day % 100);
        if (most > 0 && v == most) {
            bool late = i > REPORT_DAYS - 4;
            buffer_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%.*f</text>\n", late ? WIDTH : i * STEP + STEP / 2,
                          ABOVE - 4, late ? "end" : i < 3 ? "start" : "middle", v < 10 ? 2 : 0, v);
            most = most * (1 + 1e-9); /* once */
        }
    }
    buffer_puts(out, "</svg></figure>\n");
}

static void put_cell(const struct spent *s, struct buffer *out)
{
    cleanup_buffer struct buffer text = {0};
    for (int i = 0; i < SPENT_CURRENCIES && s->money[i].currency[0]; i++) {
        if (i)
            buffer_puts(&text, ", ");
        spent_put_money(s->money[i].currency, s->money[i].micro, &text);
    }
    buffer_puts(out, "<td>");
    page_put_html(text.data ? text.data : "", out);
    buffer_puts(out, "</td>");
}

static bool is_quiet(const struct report_day *d)
{
    return !d->done && !d->failed && !d->spent.billed_ms && !d->spent.money[0].currency[0];
}

static void put_table(const struct wording *w, const struct report_all *all, bool paid, struct buffer *out)
{
    buffer_puts(out, "<details class=\"small\"><summary>");
    page_put_html(say(w, "as a table"), out);
    buffer_printf(out, "</summary><table><thead><tr><th>%s</th><th>%s</th><th>%s</th><th>%s</th>", say(w, "day"),
                  say(w, "done"), say(w, "failed"), say(w, "minutes"));
    if (paid)
        buffer_printf(out, "<th>%s</th>", say(w, "cost"));
    buffer_puts(out, "</tr></thead><tbody>\n");
    for (int i = REPORT_DAYS - 1; i >= 0; i--) {
        const struct report_day *d = &all->days[i];
        if (is_quiet(d))
            continue;
        buffer_puts(out, "<tr><td>");
        put_date(d->day, out);
        buffer_printf(out, "</td><td>%" PRId64 "</td><td>%" PRId64 "</td><td>%.1f</td>", d->done, d->failed,
                      (double)d->audio_ms / 60000);
        if (paid)
            put_cell(&d->spent, out);
        buffer_puts(out, "</tr>\n");
    }
    buffer_puts(out, "</tbody></table></details>\n");
}

void page_put_days(const struct wording *w, const struct report_all *all, struct buffer *out)
{
    char currencies[SPENT_CURRENCIES][4] = {{0}};
    int count = 0;
    bool quiet = true;
    for (int i = 0; i < REPORT_DAYS; i++) {
        quiet = quiet && is_quiet(&all->days[i]);
        for (int k = 0; k < SPENT_CURRENCIES && all->days[i].spent.money[k].currency[0]; k++) {
            const char *currency = all->days[i].spent.money[k].currency;
            int known = 0;
            while (known < count && strcmp(currencies[known], currency) != 0)
                known++;
            if (known == count && count < SPENT_CURRENCIES)
                snprintf(currencies[count++], sizeof *currencies, "%s", currency);
        }
    }
    if (quiet)
        return;
    buffer_puts(out, "<section><h2>");
    page_put_html(say(w, "The last days"), out);
    buffer_puts(out, "</h2>\n");
    put_plot(w, all, say(w, "Minutes of audio a day"), minutes_of, "", out);
    for (int k = 0; k < count; k++)
        put_plot(w, all, say(w, "Cost a day"), cost_of, currencies[k], out);
    put_table(w, all, count > 0, out);
    buffer_puts(out, "</section>\n");
}
