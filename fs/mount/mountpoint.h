/* The place in the tree: is it fit to be mounted on, what is left there of an earlier daemon, how to get off
 * it. */
#pragma once

#include <stdbool.h>

struct error;

/* 0 when `path` is a directory that can be mounted on. A dead scribefs there (its daemon was killed) is
 * unmounted first. Negative errno and *err: "mount.point" (no directory, or not empty and !nonempty),
 * "mount.stale" (something dead that is not ours to remove). */
int mountpoint_check(const char *path, bool nonempty, struct error *err);
/* The minor device number of the topmost mount at `path` if it is a scribefs, which is also the number of its
 * connection under /sys/fs/fuse/connections; -1 if there is none. Does not touch the mount. */
int mountpoint_connection(const char *path);
/* Unmounts what is at `path`, busy or not; as root also breaks the connection, so that nobody waits for an
 * answer any more. */
void mountpoint_detach(const char *path);
/* Breaks a connection, where the kernel offers that to its owner. */
void mountpoint_abort(int connection);
