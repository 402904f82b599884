/* The tables of recordings and of the jobs they belong to. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/base/cleanup.h"

/* ---- recordings ---- */

struct recording *recording_find(struct library *lib, struct file_id id)
{
    struct recording *r;
    HASH_FIND(hh, lib->recordings, &id, sizeof id, r);
    return r;
}

struct recording *recording_get(struct library *lib, struct file_id id)
{
    struct recording *r = recording_find(lib, id);
    if (r)
        return r;
    r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->id = id;
    r->arrived_ms = wall_ms();
    HASH_ADD(hh, lib->recordings, id, sizeof r->id, r);
    return r;
}

void recording_store(struct library *lib, const struct recording *r)
{
    cleanup_free struct digest *versions = r->version_count ? malloc(r->version_count * sizeof *versions) : NULL;
    for (unsigned i = 0; versions && i < r->version_count; i++)
        versions[i] = r->versions[i].key;
    index_put_recording(lib->index,
                        &(struct index_recording){.dev = stored_device(lib, r->id.dev),
                                                  .ino = r->id.ino,
                                                  .birth_ns = r->stat.birth_ns,
                                                  .size = r->stat.size,
                                                  .mtime_ns = r->stat.mtime_ns,
                                                  .ctime_ns = r->stat.ctime_ns,
                                                  .recorded_ns = r->recorded_ns,
                                                  .digested = r->digested,
                                                  .digest = r->digest,
                                                  .job = r->job ? r->job->key : (struct digest){{0}},
                                                  .rerun = r->next_job != NULL,
                                                  .next = r->next_job ? r->next_job->key : (struct digest){{0}},
                                                  .versions = versions,
                                                  .version_count = versions ? r->version_count : 0});
}

/* A job that no recording needs any more: cancelled if the runner has it, forgotten otherwise. Its result
 * stays in the cache. */
static void job_unneeded(struct library *lib, struct job *job)
{
    if (job->claimed) {
        job->unwanted = lib->some_unwanted = true;
        if (lib->hooks.work)
            lib->hooks.work(lib->hooks.context);
        return;
    }
    job_abandon(lib, job);
}

void recording_set_job(struct library *lib, struct recording *r, struct job *job)
{
    struct job *old = r->job;
    if (old == job)
        return;
    if (old)
        LL_DELETE2(old->recordings, r, job_next);
    r->job_next = NULL;
    r->job = job;
    if (job) {
        LL_PREPEND2(job->recordings, r, job_next);
        job->unwanted = false;
    }
    if (old && !old->recordings && !old->awaiting)
        job_unneeded(lib, old);
}

void recording_set_next(struct library *lib, struct recording *r, struct job *job)
{
    struct job *old = r->next_job;
    if (old == job)
        return;
    if (old)
        LL_DELETE2(old->awaiting, r, await_next);
    r->await_next = NULL;
    r->next_job = job;
    if (job) {
        LL_PREPEND2(job->awaiting, r, await_next);
        job->unwanted = false;
    }
    if (old && !old->recordings && !old->awaiting)
        job_unneeded(lib, old);
}

void recording_free(struct library *lib, struct recording *r)
{
    recording_set_next(lib, r, NULL);
    recording_set_job(lib, r, NULL);
    content_leave(lib, r);
    versions_clear(r);
    index_drop_recording(lib->index, stored_device(lib, r->id.dev), r->id.ino);
    HASH_DEL(lib->recordings, r);
    free(r);
}

/* The content of a recording is changing while a worker reads it. If others still want the job, it is begun
 * again with one of them. */
static void spoil(struct library *lib, struct recording *r)
{
    struct job *job = recording_status_job(r);
    if (!job || !job->claimed || !file_id_equal(job->reading, r->id))
        return;
    job->spoiled = lib->some_unwanted = true;
    if (lib->hooks.work)
        lib->hooks.work(lib->hooks.context);
}

void recording_unread(struct library *lib, struct recording *r)
{
    spoil(lib, r);
    r->digested = r->skipped = false;
    content_update(lib, r);
    recording_set_next(lib, r, NULL);
    recording_set_job(lib, r, NULL);
    versions_clear(r);
    recording_store(lib, r);
    recording_reconcile(lib, r);
}

/* ---- jobs ---- */

struct job *job_find(struct library *lib, const struct digest *key)
{
    struct job *job;
    HASH_FIND(hh, lib->jobs, key, sizeof *key, job);
    return job;
}

struct job *job_new(struct library *lib, const struct digest *key, const struct digest *digest,
                    const char *backend, const char *settings)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->key = *key;
    job->digest = *digest;
    job->backend = strdup(backend);
    job->settings = strdup(settings);
    if (!job->backend || !job->settings) {
        free(job->backend);
        free(job->settings);
        free(job);
        return NULL;
    }
    job->created_ms = job->status_ms = wall_ms();
    HASH_ADD(hh, lib->jobs, key, sizeof job->key, job);
    return job;
}

static struct job **queue_last(struct library *lib, int priority)
{
    return &lib->queue_last[priority + PRIORITY_MOST];
}

/* The last job in the queue of this priority, or else of the next higher one; NULL: there is none. */
static struct job *last_from(struct library *lib, int priority)
{
    for (; priority <= PRIORITY_MOST; priority++)
        if (*queue_last(lib, priority))
            return *queue_last(lib, priority);
    return NULL;
}

static void enqueue(struct library *lib, struct job *job, bool first)
{
    job->state = JOB_QUEUED;
    job->status_ms = wall_ms();
    job->priority = job_priority(job);
    struct job **last = queue_last(lib, job->priority);
    struct job *before = last_from(lib, first ? job->priority + 1 : job->priority);
    if (before)
        DL_APPEND_ELEM(lib->queue, before, job);
    else
        DL_PREPEND(lib->queue, job);
    if (!first || !*last)
        *last = job;
    lib->queue_numbered = false;
    if (lib->hooks.work)
        lib->hooks.work(lib->hooks.context);
}

void job_enqueue(struct library *lib, struct job *job)
{
    enqueue(lib, job, false);
}

void job_enqueue_first(struct library *lib, struct job *job)
{
    enqueue(lib, job, true);
}

void job_dequeue(struct library *lib, struct job *job)
{
    if (job->prev) {
        struct job **last = queue_last(lib, job->priority);
        if (*last == job) /* the one before the head is the last of all */
            *last = job != lib->queue && job->prev->priority == job->priority ? job->prev : NULL;
        DL_DELETE(lib->queue, job);
    }
    lib->queue_numbered = false;
    job->prev = job->next = NULL;
}

int queue_position(struct library *lib, const struct job *job)
{
    if (!lib->queue_numbered) {
        int n = 0;
        struct job *waiting;
        DL_FOREACH(lib->queue, waiting)
        {
            waiting->position = n;
            n += !waiting->withheld; /* it is passed by */
        }
        lib->queue_numbered = true;
    }
    return job->position;
}

void job_free(struct library *lib, struct job *job)
{
    job_dequeue(lib, job);
    HASH_DEL(lib->jobs, job);
    free(job->settings);
    free(job->backend);
    free(job->checkpoint);
    free(job->partial);
    free(job->costs.charges);
    free(job);
}

void job_tell_result(struct library *lib, const struct job *job, bool shown)
{
    if (lib->hooks.result)
        lib->hooks.result(lib->hooks.context, &job->key, shown);
}

void job_abandon(struct library *lib, struct job *job)
{
    if (job->state == JOB_DONE)
        job_tell_result(lib, job, false);
    if (job->checkpoint)
        orphan_add(lib, job->backend, job->checkpoint);
    if (job->state != JOB_DONE && !job->unreadable)
        index_drop_job(lib->index, &job->key);
    job_free(lib, job);
}

void job_store(struct library *lib, const struct job *job)
{
    if (job->unreadable)
        return;
    index_put_job(lib->index, &(struct index_job){.key = job->key,
                                                  .digest = job->digest,
                                                  .settings = job->settings,
                                                  .backend = job->backend,
                                                  .state = job->state,
                                                  .attempts = job->attempts,
                                                  .not_before_ms = job->not_before_ms,
                                                  .error = job->error,
                                                  .checkpoint = job->checkpoint,
                                                  .duration_ms = job->duration_ms,
                                                  .created_ms = job->created_ms,
                                                  .started_ms = job->started_ms,
                                                  .finished_ms = job->finished_ms});
}

bool job_stat_result(struct library *lib, const struct digest *key, struct timespec *made)
{
    off_t size;
    int rc = results_stat(lib->results, key, "transcript.json", &size, made);
    if (rc == -EUCLEAN) /* in the way of the one that will be made instead */
        results_drop(lib->results, key);
    return rc == 0;
}
