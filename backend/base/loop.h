/* One thread's event loop: descriptors, timers, and functions posted by other threads (epoll,
 * CLOCK_MONOTONIC).
 *
 * Everything but loop_post() and loop_stop() is called on the loop's own thread (or before it runs). A loop
 * with nothing due sleeps without a timeout. */
#pragma once

#include <stdint.h>

struct loop;
struct loop_watch;
struct loop_timer;

int loop_new(struct loop **out); /* 0 or negative errno */
void loop_free(struct loop *loop);
/* Runs until loop_stop(). Functions posted before the stop are still run. */
void loop_run(struct loop *loop);
/* Any thread. */
void loop_stop(struct loop *loop);
/* Any thread, never blocks: `fn(arg)` runs soon on the loop's thread, in order of posting. 0 or -ENOMEM. */
int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t loop_now_ms(void);

/* Calls fn with the ready EPOLL* events. The descriptor stays the caller's; NULL when out of memory or not
 * pollable. Free the watch before closing the descriptor. A watch may be freed inside any callback. */
struct loop_watch *loop_watch(struct loop *loop, int fd, uint32_t events,
                              void (*fn)(void *arg, uint32_t events), void *arg);
int loop_watch_events(struct loop_watch *watch, uint32_t events);
void loop_unwatch(struct loop_watch *watch); /* NULL is fine */

/* A timer, unarmed. It fires once each time it is armed; arming again replaces the time. */
struct loop_timer *loop_timer(struct loop *loop, void (*fn)(void *arg), void *arg);
void loop_timer_after(struct loop_timer *timer, int64_t ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is fine; may be called inside its own callback */
