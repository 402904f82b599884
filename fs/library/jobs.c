/* Jobs, as the runner sees them: claimed, in progress, done, failed. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#define STATUS_EVERY_MS 5000 /* how often the time of a status text moves with the progress */

void job_start_clear(struct job_start *start)
{
    free(start->path);
    free(start->settings);
    free(start->checkpoint);
    free(start->backend);
    *start = (struct job_start){0};
}

static bool is_held(const struct job *job, const char *const *held)
{
    for (; *held && !job->urgent; held++)
        if (strcmp(job->backend, *held) == 0)
            return true;
    return false;
}

bool time_has_come(int64_t not_before_ms, int64_t now_ms)
{
    return not_before_ms <= now_ms || (not_before_ms != INT64_MAX && not_before_ms - now_ms > LONGEST_WAIT_MS);
}

int library_claim_job(struct library *lib, int64_t now_ms, const char *const *held, struct job_start *out,
                      int64_t *next_ms)
{
    LIBRARY_LOCK(lib);
    struct job *job, *next;
    *next_ms = holds_end(lib, now_ms);
    DL_FOREACH_SAFE(lib->queue, job, next)
    {
        if (job_is_forbidden(lib, job)) {
            job_withdraw(lib, job);
            continue;
        }
        if (job->withheld || is_held(job, held) || job_hold(lib, job, now_ms))
            continue;
        if (time_has_come(job->not_before_ms, now_ms))
            break;
        if (!*next_ms || job->not_before_ms < *next_ms)
            *next_ms = job->not_before_ms;
    }
    if (!job)
        return 0;
    const struct recording *r = job->recordings ? job->recordings : job->awaiting;
    *out = (struct job_start){.key = job->key,
                              .digest = job->digest,
                              .id = r->id,
                              .stat = r->stat,
                              .path = r->links ? link_path(r->links) : NULL,
                              .settings = strdup(job->settings),
                              .backend = strdup(job->backend),
                              .checkpoint = job->checkpoint ? strdup(job->checkpoint) : NULL,
                              .attempts = job->attempts + 1,
                              .was_held = strcmp(job->error.code, HOLD_CONFIRM) == 0};
    if (!out->path || !out->settings || !out->backend || (job->checkpoint && !out->checkpoint)) {
        job_start_clear(out);
        return -ENOMEM;
    }
    job_dequeue(lib, job);
    job->state = JOB_RUNNING;
    job->claimed = true;
    job->spoiled = job->urgent = false;
    job->reading = r->id;
    job->attempts++;
    job->started_ms = job->status_ms = now_ms;
    job->stage = STAGE_PREPARING;
    job->done = job->total = 0;
    job_store(lib, job);
    char attempt[40];
    snprintf(attempt, sizeof attempt, "attempt %d", job->attempts);
    index_history(lib->index, &job->key, "started", attempt);
    job_reconcile(lib, job);
    return 1;
}

bool library_next_cancelled(struct library *lib, struct digest *key)
{
    LIBRARY_LOCK(lib);
    if (!lib->some_unwanted)
        return false;
    struct job *job, *next;
    HASH_ITER(hh, lib->jobs, job, next)
    {
        if (!job->unwanted && !job->spoiled && !job->stopped)
            continue;
        *key = job->key;
        if (job->stopped && !job->unwanted) {
            job_end_cancelled(lib, job);
            return true;
        }
        if (!job->unwanted) {
            job->claimed = job->spoiled = false;
            job->attempts--;
            job_enqueue(lib, job);
            job_store(lib, job);
            job_reconcile(lib, job);
            return true;
        }
        job_abandon(lib, job);
        return true;
    }
    lib->some_unwanted = false;
    return false;
}

struct job *job_claimed(struct library *lib, const struct digest *key)
{
    struct job *job = job_find(lib, key);
    return job && job->claimed ? job : NULL;
}

void library_job_progress(struct library *lib, const struct digest *key, enum backend_stage stage,
                          int64_t done, int64_t total)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_claimed(lib, key);
    if (!job)
        return;
    int64_t now = wall_ms();
    if (job->stage != stage || now - job->status_ms >= STATUS_EVERY_MS)
        job->status_ms = now;
    job->stage = stage;
    job->done = done;
    job->total = total;
    if (stage == STAGE_RECOGNISING && total > 0)
        job->duration_ms = total;
    if (lib->hooks.changed)
        lib->hooks.changed(lib->hooks.context);
}

void library_job_partial(struct library *lib, const struct digest *key, const char *text)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_claimed(lib, key);
    char *copy = job ? strdup(text) : NULL;
    if (!copy)
        return;
    free(job->partial);
    job->partial = copy;
    job->status_ms = wall_ms();
    job_reconcile(lib, job); /* the size of the status text has changed */
}

void library_job_checkpoint(struct library *lib, const struct digest *key, const char *checkpoint)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_claimed(lib, key);
    char *copy = job ? strdup(checkpoint) : NULL;
    if (!copy)
        return;
    free(job->checkpoint);
    job->checkpoint = copy;
    job_store(lib, job);
}

bool job_unclaim(struct library *lib, struct job *job)
{
    job->claimed = false;
    free(job->partial);
    job->partial = NULL;
    if (job->unwanted) {
        job_abandon(lib, job);
        return false;
    }
    if (job->stopped)
        job_end_cancelled(lib, job);
    return job->state != JOB_FAILED;
}

#define CANCELLED "job.cancelled"

void job_end_cancelled(struct library *lib, struct job *job)
{
    job_dequeue(lib, job);
    if (job->checkpoint)
        orphan_add(lib, job->backend, job->checkpoint);
    free(job->checkpoint);
    free(job->partial);
    job->checkpoint = job->partial = NULL;
    job->claimed = job->stopped = job->spoiled = job->urgent = job->withheld = false;
    job->state = JOB_FAILED;
    job->not_before_ms = 0;
    error_set(&job->error, ERROR_PERMANENT, ECANCELED, CANCELLED, "it was cancelled with \"scribectl cancel\"");
    job->finished_ms = job->status_ms = wall_ms();
    job_store(lib, job);
    index_history(lib->index, &job->key, "cancelled", "asked for");
    job_reconcile(lib, job);
}

/* The one that is done: claimed, or cancelled when its result was being stored already. */
static struct job *job_to_finish(struct library *lib, const struct digest *key)
{
    struct job *job = job_find(lib, key);
    bool late = job && job->state == JOB_FAILED && strcmp(job->error.code, CANCELLED) == 0;
    return job && (job->claimed || late) ? job : NULL;
}

bool library_job_goes_on(struct library *lib, const struct digest *key)
{
    LIBRARY_LOCK(lib);
    const struct job *job = job_find(lib, key);
    return job && !job->unwanted && job->checkpoint && (job->state == JOB_QUEUED || job->state == JOB_RUNNING);
}

void library_job_done(struct library *lib, const struct digest *key, int64_t duration_ms)
{
    struct timespec made;
    bool have = job_stat_result(lib, key, &made);

    LIBRARY_LOCK(lib);
    struct job *job = job_to_finish(lib, key);
    if (!job || (!job->claimed && !have))
        return;
    job->stopped = job->stopped && !have;
    job->finished_ms = job->status_ms = wall_ms();
    if (duration_ms >= 0)
        job->duration_ms = duration_ms;
    job->error = (struct error){0};
    job->state = have ? JOB_DONE : JOB_QUEUED;
    if (have) {
        job->made = made;
        free(job->checkpoint);
        job->checkpoint = NULL;
        if (duration_ms > 0) {
            double speed = (double)(job->finished_ms - job->started_ms) / (double)duration_ms;
            lib->speed = lib->speed > 0 ? 0.8 * lib->speed + 0.2 * speed : speed;
        }
    }
    job_store(lib, job);
    if (have) {
        job_adopt(lib, job);
        job_tell_result(lib, job, true);
    }
    index_history(lib->index, key, have ? "done" : "lost", "");
    if (!job_unclaim(lib, job))
        return;
    if (!have)
        job_enqueue(lib, job);
    job_reconcile(lib, job);
}

void library_job_failed(struct library *lib, const struct digest *key, const struct error *err,
                        int64_t not_before_ms)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_claimed(lib, key);
    if (!job || !job_unclaim(lib, job))
        return;
    job->error = *err;
    job->finished_ms = job->status_ms = wall_ms();
    if (not_before_ms < 0) {
        job->state = JOB_FAILED;
        free(job->checkpoint);
        job->checkpoint = NULL;
    } else {
        job->not_before_ms = not_before_ms;
        job_enqueue(lib, job);
    }
    job_store(lib, job);
    index_history(lib->index, key, not_before_ms < 0 ? "failed" : "postponed", err->code);
    job_reconcile(lib, job);
}

void library_job_trouble(struct library *lib, const struct digest *key, const struct error *err)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_claimed(lib, key);
    if (!job)
        return;
    job->error = *err;
    job->status_ms = wall_ms();
}

void library_job_outdated(struct library *lib, const struct digest *key)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_claimed(lib, key);
    if (!job || !job_unclaim(lib, job))
        return;
    index_history(lib->index, key, "outdated", "the settings have changed");
    job_withdraw(lib, job);
}

void library_job_released(struct library *lib, const struct digest *key)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_claimed(lib, key);
    if (!job || !job_unclaim(lib, job))
        return;
    job->attempts--;
    job_enqueue(lib, job);
    job_store(lib, job);
    job_reconcile(lib, job);
}
