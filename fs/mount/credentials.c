/* Acting as the caller. */
#include "fs/mount/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/mount/internal.h"

#define MOST_GROUPS 65536 /* NGROUPS_MAX */

static int set_groups(size_t count, const gid_t *groups)
{
    return syscall(SYS_setgroups, count, groups) ? -errno : 0;
}

/* These two return the old value and no error: ask again to see whether it worked. */
static bool set_fsuid(uid_t uid)
{
    setfsuid(uid);
    return (uid_t)setfsuid((uid_t)-1) == uid;
}

static bool set_fsgid(gid_t gid)
{
    setfsgid(gid);
    return (gid_t)setfsgid((gid_t)-1) == gid;
}

void credentials_restore(struct credentials *c)
{
    if (!c->changed)
        return;
    int saved = errno;
    /* The user first: it brings the capabilities back. */
    set_fsuid(geteuid());
    set_fsgid(getegid());
    set_groups(0, NULL);
    c->changed = false;
    errno = saved;
}

bool credentials_possible(void)
{
    if (geteuid() != 0)
        return false;
    const uid_t nobody = 65534;
    cleanup_credentials struct credentials c = {true};
    /* The daemon itself keeps no supplementary groups from here on. */
    return !set_groups(0, NULL) && set_fsgid(nobody) && set_fsuid(nobody);
}

/* The supplementary groups of a thread. libfuse has fuse_req_getgroups(), whose buffer is not terminated
 * before 3.17. A thread that cannot be seen (another pid namespace, or it is gone) has none. */
static int read_groups(pid_t pid, gid_t **groups, size_t *count)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    cleanup_close int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    cleanup_buffer struct buffer text = {0};
    char piece[4096];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) > 0)
        buffer_add(&text, piece, (size_t)n);
    if (buffer_error(&text))
        return -ENOMEM;
    const char *p = text.data ? strstr(text.data, "\nGroups:") : NULL;
    if (!p)
        return 0;
    size_t room = 0;
    p += strlen("\nGroups:");
    for (;;) {
        while (*p == ' ' || *p == '\t')
            p++;
        if (*p < '0' || *p > '9' || *count >= MOST_GROUPS)
            return 0;
        if (*count == room) {
            room = room ? room * 2 : 32;
            gid_t *more = reallocarray(*groups, room, sizeof *more);
            if (!more)
                return -ENOMEM;
            *groups = more;
        }
        char *end;
        (*groups)[(*count)++] = (gid_t)strtoul(p, &end, 10);
        p = end;
    }
}

int credentials_assume(const struct mount *m, fuse_req_t req, struct credentials *c)
{
    const struct fuse_ctx *caller = fuse_req_ctx(req);
    if (!m->privileged || (caller->uid == 0 && caller->gid == 0))
        return 0;
    cleanup_free gid_t *groups = NULL;
    size_t count = 0;
    int rc = read_groups(caller->pid, &groups, &count);
    if (rc)
        return rc;
    c->changed = true;
    if (set_groups(count, groups) || !set_fsgid(caller->gid) || !set_fsuid(caller->uid))
        return -EPERM;
    return 0;
}

mode_t creation_mask_assume(fuse_req_t req, mode_t mode, struct creation_mask *mask)
{
    mode_t bits = fuse_req_ctx(req)->umask & 0777;
    /* Costs next to nothing once the thread's mask is its own. */
    if (unshare(CLONE_FS))
        return mode & ~bits;
    umask(bits);
    mask->changed = true;
    return mode;
}

void creation_mask_restore(struct creation_mask *mask)
{
    if (mask->changed)
        umask(0); /* the daemon's */
    mask->changed = false;
}
