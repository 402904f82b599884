/* A walk over the inbox that finds the recordings in it. */
#pragma once

#include <stdatomic.h>

#include "fs/inbox/store.h"

/* Calls found() for every regular file at or below `path` whose name makes it a recording. Symbolic links are
 * not followed, skipped directories and other filesystems are not entered; directories that cannot be read
 * are passed over. *cancel is looked at for each entry. 0, -ECANCELED, or a negative errno if `path` itself
 * cannot be read. */
int scan_inbox(int inbox_fd, const char *path, const atomic_int *cancel,
               void (*found)(void *context, const struct place *place, const struct store_stat *st),
               void *context);
