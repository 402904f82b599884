/* The daemon's own access to the inbox: never through a symbolic link, never out of it (openat2). */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "fs/inbox/file_id.h"
#include "fs/library.h"

/* A close-on-exec descriptor of `path` (relative to the inbox; "" is the inbox itself) or a negative errno. A
 * FIFO or device does not block it. */
int store_open(int inbox_fd, const char *path, int flags);

struct store_stat {
    struct file_id id;
    mode_t mode;
    struct recording_stat stat;
};
/* name "" with an open descriptor stats that itself; symbolic links are not followed. 0 or negative errno. */
int store_stat(int fd, const char *name, struct store_stat *out);
/* True if any process has the regular file open for writing or mapped so. `fd` is open for reading only. False
 * also when the system does not tell: a file of somebody else for an ordinary user, some filesystems. */
bool store_has_writer(int fd);
