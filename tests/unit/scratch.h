/* A directory of its own for a test, and a small disk that can be filled up. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* The path of a new directory; free it with scratch_remove(). Aborts the test program when there is none to
 * be had. */
static inline char *scratch_new(void)
{
    const char *base = getenv("TMPDIR");
    char *path;
    if (asprintf(&path, "%s/scribefs-test-XXXXXX", base && *base ? base : "/tmp") < 0 || !mkdtemp(path)) {
        perror("scratch directory");
        exit(99);
    }
    return path;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void scratch_remove(char *path)
{
    nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

/* path/name, malloc'ed. */
static inline char *scratch_join(const char *path, const char *name)
{
    char *joined;
    if (asprintf(&joined, "%s/%s", path, name) < 0)
        exit(99);
    return joined;
}

/* Mounts a tmpfs ("size=64k") on path, seen by this process alone and gone with it. False when that is not
 * permitted. */
static inline bool scratch_mount(const char *path, const char *options)
{
    static bool alone;
    if (!alone && (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)))
        return false;
    alone = true;
    return !mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options);
}

static inline void scratch_unmount(const char *path)
{
    umount2(path, MNT_DETACH);
}

/* Takes all the space that is left; remove the file to give it back. */
static inline void scratch_fill(const char *file)
{
    static const char zeros[4096];
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    for (size_t size = sizeof zeros; size; size /= 2)
        while (write(fd, zeros, size) > 0)
            ;
    close(fd);
}
