/* The limit of audio a day: may this recording be sent today? Pure: the time is passed in, and so is what was
 * sent on a day.
 *
 * What is asked for is reserved until it is sent (then the caller's count has it) or given up. A day is
 * looked up by its date, never by a length of 24 hours: where clocks change, and where somebody sets the
 * clock back or forth, every date has its limit once. Once a recording had to wait, all others wait for the
 * next day as well: those that came first are sent first. */
#pragma once

#include <stdint.h>

struct spending {
    int64_t limit_ms; /* of a day; 0: none */
    /* What was sent on that day (backend/base/day.h), without what is only reserved. */
    int64_t (*sent_ms)(void *context, int day);
    void *context;
    int full_day; /* the day somebody had to wait on; 0: none */
    struct reservation *reservations;
};

/* Part of whoever reserves; all zero at first. */
struct reservation {
    int64_t at_ms; /* when it was made; tells its day */
    int64_t ms;
    struct spending *of; /* NULL: nothing is reserved */
    struct reservation *prev, *next;
};

enum spending_verdict {
    SPENDING_FINE,  /* it is reserved */
    SPENDING_LATER, /* not before the next day */
    SPENDING_NEVER, /* it is longer than the limit */
};

/* need_ms 0: its length is not known; then it may go if anything is left. */
enum spending_verdict spending_reserve(struct spending *s, int64_t now_ms, int64_t need_ms,
                                       struct reservation *reservation);
/* Nothing happens when nothing is reserved. */
void spending_release(struct reservation *reservation);
