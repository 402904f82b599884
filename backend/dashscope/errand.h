/* Work that waits for the disk (copying, fsync), done in a thread of its own, so that the loop does not wait.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct loop;
struct errand; /* gone after done() or errand_end() */

/* work(arg) runs in the thread, with signals blocked; done(arg, its result) comes later, on the loop. `stop`
 * turns true when nobody waits for the result any more. NULL when there is no memory or thread to be had. */
struct errand *errand_start(struct loop *loop, int (*work)(void *arg, const atomic_bool *stop),
                            void (*done)(void *arg, int result), void *arg);
/* Tells it to stop and waits until it has; done() does not come. NULL is fine. */
void errand_end(struct errand *errand);
