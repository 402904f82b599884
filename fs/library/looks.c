/* How views look: what the settings say of all, of a folder, of one recording; and since when. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "cache/render/formats.h"
#include "cache/render/render.h"

static const struct shared_look plain = {.json = (char *)"{}"};

const struct shared_look *link_look(const struct library *lib, const struct link *l)
{
    return l->look ? l->look : lib->look ? lib->look : &plain;
}

uint32_t link_listed(const struct library *lib, const struct link *l)
{
    uint32_t listed = link_look(lib, l)->look.listed, known = 0;
    for (int i = 0; i < FORMATS; i++)
        if (format_info(i))
            known |= 1u << i;
    return (listed ? listed : VIEWS_LISTED) & known;
}

/* ---- sharing ---- */

struct shared_look *look_ref(struct shared_look *look)
{
    if (look)
        look->users++;
    return look;
}

static void look_free(struct shared_look *s)
{
    look_clear(&s->look);
    free(s->json);
    free(s->key);
    free(s);
}

void look_unref(struct library *lib, struct shared_look *look)
{
    if (!look || --look->users)
        return;
    HASH_DEL(lib->looks, look);
    look_free(look);
}

static struct shared_look *look_new(const struct render_look *look)
{
    cleanup_buffer struct buffer json = {0};
    struct shared_look *s = calloc(1, sizeof *s);
    if (!s || look_copy(&s->look, look) != 0) {
        free(s);
        return NULL;
    }
    if (look_to_json(look, &json) == 0)
        s->json = buffer_take(&json);
    if (s->json && asprintf(&s->key, "%x %s", (unsigned)look->listed, s->json) < 0)
        s->key = NULL;
    if (s->key)
        return s;
    look_free(s);
    return NULL;
}

struct shared_look *look_share(struct library *lib, const struct render_look *look)
{
    struct shared_look *s = look_new(look), *known;
    if (!s)
        return NULL;
    HASH_FIND_STR(lib->looks, s->key, known);
    if (known) {
        look_free(s);
        return look_ref(known);
    }
    HASH_ADD_KEYPTR(hh, lib->looks, s->key, strlen(s->key), s);
    return look_ref(s);
}

void looks_free(struct library *lib)
{
    look_unref(lib, lib->look);
    lib->look = NULL;
}

/* ---- what is in force, and since when ---- */

/* FNV-1a, and never 0. It is stored. */
int64_t link_stamp(const struct library *lib, const struct link *l)
{
    uint64_t h = 0xcbf29ce484222325u + RENDER_VERSION;
    for (const char *p = link_look(lib, l)->json; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3u;
    return (int64_t)(h | 1);
}

void link_look_changed(struct library *lib, struct link *l)
{
    link_revise(lib, l);
    l->look_ms = wall_ms();
}

void link_name_changed(struct library *lib, struct link *l)
{
    link_revise(lib, l);
    l->named_ms = wall_ms();
}

int link_load_look(struct library *lib, struct link *l, const struct index_link *stored)
{
    struct render_look look = {0};
    l->look_ms = stored->look_ms;
    l->named_ms = stored->named_ms;
    if (stored->look && look_from_json(stored->look, strlen(stored->look), &look) == 0) {
        look.listed = stored->listed;
        l->look = look_share(lib, &look);
    }
    look_clear(&look);
    if (link_stamp(lib, l) == stored->stamp)
        return 0;
    /* Other settings, or another scribefs: its views are other ones from now on. */
    link_look_changed(lib, l);
    link_store(lib, l);
    return 0;
}

/* Takes over the reference to `look`. */
static void put_look(struct library *lib, struct link *l, struct shared_look *look)
{
    int64_t before = link_stamp(lib, l);
    look_unref(lib, l->look);
    l->look = look;
    if (link_stamp(lib, l) != before)
        link_look_changed(lib, l);
    if (l->recording)
        link_store(lib, l);
    link_reconcile(lib, l);
}

int library_set_look(struct library *lib, struct file_id directory, const char *name, const struct render_look *look)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, directory);
    struct link *l = f ? link_by_name(f, name) : NULL;
    if (!l || !l->recording)
        return -ENOENT;
    struct shared_look *shared = look ? look_share(lib, look) : NULL;
    if (look && !shared)
        return -ENOMEM;
    if (shared == l->look)
        look_unref(lib, shared);
    else
        put_look(lib, l, shared);
    return 0;
}

int library_set_default_look(struct library *lib, const struct render_look *look)
{
    LIBRARY_LOCK(lib);
    struct shared_look *shared = look ? look_share(lib, look) : NULL, *old = lib->look;
    if (look && !shared)
        return -ENOMEM;
    if (shared == old) {
        look_unref(lib, shared);
        return 0;
    }
    struct folder *f, *next;
    struct link was = {.look = NULL};
    int64_t before = link_stamp(lib, &was);
    lib->look = shared;
    bool other = link_stamp(lib, &was) != before;
    HASH_ITER(by_id, lib->folders_by_id, f, next)
    for (struct link *l = f->names; l; l = l->by_name.next) {
        if (l->look || !l->recording)
            continue;
        if (other) {
            link_look_changed(lib, l);
            link_store(lib, l);
        }
        link_reconcile(lib, l);
    }
    look_unref(lib, old);
    return 0;
}
