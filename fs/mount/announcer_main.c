/* The announcer: a small program that creates, removes and touches names in the mount because the daemon must
 * not do so itself.
 *
 *     scribefs-announcer INBOX        requests on descriptor 3, see announcer.h
 *
 * What it creates are views: the daemon recognises it by its process id and makes no file. It refuses to work
 * on anything that is not a FUSE filesystem, as after an unmount the path leads to an ordinary directory, and
 * it keeps nothing of the mount open between requests, so that unmounting works. It ends when the socket
 * closes. One thread, no libraries. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/mount/announcer.h"

#define SOCKET 3
#define FUSE_MAGIC 0x65735546 /* FUSE_SUPER_MAGIC of statfs(2) */

struct place {
    const char *inbox;
    dev_t device; /* of the mount as first seen, 0 before: should another be there later, it is not ours */
};

/* The inbox, if it is in our mount. A descriptor or negative errno. */
static int open_inbox(struct place *p)
{
    cleanup_close int fd = open(p->inbox, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct statfs fs;
    struct stat st;
    if (fd < 0 || fstatfs(fd, &fs) || fstat(fd, &st))
        return -errno;
    if (fs.f_type != FUSE_MAGIC || (p->device && p->device != st.st_dev))
        return -ESTALE;
    p->device = st.st_dev;
    return steal_fd(fd);
}

/* The directory of `path` below `inbox`; nothing on the way may be a symlink or another mount. */
static int open_directory(int inbox, const char *path)
{
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    long fd = syscall(SYS_openat2, inbox, path, &how, sizeof how);
    return fd < 0 ? -errno : (int)fd;
}

static int create(int dir, const char *name)
{
    int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0444);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int32_t serve(struct place *p, char kind, char *path)
{
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path, *parent = ".";
    if (slash) {
        *slash = '\0';
        parent = path;
    }
    cleanup_close int inbox = open_inbox(p);
    if (inbox < 0)
        return inbox;
    cleanup_close int dir = open_directory(inbox, parent);
    if (dir < 0)
        return dir;
    switch (kind) {
    case ANNOUNCER_CREATE:
        return create(dir, name);
    case ANNOUNCER_DELETE:
        return unlinkat(dir, name, 0) ? -errno : 0;
    case ANNOUNCER_TOUCH:
        return utimensat(dir, name, NULL, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
    default:
        return -EINVAL;
    }
}

/* It needs next to nothing. */
static void confine(void)
{
    static const struct {
        __rlimit_resource_t what;
        rlim_t most;
    } limits[] = {{RLIMIT_NOFILE, 16}, {RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_NPROC, 0}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        setrlimit(limits[i].what, &(struct rlimit){limits[i].most, limits[i].most});
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
    umask(0);
    if (chdir("/"))
        _exit(1);
    close_range(SOCKET + 1, ~0U, 0);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    struct place place = {.inbox = argv[1]};
    char request[1 + PATH_MAX + 1];
    confine();
    for (;;) {
        ssize_t n = recv(SOCKET, request, sizeof request - 1, MSG_TRUNC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        int32_t answer = -ENAMETOOLONG;
        if (n < (ssize_t)sizeof request) {
            request[n] = '\0';
            answer = n > 1 ? serve(&place, request[0], request + 1) : -EINVAL;
        }
        if (send(SOCKET, &answer, sizeof answer, 0) != sizeof answer)
            return 0;
    }
}
