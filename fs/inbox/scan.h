/* A walk over the inbox that finds the recordings in it, and the settings files of folders. */
#pragma once

#include <stdatomic.h>

#include "fs/inbox/store.h"

/* Either function may be NULL. */
struct scan_visitor {
    /* A directory, before its entries are read; a directory comes before those in it. The descriptor is borrowed.
     * What it returns is `parent` for those, which is NULL for the first. */
    void *(*entered)(void *context, void *parent, int fd, const char *path, struct file_id id);
    /* A regular file whose name makes it one of these. */
    void (*found)(void *context, const struct place *place, const struct store_stat *st);
    void *context;
};

/* Visits `path` and everything below. Symbolic links are not followed, skipped directories and other
 * filesystems are not entered; directories that cannot be read are passed over. *cancel is looked at for each
 * entry. 0, -ECANCELED, or a negative errno if `path` itself cannot be read. */
int scan_inbox(int inbox_fd, const char *path, const atomic_int *cancel, const struct scan_visitor *visitor);
