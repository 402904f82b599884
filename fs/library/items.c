/* The library as people see it: items for scribectl and the status texts, and what they may ask for. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/base/cleanup.h"

enum item_state item_state_of(enum job_state state)
{
    switch (state) {
    case JOB_QUEUED:
        return ITEM_QUEUED;
    case JOB_RUNNING:
        return ITEM_RUNNING;
    case JOB_DONE:
        return ITEM_DONE;
    case JOB_FAILED:
        break;
    }
    return ITEM_FAILED;
}

static enum item_state state_of(const struct job *job)
{
    return job ? item_state_of(job->state) : ITEM_ARRIVING;
}

static int64_t expected_end(const struct library *lib, const struct job *job)
{
    if (job->state != JOB_RUNNING)
        return 0;
    int64_t now = wall_ms(), elapsed = now - job->started_ms;
    if (job->stage == STAGE_RECOGNISING && job->done > 0 && job->total > job->done && elapsed > 1000)
        return now + elapsed * (job->total - job->done) / job->done;
    if (lib->speed > 0 && job->duration_ms > 0)
        return job->started_ms + (int64_t)((double)job->duration_ms * lib->speed);
    return 0;
}

int item_fill(struct library *lib, const struct link *l, struct item *item)
{
    const struct job *job = l->recording ? recording_status_job(l->recording) : NULL;
    *item = (struct item){.path = link_path(l),
                          .base = strdup(l->base),
                          .state = state_of(job),
                          .empty = l->recording && l->recording->empty,
                          .queued_ms = l->recording ? l->recording->arrived_ms : 0};
    if (!item->path || !item->base) {
        item_clear(item);
        return -ENOMEM;
    }
    item->listed = link_listed(lib, l);
    item->no_status = !link_shows_status(lib, l);
    item->versions = l->recording ? l->recording->version_count : 0;
    item->announcing = link_missing(lib, l) != 0;
    for (unsigned i = 0; i < l->view_count; i++)
        item->announcing |= l->views[i].state == VIEW_PENDING || l->views[i].state == VIEW_GOING;
    for (enum view_format i = 0; i < VIEW_FORMATS; i++)
        if (view_hidden(l, i))
            item->hidden |= 1u << i;
    if (!job)
        return 0;
    item->partial = job->partial ? strdup(job->partial) : NULL;
    item->stage = job->stage;
    item->done = job->done;
    item->total = job->total;
    item->duration_ms = job->duration_ms;
    item->queued_ms = job->created_ms;
    item->started_ms = job->started_ms;
    item->finished_ms = job->finished_ms;
    item->expected_ms = expected_end(lib, job);
    item->not_before_ms = job->not_before_ms;
    item->attempts = job->attempts;
    item->error = job->error;
    job_costs(job, &item->cost);
    if (job->withheld) {
        item->most_ms = job->most.billed_ms;
        item->most_micro = job->most.cost_micro;
        memcpy(item->most_currency, job->most.currency, sizeof item->most_currency);
    }
    const struct hold *hold = job->state == JOB_QUEUED ? job_hold(lib, job, wall_ms()) : NULL;
    if (hold) {
        item->error = hold->error;
        item->not_before_ms = hold->until_ms;
    }
    snprintf(item->backend, sizeof item->backend, "%s", job->backend);
    if (!job->unreadable)
        digest_hex(&job->key, item->job);
    if (job->state == JOB_QUEUED)
        item->position = queue_position(lib, job);
    return 0;
}

/* ---- which links a path means ---- */

/* Calls fn for the recording at path, the recording whose view it is, or every recording below the directory.
 * Returns how many. */
static int each_at(struct library *lib, const char *path, int (*fn)(struct library *, struct link *, void *),
                   void *arg)
{
    int n = 0;
    const char *slash = strrchr(path, '/');
    cleanup_free char *directory = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
    if (!directory)
        return -ENOMEM;
    struct folder *f = folder_by_path(lib, directory), *next_f;
    if (f && *path) {
        const char *name = slash ? slash + 1 : path;
        enum view_format format = 0;
        struct link *l = link_by_name(f, name);
        if (!l || !l->recording)
            l = link_of_view(f, name, &format);
        if (!l || !l->recording) {
            /* A deleted view is not there, and is what "restore" is asked for. */
            size_t stem;
            for (unsigned at = 0; (!l || !l->recording) && view_split(name, &at, &format, &stem);)
                HASH_FIND(by_base, f->bases, name, stem, l);
        }
        if (l && l->recording) {
            int rc = fn(lib, l, arg);
            return rc < 0 ? rc : 1;
        }
    }
    HASH_ITER(by_id, lib->folders_by_id, f, next_f)
    {
        if (!path_is_below(f->path, path))
            continue;
        struct link *l, *next_l;
        HASH_ITER(by_name, f->names, l, next_l)
        {
            if (!l->recording)
                continue;
            int rc = fn(lib, l, arg);
            if (rc < 0)
                return rc;
            n++;
        }
    }
    return n;
}

struct collected {
    struct item *items;
    size_t count, room;
};

static int collect(struct library *lib, struct link *l, void *arg)
{
    struct collected *c = arg;
    if (l->recording->skipped)
        return 0; /* an ordinary file, as far as people are concerned */
    if (c->count == c->room) {
        size_t room = c->room ? c->room * 2 : 64;
        struct item *more = realloc(c->items, room * sizeof *more);
        if (!more)
            return -ENOMEM;
        c->items = more;
        c->room = room;
    }
    int rc = item_fill(lib, l, &c->items[c->count]);
    if (rc == 0)
        c->count++;
    return rc;
}

static int rank(enum item_state state)
{
    static const int ranks[] = {
        [ITEM_RUNNING] = 0, [ITEM_QUEUED] = 1, [ITEM_ARRIVING] = 2, [ITEM_FAILED] = 3, [ITEM_DONE] = 4};
    return ranks[state];
}

static int by_rank(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->state != y->state)
        return rank(x->state) - rank(y->state);
    if (x->state == ITEM_QUEUED && x->position != y->position)
        return x->position - y->position;
    if (x->state == ITEM_DONE && x->finished_ms != y->finished_ms)
        return x->finished_ms > y->finished_ms ? -1 : 1;
    return strcmp(x->path, y->path);
}

int library_items(struct library *lib, const char *path, struct item **items, size_t *count)
{
    struct collected c = {0};
    int n;
    {
        LIBRARY_LOCK(lib);
        n = each_at(lib, path, collect, &c);
    }
    if (n < 0) {
        items_free(c.items, c.count);
        return n;
    }
    if (n == 0 && *path)
        return -ENOENT;
    if (c.count)
        qsort(c.items, c.count, sizeof *c.items, by_rank);
    *items = c.items;
    *count = c.count;
    return 0;
}

int library_item(struct library *lib, struct file_id id, struct item *item, char **settings)
{
    LIBRARY_LOCK(lib);
    const struct recording *r = recording_find(lib, id);
    *settings = NULL;
    if (!r || !r->links)
        return -ENOENT;
    int rc = item_fill(lib, r->links, item);
    if (rc || !r->job || r->job->unreadable)
        return rc;
    *settings = strdup(r->job->settings);
    if (*settings)
        return 0;
    item_clear(item);
    return -ENOMEM;
}

struct looked_up {
    const char *path;
    struct job_start *out;
    enum item_state *state;
};

static int look_up(struct library *lib, struct link *l, void *arg)
{
    (void)lib;
    const struct looked_up *to = arg;
    const struct recording *r = l->recording;
    const struct job *job = r->job && !r->job->unreadable ? r->job : NULL;
    char *path = link_path(l);
    bool below = path && strcmp(path, to->path) != 0 && path_is_below(path, to->path);
    if (!path || below) {
        free(path);
        return below ? -EISDIR : -ENOMEM;
    }
    *to->out = (struct job_start){.path = path, .id = r->id, .stat = r->stat, .digest = r->digest};
    *to->state = state_of(r->job);
    if (!job)
        return 0;
    to->out->key = job->key;
    to->out->attempts = job->attempts;
    to->out->settings = strdup(job->settings);
    to->out->backend = strdup(job->backend);
    to->out->checkpoint = job->checkpoint ? strdup(job->checkpoint) : NULL;
    if (to->out->settings && to->out->backend && (!job->checkpoint || to->out->checkpoint))
        return 0;
    job_start_clear(to->out);
    return -ENOMEM;
}

int library_look_up(struct library *lib, const char *path, struct job_start *out, enum item_state *state)
{
    LIBRARY_LOCK(lib);
    if (!*path || folder_by_path(lib, path))
        return -EISDIR;
    int n = each_at(lib, path, look_up, &(struct looked_up){path, out, state});
    return n < 0 ? n : n == 0 ? -ENOENT : 0;
}

static int retry_link(struct library *lib, struct link *l, void *arg)
{
    struct job *job = recording_status_job(l->recording);
    bool waits = job && job->state == JOB_QUEUED && job->not_before_ms > 0;
    if (!job || (job->state != JOB_FAILED && !waits))
        return 0;
    ++*(int *)arg;
    if (job->unreadable) {
        if (lib->hooks.reread)
            lib->hooks.reread(lib->hooks.context, l->recording->id);
        return 0;
    }
    job_dequeue(lib, job);
    job->urgent = true;
    job->attempts = 0;
    job->not_before_ms = 0;
    job->error = (struct error){0};
    job_enqueue(lib, job);
    job_store(lib, job);
    index_history(lib->index, &job->key, "retried", "asked for");
    job_reconcile(lib, job);
    return 0;
}

int library_retry(struct library *lib, const char *path, int *count)
{
    LIBRARY_LOCK(lib);
    *count = 0;
    int n = each_at(lib, path, retry_link, count);
    return n < 0 ? n : n == 0 && *path ? -ENOENT : 0;
}

static int cancel_link(struct library *lib, struct link *l, void *arg)
{
    struct job *job = recording_status_job(l->recording);
    if (!job || job->unreadable || job->stopped || (job->state != JOB_QUEUED && job->state != JOB_RUNNING))
        return 0;
    ++*(int *)arg;
    if (!job->claimed) {
        job_end_cancelled(lib, job);
        return 0;
    }
    job->stopped = lib->some_unwanted = true;
    if (lib->hooks.work)
        lib->hooks.work(lib->hooks.context);
    return 0;
}

int library_cancel(struct library *lib, const char *path, int *count)
{
    LIBRARY_LOCK(lib);
    *count = 0;
    int n = each_at(lib, path, cancel_link, count);
    return n < 0 ? n : n == 0 && *path ? -ENOENT : 0;
}

static int restore_link(struct library *lib, struct link *l, void *arg)
{
    if (!l->hidden)
        return 0;
    *(int *)arg += __builtin_popcount(l->hidden);
    l->hidden = 0;
    link_store(lib, l);
    link_reconcile(lib, l);
    return 0;
}

int library_restore(struct library *lib, const char *path, int *count)
{
    LIBRARY_LOCK(lib);
    *count = 0;
    int n = each_at(lib, path, restore_link, count);
    return n < 0 ? n : n == 0 && *path ? -ENOENT : 0;
}
