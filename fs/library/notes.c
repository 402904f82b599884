/* What a folder itself says: SETTINGS-ERROR.txt and DELETE ME TO START.txt. Such a text is the only view of a
 * link that is in none of the folder's tables and has no recording; its `last` and `name` are the file whose
 * rights it has. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int note_kind(enum view_format format)
{
    return format == VIEW_CONFIRM;
}

bool folder_has_notes(const struct folder *f)
{
    for (int i = 0; i < NOTE_KINDS; i++)
        if (f->notes[i].link)
            return true;
    return false;
}

bool link_is_note(const struct link *l)
{
    for (int i = 0; i < NOTE_KINDS; i++)
        if (l == l->folder->notes[i].link)
            return true;
    return false;
}

static void note_free(struct library *lib, struct note *n)
{
    free(n->text);
    link_free(lib, n->link);
    *n = (struct note){0};
}

void notes_clear(struct library *lib, struct folder *f)
{
    for (int i = 0; i < NOTE_KINDS; i++)
        if (f->notes[i].link)
            note_free(lib, &f->notes[i]);
}

void notes_tidy(struct library *lib, struct folder *f)
{
    for (int i = 0; i < NOTE_KINDS; i++) {
        struct note *n = &f->notes[i];
        if (n->link && !n->wanted && !n->link->queued && n->link->views[0].state == VIEW_ABSENT)
            note_free(lib, n);
    }
    folder_tidy(lib, f);
}

static void withdraw(struct library *lib, struct note *n)
{
    if (!n->link || !n->wanted)
        return;
    n->wanted = false;
    view_withdraw(lib, n->link, &n->link->views[0]);
}

void notes_withdraw(struct library *lib, struct folder *f)
{
    for (int i = 0; i < NOTE_KINDS; i++)
        withdraw(lib, &f->notes[i]);
}

struct link *note_at(const struct folder *f, const char *name, enum view_format *format)
{
    for (int i = 0; i < NOTE_KINDS; i++) {
        struct link *l = f->notes[i].link;
        char own[NAME_SIZE];
        if (!l || l->views[0].state == VIEW_ABSENT)
            continue;
        *format = l->views[0].format;
        view_name("", *format, own);
        if (strcmp(name, own) == 0)
            return l;
    }
    return NULL;
}

static struct link *note_new(struct folder *f, enum view_format format)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->folder = f;
    l->name = strdup("");
    l->base = strdup("");
    if (!l->name || !l->base || !shown_get(l, format)) {
        free(l->name);
        free(l->base);
        free(l);
        return NULL;
    }
    return f->notes[note_kind(format)].link = l;
}

static int note_set(struct library *lib, struct folder *f, enum view_format format, const struct folder_note *said)
{
    struct note *n = &f->notes[note_kind(format)];
    struct digest key;
    int rc = digest_key(&(struct digest){{0}}, said->text, &key);
    char *text = strdup(said->text), *name = strdup(said->file_name);
    struct link *l = n->link ? n->link : note_new(f, format);
    if (rc != 0 || !text || !name || !l) {
        free(text);
        free(name);
        return rc ? rc : -ENOMEM;
    }
    struct shown *v = &l->views[0];
    bool begins = !n->wanted, same_text = !begins && memcmp(&v->key, &key, sizeof key) == 0;
    bool same_file = file_id_equal(l->last, said->file) && strcmp(l->name, name) == 0;
    bool hidden = same_text && v->state == VIEW_ABSENT; /* somebody deleted it */
    free(n->text);
    free(l->name);
    n->text = text;
    n->wanted = true;
    l->name = name;
    l->last = said->file;
    v->job = v->key = key;
    v->size = (off_t)strlen(text);
    if (!same_text)
        v->mtime = said->mtime;
    if (!hidden)
        view_show(lib, l, v, !same_text || !same_file);
    return 0;
}

static bool is_said(const struct folder *f, const struct folder_note *notes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (file_id_equal(f->fid, notes[i].directory))
            return true;
    return false;
}

int library_set_notes(struct library *lib, enum view_format kind, const char *path, const struct folder_note *notes,
                      size_t count)
{
    LIBRARY_LOCK(lib);
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        const struct folder *there = folder_by_path(lib, notes[i].path);
        struct folder *f = folder_by_id(lib, notes[i].directory);
        if (f ? f != there : there != NULL)
            continue; /* it is being moved: it is said again then */
        f = f ? f : folder_at(lib, notes[i].directory, notes[i].path);
        int one = f ? note_set(lib, f, kind, &notes[i]) : -ENOMEM;
        rc = rc ? rc : one;
        if (f)
            folder_tidy(lib, f); /* without memory */
    }
    struct folder *f, *next;
    HASH_ITER(by_id, lib->folders_by_id, f, next)
    if (f->notes[note_kind(kind)].link && path_is_below(f->path, path) && !is_said(f, notes, count)) {
        withdraw(lib, &f->notes[note_kind(kind)]);
        notes_tidy(lib, f);
    }
    return rc;
}

int note_open(struct library *lib, const struct view *view, struct view_content *out)
{
    LIBRARY_LOCK(lib);
    for (const struct folder *f = lib->folders_by_id; f; f = f->by_id.next) {
        const struct note *n = &f->notes[note_kind(view->format)];
        if (!n->link || !file_id_equal(n->link->last, view->recording) ||
            memcmp(&n->link->views[0].key, &view->key, sizeof view->key) != 0)
            continue;
        out->text = strdup(n->text);
        out->size = (size_t)n->link->views[0].size;
        return out->text ? 0 : -ENOMEM;
    }
    return -ESTALE;
}
