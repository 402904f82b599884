/* What a folder itself says: SETTINGS-ERROR.txt. Such a text is the only view of a link that is in none of
 * the folder's tables and has no recording; its `last` and `name` are the settings file, whose rights it has.
 */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void note_free(struct library *lib, struct folder *f)
{
    free(f->note_text);
    f->note_text = NULL;
    link_free(lib, f->note);
    f->note = NULL;
}

void note_clear(struct library *lib, struct folder *f)
{
    if (f->note)
        note_free(lib, f);
}

void note_tidy(struct library *lib, struct folder *f)
{
    if (!f->note || f->note_wanted || f->note->queued || f->note->views[0].state != VIEW_ABSENT)
        return;
    note_free(lib, f);
    folder_tidy(lib, f);
}

void note_withdraw(struct library *lib, struct folder *f)
{
    if (!f->note || !f->note_wanted)
        return;
    f->note_wanted = false;
    view_withdraw(lib, f->note, &f->note->views[0]);
}

struct link *note_at(const struct folder *f, const char *name)
{
    bool there = f->note && f->note->views[0].state != VIEW_ABSENT;
    return there && strcmp(name, SETTINGS_ERROR_NAME) == 0 ? f->note : NULL;
}

static struct link *note_new(struct folder *f)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->folder = f;
    l->name = strdup("");
    l->base = strdup("");
    if (!l->name || !l->base || !shown_get(l, VIEW_SETTINGS_ERROR)) {
        free(l->name);
        free(l->base);
        free(l);
        return NULL;
    }
    return f->note = l;
}

static int note_set(struct library *lib, struct folder *f, const struct folder_note *said)
{
    struct digest key;
    int rc = digest_key(&(struct digest){{0}}, said->text, &key);
    char *text = strdup(said->text), *name = strdup(said->file_name);
    struct link *l = f->note ? f->note : note_new(f);
    if (rc != 0 || !text || !name || !l) {
        free(text);
        free(name);
        return rc ? rc : -ENOMEM;
    }
    struct shown *v = &l->views[0];
    bool begins = !f->note_wanted, same_text = !begins && memcmp(&v->key, &key, sizeof key) == 0;
    bool same_file = file_id_equal(l->last, said->file) && strcmp(l->name, name) == 0;
    bool hidden = same_text && v->state == VIEW_ABSENT; /* somebody deleted it */
    free(f->note_text);
    free(l->name);
    f->note_text = text;
    f->note_wanted = true;
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

int library_set_notes(struct library *lib, const char *path, const struct folder_note *notes, size_t count)
{
    LIBRARY_LOCK(lib);
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        const struct folder *there = folder_by_path(lib, notes[i].path);
        struct folder *f = folder_by_id(lib, notes[i].directory);
        if (f ? f != there : there != NULL)
            continue; /* it is being moved: it is said again then */
        f = f ? f : folder_at(lib, notes[i].directory, notes[i].path);
        int one = f ? note_set(lib, f, &notes[i]) : -ENOMEM;
        rc = rc ? rc : one;
        if (f)
            folder_tidy(lib, f); /* without memory */
    }
    struct folder *f, *next;
    HASH_ITER(by_id, lib->folders_by_id, f, next)
    if (f->note && path_is_below(f->path, path) && !is_said(f, notes, count)) {
        note_withdraw(lib, f);
        note_tidy(lib, f);
    }
    return rc;
}

int note_open(struct library *lib, const struct view *view, struct view_content *out)
{
    LIBRARY_LOCK(lib);
    for (const struct folder *f = lib->folders_by_id; f; f = f->by_id.next) {
        const struct link *l = f->note;
        if (!l || !file_id_equal(l->last, view->recording) ||
            memcmp(&l->views[0].key, &view->key, sizeof view->key) != 0)
            continue;
        out->text = strdup(f->note_text);
        out->size = (size_t)l->views[0].size;
        return out->text ? 0 : -ENOMEM;
    }
    return -ESTALE;
}
