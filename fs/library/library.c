/* The library's beginning and end: made, filled from the index, freed. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

int library_new(struct index *index, struct results *results, struct views *views, uint64_t device,
                struct library **out)
{
    struct library *lib = calloc(1, sizeof *lib);
    if (!lib)
        return -ENOMEM;
    pthread_mutex_init(&lib->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lib->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    lib->index = index;
    lib->results = results;
    lib->views = views;
    lib->device = device;
    lib->next_folder_id = 1;
    *out = lib;
    return 0;
}

void library_set_hooks(struct library *lib, const struct library_hooks *hooks)
{
    LIBRARY_LOCK(lib);
    lib->hooks = *hooks;
    if (hooks->told)
        links_tell(lib);
}

void library_set_wording(struct library *lib, const struct wording *wording)
{
    lib->wording = wording;
}

/* ---- loading ---- */

/* Directories by their stored number, while loading. */
struct loaded_folder {
    int64_t id;
    struct folder *folder;
    UT_hash_handle hh;
};

struct loading {
    struct library *lib;
    struct loaded_folder *folders;
};

static struct file_id restored_id(const struct library *lib, uint64_t dev, uint64_t ino)
{
    return (struct file_id){.dev = dev ? dev : lib->device, .ino = ino};
}

static int load_directory(void *arg, const struct index_directory *d)
{
    struct loading *loading = arg;
    struct library *lib = loading->lib;
    struct file_id id = restored_id(lib, d->dev, d->ino);
    if (folder_by_id(lib, id) || folder_by_path(lib, d->path))
        return 0;
    struct folder *f = calloc(1, sizeof *f);
    struct loaded_folder *entry = calloc(1, sizeof *entry);
    char *path = strdup(d->path);
    if (!f || !entry || !path) {
        free(f);
        free(entry);
        free(path);
        return -ENOMEM;
    }
    *f = (struct folder){.id = d->id, .fid = id, .path = path};
    HASH_ADD(by_id, lib->folders_by_id, fid, sizeof f->fid, f);
    HASH_ADD_KEYPTR(by_path, lib->folders_by_path, f->path, strlen(f->path), f);
    if (d->id >= lib->next_folder_id)
        lib->next_folder_id = d->id + 1;
    entry->id = d->id;
    entry->folder = f;
    HASH_ADD(hh, loading->folders, id, sizeof entry->id, entry);
    return 0;
}

static int load_job(void *arg, const struct index_job *j)
{
    struct loading *loading = arg;
    if (orphan_load(loading->lib, j))
        return 0;
    struct job *job = job_new(loading->lib, &j->key, &j->digest, j->backend, j->settings);
    if (!job)
        return -ENOMEM;
    job->state = j->state;
    job->attempts = j->attempts;
    job->not_before_ms = j->not_before_ms;
    job->error = j->error;
    job->checkpoint = j->checkpoint ? strdup(j->checkpoint) : NULL;
    job->duration_ms = j->duration_ms;
    job->created_ms = j->created_ms;
    job->started_ms = j->started_ms;
    job->finished_ms = j->finished_ms;
    job->status_ms = j->finished_ms ? j->finished_ms : j->created_ms;
    return 0;
}

static int load_charge(void *arg, const struct index_charge *c)
{
    const struct loading *loading = arg;
    struct job *job = job_find(loading->lib, &c->job);
    struct backend_charge charge = {
        .at_ms = c->at_ms, .kind = c->kind, .billed_ms = c->billed_ms, .cost_micro = c->cost_micro};
    snprintf(charge.currency, sizeof charge.currency, "%s", c->currency);
    if (job)
        job_learn_charge(job, &charge);
    return 0;
}

static int load_recording(void *arg, const struct index_recording *stored)
{
    struct loading *loading = arg;
    struct library *lib = loading->lib;
    struct recording *r = recording_get(lib, restored_id(lib, stored->dev, stored->ino));
    if (!r)
        return -ENOMEM;
    r->stat = (struct recording_stat){.birth_ns = stored->birth_ns,
                                      .size = stored->size,
                                      .mtime_ns = stored->mtime_ns,
                                      .ctime_ns = stored->ctime_ns};
    r->recorded_ns = stored->recorded_ns;
    struct job *job = stored->digested ? job_find(lib, &stored->job) : NULL;
    r->digested = job != NULL; /* without its job the content is read again */
    r->digest = stored->digest;
    content_update(lib, r);
    if (!job)
        return 0;
    recording_set_job(lib, r, job);
    recording_set_next(lib, r, stored->rerun ? job_find(lib, &stored->next) : NULL);
    return versions_load(lib, r, stored);
}

static int load_link(void *arg, const struct index_link *stored)
{
    struct loading *loading = arg;
    struct library *lib = loading->lib;
    struct loaded_folder *entry;
    HASH_FIND(hh, loading->folders, &stored->directory, sizeof stored->directory, entry);
    struct recording *r = recording_find(lib, restored_id(lib, stored->dev, stored->ino));
    if (!entry || !r || link_by_name(entry->folder, stored->name) ||
        link_by_base(entry->folder, stored->base))
        return 0; /* the scan will find the file again */
    struct link *l = link_new(lib, entry->folder, stored->name, stored->base);
    if (!l)
        return -ENOMEM;
    l->hidden = stored->hidden;
    l->hidden_digested = stored->hidden_digested;
    l->hidden_for = stored->hidden_for;
    l->told = stored->told == TOLD_DONE || stored->told == TOLD_FAILED ? (enum told_state)stored->told
              : stored->told < 0                                        ? TOLD_UNKNOWN
                                                                        : TOLD_NOTHING;
    l->told_for = stored->told_for;
    link_attach(l, r);
    return link_load_look(lib, l, stored);
}

/* What was loaded and belongs to nothing, and jobs whose state the cache knows better. */
static void settle_loaded(struct library *lib)
{
    struct recording *r, *next_r;
    HASH_ITER(hh, lib->recordings, r, next_r)
    if (r->links) {
        versions_settle(lib, r);
    } else {
        recording_set_next(lib, r, NULL);
        recording_set_job(lib, r, NULL);
        content_leave(lib, r);
        HASH_DEL(lib->recordings, r);
        versions_clear(r);
        free(r);
    }
    struct job *job, *next;
    HASH_ITER(hh, lib->jobs, job, next)
    {
        if (!job->recordings && !job->awaiting) {
            job_abandon(lib, job);
            continue;
        }
        if (job->state == JOB_FAILED)
            continue;
        bool have = job_stat_result(lib, &job->key, &job->made);
        if (have && job->state != JOB_DONE)
            job->finished_ms = (int64_t)job->made.tv_sec * 1000;
        enum job_state stored = job->state;
        if (have)
            job->state = JOB_DONE;
        else
            job_enqueue(lib, job); /* queued, interrupted, or its result was lost */
        if (job->state != stored)
            job_store(lib, job);
    }
    HASH_ITER(hh, lib->recordings, r, next_r)
    if (r->next_job && r->next_job->state == JOB_DONE) /* stored, and then the power failed */
        job_adopt(lib, r->next_job);
    struct folder *f, *next_f;
    HASH_ITER(by_id, lib->folders_by_id, f, next_f)
    folder_tidy(lib, f);
}

int library_load(struct library *lib)
{
    LIBRARY_LOCK(lib);
    struct loading loading = {.lib = lib};
    int rc = index_load_directories(lib->index, load_directory, &loading);
    if (rc == 0)
        rc = index_load_jobs(lib->index, load_job, &loading);
    if (rc == 0)
        rc = index_load_charges(lib->index, load_charge, &loading);
    if (rc == 0)
        rc = index_load_recordings(lib->index, load_recording, &loading);
    if (rc == 0)
        rc = index_load_links(lib->index, load_link, &loading);
    struct loaded_folder *entry, *next;
    HASH_ITER(hh, loading.folders, entry, next)
    {
        HASH_DEL(loading.folders, entry);
        free(entry);
    }
    if (rc != 0)
        return rc;
    settle_loaded(lib);
    lib->speed = index_speed(lib->index, "local");
    struct folder *f, *next_f;
    HASH_ITER(by_id, lib->folders_by_id, f, next_f)
    for (struct link *l = f->names; l; l = l->by_name.next) {
        link_show_ready(lib, l);
        link_reconcile(lib, l);
    }
    return 0;
}

void library_free(struct library *lib)
{
    if (!lib)
        return;
    holds_free(lib);
    aside_free(lib);
    struct announcement_entry *e, *next_e;
    DL_FOREACH_SAFE(lib->ready, e, next_e)
    free(e);
    DL_FOREACH_SAFE(lib->later, e, next_e)
    free(e);
    status_rules_free(lib);
    struct folder *f, *next_f;
    HASH_ITER(by_id, lib->folders_by_id, f, next_f)
    {
        struct link *l, *next_l;
        HASH_ITER(by_name, f->names, l, next_l)
        {
            HASH_DELETE(by_name, f->names, l);
            HASH_DELETE(by_base, f->bases, l);
            link_free(lib, l);
        }
        notes_clear(lib, f);
        HASH_DELETE(by_id, lib->folders_by_id, f);
        HASH_DELETE(by_path, lib->folders_by_path, f);
        free(f->path);
        free(f);
    }
    struct recording *r, *next_r;
    HASH_ITER(hh, lib->recordings, r, next_r)
    {
        HASH_DEL(lib->recordings, r);
        versions_clear(r);
        free(r);
    }
    struct job *job, *next;
    HASH_ITER(hh, lib->jobs, job, next)
    job_free(lib, job);
    contents_free(lib);
    orphans_free(lib);
    looks_free(lib);
    pthread_cond_destroy(&lib->wake);
    pthread_mutex_destroy(&lib->lock);
    free(lib);
}
