/* Extended attributes: those of the backing files, as the backing filesystem answers. Views and the top have
 * none. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/mount/credentials.h"
#include "fs/mount/internal.h"
#include "fs/mount/resolve.h"

/* A path that leads to the file itself, whatever it is (it is not followed further if that is a symlink), and
 * the descriptor behind it. `made_up` is the answer for what is no real file. 0 or negative errno. */
static int target(struct mount *m, fuse_ino_t ino, int made_up, int *fd, char path[PROC_FD_SIZE])
{
    struct node *n = node_get(&m->nodes, ino);
    int rc = !n ? -ESTALE : n->kind == NODE_REAL ? 0 : made_up;
    if (n && !rc) {
        *fd = resolve_path(m, n);
        rc = *fd < 0 ? *fd : 0;
    }
    node_put(&m->nodes, n);
    if (!rc)
        proc_fd(*fd, path);
    return rc;
}

static int refusal(fuse_ino_t ino)
{
    return ino == NODE_TOP_ID || ino == NODE_STATUS_ID ? -EROFS : -EOPNOTSUPP;
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
    struct mount *m = mount_of(req);
    char path[PROC_FD_SIZE];
    cleanup_close int fd = -1;
    int rc = target(m, ino, refusal(ino), &fd, path);
    if (!rc) {
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        rc = credentials_assume(m, req, &as);
        if (!rc && setxattr(path, name, value, size, flags))
            rc = -errno;
    }
    reply_rc(req, m, rc);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    struct mount *m = mount_of(req);
    char path[PROC_FD_SIZE];
    cleanup_close int fd = -1;
    int rc = target(m, ino, refusal(ino), &fd, path);
    if (!rc) {
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        rc = credentials_assume(m, req, &as);
        if (!rc && removexattr(path, name))
            rc = -errno;
    }
    reply_rc(req, m, rc);
}

/* Replies with what was read: n bytes in data, or the size alone if the caller asked for that. */
static void reply_value(fuse_req_t req, struct mount *m, size_t size, const char *data, ssize_t n)
{
    if (n < 0)
        reply_rc(req, m, (int)n);
    else if (!size)
        fuse_reply_xattr(req, (size_t)n);
    else
        fuse_reply_buf(req, data, (size_t)n);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    struct mount *m = mount_of(req);
    char path[PROC_FD_SIZE];
    cleanup_close int fd = -1;
    cleanup_free char *data = size ? malloc(size) : NULL;
    ssize_t n = size && !data ? -ENOMEM : target(m, ino, -ENODATA, &fd, path);
    if (!n) {
        n = getxattr(path, name, data, size);
        n = n < 0 ? -errno : n;
    }
    reply_value(req, m, size, data, n);
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    struct mount *m = mount_of(req);
    char path[PROC_FD_SIZE];
    cleanup_close int fd = -1;
    cleanup_free char *data = size ? malloc(size) : NULL;
    ssize_t n = size && !data ? -ENOMEM : target(m, ino, -ENODATA, &fd, path);
    if (!n) {
        n = listxattr(path, data, size);
        n = n < 0 ? -errno : n;
    } else if (n == -ENODATA) {
        n = 0;
    }
    reply_value(req, m, size, data, n);
}
