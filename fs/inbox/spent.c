/* What was spent, in words. */
#include "fs/inbox/spent.h"

#include <stdio.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "fs/inbox/confirm.h"
#include "fs/inbox/wording.h"

void spent_add_money(struct spent *s, const char *currency, int64_t micro)
{
    for (int i = 0; *currency && i < SPENT_CURRENCIES; i++) {
        struct spent_money *m = &s->money[i];
        if (!m->currency[0])
            snprintf(m->currency, sizeof m->currency, "%s", currency);
        if (strcmp(m->currency, currency) != 0)
            continue;
        m->micro += micro;
        return;
    }
}

void spent_count(struct spent *s, enum charge_kind kind, int64_t billed_ms, int64_t cost_micro, const char *currency,
                 int sign)
{
    if (kind == CHARGE_POSSIBLE) {
        s->possible_ms += sign * billed_ms;
        s->possible_jobs += sign;
    } else if (kind != CHARGE_NONE) {
        s->billed_ms += sign * billed_ms;
        s->jobs += sign;
        s->estimated_jobs += kind == CHARGE_ESTIMATED ? sign : 0;
        s->unpriced_jobs += currency[0] || !billed_ms ? 0 : sign;
        spent_add_money(s, currency, sign * cost_micro);
    }
}

void spent_put_money(const char *currency, int64_t micro, struct buffer *out)
{
    enum { DIGITS = 6, LEAST = 2 };
    struct buffer number = {0};
    json_out_decimal(&number, micro, DIGITS);
    out->failed = out->failed || number.failed;
    size_t len = number.len, drop = 0;
    while (len && drop < DIGITS - LEAST && number.data[len - 1 - drop] == '0')
        drop++;
    buffer_add(out, number.data ? number.data : "", len - drop);
    buffer_clear(&number);
    buffer_printf(out, " %s", currency);
}

/* "0.07", "12.5", "110": as fine as it matters. */
struct minutes {
    char text[32];
};
static struct minutes minutes(int64_t ms)
{
    struct minutes m;
    double n = (double)ms / 60000;
    snprintf(m.text, sizeof m.text, "%.*f", n < 10 ? 2 : n < 100 ? 1 : 0, n);
    return m;
}

void spent_put_minutes(int64_t ms, struct buffer *out)
{
    buffer_puts(out, minutes(ms).text);
}

static void put_one_money(const struct wording *w, const struct spent_money *money, bool about, struct buffer *out)
{
    cleanup_buffer struct buffer text = {0};
    spent_put_money(money->currency, money->micro, &text);
    if (about)
        buffer_printf(out, say(w, "about %s"), text.data ? text.data : "");
    else
        buffer_add(out, text.data ? text.data : "", text.len);
}

static void put_all_money(const struct wording *w, const struct spent *s, struct buffer *out)
{
    cleanup_buffer struct buffer all = {0};
    for (int i = 0; i < SPENT_CURRENCIES && s->money[i].currency[0]; i++) {
        if (i > 0)
            buffer_puts(&all, say(w, " and "));
        put_one_money(w, &s->money[i], i == 0 && s->estimated_jobs, &all);
    }
    if (s->unpriced_jobs) {
        buffer_puts(&all, all.len ? say(w, ", ") : "");
        buffer_printf(&all, say(w, "the price of %d not known"), s->unpriced_jobs);
    }
    if (all.len)
        buffer_printf(out, say(w, " (%s)"), all.data);
}

static void put_limit(const struct wording *w, const char *currency, int64_t micro, struct buffer *out)
{
    cleanup_buffer struct buffer text = {0};
    if (micro <= 0)
        return;
    spent_put_money(currency, micro, &text);
    buffer_printf(out, say(w, " of at most %s"), text.data ? text.data : "");
}

bool spent_is_any(const struct spending_report *r)
{
    return r->limit_ms > 0 || r->month_limit_ms > 0 || r->limit_micro > 0 || r->month_limit_micro > 0 ||
           r->to_confirm > 0 || r->today.jobs + r->today.possible_jobs + r->month.jobs + r->month.possible_jobs > 0;
}

void spent_put_report(const struct wording *w, const struct spending_report *r, struct buffer *out)
{
    if (r->limit_ms > 0)
        buffer_printf(out, say(w, "%s of %lld minutes today"), minutes(r->today.billed_ms).text,
                      (long long)(r->limit_ms / 60000));
    else
        buffer_printf(out, say(w, "%s minutes today"), minutes(r->today.billed_ms).text);
    put_all_money(w, &r->today, out);
    put_limit(w, r->currency, r->limit_micro, out);
    if (r->today.possible_jobs)
        buffer_printf(out, say(w, " and %s under way or perhaps billed"), minutes(r->today.possible_ms).text);
    if (r->month_limit_ms > 0)
        buffer_printf(out, say(w, ", %s of %lld minutes this month"), minutes(r->month.billed_ms).text,
                      (long long)(r->month_limit_ms / 60000));
    else
        buffer_printf(out, say(w, ", %s minutes this month"), minutes(r->month.billed_ms).text);
    put_all_money(w, &r->month, out);
    put_limit(w, r->currency, r->month_limit_micro, out);
    if (r->held_until > 0 && r->held_for_month)
        buffer_puts(out, say(w, "; the limit of the month is reached, the others wait for the next month"));
    else if (r->held_until > 0)
        buffer_puts(out, say(w, "; the limit of the day is reached, the others wait for tomorrow"));
    if (!r->to_confirm)
        return;
    cleanup_buffer struct buffer estimate = {0};
    confirm_put_estimate(w,
                         &(struct confirm_facts){.count = r->to_confirm,
                                                 .unpriced = r->confirm_currency[0] ? 0 : r->to_confirm,
                                                 .ms = r->confirm_ms,
                                                 .micro = r->confirm_micro,
                                                 .currency = {r->confirm_currency[0], r->confirm_currency[1],
                                                              r->confirm_currency[2]}},
                         &estimate);
    buffer_printf(out,
                  say_count(w, "; %d recording waits until somebody confirms it (%s)",
                            "; %d recordings wait until somebody confirms them (%s)", (unsigned long)r->to_confirm),
                  (int)r->to_confirm, estimate.data ? estimate.data : "");
}

void spent_put_item(const struct wording *w, const struct spent_item *item, struct buffer *out)
{
    if (item->billed_ms <= 0)
        return;
    long long seconds = (item->billed_ms + 999) / 1000;
    if (item->estimated)
        buffer_printf(out, say(w, "about %lld s billed"), seconds);
    else
        buffer_printf(out, say(w, "%lld s billed"), seconds);
    if (item->currency[0]) {
        buffer_puts(out, say(w, ", "));
        spent_put_money(item->currency, item->cost_micro, out);
    }
}
