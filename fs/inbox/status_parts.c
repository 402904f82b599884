/* The parts that status texts are made of: what is safe to print, lengths, times, amounts, stages, counts. */
#include "fs/inbox/status_parts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/utf8.h"
#include "fs/inbox/wording.h"

bool status_is_broken(const char *s, uint32_t c)
{
    return c == UTF8_REPLACEMENT && strncmp(s, "\xef\xbf\xbd", 3) != 0;
}

bool status_is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200b || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void status_escape(const char *bytes, struct buffer *out)
{
    const char *s = bytes;
    while (*s) {
        uint32_t c;
        size_t n = utf8_next(s, strnlen(s, 4), &c);
        if (*s == '\n')
            buffer_puts(out, "\\n");
        else if (*s == '\t')
            buffer_puts(out, "\\t");
        else if (*s == '\\')
            buffer_puts(out, "\\\\");
        else if (status_is_unsafe(c) || status_is_broken(s, c))
            for (size_t i = 0; i < n; i++)
                buffer_printf(out, "\\x%02x", (unsigned char)s[i]);
        else
            buffer_add(out, s, n);
        s += n;
    }
}

/* ---- Lengths and times ---- */

struct piece length_piece(int64_t ms)
{
    struct piece p;
    int64_t s = ms > 0 ? ms / 1000 : 0;
    if (s >= 3600)
        snprintf(p.text, sizeof p.text, "%lld:%02d:%02d", (long long)(s / 3600), (int)(s / 60 % 60),
                 (int)(s % 60));
    else
        snprintf(p.text, sizeof p.text, "%d:%02d", (int)(s / 60), (int)(s % 60));
    return p;
}

struct piece about_piece(const struct wording *w, int64_t ms)
{
    struct piece p;
    int64_t s = (ms + 999) / 1000;
    int64_t min = (s + 30) / 60;
    if (s < 10)
        snprintf(p.text, sizeof p.text, say(w, "%d s"), s < 1 ? 1 : (int)s);
    else if (s < 95)
        snprintf(p.text, sizeof p.text, say(w, "%d s"), (int)((s + 4) / 5 * 5));
    else if (min < 60)
        snprintf(p.text, sizeof p.text, say(w, "%d min"), (int)min);
    else if (min % 60)
        snprintf(p.text, sizeof p.text, say(w, "%lld h %d min"), (long long)(min / 60), (int)(min % 60));
    else
        snprintf(p.text, sizeof p.text, say(w, "%lld h"), (long long)(min / 60));
    return p;
}

struct piece time_piece(const struct wording *w, int64_t ms, int64_t now_ms)
{
    static const char *const months[] = {SAID("January"), SAID("February"), SAID("March"),
                                         SAID("April"),   SAID("May"),      SAID("June"),
                                         SAID("July"),    SAID("August"),   SAID("September"),
                                         SAID("October"), SAID("November"), SAID("December")};
    struct piece p;
    time_t then = (time_t)(ms / 1000), now = (time_t)(now_ms / 1000);
    struct tm t, n;
    if (!localtime_r(&then, &t) || !localtime_r(&now, &n)) {
        snprintf(p.text, sizeof p.text, "%s", say(w, "an unknown time"));
        return p;
    }
    char clock[8];
    snprintf(clock, sizeof clock, "%02d:%02d", t.tm_hour % 100, t.tm_min % 100);
    const char *month = say(w, months[t.tm_mon]);
    if (t.tm_year == n.tm_year && t.tm_yday == n.tm_yday)
        snprintf(p.text, sizeof p.text, "%s", clock);
    else if (t.tm_year == n.tm_year)
        /* Time, day, month: "11:05 on 24 November". */
        snprintf(p.text, sizeof p.text, say(w, "%1$s on %2$d %3$s"), clock, t.tm_mday, month);
    else
        /* Time, day, month, year: "11:05 on 24 November 2027". */
        snprintf(p.text, sizeof p.text, say(w, "%1$s on %2$d %3$s %4$d"), clock, t.tm_mday, month,
                 t.tm_year + 1900);
    return p;
}

struct piece bytes_piece(const struct wording *w, int64_t bytes)
{
    static const char *const units[] = {SAID("bytes"), "kB", "MB", "GB", "TB", "PB"};
    struct piece p;
    double amount = (double)bytes;
    size_t unit = 0;
    for (; amount >= 999.5 && unit + 1 < sizeof units / sizeof *units; unit++)
        amount /= 1000;
    snprintf(p.text, sizeof p.text, "%.*f %s", unit && amount < 9.95 ? 1 : 0, amount, unit ? units[unit] : say(w, units[0]));
    return p;
}

/* ---- Progress ---- */

bool item_has_percent(const struct item *item)
{
    return item->state == ITEM_RUNNING && item->total > 0;
}

int item_percent(const struct item *item)
{
    if (item->done <= 0)
        return 0;
    if (item->done >= item->total)
        return 100;
    return (int)((double)item->done / (double)item->total * 100);
}

bool amount_piece(const struct wording *w, const struct item *item, struct piece *p)
{
    int64_t done = item->done < 0 ? 0 : item->done > item->total ? item->total : item->done;
    if (item->stage == STAGE_RECOGNISING) {
        struct piece of = length_piece(item->total), so_far = length_piece(done);
        /* Of the recording: "0:31 of 1:17". */
        snprintf(p->text, sizeof p->text, say(w, "%.40s of %.40s"), so_far.text, of.text);
        return true;
    }
    if (item->stage == STAGE_PUBLISHING) {
        snprintf(p->text, sizeof p->text, say(w, "%.1f of %.1f MB"), (double)done / 1e6,
                 (double)item->total / 1e6);
        return true;
    }
    return false;
}

const char *stage_word(const struct wording *w, enum backend_stage stage)
{
    switch (stage) {
    case STAGE_PREPARING:
        return say(w, "preparing");
    case STAGE_PUBLISHING:
        return say(w, "sending");
    case STAGE_SUBMITTED:
        return say(w, "waiting for the service");
    case STAGE_RECOGNISING:
        return say(w, "recognising");
    }
    return say(w, "working");
}

void status_bar(const struct item *item, int width, struct buffer *out)
{
    int filled = (int)((int64_t)item_percent(item) * width / 100);
    buffer_puts(out, "[");
    buffer_fill(out, '#', (size_t)filled);
    buffer_fill(out, '.', (size_t)(width - filled));
    buffer_puts(out, "]");
}

/* ---- Counts ---- */

void status_counts(const struct item *items, size_t count, size_t counts[ITEM_STATES])
{
    memset(counts, 0, ITEM_STATES * sizeof *counts);
    for (size_t i = 0; i < count; i++)
        counts[items[i].state]++;
}

static void put_count(const struct wording *w, enum item_state state, size_t n, struct buffer *out)
{
    switch (state) {
    case ITEM_RUNNING:
        buffer_printf(out, say(w, "%zu running"), n);
        break;
    case ITEM_QUEUED:
        buffer_printf(out, say(w, "%zu waiting"), n);
        break;
    case ITEM_ARRIVING:
        buffer_printf(out, say(w, "%zu arriving"), n);
        break;
    case ITEM_FAILED:
        buffer_printf(out, say(w, "%zu failed"), n);
        break;
    case ITEM_DONE:
        buffer_printf(out, say(w, "%zu done"), n);
        break;
    }
}

void status_summary(const struct wording *w, const size_t counts[ITEM_STATES], struct buffer *out)
{
    size_t before = out->len;
    const char *separator = "";
    static const enum item_state order[] = {ITEM_RUNNING, ITEM_QUEUED, ITEM_ARRIVING, ITEM_FAILED, ITEM_DONE};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (counts[order[i]] == 0)
            continue;
        buffer_puts(out, separator);
        put_count(w, order[i], counts[order[i]], out);
        separator = say(w, ", ");
    }
    if (out->len == before)
        buffer_puts(out, say(w, "no recordings"));
}
