/* The daemon's own access to the inbox. */
#include "fs/inbox/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backend/base/cleanup.h"

static int open_beneath(int at, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    if (!(flags & O_PATH)) /* openat2 refuses flags that mean nothing with it */
        how.flags |= O_NONBLOCK | O_NOCTTY;
    for (;;) {
        long fd = syscall(SYS_openat2, at, *path ? path : ".", &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        /* EAGAIN: a rename raced with the walk. */
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
}

int store_open(int inbox_fd, const char *path, int flags)
{
    /* A path longer than the kernel takes at once is walked in parts. */
    cleanup_close int part_fd = -1;
    int at = inbox_fd;
    while (strlen(path) >= PATH_MAX) {
        char part[PATH_MAX];
        memcpy(part, path, sizeof part - 1);
        part[sizeof part - 1] = '\0';
        char *slash = strrchr(part, '/');
        if (!slash)
            return -ENAMETOOLONG;
        *slash = '\0';
        int fd = open_beneath(at, part, O_PATH | O_DIRECTORY);
        if (fd < 0)
            return fd;
        if (part_fd >= 0)
            close(part_fd);
        at = part_fd = fd;
        path += slash - part + 1;
    }
    return open_beneath(at, path, flags);
}

bool store_has_writer(int fd)
{
    /* A read lease is refused while there is a writer. It is given back at once; whoever opens the file in
     * between waits that long, and the signal that tells us so is one that nobody hears. */
    fcntl(fd, F_SETSIG, SIGURG);
    if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
        return errno == EAGAIN;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
}

static int64_t nanoseconds(struct statx_timestamp t)
{
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

int store_stat(int fd, const char *name, struct store_stat *out)
{
    struct statx st;
    if (statx(fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
        return -errno;
    out->id = (struct file_id){.dev = makedev(st.stx_dev_major, st.stx_dev_minor), .ino = st.stx_ino};
    out->mode = st.stx_mode;
    out->stat = (struct recording_stat){
        .birth_ns = st.stx_mask & STATX_BTIME ? nanoseconds(st.stx_btime) : 0,
        .size = (int64_t)st.stx_size,
        .mtime_ns = nanoseconds(st.stx_mtime),
        .ctime_ns = nanoseconds(st.stx_ctime),
    };
    return 0;
}
