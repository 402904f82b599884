/* The tables of folders and of the links in them, and what all parts of the library share. */
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

uint64_t stored_device(const struct library *lib, uint64_t dev)
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
    bool noted = folder_has_notes(f);
    notes_withdraw(lib, f);
    /* The last link that goes takes the folder with it: look at each before the one after it is lost. */
    for (l = f->names; l; l = next) {
        next = l->by_name.next;
        link_tidy(lib, l);
    }
    if (noted) /* so it is still there */
        notes_tidy(lib, f);
}

void folder_tidy(struct library *lib, struct folder *f)
{
    if (f->names || folder_has_notes(f))
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

struct shown *shown_find(const struct link *l, enum view_format format)
{
    for (unsigned i = 0; i < l->view_count; i++)
        if (l->views[i].format == format)
            return &l->views[i];
    return NULL;
}

struct shown *shown_get(struct link *l, enum view_format format)
{
    struct shown *v = shown_find(l, format);
    if (v)
        return v;
    /* The place of one that has gone. */
    for (unsigned i = 0; i < l->view_count && !v; i++)
        if (l->views[i].state == VIEW_ABSENT && !l->views[i].queued && !l->views[i].none)
            v = &l->views[i];
    if (!v) {
        struct shown *more = realloc(l->views, (l->view_count + 1) * sizeof *more);
        if (!more)
            return NULL;
        l->views = more;
        v = &l->views[l->view_count++];
    }
    *v = (struct shown){.format = format};
    return v;
}

struct link *link_of_view(struct folder *f, const char *view, enum view_format *format)
{
    /* "a.transcribing.txt" may be the txt of "a.transcribing" or the status of "a": ask for every suffix that
     * fits. */
    size_t stem;
    if (strlen(view) >= NAME_SIZE)
        return NULL;
    for (unsigned at = 0; view_split(view, &at, format, &stem);) {
        struct link *l;
        HASH_FIND(by_base, f->bases, view, stem, l);
        const struct shown *v = l ? shown_find(l, *format) : NULL;
        if (v && v->state != VIEW_ABSENT)
            return l;
    }
    return note_at(f, view, format);
}

struct link *link_new(struct library *lib, struct folder *f, const char *name, const char *base)
{
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
    link_revise(lib, l);
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
    l->last = r->id;
    LL_PREPEND(r->links, l);
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

void link_free(struct library *lib, struct link *l)
{
    link_not_to_render(lib, l);
    look_unref(lib, l->look);
    free(l->views);
    free(l->name);
    free(l->base);
    free(l);
}

void link_tidy(struct library *lib, struct link *l)
{
    if (link_is_note(l)) {
        notes_tidy(lib, l->folder);
        return;
    }
    if (l->recording || l->queued)
        return;
    for (unsigned i = 0; i < l->view_count; i++)
        if (l->views[i].state != VIEW_ABSENT)
            return;
    struct folder *f = l->folder;
    HASH_DELETE(by_name, f->names, l);
    HASH_DELETE(by_base, f->bases, l);
    link_free(lib, l);
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
                                                    .hidden_for = l->hidden_for,
                                                    .look = l->look ? l->look->json : NULL,
                                                    .listed = l->look ? l->look->look.listed : 0,
                                                    .stamp = link_stamp(lib, l),
                                                    .look_ms = l->look_ms,
                                                    .named_ms = l->named_ms,
                                                    .told = l->told,
                                                    .told_for = l->told_for});
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
