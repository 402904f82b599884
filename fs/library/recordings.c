/* Recordings: their names, where they are, and which job their content belongs to. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/base/cleanup.h"

/* ---- the stem of the views ---- */

struct naming {
    bool (*taken)(void *context, const char *name);
    void *context;
};

static bool real_file_has(const struct naming *naming, const char *base)
{
    static const enum view_format usual[] = {VIEW_TXT, VIEW_SRT, VIEW_JSON};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        char name[NAME_SIZE];
        view_name(base, usual[i], name);
        if (naming->taken && naming->taken(naming->context, name))
            return true;
    }
    return false;
}

/* What real files allow: "talk" unless a talk.txt, .srt or .json is there, then "talk.mp3". Asks the disk: no
 * lock. */
static void base_by_disk(const struct naming *naming, const char *name, bool *whole)
{
    char base[NAME_SIZE];
    view_base(name, false, base);
    *whole = real_file_has(naming, base);
}

/* The first stem that no other recording in the folder has. A ghost gives its stem away: *ghost is the one to
 * take over. */
static void base_by_folder(struct folder *f, const char *name, bool whole, char base[NAME_SIZE],
                           struct link **ghost)
{
    *ghost = NULL;
    char first[NAME_SIZE];
    for (int n = 0;; n++) {
        if (n < 2) {
            view_base(name, whole || n == 1, base);
        } else {
            /* Only when "talk.mp3.wav" already took "talk.mp3": number it. */
            if (n == 2)
                view_base(name, true, first);
            size_t room = strlen(first) > 220 ? 220 : strlen(first);
            snprintf(base, NAME_SIZE, "%.*s (%d)", (int)room, first, n);
        }
        struct link *owner = link_by_base(f, base);
        if (!owner || strcmp(owner->name, name) == 0)
            return;
        if (!owner->recording) {
            *ghost = owner;
            return;
        }
    }
}

/* The link of this name in the folder: the one there, a ghost that had the stem, or a new one. */
static struct link *link_claim(struct library *lib, struct folder *f, const char *name, bool whole)
{
    struct link *l = link_by_name(f, name);
    if (l)
        return l;
    char base[NAME_SIZE];
    struct link *ghost;
    base_by_folder(f, name, whole, base, &ghost);
    if (!ghost)
        return link_new(lib, f, name, base);
    /* Its views have the names ours will have: take them over as they are, so that watchers see them change,
     * not flicker. */
    char *copy = strdup(name);
    if (!copy)
        return NULL;
    HASH_DELETE(by_name, f->names, ghost);
    free(ghost->name);
    ghost->name = copy;
    ghost->hidden = 0;
    ghost->hidden_digested = false;
    look_unref(lib, ghost->look);
    ghost->look = NULL;
    link_name_changed(lib, ghost);
    HASH_ADD_KEYPTR(by_name, f->names, ghost->name, strlen(ghost->name), ghost);
    return ghost;
}

static struct link *name_recording(struct library *lib, const struct place *place, struct file_id id,
                                   bool whole)
{
    struct folder *f = folder_at(lib, place->directory, place->path);
    struct link *l = f ? link_claim(lib, f, place->name, whole) : NULL;
    if (!l)
        return NULL;
    if (l->recording && file_id_equal(l->recording->id, id))
        return l;
    struct recording *r = recording_get(lib, id);
    if (!r)
        return NULL;
    if (l->look) { /* another file, with settings of its own */
        look_unref(lib, l->look);
        l->look = NULL;
        link_look_changed(lib, l);
    }
    if (l->recording) {
        link_detach(lib, l);
    } else { /* its views are still going, but it is a new file: what was deleted of the old one is no matter */
        l->hidden = 0;
        l->hidden_digested = false;
    }
    link_revise(lib, l);
    link_attach(l, r);
    return l;
}

int library_add_name(struct library *lib, const struct place *place, struct file_id id,
                     bool (*taken)(void *context, const char *name), void *context)
{
    bool whole;
    base_by_disk(&(struct naming){taken, context}, place->name, &whole);
    LIBRARY_LOCK(lib);
    struct link *l = name_recording(lib, place, id, whole);
    if (!l)
        return -ENOMEM;
    recording_store(lib, l->recording);
    link_store(lib, l);
    link_reconcile(lib, l);
    return 0;
}

static struct link *link_at(struct library *lib, const struct place *place)
{
    struct folder *f = folder_by_id(lib, place->directory);
    return f ? link_by_name(f, place->name) : NULL;
}

/* Two names have exchanged their files: whiteouts go with the files, stems stay with the names. */
static void link_swap(struct library *lib, struct link *a, struct link *b)
{
    struct recording *of_a = a->recording, *of_b = b->recording;
    struct link was = *a, was_b = *b;
    LL_DELETE(of_a->links, a);
    LL_DELETE(of_b->links, b);
    link_attach(a, of_b);
    link_attach(b, of_a);
    a->look = was_b.look;
    b->look = was.look;
    link_look_changed(lib, a);
    link_look_changed(lib, b);
    a->hidden = b->hidden;
    a->hidden_digested = b->hidden_digested;
    a->hidden_for = b->hidden_for;
    b->hidden = was.hidden;
    b->hidden_digested = was.hidden_digested;
    b->hidden_for = was.hidden_for;
    a->told = was_b.told;
    a->told_for = was_b.told_for;
    b->told = was.told;
    b->told_for = was.told_for;
    link_store(lib, a);
    link_store(lib, b);
    link_reconcile(lib, a);
    link_reconcile(lib, b);
}

int library_rename(struct library *lib, const struct place *from, const struct place *to, struct file_id id,
                   bool (*taken)(void *context, const char *name), void *context)
{
    bool whole;
    base_by_disk(&(struct naming){taken, context}, to->name, &whole);
    LIBRARY_LOCK(lib);
    struct link *old = link_at(lib, from);
    bool known = old && old->recording && file_id_equal(old->recording->id, id);
    struct link *there = link_at(lib, to);
    /* What a rename replaces has been reported as removed before: a recording that is still there changes
     * places with ours. */
    if (known && there && there->recording && there->recording != old->recording) {
        link_swap(lib, old, there);
        return 0;
    }
    struct link hidden = known ? *old : (struct link){0};
    struct shared_look *look = known ? look_ref(old->look) : NULL;
    struct recording *r = known ? old->recording : NULL;
    struct link keep = {.next = NULL};
    if (known) {
        /* Within one directory the new name may want the old stem (talk.wav to talk.flac): let go of it
         * first, but keep the recording alive by another end. */
        LL_PREPEND(r->links, &keep);
        link_detach(lib, old);
    }
    struct link *l = name_recording(lib, to, id, whole);
    if (known)
        LL_DELETE(r->links, &keep);
    if (!l) {
        if (known && !r->links)
            recording_free(lib, r);
        look_unref(lib, look);
        return -ENOMEM;
    }
    if (known) {
        /* Looked up again: naming may have forgotten the folder it was in. */
        old = link_at(lib, from);
        if (old && old != l)
            link_tidy(lib, old);
        l->hidden = hidden.hidden;
        l->hidden_digested = hidden.hidden_digested;
        l->hidden_for = hidden.hidden_for;
        l->told = hidden.told;
        l->told_for = hidden.told_for;
        look_unref(lib, l->look);
        l->look = look;
        l->look_ms = hidden.look_ms;
        if (!l->named_ms)
            l->named_ms = hidden.named_ms;
        link_revise(lib, l);
        l->policy = hidden.policy; /* until it is known what holds there */
    }
    recording_store(lib, l->recording);
    link_store(lib, l);
    link_reconcile(lib, l);
    return 0;
}

static void forget_link(struct library *lib, struct link *l)
{
    whiteouts_put_aside(lib, l);
    link_detach(lib, l);
    link_tidy(lib, l);
}

void library_remove_name(struct library *lib, struct file_id directory, const char *name)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, directory);
    struct link *l = f ? link_by_name(f, name) : NULL;
    if (l && l->recording)
        forget_link(lib, l);
}

void library_remove_directory(struct library *lib, const char *path)
{
    LIBRARY_LOCK(lib);
    struct folder *f, *next;
    HASH_ITER(by_id, lib->folders_by_id, f, next)
    {
        if (!path_is_below(f->path, path))
            continue;
        for (const struct link *l = f->names; l; l = l->by_name.next)
            whiteouts_put_aside(lib, l);
        folder_forget(lib, f);
    }
}

void library_move_directory(struct library *lib, const char *from, const char *to)
{
    LIBRARY_LOCK(lib);
    struct folder *f, *next;
    size_t cut = strlen(from);
    /* A rename may replace an empty directory; what is known of that is no longer at this path. */
    HASH_ITER(by_id, lib->folders_by_id, f, next)
    if (path_is_below(f->path, to) && !path_is_below(f->path, from))
        folder_forget(lib, f);
    HASH_ITER(by_id, lib->folders_by_id, f, next)
    {
        if (!path_is_below(f->path, from))
            continue;
        char *path = NULL;
        if (asprintf(&path, "%s%s", to, f->path + cut) < 0)
            continue;
        folder_set_path(lib, f, path);
    }
    status_rules_move(lib, from, to);
    index_move_directories(lib->index, from, to);
    if (lib->hooks.changed)
        lib->hooks.changed(lib->hooks.context);
}

/* ---- content ---- */

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

/* ---- for comparing with the store ---- */

enum content_state library_compare_content(struct library *lib, struct file_id id, const struct recording_stat *st)
{
    LIBRARY_LOCK(lib);
    const struct recording *r = recording_find(lib, id);
    if (!r || (!r->digested && !r->skipped))
        return CONTENT_UNREAD;
    if (r->stat.birth_ns != st->birth_ns)
        return CONTENT_STRANGER;
    if (r->stat.size != st->size || r->stat.mtime_ns != st->mtime_ns)
        return CONTENT_OTHER;
    return r->stat.ctime_ns == st->ctime_ns ? CONTENT_CURRENT : CONTENT_TOUCHED;
}

int library_find_name(struct library *lib, const struct place *place, struct file_id *id)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, place->directory);
    const struct link *l = f ? link_by_name(f, place->name) : NULL;
    /* A folder that was forgotten is kept for its views only, at a path that cannot be. */
    if (f && f->path[0] != '/' && strcmp(f->path, place->path) != 0)
        return -ESTALE;
    if (!l || !l->recording)
        return -ENOENT;
    *id = l->recording->id;
    return 0;
}

void known_names_free(struct known_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i].path);
    free(names);
}

static bool known_name_fill(struct known_name *name, const struct link *l)
{
    name->directory = l->folder->fid;
    snprintf(name->name, sizeof name->name, "%s", l->name);
    snprintf(name->base, sizeof name->base, "%s", l->base);
    name->path = strdup(l->folder->path);
    return name->path;
}

int library_names_of(struct library *lib, struct file_id id, struct known_name **names, size_t *count)
{
    *names = NULL;
    *count = 0;
    LIBRARY_LOCK(lib);
    const struct recording *r = recording_find(lib, id);
    size_t links = 0, n = 0;
    for (const struct link *l = r ? r->links : NULL; l; l = l->next)
        links++;
    struct known_name *list = links ? calloc(links, sizeof *list) : NULL;
    if (!list)
        return links ? -ENOMEM : 0;
    for (const struct link *l = r->links; l && known_name_fill(&list[n], l); l = l->next)
        n++;
    if (n < links) {
        known_names_free(list, n);
        return -ENOMEM;
    }
    *names = list;
    *count = n;
    return 0;
}

int library_names_in(struct library *lib, struct file_id directory, struct known_name **names, size_t *count)
{
    *names = NULL;
    *count = 0;
    LIBRARY_LOCK(lib);
    const struct folder *f = folder_by_id(lib, directory);
    size_t links = 0, n = 0;
    for (const struct link *l = f ? f->names : NULL; l; l = l->by_name.next)
        links += l->recording != NULL;
    struct known_name *list = links ? calloc(links, sizeof *list) : NULL;
    if (!list)
        return links ? -ENOMEM : 0;
    for (const struct link *l = f->names; l; l = l->by_name.next) {
        if (!l->recording)
            continue;
        if (!known_name_fill(&list[n], l)) {
            known_names_free(list, n);
            return -ENOMEM;
        }
        n++;
    }
    *names = list;
    *count = n;
    return 0;
}

char *library_directory_path(struct library *lib, struct file_id directory)
{
    LIBRARY_LOCK(lib);
    const struct folder *f = folder_by_id(lib, directory);
    return f && f->path[0] != '/' ? strdup(f->path) : NULL;
}

bool library_knows_below(struct library *lib, const char *path, const char *except)
{
    LIBRARY_LOCK(lib);
    for (const struct folder *f = lib->folders_by_id; f; f = f->by_id.next) {
        if (!path_is_below(f->path, path) || (except && path_is_below(f->path, except)))
            continue;
        for (const struct link *l = f->names; l; l = l->by_name.next)
            if (l->recording)
                return true;
    }
    return false;
}

struct listed_name {
    struct file_id directory, id;
    char *path, *name;
};

int library_each_name(struct library *lib,
                      void (*fn)(void *context, struct file_id directory, const char *path, const char *name,
                                 struct file_id id),
                      void *context)
{
    struct listed_name *list = NULL;
    size_t n = 0, room = 0;
    int rc = 0;
    pthread_mutex_lock(&lib->lock);
    for (struct recording *r = lib->recordings; r && rc == 0; r = r->hh.next)
        for (struct link *l = r->links; l; l = l->next) {
            if (n == room) {
                room = room ? room * 2 : 64;
                struct listed_name *more = realloc(list, room * sizeof *list);
                if (!more) {
                    rc = -ENOMEM;
                    break;
                }
                list = more;
            }
            list[n] = (struct listed_name){l->folder->fid, r->id, strdup(l->folder->path), strdup(l->name)};
            n++;
        }
    pthread_mutex_unlock(&lib->lock);
    for (size_t i = 0; i < n; i++) {
        if (list[i].path && list[i].name)
            fn(context, list[i].directory, list[i].path, list[i].name, list[i].id);
        free(list[i].path);
        free(list[i].name);
    }
    free(list);
    return rc;
}
