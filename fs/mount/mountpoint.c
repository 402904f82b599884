/* The place in the tree that is mounted on. */
#include "fs/mount/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "fs/mountinfo.h"

#define TYPE "fuse.scribefs"
#define LAYERS 16 /* dead mounts, one over another, that are removed */

int mountpoint_connection(const char *path)
{
    cleanup_file FILE *file = fopen("/proc/self/mountinfo", "re");
    struct mountinfo *entries = NULL;
    size_t count = 0;
    int found = -1;
    if (!file || mountinfo_read(file, TYPE, &entries, &count))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(entries[i].mountpoint, path))
            found = (int)entries[i].minor; /* the last one is on top */
    mountinfo_free(entries, count);
    return found;
}

/* As an ordinary user only the setuid helper may unmount. */
static void run_fusermount(const char *path)
{
    char *const argv[] = {(char *)"fusermount3",   (char *)"-u", (char *)"-q", (char *)"-z", (char *)"--",
                          (char *)(uintptr_t)path, NULL};
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    if (!posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ))
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    posix_spawn_file_actions_destroy(&quiet);
}

void mountpoint_detach(const char *path)
{
    if (umount2(path, MNT_FORCE | MNT_DETACH) && errno == EPERM)
        run_fusermount(path);
}

void mountpoint_abort(int connection)
{
    char path[80];
    snprintf(path, sizeof path, "/sys/fs/fuse/connections/%d/abort", connection);
    cleanup_close int fd = connection < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = write(fd, "1", 1);
        (void)n;
    }
}

/* What is there: 0 and *empty, or negative errno. Opening asks a filesystem that is mounted there, where
 * stat() may be answered from the kernel's cache for a while after the daemon died. */
static int look(const char *path, bool *empty)
{
    struct stat st;
    if (stat(path, &st))
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    *empty = true;
    DIR *dir = opendir(path);
    if (!dir)
        return errno == EACCES ? 0 : -errno; /* not ours to judge; mounting will tell */
    for (struct dirent *entry; *empty && (entry = readdir(dir));)
        *empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    closedir(dir);
    return 0;
}

/* What a mount says whose daemon has ended, and what one says to whom that happened in the middle. */
static bool is_dead(int rc)
{
    return rc == -ENOTCONN || rc == -ECONNABORTED;
}

int mountpoint_check(const char *path, bool nonempty, struct error *err)
{
    bool empty;
    int rc = look(path, &empty);
    for (int i = 0; i < LAYERS && is_dead(rc) && mountpoint_connection(path) >= 0; i++) {
        mountpoint_detach(path);
        rc = look(path, &empty);
    }
    if (is_dead(rc))
        return error_set(
            err, ERROR_PERSON, -rc, "mount.stale",
            "%s is still occupied by a filesystem whose program has ended; run: fusermount3 -uz '%s'", path,
            path);
    if (rc == -ENOTDIR)
        return error_set(err, ERROR_PERSON, -rc, "mount.point", "%s is not a directory", path);
    if (rc)
        return error_set(err, ERROR_PERSON, -rc, "mount.point", "%s: %s", path, strerror(-rc));
    if (!nonempty && !empty)
        return error_set(
            err, ERROR_PERSON, ENOTEMPTY, "mount.point",
            "%s is not empty: what is in it would be hidden (mount with -o nonempty if that is meant)", path);
    return 0;
}
