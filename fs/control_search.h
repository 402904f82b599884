/* A search for the control socket: asked on the jobs loop's thread, answered there, later. */
#pragma once

#include <stddef.h>

#include <cjson/cJSON.h>

struct library;
struct loop;
struct search;
struct searching; /* one question; gone after its answer or searching_cancel() */

/* The answer comes once: an object as fs/control.h describes it (the callee's), or NULL when out of memory. 0 and
 * *out, or negative errno: -EBUSY, -ENOMEM, -ECANCELED. */
int searching_start(struct loop *loop, struct search *search, struct library *library, const char *words, size_t limit,
                    void (*answer)(void *to, cJSON *object), void *to, struct searching **out);
void searching_cancel(struct searching *s); /* no answer comes afterwards */
