/* Two hash tables, and the children of each directory as a list. */
#include "fs/inbox/watched.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

struct watched_dir {
    int wd;
    bool marked, top;
    struct file_id id;
    struct watched_dir *parent, *children, *prev, *next;
    char *name;
    UT_hash_handle by_wd, by_id;
};

struct watched {
    struct watched_dir *by_wd, *by_id;
};

struct watched *watched_new(void)
{
    return calloc(1, sizeof(struct watched));
}

void watched_free(struct watched *t)
{
    if (!t)
        return;
    watched_clear(t);
    free(t);
}

void watched_clear(struct watched *t)
{
    while (t->by_wd)
        watched_drop(t, t->by_wd);
}

unsigned watched_count(const struct watched *t)
{
    return HASH_CNT(by_wd, t->by_wd);
}

struct watched_dir *watched_by_wd(const struct watched *t, int wd)
{
    struct watched_dir *d;
    HASH_FIND(by_wd, t->by_wd, &wd, sizeof wd, d);
    return d;
}

struct watched_dir *watched_by_id(const struct watched *t, struct file_id id)
{
    struct watched_dir *d;
    HASH_FIND(by_id, t->by_id, &id, sizeof id, d);
    return d;
}

int watched_wd(const struct watched_dir *d)
{
    return d->wd;
}

struct file_id watched_id(const struct watched_dir *d)
{
    return d->id;
}

bool watched_is_top(const struct watched_dir *d)
{
    return d->top;
}

static void detach(struct watched_dir *d)
{
    if (d->parent)
        DL_DELETE(d->parent->children, d);
    d->parent = NULL;
}

void watched_drop(struct watched *t, struct watched_dir *d)
{
    while (d->children)
        detach(d->children);
    detach(d);
    HASH_DELETE(by_wd, t->by_wd, d);
    HASH_DELETE(by_id, t->by_id, d);
    free(d->name);
    free(d);
}

/* Is `d` the directory `top` or somewhere below it? */
static bool is_below(const struct watched_dir *d, const struct watched_dir *top)
{
    while (d && d != top)
        d = d->parent;
    return d != NULL;
}

struct watched_dir *watched_put(struct watched *t, int wd, struct file_id id, struct watched_dir *parent,
                                const char *name)
{
    struct watched_dir *d = watched_by_wd(t, wd), *old = watched_by_id(t, id);
    /* An inode number that was used again: the old directory's end has not been heard of yet. */
    if (old && old != d)
        watched_drop(t, old);
    if (d && (!file_id_equal(d->id, id) || is_below(parent, d))) {
        watched_drop(t, d);
        d = NULL;
    }
    if (d && d->parent == parent && strcmp(d->name, name) == 0) {
        d->marked = true;
        return d;
    }
    char *copy = strdup(name);
    if (!copy)
        return NULL;
    if (!d) {
        d = calloc(1, sizeof *d);
        if (!d) {
            free(copy);
            return NULL;
        }
        d->wd = wd;
        d->id = id;
        HASH_ADD(by_wd, t->by_wd, wd, sizeof d->wd, d);
        HASH_ADD(by_id, t->by_id, id, sizeof d->id, d);
    }
    free(d->name);
    d->name = copy;
    d->marked = true;
    d->top = !parent;
    detach(d);
    d->parent = parent;
    if (parent)
        DL_APPEND(parent->children, d);
    return d;
}

char *watched_path(const struct watched_dir *d)
{
    size_t length = 1;
    const struct watched_dir *up;
    for (up = d; up->parent; up = up->parent)
        length += strlen(up->name) + 1;
    char *path = up->top ? malloc(length) : NULL;
    if (!path)
        return NULL;
    char *p = path + length - 1;
    *p = '\0';
    for (up = d; up->parent; up = up->parent) {
        size_t n = strlen(up->name);
        if (up != d)
            *--p = '/';
        p -= n;
        memcpy(p, up->name, n);
    }
    if (p != path)
        memmove(path, p, strlen(p) + 1);
    return path;
}

struct watched_dir *watched_next(const struct watched_dir *d, const struct watched_dir *top)
{
    if (d->children)
        return d->children;
    for (; d && d != top; d = d->parent)
        if (d->next)
            return d->next;
    return NULL;
}

static void drop_tree(struct watched *t, struct watched_dir *d, void (*removed)(void *context, int wd),
                      void *context)
{
    /* The deepest first. */
    struct watched_dir *at = d;
    for (;;) {
        while (at->children)
            at = at->children;
        struct watched_dir *up = at == d ? NULL : at->parent;
        int wd = at->wd;
        watched_drop(t, at);
        removed(context, wd);
        if (!up)
            return;
        at = up;
    }
}

void watched_prune(struct watched *t, struct watched_dir *parent, const char *name,
                   const struct file_id *keep, void (*removed)(void *context, int wd), void *context)
{
    struct watched_dir *d, *next;
    DL_FOREACH_SAFE(parent->children, d, next)
    {
        if (strcmp(d->name, name) == 0 && !(keep && file_id_equal(d->id, *keep)))
            drop_tree(t, d, removed, context);
    }
}

void watched_unmark(struct watched *t)
{
    for (struct watched_dir *d = t->by_wd; d; d = d->by_wd.next)
        d->marked = false;
}

void watched_sweep(struct watched *t, void (*removed)(void *context, int wd), void *context)
{
    struct watched_dir *d, *next;
    HASH_ITER(by_wd, t->by_wd, d, next)
    {
        if (d->marked)
            continue;
        int wd = d->wd;
        watched_drop(t, d);
        removed(context, wd);
    }
}
