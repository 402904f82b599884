/* Recordings: what their content is, and which job it belongs to. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/base/cleanup.h"

void library_invalidate_content(struct library *lib, struct file_id id)
{
    LIBRARY_LOCK(lib);
    struct recording *r = recording_find(lib, id);
    if (r) {
        r->empty = false;
        r->changes++;
    }
    if (!r || (!r->digested && !r->job && !r->skipped))
        return;
    recording_unread(lib, r);
}

bool library_has_name(struct library *lib, const struct place *place, struct file_id id)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, place->directory);
    const struct link *l = f && strcmp(f->path, place->path) == 0 ? link_by_name(f, place->name) : NULL;
    return l && l->recording && file_id_equal(l->recording->id, id);
}

bool library_has_recording(struct library *lib, struct file_id id)
{
    LIBRARY_LOCK(lib);
    return recording_find(lib, id) != NULL;
}

bool library_is_current(struct library *lib, struct file_id id, const struct recording_stat *st)
{
    LIBRARY_LOCK(lib);
    const struct recording *r = recording_find(lib, id);
    return r && r->digested && r->stat.size == st->size && r->stat.mtime_ns == st->mtime_ns &&
           r->stat.ctime_ns == st->ctime_ns && r->stat.birth_ns == st->birth_ns;
}

bool library_is_same_content(struct library *lib, struct file_id id, const struct recording_stat *st)
{
    LIBRARY_LOCK(lib);
    const struct recording *r = recording_find(lib, id);
    return !r || !r->digested ||
           (r->stat.size == st->size && r->stat.mtime_ns == st->mtime_ns && r->stat.birth_ns == st->birth_ns);
}

/* Dropping a file again is a wish to try again. */
static void revive_failed(struct library *lib, struct job *job)
{
    job->attempts = 0;
    job->not_before_ms = 0;
    job->error = (struct error){0};
    job_enqueue(lib, job);
    index_history(lib->index, &job->key, "retried", "the same content was dropped again");
}

/* The content is another than the one its views were deleted for. For good: it may come back. */
static void lift_whiteouts(struct library *lib, const struct recording *r)
{
    for (struct link *l = r->links; l; l = l->next)
        if (l->hidden && l->hidden_digested && memcmp(&l->hidden_for, &r->digest, sizeof r->digest) != 0) {
            l->hidden = 0;
            l->hidden_digested = false;
            link_store(lib, l);
        }
}

int library_set_content(struct library *lib, struct file_id id, uint64_t changes,
                        const struct recording_stat *st, const struct digest *content,
                        const struct digest *key, const char *backend, const char *settings)
{
    struct timespec made;
    bool have = job_stat_result(lib, key, &made);

    LIBRARY_LOCK(lib);
    struct recording *r = recording_find(lib, id);
    if (!r || r->changes != changes)
        return 0; /* deleted or changed meanwhile */
    r->empty = r->skipped = false;
    if (r->digested && r->job && memcmp(&r->digest, content, sizeof *content) == 0) {
        r->stat = *st;
        recording_store(lib, r);
        return 0;
    }
    struct job *job = job_find(lib, key);
    bool revived = false;
    bool ready = job ? job->state == JOB_DONE : have;
    if (!ready && strcmp(backend, "local") != 0 && content_stays_here(lib, r, content))
        return -EAGAIN;
    if (!job) {
        job = job_new(lib, key, content, backend, settings);
        if (!job)
            return -ENOMEM;
        if (have) {
            job->state = JOB_DONE;
            job_tell_result(lib, job, true);
            job->made = made;
            job->finished_ms = (int64_t)made.tv_sec * 1000;
        } else {
            job_enqueue(lib, job);
            job_store(lib, job);
        }
    } else if (job->state == JOB_FAILED) {
        revived = true;
        revive_failed(lib, job);
        job_store(lib, job);
    }
    struct link *l;
    bool known = r->recorded_ns && memcmp(&r->digest, content, sizeof *content) == 0;
    LL_FOREACH(r->links, l)
    {
        if (r->recorded_ns && !known && r->recorded_ns != st->mtime_ns) {
            link_name_changed(lib, l); /* its views tell that time */
            link_store(lib, l);
        }
    }
    if (!known)
        r->recorded_ns = st->mtime_ns;
    r->stat = *st;
    r->digested = true;
    r->digest = *content;
    content_update(lib, r);
    whiteouts_bring_back(lib, r);
    lift_whiteouts(lib, r);
    recording_set_job(lib, r, job);
    job_reprioritise(lib, job);
    recording_store(lib, r);
    if (recording_stays_here(r))
        content_withdraw(lib, r);
    if (revived)
        job_reconcile(lib, job);
    else
        recording_reconcile(lib, r);
    return 0;
}

void library_set_empty(struct library *lib, struct file_id id)
{
    LIBRARY_LOCK(lib);
    struct recording *r = recording_find(lib, id);
    if (!r)
        return;
    r->empty = true;
    recording_unread(lib, r);
}

void library_set_unreadable(struct library *lib, struct file_id id, const struct error *err)
{
    LIBRARY_LOCK(lib);
    struct recording *r = recording_find(lib, id);
    if (!r)
        return;
    struct digest key = {{0}};
    memcpy(key.bytes, &id, sizeof id); /* no content digest looks like this */
    struct job *job = job_find(lib, &key);
    if (!job && !(job = job_new(lib, &key, &key, "", "")))
        return;
    job->unreadable = true;
    job->state = JOB_FAILED;
    job->error = *err;
    job->finished_ms = job->status_ms = wall_ms();
    r->digested = false;
    content_update(lib, r);
    recording_set_job(lib, r, job);
    recording_reconcile(lib, r);
}

bool library_reread_unreadable(struct library *lib)
{
    LIBRARY_LOCK(lib);
    bool any = false;
    for (struct job *job = lib->jobs; job; job = job->hh.next) {
        if (!job->unreadable || job->error.class == ERROR_PERMANENT)
            continue;
        any = true;
        for (struct recording *r = job->recordings; r && lib->hooks.reread; r = r->job_next)
            lib->hooks.reread(lib->hooks.context, r->id);
    }
    return any;
}

char *library_path_of(struct library *lib, struct file_id id, uint64_t *changes)
{
    LIBRARY_LOCK(lib);
    const struct recording *r = recording_find(lib, id);
    if (changes)
        *changes = r ? r->changes : 0;
    return r && r->links ? link_path(r->links) : NULL;
}
