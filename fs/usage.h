/* How much room the store's state takes: measured on the pool, when somebody asks and the last answer is old, so
 * that nobody waits for it and a daemon at rest does nothing. Any thread. */
#pragma once

#include "fs/inbox/report.h"

struct pool;
struct usage;

/* `state_fd` stays the caller's and open until usage_free(). 0 or -ENOMEM. */
int usage_new(int state_fd, struct pool *pool, struct usage **out);
/* Ends a measurement that is under way: before pool_stop(). */
void usage_stop(struct usage *u);
void usage_free(struct usage *u); /* with the pool stopped; NULL is fine */
/* The last answer; out->known is false before there is one. */
void usage_get(struct usage *u, int64_t now_ms, struct report_cache *out);
