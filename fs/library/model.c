/* The tables of the library: making, finding, joining and forgetting folders, links, recordings and jobs. */
#include "fs/library/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/base/cleanup.h"

static int64_t clock_ms(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

struct library *library_lock(struct library *lib)
{
    pthread_mutex_lock(&lib->lock);
    return lib;
}

void library_unlockp(struct library **lib)
{
    pthread_mutex_unlock(&(*lib)->lock);
}

/* Device numbers change over a reboot: the inbox's own is stored as 0. */
static uint64_t stored_device(const struct library *lib, uint64_t dev)
{
    return dev == lib->device ? 0 : dev;
}

/* ---- folders ---- */

struct folder *folder_by_id(struct library *lib, struct file_id id)
{
    struct folder *f;
    HASH_FIND(by_id, lib->folders_by_id, &id, sizeof id, f);
    return f;
}

struct folder *folder_by_path(struct library *lib, const char *path)
{
    struct folder *f;
    HASH_FIND(by_path, lib->folders_by_path, path, strlen(path), f);
    return f;
}

static void folder_store(struct library *lib, const struct folder *f)
{
    index_put_directory(lib->index, &(struct index_directory){.id = f->id,
                                                              .path = f->path,
                                                              .dev = stored_device(lib, f->fid.dev),
                                                              .ino = f->fid.ino});
}

void folder_set_path(struct library *lib, struct folder *f, char *path)
{
    HASH_DELETE(by_path, lib->folders_by_path, f);
    free(f->path);
    f->path = path;
    HASH_ADD_KEYPTR(by_path, lib->folders_by_path, f->path, strlen(f->path), f);
}

struct folder *folder_at(struct library *lib, struct file_id id, const char *path)
{
    struct folder *f = folder_by_id(lib, id);
    struct folder *there = folder_by_path(lib, path);
    if (f && f == there)
        return f;
    if (f && there) {
        /* Two known directories claim one path: the one that was there has been replaced behind our back. */
        folder_forget(lib, there);
        there = NULL;
    }
    char *copy = strdup(path);
    if (!copy)
        return NULL;
    if (f && !there) {
        folder_set_path(lib, f, copy);
        folder_store(lib, f);
        return f;
    }
    if (there) {
        free(copy);
        HASH_DELETE(by_id, lib->folders_by_id, there);
        there->fid = id;
        HASH_ADD(by_id, lib->folders_by_id, fid, sizeof there->fid, there);
        folder_store(lib, there);
        return there;
    }
    f = calloc(1, sizeof *f);
    if (!f) {
        free(copy);
        return NULL;
    }
    f->id = lib->next_folder_id++;
    f->fid = id;
    f->path = copy;
    HASH_ADD(by_id, lib->folders_by_id, fid, sizeof f->fid, f);
    HASH_ADD_KEYPTR(by_path, lib->folders_by_path, f->path, strlen(f->path), f);
    folder_store(lib, f);
    return f;
}

void folder_forget(struct library *lib, struct folder *f)
{
    char *nowhere = NULL;
    if (asprintf(&nowhere, "/gone/%" PRId64, f->id) < 0)
        return;
    folder_set_path(lib, f, nowhere);
    index_drop_directory(lib->index, f->id);
    struct link *l, *next;
    HASH_ITER(by_name, f->names, l, next)
    link_detach(lib, l);
    /* The last link that goes takes the folder with it: look at each before the one after it is lost. */
    for (l = f->names; l; l = next) {
        next = l->by_name.next;
        link_tidy(lib, l);
    }
}

void folder_tidy(struct library *lib, struct folder *f)
{
    if (f->names)
        return;
    index_drop_directory(lib->index, f->id);
    HASH_DELETE(by_id, lib->folders_by_id, f);
    HASH_DELETE(by_path, lib->folders_by_path, f);
    free(f->path);
    free(f);
}

/* ---- links ---- */

struct link *link_by_name(struct folder *f, const char *name)
{
    struct link *l;
    HASH_FIND(by_name, f->names, name, strlen(name), l);
    return l;
}

struct link *link_by_base(struct folder *f, const char *base)
{
    struct link *l;
    HASH_FIND(by_base, f->bases, base, strlen(base), l);
    return l;
}

struct link *link_of_view(struct folder *f, const char *view, enum view_format *format)
{
    /* "a.transcribing.txt" may be the txt of "a.transcribing" or the status of "a": ask for every suffix that
     * fits. */
    for (enum view_format i = 0; i < VIEW_FORMATS; i++) {
        char suffix[NAME_SIZE], base[NAME_SIZE];
        view_name("", i, suffix);
        size_t len = strlen(view), cut = strlen(suffix);
        if (len <= cut || len >= NAME_SIZE || strcmp(view + len - cut, suffix) != 0)
            continue;
        memcpy(base, view, len - cut);
        base[len - cut] = '\0';
        struct link *l = link_by_base(f, base);
        if (l && l->views[i].state != VIEW_ABSENT) {
            *format = i;
            return l;
        }
    }
    return NULL;
}

struct link *link_new(struct library *lib, struct folder *f, const char *name, const char *base)
{
    (void)lib;
    struct link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->folder = f;
    l->name = strdup(name);
    l->base = strdup(base);
    if (!l->name || !l->base) {
        free(l->name);
        free(l->base);
        free(l);
        return NULL;
    }
    HASH_ADD_KEYPTR(by_name, f->names, l->name, strlen(l->name), l);
    HASH_ADD_KEYPTR(by_base, f->bases, l->base, strlen(l->base), l);
    return l;
}

void link_set_base(struct link *l, char *base)
{
    HASH_DELETE(by_base, l->folder->bases, l);
    free(l->base);
    l->base = base;
    HASH_ADD_KEYPTR(by_base, l->folder->bases, l->base, strlen(l->base), l);
}

void link_attach(struct link *l, struct recording *r)
{
    l->recording = r;
    LL_PREPEND(r->links, l);
}

static void recording_free(struct library *lib, struct recording *r)
{
    recording_set_job(lib, r, NULL);
    index_drop_recording(lib->index, stored_device(lib, r->id.dev), r->id.ino);
    HASH_DEL(lib->recordings, r);
    free(r);
}

void link_detach(struct library *lib, struct link *l)
{
    struct recording *r = l->recording;
    if (!r)
        return;
    LL_DELETE(r->links, l);
    l->recording = NULL;
    l->next = NULL;
    index_drop_link(lib->index, l->folder->id, l->name);
    link_reconcile(lib, l);
    if (!r->links)
        recording_free(lib, r);
}

void link_tidy(struct library *lib, struct link *l)
{
    if (l->recording || l->queued)
        return;
    for (int i = 0; i < VIEW_FORMATS; i++)
        if (l->views[i].state != VIEW_ABSENT)
            return;
    struct folder *f = l->folder;
    HASH_DELETE(by_name, f->names, l);
    HASH_DELETE(by_base, f->bases, l);
    free(l->name);
    free(l->base);
    free(l);
    folder_tidy(lib, f);
}

void link_store(struct library *lib, const struct link *l)
{
    index_put_link(lib->index, &(struct index_link){.directory = l->folder->id,
                                                    .name = l->name,
                                                    .dev = stored_device(lib, l->recording->id.dev),
                                                    .ino = l->recording->id.ino,
                                                    .base = l->base,
                                                    .hidden = l->hidden,
                                                    .hidden_digested = l->hidden_digested,
                                                    .hidden_for = l->hidden_for});
}

char *link_path(const struct link *l)
{
    char *path = NULL;
    const char *slash = *l->folder->path ? "/" : "";
    return asprintf(&path, "%s%s%s", l->folder->path, slash, l->name) < 0 ? NULL : path;
}

bool path_is_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    return len == 0 || (strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0'));
}

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
    index_put_recording(lib->index,
                        &(struct index_recording){.dev = stored_device(lib, r->id.dev),
                                                  .ino = r->id.ino,
                                                  .birth_ns = r->stat.birth_ns,
                                                  .size = r->stat.size,
                                                  .mtime_ns = r->stat.mtime_ns,
                                                  .ctime_ns = r->stat.ctime_ns,
                                                  .digested = r->digested,
                                                  .digest = r->digest,
                                                  .job = r->job ? r->job->key : (struct digest){{0}}});
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
    if (job->state != JOB_DONE && !job->unreadable)
        index_drop_job(lib->index, &job->key);
    job_free(lib, job);
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
    if (old && !old->recordings)
        job_unneeded(lib, old);
}

void recording_unread(struct library *lib, struct recording *r)
{
    r->digested = false;
    recording_set_job(lib, r, NULL);
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

void job_enqueue(struct library *lib, struct job *job)
{
    job->state = JOB_QUEUED;
    job->status_ms = wall_ms();
    DL_APPEND(lib->queue, job);
    lib->queue_numbered = false;
    if (lib->hooks.work)
        lib->hooks.work(lib->hooks.context);
}

void job_dequeue(struct library *lib, struct job *job)
{
    if (job->prev)
        DL_DELETE(lib->queue, job);
    lib->queue_numbered = false;
    job->prev = job->next = NULL;
}

int queue_position(struct library *lib, const struct job *job)
{
    if (!lib->queue_numbered) {
        int n = 0;
        struct job *waiting;
        DL_FOREACH(lib->queue, waiting)
        waiting->position = n++;
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
    free(job);
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

bool job_stat_result(struct library *lib, const struct digest *key, off_t sizes[VIEW_RESULT_FORMATS],
                     struct timespec *made)
{
    for (enum view_format i = 0; i < VIEW_RESULT_FORMATS; i++) {
        int rc = results_stat(lib->results, key, view_result_file(i), &sizes[i], made);
        if (rc == -EUCLEAN) /* in the way of the one that will be made instead */
            results_drop(lib->results, key);
        if (rc != 0)
            return false;
    }
    return true;
}
