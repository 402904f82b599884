/* Recordings by name: the stem of their views, arriving, renaming, exchanging, going. */
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
