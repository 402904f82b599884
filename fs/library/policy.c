/* What the settings of folders mean for recordings and their jobs: what must stay here, what is skipped, what
 * comes first.
 *
 * "Stays here" is said of a name, and holds for the content: while any recording with some content has a name
 * in a folder whose recordings do not leave the machine, no other recording with the same bytes is sent
 * either. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/base/cleanup.h"

/* ---- recordings by their content ---- */

void content_leave(struct library *lib, struct recording *r)
{
    struct content *c = r->content;
    if (!c)
        return;
    LL_DELETE2(c->recordings, r, content_next);
    r->content = NULL;
    r->content_next = NULL;
    if (c->recordings)
        return;
    HASH_DEL(lib->contents, c);
    free(c);
}

void content_update(struct library *lib, struct recording *r)
{
    if (r->content && r->digested && memcmp(&r->content->digest, &r->digest, sizeof r->digest) == 0)
        return;
    content_leave(lib, r);
    if (!r->digested)
        return;
    struct content *c;
    HASH_FIND(hh, lib->contents, &r->digest, sizeof r->digest, c);
    if (!c) {
        c = calloc(1, sizeof *c);
        if (!c)
            return; /* its own names still count */
        c->digest = r->digest;
        HASH_ADD(hh, lib->contents, digest, sizeof c->digest, c);
    }
    LL_PREPEND2(c->recordings, r, content_next);
    r->content = c;
}

void contents_free(struct library *lib)
{
    struct content *c, *next;
    HASH_ITER(hh, lib->contents, c, next)
    {
        HASH_DEL(lib->contents, c);
        free(c);
    }
}

/* ---- what stays here ---- */

bool recording_stays_here(const struct recording *r)
{
    for (const struct link *l = r->links; l; l = l->next)
        if (l->policy.local)
            return true;
    return false;
}

bool content_stays_here(struct library *lib, const struct recording *r, const struct digest *digest)
{
    struct content *c;
    if (r && recording_stays_here(r))
        return true;
    HASH_FIND(hh, lib->contents, digest, sizeof *digest, c);
    for (const struct recording *other = c ? c->recordings : NULL; other; other = other->content_next)
        if (recording_stays_here(other))
            return true;
    return false;
}

bool job_is_forbidden(struct library *lib, const struct job *job)
{
    if (job->unreadable || strcmp(job->backend, "local") == 0)
        return false;
    for (const struct recording *r = job->recordings; r; r = r->job_next)
        if (recording_stays_here(r))
            return true;
    return content_stays_here(lib, NULL, &job->digest);
}

static void reread(struct library *lib, struct file_id id)
{
    if (lib->hooks.reread)
        lib->hooks.reread(lib->hooks.context, id);
}

void job_withdraw(struct library *lib, struct job *job)
{
    /* The last recording that leaves takes the job with it. */
    struct recording *r, *next;
    bool others = job->recordings != NULL;
    LL_FOREACH_SAFE2(job->awaiting, r, next, await_next)
    {
        recording_set_next(lib, r, NULL); /* it keeps what it has */
        recording_store(lib, r);
        recording_reconcile(lib, r);
    }
    if (!others)
        return;
    LL_FOREACH_SAFE2(job->recordings, r, next, job_next)
    {
        struct file_id id = r->id;
        recording_unread(lib, r);
        reread(lib, id);
    }
}

static bool is_to_be_sent(const struct job *job)
{
    return job && job->state != JOB_DONE && !job->unreadable && strcmp(job->backend, "local") != 0;
}

/* What of the recording's jobs would be sent, or NULL. */
static struct job *to_be_sent(const struct recording *r)
{
    return is_to_be_sent(r->next_job) ? r->next_job : is_to_be_sent(r->job) ? r->job : NULL;
}

static void withdraw(struct library *lib, struct job *job)
{
    index_history(lib->index, &job->key, "withdrawn", "its content has to stay on this machine");
    job_withdraw(lib, job);
}

void content_withdraw(struct library *lib, struct recording *r)
{
    struct recording *other = r->content ? r->content->recordings : NULL;
    while (other) {
        struct job *job = to_be_sent(other);
        if (!job || job == r->job || job == r->next_job) {
            other = other->content_next;
            continue;
        }
        /* Those it had are no longer known by their content; ours still is. */
        withdraw(lib, job);
        other = r->content->recordings;
    }
    if (is_to_be_sent(r->next_job))
        withdraw(lib, r->next_job);
    if (is_to_be_sent(r->job))
        withdraw(lib, r->job);
}

/* ---- of what nobody elsewhere hears ---- */

static bool recording_is_apart(const struct recording *r)
{
    for (const struct link *l = r->links; l; l = l->next)
        if (l->policy.apart)
            return true;
    return false;
}

bool library_is_apart(struct library *lib, const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *directory = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
    LIBRARY_LOCK(lib);
    struct folder *f = directory ? folder_by_path(lib, directory) : NULL;
    const struct link *l = f ? link_by_name(f, slash ? slash + 1 : path) : NULL;
    const struct recording *r = l ? l->recording : NULL;
    if (!r)
        return !directory;
    const struct recording *same = r->content ? r->content->recordings : NULL;
    for (; same; same = same->content_next)
        if (recording_is_apart(same))
            return true;
    return recording_is_apart(r);
}

/* ---- what is skipped ---- */

static bool is_skipped(const struct recording *r)
{
    for (const struct link *l = r->links; l; l = l->next)
        if (!l->policy.skip)
            return false;
    return true;
}

bool library_is_skipped(struct library *lib, struct file_id id)
{
    LIBRARY_LOCK(lib);
    const struct recording *r = recording_find(lib, id);
    return r && is_skipped(r);
}

void library_set_skipped(struct library *lib, struct file_id id, const struct recording_stat *st)
{
    LIBRARY_LOCK(lib);
    struct recording *r = recording_find(lib, id);
    if (!r || (r->digested && r->job))
        return;
    r->stat = *st;
    r->empty = false;
    recording_unread(lib, r);
    r->skipped = true;
}

/* What has not been begun is not begun any more. */
static void skip_changed(struct library *lib, struct recording *r)
{
    const struct job *job = r->job;
    bool skipped = is_skipped(r);
    if (!skipped && r->skipped) {
        recording_unread(lib, r);
        reread(lib, r->id);
    } else if (skipped && job && ((job->state == JOB_QUEUED && !job->checkpoint) || job->unreadable)) {
        recording_unread(lib, r);
        r->skipped = true;
    }
}

/* ---- what comes first ---- */

int job_priority(const struct job *job)
{
    int most = 0;
    bool any = false;
    for (const struct recording *r = job->recordings; r; r = r->job_next)
        for (const struct link *l = r->links; l; l = l->next) {
            if (!any || l->policy.priority > most)
                most = l->policy.priority;
            any = true;
        }
    for (const struct recording *r = job->awaiting; r; r = r->await_next)
        for (const struct link *l = r->links; l; l = l->next) {
            if (!any || l->policy.priority > most)
                most = l->policy.priority;
            any = true;
        }
    return most;
}

void job_reprioritise(struct library *lib, struct job *job)
{
    if (job->state != JOB_QUEUED || !job->prev || job->priority == job_priority(job))
        return;
    job_dequeue(lib, job);
    job_enqueue(lib, job);
}

/* ---- for who knows the settings ---- */

void library_set_policy(struct library *lib, struct file_id directory, const char *name,
                        const struct name_policy *policy)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, directory);
    struct link *l = f ? link_by_name(f, name) : NULL;
    struct recording *r = l ? l->recording : NULL;
    if (!r)
        return;
    struct name_policy was = l->policy;
    l->policy = *policy;
    l->policy.known = true;
    if (policy->local && !was.local)
        content_withdraw(lib, r);
    if (policy->skip != was.skip)
        skip_changed(lib, r);
    if (policy->priority != was.priority && recording_status_job(r))
        job_reprioritise(lib, recording_status_job(r));
    if (policy->no_status != was.no_status || !was.known)
        link_reconcile(lib, l);
}

void library_reconsider(struct library *lib, struct file_id directory, const char *name)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, directory);
    const struct link *l = f ? link_by_name(f, name) : NULL;
    if (l && l->recording && l->recording->job && l->recording->job->unreadable)
        reread(lib, l->recording->id);
}

void known_directories_free(struct known_directory *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i].path);
    free(list);
}

int library_directories(struct library *lib, const char *path, struct known_directory **list, size_t *count)
{
    *list = NULL;
    *count = 0;
    LIBRARY_LOCK(lib);
    size_t room = HASH_CNT(by_id, lib->folders_by_id), n = 0;
    struct known_directory *all = calloc(room ? room : 1, sizeof *all);
    if (!all)
        return -ENOMEM;
    for (const struct folder *f = lib->folders_by_id; f; f = f->by_id.next) {
        if (f->path[0] == '/' || !path_is_below(f->path, path))
            continue;
        all[n] = (struct known_directory){f->fid, strdup(f->path)};
        if (!all[n].path) {
            known_directories_free(all, n);
            return -ENOMEM;
        }
        n++;
    }
    *list = all;
    *count = n;
    return 0;
}
