/* The limit of audio a day. */
#include "backend/dashscope/spending.h"

#include <stddef.h>

#include <utlist.h>

#include "backend/base/day.h"

static int64_t taken_ms(const struct spending *s, int day)
{
    int64_t ms = s->sent_ms ? s->sent_ms(s->context, day) : 0;
    const struct reservation *r;
    DL_FOREACH(s->reservations, r)
    {
        if (day_of(r->at_ms) == day)
            ms += r->ms;
    }
    return ms;
}

static enum spending_verdict judge(struct spending *s, int day, int64_t need_ms)
{
    if (s->limit_ms <= 0)
        return SPENDING_FINE;
    if (need_ms > s->limit_ms)
        return SPENDING_NEVER;
    if (s->full_day == day)
        return SPENDING_LATER;
    int64_t left_ms = s->limit_ms - taken_ms(s, day);
    if (left_ms > 0 && need_ms <= left_ms)
        return SPENDING_FINE;
    s->full_day = day;
    return SPENDING_LATER;
}

enum spending_verdict spending_reserve(struct spending *s, int64_t now_ms, int64_t need_ms,
                                       struct reservation *reservation)
{
    spending_release(reservation);
    enum spending_verdict verdict = judge(s, day_of(now_ms), need_ms);
    if (verdict == SPENDING_FINE) {
        *reservation = (struct reservation){.at_ms = now_ms, .ms = need_ms, .of = s};
        DL_APPEND(s->reservations, reservation);
    }
    return verdict;
}

void spending_release(struct reservation *reservation)
{
    if (!reservation->of)
        return;
    DL_DELETE(reservation->of->reservations, reservation);
    reservation->of = NULL;
    reservation->prev = reservation->next = NULL;
}
