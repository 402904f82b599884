/* Makes a real file out of a view's bytes: an unnamed file is written, synced and then given its name. */
#include "fs/mount/materialise.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/library.h"
#include "fs/mount/acl.h"
#include "fs/mount/resolve.h"

#define TEMPORARY_SIZE 32

/* A dot name, which nothing takes for a recording. */
static void temporary_name(char name[TEMPORARY_SIZE])
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = (uint64_t)getpid();
    snprintf(name, TEMPORARY_SIZE, ".scribefs-%016" PRIx64, number);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static int fill(int fd, const struct view_content *content)
{
    if (content->fd < 0)
        return write_all(fd, content->text, content->size);
    char data[16384];
    for (off_t off = 0; (size_t)off < content->size;) {
        size_t left = content->size - (size_t)off;
        ssize_t n = pread(content->fd, data, left < sizeof data ? left : sizeof data, off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EIO;
        int rc = write_all(fd, data, (size_t)n);
        if (rc)
            return rc;
        off += n;
    }
    return 0;
}

static int finish(int fd, const struct view_content *content, const struct owner *owner)
{
    int rc = content ? fill(fd, content) : 0;
    if (rc)
        return rc;
    /* What an ordinary user may not give away stays the daemon's. */
    if (fchown(fd, owner->uid, owner->gid) && fchown(fd, (uid_t)-1, owner->gid) && errno != EPERM)
        return -errno;
    /* Without its ACL the group's bits would mean more than they did: then it is its owner's alone. */
    rc = acl_give(fd, owner->acl, owner->acl_size);
    if (rc && rc != -EOPNOTSUPP)
        return rc;
    if (fchmod(fd, owner->mode & (rc ? 0700 : 0777)))
        return -errno;
    return fsync(fd) ? -errno : 0;
}

/* From the temporary name to the final one. */
static int rename_into_place(int dirfd, const char *temporary, const char *name, bool replace)
{
    if (!renameat2(dirfd, temporary, dirfd, name, replace ? 0 : RENAME_NOREPLACE))
        return 0;
    int rc = -errno;
    if (!replace && rc == -EINVAL) /* a filesystem without RENAME_NOREPLACE */
        rc = linkat(dirfd, temporary, dirfd, name, 0) ? -errno : 0;
    unlinkat(dirfd, temporary, 0);
    return rc;
}

int materialise(int dirfd, const char *name, const struct view_content *content, const struct owner *owner,
                bool replace)
{
    char temporary[TEMPORARY_SIZE], self[PROC_FD_SIZE];
    temporary_name(temporary);
    cleanup_close int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    bool named = fd < 0;
    if (named) /* a filesystem without unnamed files */
        fd = openat(dirfd, temporary, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = finish(fd, content, owner);
    if (!rc && !named) {
        proc_fd(fd, self);
        rc = linkat(AT_FDCWD, self, dirfd, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
        if (rc == -EEXIST && replace) {
            rc = linkat(AT_FDCWD, self, dirfd, temporary, AT_SYMLINK_FOLLOW) ? -errno : 0;
            named = !rc;
        } else {
            return rc ? rc : steal_fd(fd);
        }
    }
    if (rc) {
        if (named)
            unlinkat(dirfd, temporary, 0);
        return rc;
    }
    rc = rename_into_place(dirfd, temporary, name, replace);
    return rc ? rc : steal_fd(fd);
}

int materialise_unnamed(int dirfd, const struct view_content *content, const struct owner *owner)
{
    char temporary[TEMPORARY_SIZE];
    temporary_name(temporary);
    cleanup_close int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* a filesystem without unnamed files */
        fd = openat(dirfd, temporary, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || unlinkat(dirfd, temporary, 0))
            return -errno;
    }
    int rc = finish(fd, content, owner);
    return rc ? rc : steal_fd(fd);
}
