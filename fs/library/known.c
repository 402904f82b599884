/* What is known of recordings, for those who compare it with the store. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/base/cleanup.h"

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

bool library_has_size(struct library *lib, struct file_id id, int64_t size)
{
    LIBRARY_LOCK(lib);
    const struct recording *r = recording_find(lib, id);
    return r && r->digested && r->stat.size == size;
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
