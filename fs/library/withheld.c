/* Jobs that are not sent to a paid service until somebody confirms it, or until it is known whether anybody has to
 * (fs/jobs/drops.h). */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

static void tell(struct library *lib, struct job *job)
{
    job->status_ms = wall_ms();
    job_store(lib, job);
    job_reconcile(lib, job);
}

void library_job_withheld(struct library *lib, const struct digest *key, const struct error *err,
                          const struct backend_charge *most)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_claimed(lib, key);
    if (!job || !job_unclaim(lib, job))
        return;
    job->attempts--; /* it was not tried */
    job->error = *err;
    job->withheld = true;
    job->most = *most;
    job->most.model = NULL;
    job_enqueue(lib, job);
    tell(lib, job);
}

void library_job_withheld_why(struct library *lib, const struct digest *key, const struct error *err)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_find(lib, key);
    if (!job || !job->withheld || strcmp(job->error.code, err->code) == 0)
        return;
    job->error = *err;
    tell(lib, job);
}

void library_let_go(struct library *lib, const struct digest *key)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_find(lib, key);
    if (!job || !job->withheld)
        return;
    job_dequeue(lib, job);
    job->withheld = false;
    job->error = (struct error){0};
    job_enqueue(lib, job);
    tell(lib, job);
}

static const struct folder *folder_of(const struct job *job)
{
    const struct recording *r = job->recordings ? job->recordings : job->awaiting;
    return r && r->links ? r->links->folder : NULL;
}

char *library_job_folder(struct library *lib, const struct digest *key)
{
    LIBRARY_LOCK(lib);
    const struct job *job = job_find(lib, key);
    bool waits = job && (job->state == JOB_QUEUED || job->state == JOB_RUNNING);
    const struct folder *f = waits && !job->unwanted ? folder_of(job) : NULL;
    return f ? strdup(f->path) : NULL;
}

static bool may_be_asked_for(const struct library *lib, const struct job *job, int64_t now_ms)
{
    if (job->withheld || job->checkpoint || strcmp(job->backend, "local") == 0)
        return false;
    if (job->state == JOB_RUNNING)
        return job->stage == STAGE_PREPARING;
    return job->state == JOB_QUEUED && time_has_come(job->not_before_ms, now_ms) && !job_hold(lib, job, now_ms);
}

bool library_more_comes(struct library *lib, const char *top,
                        bool (*asked)(void *context, const struct digest *job, const struct digest *content),
                        void *context)
{
    LIBRARY_LOCK(lib);
    int64_t now_ms = wall_ms();
    size_t len = strlen(top);
    const struct job *job;
    for (job = lib->jobs; job; job = job->hh.next) {
        const struct folder *f = folder_of(job);
        if (f && strcspn(f->path, "/") == len && memcmp(f->path, top, len) == 0 &&
            may_be_asked_for(lib, job, now_ms) && !asked(context, &job->key, &job->digest))
            return true;
    }
    return false;
}

int library_withheld_at(struct library *lib, const char *path, struct digest **keys, size_t *count)
{
    LIBRARY_LOCK(lib);
    const struct job *job;
    size_t n = 0;
    DL_FOREACH(lib->queue, job)
    n += job->withheld;
    *count = 0;
    *keys = calloc(n + 1, sizeof **keys);
    if (!*keys)
        return -ENOMEM;
    DL_FOREACH(lib->queue, job)
    {
        const struct recording *r = job->recordings ? job->recordings : job->awaiting;
        bool there = false;
        for (const struct link *l = r ? r->links : NULL; job->withheld && l && !there; l = l->next) {
            char *at = link_path(l);
            there = at && path_is_below(at, path);
            free(at);
        }
        if (there)
            (*keys)[(*count)++] = job->key;
    }
    return 0;
}

struct withheld library_withheld(struct library *lib)
{
    LIBRARY_LOCK(lib);
    const struct job *job;
    struct withheld sum = {0};
    DL_FOREACH(lib->queue, job)
    {
        if (!job->withheld || strcmp(job->error.code, HOLD_CONFIRM) != 0)
            continue;
        sum.count++;
        sum.ms += job->most.billed_ms;
        if (!sum.currency[0])
            memcpy(sum.currency, job->most.currency, sizeof sum.currency);
        if (strcmp(sum.currency, job->most.currency) == 0)
            sum.micro += job->most.cost_micro;
    }
    return sum;
}
