/* One poller for all running tasks: whoever has waited longest is asked about next, and all of them share one
 * request budget, so that ten thousand tasks need no more than a few. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/base/error.h"

struct budget;
struct loop;
struct polled; /* one task that is watched; gone after answer(), failed() or poller_drop() */
struct poller;
struct service;
struct task_answer;

struct poller_config {
    struct loop *loop;
    const struct service *service; /* stays the caller's */
    struct budget *budget;         /* of queries; stays the caller's */
    int64_t first_ms;              /* pause between two queries about a young task */
    bool slowly;                   /* something else tells when tasks end: the queries are a net only */
};

struct poller_events {
    /* The service has begun with it. At most once. */
    void (*running)(void *context);
    /* It has ended, in whatever way. */
    void (*answer)(void *context, const struct task_answer *answer);
    /* It makes no sense to go on asking: a key that is refused, answers that nobody understands. */
    void (*failed)(void *context, const struct error *error);
};

struct poller *poller_new(const struct poller_config *config); /* NULL when out of memory */
void poller_free(struct poller *poller);

/* `submitted_ms`: wall clock. NULL when out of memory. */
struct polled *poller_watch(struct poller *poller, const char *task_id, int64_t submitted_ms,
                            const struct poller_events *events, void *context);
void poller_drop(struct polled *polled); /* NULL is fine */

/* True if a task of that id is watched. */
bool poller_watches(const struct poller *poller, const char *task_id);
/* Somebody else says that this task has ended. With its answer the poller asks no more; with NULL it asks at
 * once. False: nobody watches such a task yet; one that begins to be watched soon is then asked about at once.
 */
bool poller_tell(struct poller *poller, const char *task_id, const struct task_answer *answer);
