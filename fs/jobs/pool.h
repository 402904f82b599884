/* A few threads for work that may take long (digests, scans, storing results), and never on the jobs loop or
 * a FUSE thread. */
#pragma once

struct pool;

int pool_new(int threads, struct pool **out); /* 0 or negative errno */
/* Any thread, never blocks: fn(arg) runs on one of the threads, in order of submission. 0 or -ENOMEM, or
 * -ECANCELED after pool_stop(). */
int pool_submit(struct pool *pool, void (*fn)(void *arg), void *arg);
/* The same for what must not wait behind long work: one thread is kept for it. */
int pool_submit_urgent(struct pool *pool, void (*fn)(void *arg), void *arg);
/* Refuses new work, runs what was submitted to its end, and ends the threads. Callers that want to be quick
 * make their tasks cancellable and cancel them first. */
void pool_stop(struct pool *pool);
void pool_free(struct pool *pool); /* with pool_stop() */
