/* How often the service may be asked: so many requests a minute, evenly spread, fewer after it said "too
 * many". */
#pragma once

#include <stdint.h>

struct budget;
struct budget_turn; /* a place in line; gone when the turn has come or was given up */
struct loop;

/* NULL when out of memory. */
struct budget *budget_new(struct loop *loop, int per_minute);
void budget_free(struct budget *budget); /* those in line are forgotten */

/* 0: a request may go out now, and is counted. Otherwise the milliseconds to wait before asking again. */
int64_t budget_take(struct budget *budget);
/* fn is called, from the loop, when it is this one's turn; first come, first served. NULL when out of memory.
 */
struct budget_turn *budget_wait(struct budget *budget, void (*fn)(void *context), void *context);
void budget_leave(struct budget_turn *turn); /* NULL is fine */

/* The service said that these are too many: a pause for all, as long as it asked for, or longer each time
 * (negative: 1 s to 1 minute). */
void budget_refused(struct budget *budget, int64_t retry_after_ms);
/* Nothing goes out for so long, for whatever other reason. */
void budget_pause(struct budget *budget, int64_t ms);
/* It answers again. */
void budget_accepted(struct budget *budget);
