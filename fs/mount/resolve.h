/* From a node to a descriptor. Nodes keep none; directories have a bounded cache of O_PATH descriptors,
 * everything else is opened by one of its names when it is needed, and every descriptor is checked to be of
 * the very file (device and inode). */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

struct mount;
struct node;
struct dir_fd;

/* A directory's O_PATH descriptor, borrowed from the cache. */
struct dir_ref {
    struct mount *mount;
    struct dir_fd *cached;
    int fd;
};
#define DIR_REF_INIT                                                                                         \
    {                                                                                                        \
        NULL, NULL, -1                                                                                       \
    }
#define cleanup_dir __attribute__((cleanup(dir_ref_clear)))

/* 0 or negative errno: -ESTALE when it is no longer where it was known to be, -ENOTDIR. */
int resolve_directory(struct mount *m, struct node *n, struct dir_ref *out);
void dir_ref_clear(struct dir_ref *ref);

/* A new O_PATH descriptor (or a duplicate of an open handle's) of a real file of any kind; a symlink is not
 * followed. The caller closes it. Negative errno: -ESTALE when none of its names leads to it any more. */
int resolve_path(struct mount *m, struct node *n);
/* statx() of a real file. 0 or negative errno. */
int resolve_stat(struct mount *m, struct node *n, struct statx *out);
/* Opens again what a descriptor of any kind refers to. A descriptor or negative errno. */
int reopen(int fd, int flags);
/* The name by which system calls that follow symlinks reach exactly what `fd` refers to. */
#define PROC_FD_SIZE 32
void proc_fd(int fd, char path[PROC_FD_SIZE]);

/* statx() of a name, not following it. 0 or negative errno. */
int stat_at(int dirfd, const char *name, struct statx *out);
/* Negative errno of the moment; that descriptors ran out, or that the disk fails, is said in the log, once. */
int resolve_error(struct mount *m);

/* Called by the node table, with its lock held. */
void dir_fd_drop(struct dir_fd *d);
