/* One running worker, supervised: its lines are read and sorted, and its death or silence becomes an error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"

struct child_list;
struct loop;
struct supervision;

/* Called on the loop, never from inside supervise(). Each may call supervision_end(). */
struct supervision_events {
    /* A line (without its newline) that is no sign of life, progress or error: the result, which ends the
     * supervision. False: it is something else or not yet all, and only has to be of our protocol. May be
     * NULL. */
    bool (*line)(void *context, const char *line, size_t len);
    /* Milliseconds of the recording; total 0: not known. */
    void (*progress)(void *context, enum backend_stage stage, int64_t done, int64_t total);
    /* The worker's own error, its death, its silence, or a broken protocol; the last event. The supervision
     * has ended already. */
    void (*failed)(void *context, const struct error *error);
};

struct supervise {
    struct loop *loop;
    struct child_list *children;
    char *const *argv; /* argv[0]: path of the worker */
    int recording;     /* both stay the caller's and are not needed after the start */
    int converted;     /* -1: none */
    int64_t hang_ms;   /* without a sign of life for so long it is killed */
};

/* NULL and *err on failure. */
struct supervision *supervise(const struct supervise *what, const struct supervision_events *events,
                              void *context, struct error *err);
/* Kills what is left of the worker; no event comes afterwards. NULL is fine. */
void supervision_end(struct supervision *s);
/* The worker sent `what` where its protocol has something else: ends the supervision and reports an error. */
void supervision_refuse(struct supervision *s, const char *what);
