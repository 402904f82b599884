/* Recordings that are transcribed again: the job under way takes the place of the one before once it is done, and what
 * that one gave is kept as a version. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

/* Adds a version at the end; false without memory. */
static bool version_add(struct recording *r, const struct digest *key)
{
    struct version *more = realloc(r->versions, (r->version_count + 1) * sizeof *more);
    if (!more)
        return false;
    r->versions = more;
    more[r->version_count++] = (struct version){.key = *key};
    return true;
}

void versions_clear(struct recording *r)
{
    for (unsigned i = 0; i < r->version_count; i++)
        free(r->versions[i].settings);
    free(r->versions);
    r->versions = NULL;
    r->version_count = 0;
}

void job_adopt(struct library *lib, struct job *job)
{
    struct recording *r, *next;
    LL_FOREACH_SAFE2(job->awaiting, r, next, await_next)
    {
        const struct job *before = r->job;
        if (before && before->state == JOB_DONE && version_add(r, &before->key)) {
            struct version *v = &r->versions[r->version_count - 1];
            v->there = true;
            v->made = before->made;
            v->settings = strdup(before->settings);
        }
        recording_set_job(lib, r, job); /* before it is let go of as the next one: it must not be unneeded between */
        recording_set_next(lib, r, NULL);
        recording_store(lib, r);
    }
}

int versions_load(struct library *lib, struct recording *r, const struct index_recording *stored)
{
    (void)lib;
    for (size_t i = 0; i < stored->version_count; i++)
        if (!version_add(r, &stored->versions[i]))
            return -ENOMEM;
    return 0;
}

void versions_settle(struct library *lib, struct recording *r)
{
    for (unsigned i = 0; i < r->version_count; i++) {
        struct version *v = &r->versions[i];
        const struct job *job = job_find(lib, &v->key);
        v->there = job_stat_result(lib, &v->key, &v->made);
        v->settings = job ? strdup(job->settings) : NULL;
    }
}

/* The link of the recording at this very path, or NULL. */
static struct link *link_at_path(struct library *lib, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
    struct folder *f = directory ? folder_by_path(lib, directory) : NULL;
    free(directory);
    return f ? link_by_name(f, slash ? slash + 1 : path) : NULL;
}

/* The job of that key, queued unless it is under way or done. NULL without memory. */
static struct job *job_for(struct library *lib, const struct digest *content, const struct digest *key,
                           const char *backend, const char *settings, bool have, struct timespec made)
{
    struct job *job = job_find(lib, key);
    bool is_new = !job;
    if (is_new && !(job = job_new(lib, key, content, backend, settings)))
        return NULL;
    if (is_new && have) {
        job->state = JOB_DONE;
        job->made = made;
        job->finished_ms = (int64_t)made.tv_sec * 1000;
        job_tell_result(lib, job, true);
    } else if (is_new || job->state == JOB_FAILED) {
        job->attempts = 0;
        job->not_before_ms = 0;
        job->error = (struct error){0};
        job_enqueue(lib, job);
    }
    job->urgent = job->state == JOB_QUEUED; /* somebody asked for it */
    job_store(lib, job);
    return job;
}

int library_rerun(struct library *lib, const char *path, const struct digest *content, const struct digest *key,
                  const char *backend, const char *settings)
{
    struct timespec made = {0};
    bool have = job_stat_result(lib, key, &made);
    LIBRARY_LOCK(lib);
    struct link *l = link_at_path(lib, path);
    struct recording *r = l ? l->recording : NULL;
    if (!r)
        return -ENOENT;
    if (!r->digested || !r->job || memcmp(&r->digest, content, sizeof *content) != 0 ||
        memcmp(&r->job->key, key, sizeof *key) == 0)
        return 0;
    if (strcmp(backend, "local") != 0 && !have && content_stays_here(lib, r, content))
        return -EAGAIN;
    struct job *job = job_for(lib, content, key, backend, settings, have, made);
    if (!job)
        return -ENOMEM;
    index_history(lib->index, key, "rerun", "asked for");
    recording_set_next(lib, r, job);
    if (r->job->state != JOB_DONE && job->state != JOB_DONE) { /* there is nothing to keep meanwhile */
        recording_set_job(lib, r, job);
        recording_set_next(lib, r, NULL);
    } else if (job->state == JOB_DONE) {
        job_adopt(lib, job);
    }
    recording_store(lib, r);
    recording_reconcile(lib, r);
    return 1;
}
