/* GETATTR, SETATTR, ACCESS, STATFS. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/inbox/intake.h"
#include "fs/mount/credentials.h"
#include "fs/mount/internal.h"
#include "fs/mount/resolve.h"
#include "fs/mount/views.h"

static struct timespec from_statx_time(struct statx_timestamp t)
{
    return (struct timespec){.tv_sec = t.tv_sec, .tv_nsec = t.tv_nsec};
}

void stat_from_statx(const struct node *n, const struct statx *x, struct stat *st)
{
    *st = (struct stat){
        .st_ino = n->ino,
        .st_mode = x->stx_mode,
        .st_nlink = x->stx_nlink,
        .st_uid = x->stx_uid,
        .st_gid = x->stx_gid,
        .st_rdev = makedev(x->stx_rdev_major, x->stx_rdev_minor),
        .st_size = (off_t)x->stx_size,
        .st_blksize = (blksize_t)x->stx_blksize,
        .st_blocks = (blkcnt_t)x->stx_blocks,
        .st_atim = from_statx_time(x->stx_atime),
        .st_mtim = from_statx_time(x->stx_mtime),
        .st_ctim = from_statx_time(x->stx_ctime),
    };
}

struct node_fact fact_from_statx(const struct statx *x)
{
    bool born = x->stx_mask & STATX_BTIME;
    return (struct node_fact){
        .file = file_of_statx(x),
        .mode = x->stx_mode,
        .birth_ns = born ? x->stx_btime.tv_sec * 1000000000 + x->stx_btime.tv_nsec : 0,
    };
}

int node_attributes(struct mount *m, struct node *n, struct stat *st, double *timeout)
{
    struct statx x;
    int rc;
    switch (n->kind) {
    case NODE_TOP:
        top_attributes(m, st);
        *timeout = m->config.attr_timeout;
        return 0;
    case NODE_PAGE:
        *timeout = 0;
        return page_attributes(m, n, st);
    case NODE_VIEW:
        view_attributes(m, n, st);
        *timeout = VIEW_TIMEOUT;
        return 0;
    case NODE_SEARCH:
    case NODE_QUERY:
    case NODE_HIT:
    case NODE_HITS: /* op_getattr has dealt with it */
        search_attributes(m, n, st);
        *timeout = m->config.attr_timeout;
        return 0;
    case NODE_REAL:
        break;
    }
    rc = resolve_stat(m, n, &x);
    if (!rc)
        stat_from_statx(n, &x, st);
    *timeout = m->config.attr_timeout;
    return rc;
}

/* `ino` is the kernel's: when the node is reached by an alias of it, the kernel has two inodes for one file
 * and keeps nothing. */
static void reply_attributes(fuse_req_t req, struct mount *m, fuse_ino_t ino, struct node *n)
{
    struct stat st;
    double timeout = 0;
    int rc = node_attributes(m, n, &st, &timeout);
    if (n->id != ino)
        timeout = 0;
    node_put(&m->nodes, n);
    if (rc)
        reply_rc(req, m, rc);
    else
        fuse_reply_attr(req, &st, timeout);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct mount *m = mount_of(req);
    (void)fi; /* the kernel rarely sends it; the node finds its open handles itself */
    struct node *n = node_get(&m->nodes, ino);
    if (!n)
        reply_rc(req, m, -ESTALE);
    else if (n->kind == NODE_HITS)
        search_getattr(req, m, n);
    else
        reply_attributes(req, m, ino, n);
}

/* ---- SETATTR ---- */

/* When somebody else than the owner writes to a setuid file, the kernel takes the bit away in the writer's
 * name: that is no chmod the writer would have to be allowed. */
static int drop_set_ids(const char *path, mode_t mode)
{
    struct stat st;
    if (stat(path, &st))
        return -errno;
    mode_t now = st.st_mode & 07777, gone = now & ~mode;
    if ((mode & ~now) || !gone || (gone & ~(mode_t)(S_ISUID | S_ISGID)))
        return -EPERM;
    return chmod(path, mode) ? -errno : 0;
}

static int set_mode(fuse_req_t req, struct mount *m, const char *path, mode_t mode)
{
    int rc;
    {
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        rc = credentials_assume(m, req, &as);
        if (!rc && chmod(path, mode))
            rc = -errno;
    }
    return rc == -EPERM ? drop_set_ids(path, mode) : rc;
}

static int set_owner(fuse_req_t req, struct mount *m, int fd, uid_t uid, gid_t gid)
{
    cleanup_credentials struct credentials as = CREDENTIALS_INIT;
    int rc = credentials_assume(m, req, &as);
    if (!rc && fchownat(fd, "", uid, gid, AT_EMPTY_PATH))
        rc = -errno;
    return rc;
}

static int set_times(fuse_req_t req, struct mount *m, const char *path, const struct stat *attr, int to_set)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    if (to_set & FUSE_SET_ATTR_ATIME_NOW)
        times[0].tv_nsec = UTIME_NOW;
    else if (to_set & FUSE_SET_ATTR_ATIME)
        times[0] = attr->st_atim;
    if (to_set & FUSE_SET_ATTR_MTIME_NOW)
        times[1].tv_nsec = UTIME_NOW;
    else if (to_set & FUSE_SET_ATTR_MTIME)
        times[1] = attr->st_mtim;
    cleanup_credentials struct credentials as = CREDENTIALS_INIT;
    int rc = credentials_assume(m, req, &as);
    /* Follows the name under /proc to the file itself; if that is a symlink, it is not followed further. */
    if (!rc && utimensat(AT_FDCWD, path, times, 0))
        rc = -errno;
    return rc;
}

static int set_size(fuse_req_t req, struct mount *m, struct node *n, const char *path, off_t size,
                    struct handle *h)
{
    int fd = h ? atomic_load(&h->base.fd) : -1;
    if (fd >= 0 && wants_write(h->flags)) {
        handle_modified(m, h);
        return ftruncate(fd, size) ? -errno : 0;
    }
    {
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        int rc = credentials_assume(m, req, &as);
        if (!rc && truncate(path, size))
            rc = -errno;
        if (rc)
            return rc;
    }
    if (S_ISREG(n->type))
        intake_modified(m->config.intake, n->file);
    return 0;
}

static int set_real(fuse_req_t req, struct mount *m, struct node *n, const struct stat *attr, int to_set,
                    struct handle *h)
{
    cleanup_close int fd = resolve_path(m, n);
    if (fd < 0)
        return fd;
    char path[PROC_FD_SIZE];
    proc_fd(fd, path);
    int rc = 0;
    if (to_set & FUSE_SET_ATTR_MODE)
        rc = set_mode(req, m, path, attr->st_mode & 07777);
    if (!rc && (to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)))
        rc = set_owner(req, m, fd, to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1,
                       to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1);
    if (!rc && (to_set & FUSE_SET_ATTR_SIZE))
        rc = set_size(req, m, n, path, attr->st_size, h);
    if (!rc && (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                          FUSE_SET_ATTR_MTIME_NOW)))
        rc = set_times(req, m, path, attr, to_set);
    if (!rc && S_ISREG(n->type) && (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)))
        library_rights_changed(m->config.library, n->file);
    return rc;
}

/* Owner, mode and times are accepted and forgotten; another size makes it a real file, which is *n from then
 * on. */
static int set_view(fuse_req_t req, struct mount *m, struct node **n, const struct stat *attr, int to_set,
                    struct handle *h)
{
    if (!(to_set & FUSE_SET_ATTR_SIZE) || (h && h->kind == HANDLE_ANNOUNCE))
        return 0;
    struct stat now;
    view_attributes(m, *n, &now);
    if (now.st_size == attr->st_size)
        return 0;
    if (h && h->kind == HANDLE_VIEW && wants_write(h->flags)) {
        int fd = view_handle_fd(m, h, fuse_req_ctx(req)->pid);
        if (fd < 0)
            return fd;
        handle_modified(m, h);
        if (ftruncate(fd, attr->st_size))
            return -errno;
        struct node *real;
        if (node_became(&m->nodes, *n, &real) > 0) {
            node_put(&m->nodes, *n);
            *n = real;
        }
        return 0;
    }
    struct node *real = NULL;
    int rc = view_permits(req, m, *n, W_OK);
    if (!rc)
        rc = view_truncate(m, *n, attr->st_size, &real);
    if (real) {
        node_put(&m->nodes, *n);
        *n = real;
    }
    return rc;
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
    struct mount *m = mount_of(req);
    struct node *n = node_get(&m->nodes, ino);
    if (!n) {
        reply_rc(req, m, -ESTALE);
        return;
    }
    struct handle *h = fi ? handle_of(fi) : NULL;
    int rc = -EROFS;
    if (n->kind == NODE_REAL)
        rc = set_real(req, m, n, attr, to_set, h);
    else if (n->kind == NODE_VIEW)
        rc = set_view(req, m, &n, attr, to_set, h);
    if (!rc) {
        reply_attributes(req, m, ino, n);
        return;
    }
    node_put(&m->nodes, n);
    reply_rc(req, m, rc);
}

/* ---- ACCESS and STATFS ---- */

void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
    /* default_permissions: the kernel has decided already. */
    (void)ino;
    (void)mask;
    reply_rc(req, mount_of(req), 0);
}

void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct mount *m = mount_of(req);
    struct statvfs fs;
    struct node *n = node_get(&m->nodes, ino);
    cleanup_close int fd = n && n->kind == NODE_REAL ? resolve_path(m, n) : -1;
    node_put(&m->nodes, n);
    if (fstatvfs(fd >= 0 ? fd : m->config.inbox_fd, &fs))
        reply_rc(req, m, -errno);
    else
        fuse_reply_statfs(req, &fs);
}
