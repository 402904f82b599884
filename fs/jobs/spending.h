/* Limits of spending: may this recording be sent to a paid service now? Pure: the time is passed in, and so is
 * what was sent in a day or a month.
 *
 * The limits of a folder hold for it and everything below it, those above it as well. What is asked for is
 * reserved until it is sent (then the caller's sums have it) or given up. Days and months are looked up by their
 * date, never by a length: where clocks change, and where somebody sets the clock back or forth, every date has
 * its limit once. Once a recording had to wait, all others of the folder whose limit it was wait as well: those
 * that came first are sent first. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/base/error.h"
#include "fs/inbox/limits.h"

/* What was sent or is to be sent. */
struct amount {
    int64_t ms;    /* of audio */
    int64_t micro; /* millionths of the currency that limits are in */
};

struct spending {
    /* What was sent from a folder and those below it ("": from all) on a day or in a month (backend/base/day.h),
     * without what is only reserved. */
    struct amount (*sent)(void *context, const char *folder, int day_or_month);
    /* What holds in a folder. */
    struct limits (*limits)(void *context, const char *folder);
    void *context;
    /* What has no known price, or one in another currency, counts by its length. */
    char currency[4];         /* of the limits; "": costs are not limited */
    int64_t micro_per_second; /* the dearest that can be asked for */
    struct full *full; /* who had to wait, and when */
    struct reservation *reservations;
};

struct backend_charge;
/* What a charge counts for. `s` may be NULL. */
struct amount spending_amount(const struct spending *s, const struct backend_charge *charge);

/* Part of whoever reserves; all zero at first. */
struct reservation {
    int64_t at_ms; /* when it was made; tells its day */
    struct amount amount;
    char *folder;
    struct spending *of; /* NULL: nothing is reserved */
    struct reservation *prev, *next;
};

/* Why it may not be sent. */
struct refusal {
    struct error error; /* "limit.…" */
    char *folder;       /* whose limit it is: all that is in it waits; malloc'ed, NULL: out of memory */
    int64_t until_ms;   /* wall clock; 0: it will never be sent */
    int period;         /* the day or month that is used up */
};

/* True: it is reserved. False: *why is filled; free why->folder. `folder`: the recording's, "" for the inbox.
 * amount.ms 0: its length is not known; then it may go if anything is left. */
bool spending_reserve(struct spending *s, const char *folder, int64_t now_ms, const struct amount *amount,
                      struct reservation *reservation, struct refusal *why);
/* So much of it is sent. */
void spending_sent(struct reservation *reservation, const struct amount *amount);
/* Nothing happens when nothing is reserved. */
void spending_release(struct reservation *reservation);
/* Forgets who had to wait. */
void spending_clear(struct spending *s);
