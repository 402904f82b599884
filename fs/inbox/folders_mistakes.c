/* Mistakes in settings files and in names of speakers: noted, compared, told one by one. */
#include "fs/inbox/folders_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int copy_mistakes(struct folder_mistakes *to, const struct folder_mistakes *from)
{
    *to = (struct folder_mistakes){.rest_counts = from->rest_counts};
    for (size_t i = 0; i < from->count; i++)
        if (folder_mistake_add(to, from->items[i].line, "%s", from->items[i].reason) != 0) {
            folder_mistakes_clear(to);
            return -ENOMEM;
        }
    return 0;
}

static bool same_mistakes(const struct folder_mistakes *a, const struct folder_mistakes *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = a->items[i].line == b->items[i].line && strcmp(a->items[i].reason, b->items[i].reason) == 0;
    return same;
}

bool folders_note(struct folders *f, const char *path, const char *name,
                  const struct folder_mistakes *mistakes)
{
    static const struct folder_mistakes none;
    const struct folder_mistakes *now = mistakes ? mistakes : &none;
    pthread_mutex_lock(&f->lock);
    struct known *k = folders_find(f, path);
    struct note *n = k ? k->notes : NULL;
    while (n && strcmp(n->name, name) != 0)
        n = n->next;
    bool same = same_mistakes(n ? &n->mistakes : &none, now);
    if (!same && !n && (k = folders_known(f, path)) && (n = calloc(1, sizeof *n))) {
        snprintf(n->name, sizeof n->name, "%s", name);
        n->next = k->notes;
        k->notes = n;
    }
    if (!same && n) {
        folder_mistakes_clear(&n->mistakes);
        (void)copy_mistakes(&n->mistakes, now);
    }
    for (struct note **at = k ? &k->notes : NULL; at && *at;) {
        n = *at;
        if (n->mistakes.count) {
            at = &n->next;
            continue;
        }
        *at = n->next;
        free(n);
    }
    if (k)
        folders_tidy(f, k);
    pthread_mutex_unlock(&f->lock);
    if (!same)
        folders_tell(f, path, name, now, false);
    return !same;
}

/* A copy, to be told without the lock. */
struct told {
    char *path;
    char name[NAME_SIZE];
    bool held;
    struct folder_mistakes mistakes;
    struct told *next;
};

static int keep(struct told ***end, const struct known *k, const char *name,
                const struct folder_mistakes *mistakes)
{
    struct told *t = mistakes->count ? calloc(1, sizeof *t) : NULL;
    if (!t)
        return mistakes->count ? -ENOMEM : 0;
    snprintf(t->name, sizeof t->name, "%s", name);
    t->path = strdup(k->path);
    t->held = k->unsure && mistakes == &k->mistakes;
    **end = t;
    *end = &t->next;
    return t->path ? copy_mistakes(&t->mistakes, mistakes) : -ENOMEM;
}

int folders_each_mistake(struct folders *f, const char *path,
                         void (*fn)(void *context, const struct folders_mistake *mistake), void *context)
{
    struct told *first = NULL, **end = &first;
    int rc = 0;
    pthread_mutex_lock(&f->lock);
    for (const struct known *k = f->known; k && rc == 0; k = k->hh.next) {
        if (!path_is_below(k->path, path))
            continue;
        if (k->name)
            rc = keep(&end, k, k->name, &k->mistakes);
        for (const struct note *n = k->notes; n && rc == 0; n = n->next)
            rc = keep(&end, k, n->name, &n->mistakes);
    }
    pthread_mutex_unlock(&f->lock);
    for (struct told *t = first, *next; t; t = next) {
        next = t->next;
        if (rc == 0)
            fn(context, &(struct folders_mistake){t->path, t->name, t->held, &t->mistakes});
        folder_mistakes_clear(&t->mistakes);
        free(t->path);
        free(t);
    }
    return rc;
}
