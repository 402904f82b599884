/* The library at a glance: how many recordings there are of each state, and the first few of each, without a
 * copy of them all. The lock is held for one walk through memory. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first of one state, sorted by `order`. */
struct first {
    const struct link *links[OVERVIEW_MOST];
    int64_t order[OVERVIEW_MOST];
    size_t count;
};

static enum item_state state_of(const struct job *job)
{
    return job ? item_state_of(job->state) : ITEM_ARRIVING;
}

/* What comes first is what people look for first: the oldest of what runs and waits, the newest of what is
 * over. */
static int64_t order_of(struct library *lib, const struct recording *r, enum item_state state)
{
    switch (state) {
    case ITEM_RUNNING:
        return r->job->started_ms;
    case ITEM_QUEUED:
        return queue_position(lib, r->job);
    case ITEM_ARRIVING:
        return r->arrived_ms;
    case ITEM_DONE:
    case ITEM_FAILED:
        break;
    }
    return -r->job->finished_ms;
}

static void consider(struct first *f, size_t most, const struct link *l, int64_t order)
{
    if (f->count == most && order >= f->order[most - 1])
        return;
    size_t at = f->count < most ? f->count++ : most - 1;
    for (; at > 0 && f->order[at - 1] > order; at--) {
        f->order[at] = f->order[at - 1];
        f->links[at] = f->links[at - 1];
    }
    f->order[at] = order;
    f->links[at] = l;
}

static void look_through(struct library *lib, size_t most, struct first firsts[ITEM_STATES],
                         size_t counts[ITEM_STATES])
{
    struct folder *f, *next_f;
    HASH_ITER(by_id, lib->folders_by_id, f, next_f)
    {
        const struct link *l;
        for (l = f->names; l; l = l->by_name.next) {
            if (!l->recording)
                continue;
            enum item_state state = state_of(l->recording->job);
            counts[state]++;
            if (most > 0)
                consider(&firsts[state], most, l, order_of(lib, l->recording, state));
        }
    }
}

int library_overview(struct library *lib, size_t most, struct item **items, size_t *count,
                     size_t counts[ITEM_STATES])
{
    static const enum item_state states[] = {ITEM_RUNNING, ITEM_QUEUED, ITEM_ARRIVING, ITEM_FAILED, ITEM_DONE};
    most = most < OVERVIEW_MOST ? most : OVERVIEW_MOST;
    memset(counts, 0, ITEM_STATES * sizeof *counts);
    *items = NULL;
    *count = 0;
    struct first *firsts = calloc(ITEM_STATES, sizeof *firsts);
    struct item *list = calloc(most * ITEM_STATES + 1, sizeof *list);
    int rc = firsts && list ? 0 : -ENOMEM;
    size_t n = 0;
    if (rc == 0) {
        LIBRARY_LOCK(lib);
        look_through(lib, most, firsts, counts);
        for (size_t s = 0; s < sizeof states / sizeof *states && rc == 0; s++)
            for (size_t i = 0; i < firsts[states[s]].count && rc == 0; i++) {
                rc = item_fill(lib, firsts[states[s]].links[i], &list[n]);
                n += rc == 0;
            }
    }
    free(firsts);
    if (rc != 0) {
        items_free(list, n);
        return rc;
    }
    *items = list;
    *count = n;
    return 0;
}
