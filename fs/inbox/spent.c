/* What was spent, in words. */
#include "fs/inbox/spent.h"

#include <inttypes.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"

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
static void put_minutes(int64_t ms, struct buffer *out)
{
    double minutes = (double)ms / 60000;
    buffer_printf(out, "%.*f", minutes < 10 ? 2 : minutes < 100 ? 1 : 0, minutes);
}

static void put_whole_minutes(int64_t ms, struct buffer *out)
{
    buffer_printf(out, "%" PRId64, ms / 60000);
}

static void put_all_money(const struct spent *s, struct buffer *out)
{
    const char *before = " (";
    for (int i = 0; i < SPENT_CURRENCIES && s->money[i].currency[0]; i++) {
        buffer_printf(out, "%s%s", before, i == 0 && s->estimated_jobs ? "about " : "");
        spent_put_money(s->money[i].currency, s->money[i].micro, out);
        before = " and ";
    }
    if (s->unpriced_jobs)
        buffer_printf(out, "%sthe price of %d not known", before[1] == '(' ? before : ", ", s->unpriced_jobs);
    if (s->unpriced_jobs || s->money[0].currency[0])
        buffer_puts(out, ")");
}

bool spent_is_any(const struct spending_report *r)
{
    return r->limit_ms > 0 ||
           r->today.jobs + r->today.possible_jobs + r->month.jobs + r->month.possible_jobs > 0;
}

void spent_put_report(const struct spending_report *r, struct buffer *out)
{
    put_minutes(r->today.billed_ms, out);
    if (r->limit_ms > 0) {
        buffer_puts(out, " of ");
        put_whole_minutes(r->limit_ms, out);
    }
    buffer_puts(out, " minutes today");
    put_all_money(&r->today, out);
    if (r->today.possible_jobs) {
        buffer_puts(out, " and ");
        put_minutes(r->today.possible_ms, out);
        buffer_puts(out, " under way or perhaps billed");
    }
    buffer_puts(out, ", ");
    put_minutes(r->month.billed_ms, out);
    buffer_puts(out, " minutes this month");
    put_all_money(&r->month, out);
    if (r->held_until > 0)
        buffer_puts(out, "; the limit of the day is reached, the others wait for tomorrow");
}

void spent_put_item(const struct spent_item *item, struct buffer *out)
{
    if (item->billed_ms <= 0)
        return;
    buffer_printf(out, "%s%" PRId64 " s billed", item->estimated ? "about " : "",
                  (item->billed_ms + 999) / 1000);
    if (item->currency[0]) {
        buffer_puts(out, ", ");
        spent_put_money(item->currency, item->cost_micro, out);
    }
}
