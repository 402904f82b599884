/* Request limits: sliding windows over real time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model;
struct request;
struct reply;

struct window {
    char *name;
    int64_t *times; /* when the latest accepted requests came, a ring */
    size_t first, count, capacity;
};

struct limits {
    struct window *at;
    size_t count, capacity;
};

void limits_free(struct limits *l);
void limits_reset(struct limits *l); /* lock held */
/* Lock held. Counts one request into the window `name`; false, uncounted, when there were `limit` within
 * `span_ms`. */
bool limits_take(struct limits *l, const char *name, int64_t span_ms, int64_t limit);
/* Lock held. How many were counted in `name` within `span_ms`. */
size_t limits_seen(const struct limits *l, const char *name, int64_t span_ms);

/* Lock not held; false after refusing with 429. */
bool limits_submit(struct request *r, struct reply *a, const struct model *m);
bool limits_query(struct request *r, struct reply *a);
bool limits_policy(struct request *r, struct reply *a);
