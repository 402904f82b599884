/* The directories a watch has inotify watches on, as a tree: a directory that moves takes along what is in
 * it. Pure; for one thread. */
#pragma once

#include <stdbool.h>

#include "fs/inbox/file_id.h"

struct watched;
struct watched_dir;

struct watched *watched_new(void); /* NULL when out of memory */
void watched_free(struct watched *t);
void watched_clear(struct watched *t);
unsigned watched_count(const struct watched *t);

/* The directory with this watch descriptor is `name` in `parent` (NULL: it is the top). Finds, moves or makes
 * it, and marks it. NULL when out of memory. */
struct watched_dir *watched_put(struct watched *t, int wd, struct file_id id, struct watched_dir *parent,
                                const char *name);
struct watched_dir *watched_by_wd(const struct watched *t, int wd);
struct watched_dir *watched_by_id(const struct watched *t, struct file_id id);

int watched_wd(const struct watched_dir *d);
struct file_id watched_id(const struct watched_dir *d);
bool watched_is_top(const struct watched_dir *d);
/* Relative to the top, malloc'ed; NULL when out of memory or when something above it has gone. */
char *watched_path(const struct watched_dir *d);
/* The one after `d` in the subtree of `top`, each before those in it; NULL at the end. */
struct watched_dir *watched_next(const struct watched_dir *d, const struct watched_dir *top);

/* The kernel has dropped the watch. What is in the directory stays, with no path. */
void watched_drop(struct watched *t, struct watched_dir *d);
/* Drops `name` in `parent` and all below it, unless it is the directory `keep` (may be NULL). `removed` is
 * called for the watch of each. */
void watched_prune(struct watched *t, struct watched_dir *parent, const char *name,
                   const struct file_id *keep, void (*removed)(void *context, int wd), void *context);
/* Takes all marks away; drops what has none. */
void watched_unmark(struct watched *t);
void watched_sweep(struct watched *t, void (*removed)(void *context, int wd), void *context);
