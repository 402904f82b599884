/* What changes names: MKNOD, MKDIR, SYMLINK, LINK, UNLINK, RMDIR, RENAME; and READLINK. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/inbox/intake.h"
#include "fs/mount/announcer.h"
#include "fs/mount/credentials.h"
#include "fs/mount/internal.h"
#include "fs/mount/notifier.h"
#include "fs/mount/resolve.h"
#include "fs/mount/views.h"

/* ---- Telling intake ---- */

void tell_added(struct mount *m, struct node *dir, const char *name, struct file_id id)
{
    cleanup_free char *path = node_path(&m->nodes, dir, m->inbox);
    if (path)
        intake_added(m->config.intake, &(struct place){dir->file, path, name}, id);
}

void tell_removed(struct mount *m, struct node *dir, const char *name, struct file_id id)
{
    cleanup_free char *path = node_path(&m->nodes, dir, m->inbox);
    if (path)
        intake_removed(m->config.intake, &(struct place){dir->file, path, name}, id);
}

/* dir/name, relative to the inbox; NULL: out of memory or unknown. */
static char *path_of(struct mount *m, const struct node *dir, const char *name)
{
    cleanup_free char *path = node_path(&m->nodes, dir, m->inbox);
    char *whole = NULL;
    if (!path || asprintf(&whole, "%s%s%s", path, *path ? "/" : "", name) < 0)
        return NULL;
    return whole;
}

/* ---- Directory and name of a request ---- */

struct where {
    struct mount *mount;
    struct node *node; /* a reference */
    struct dir_ref dir;
    const char *name;
    unsigned turn; /* of intake_names_begin(), for what is made there */
};

static void where_clear(struct where *w)
{
    dir_ref_clear(&w->dir);
    if (w->node)
        node_put(&w->mount->nodes, w->node);
}
#define cleanup_where __attribute__((cleanup(where_clear)))

static int where_find(struct mount *m, fuse_ino_t parent, const char *name, struct where *w)
{
    *w = (struct where){.mount = m, .name = name, .dir = DIR_REF_INIT};
    if (!plain_name(name))
        return -EINVAL;
    w->node = node_get(&m->nodes, parent);
    return w->node ? resolve_directory(m, w->node, &w->dir) : -ESTALE;
}

/* ---- New names ---- */

/* Replies with the entry of what was just made there. Ends what where_free() began. */
static void reply_made(fuse_req_t req, struct mount *m, const struct where *w, int rc)
{
    struct fuse_entry_param e;
    struct node *n = NULL;
    if (!rc)
        rc = lookup_real(m, w->node, w->dir.fd, w->name, &e, &n);
    if (!rc && S_ISREG(n->type))
        tell_added(m, w->node, w->name, n->file);
    node_put(&m->nodes, n);
    intake_names_end(m->config.intake, w->turn);
    if (rc)
        reply_rc(req, m, rc);
    else
        reply_entry(req, m, &e);
}

/* The kernel looked the name up and found nothing, but a view may have appeared since. The caller goes on to
 * reply_made(), whatever the result. */
static int where_free(struct mount *m, fuse_ino_t parent, const char *name, struct where *w)
{
    int rc = where_find(m, parent, name, w);
    w->turn = intake_names_begin(m->config.intake);
    return !rc && view_visible(m, w->node, name) ? -EEXIST : rc;
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    struct mount *m = mount_of(req);
    cleanup_where struct where w;
    int rc = where_free(m, parent, name, &w);
    if (!rc && (S_ISCHR(mode) || S_ISBLK(mode)) && fuse_req_ctx(req)->uid != 0)
        rc = -EPERM;
    if (!rc) {
        cleanup_creation_mask struct creation_mask mask = CREATION_MASK_INIT;
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        rc = credentials_assume(m, req, &as);
        if (!rc && mknodat(w.dir.fd, name, creation_mask_assume(req, mode, &mask), rdev))
            rc = -errno;
    }
    reply_made(req, m, &w, rc);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct mount *m = mount_of(req);
    cleanup_where struct where w;
    int rc = where_free(m, parent, name, &w);
    if (!rc) {
        cleanup_creation_mask struct creation_mask mask = CREATION_MASK_INIT;
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        rc = credentials_assume(m, req, &as);
        if (!rc && mkdirat(w.dir.fd, name, creation_mask_assume(req, mode & 07777, &mask)))
            rc = -errno;
    }
    reply_made(req, m, &w, rc);
}

void op_symlink(fuse_req_t req, const char *link_target, fuse_ino_t parent, const char *name)
{
    struct mount *m = mount_of(req);
    cleanup_where struct where w;
    int rc = where_free(m, parent, name, &w);
    if (!rc) {
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        rc = credentials_assume(m, req, &as);
        if (!rc && symlinkat(link_target, w.dir.fd, name))
            rc = -errno;
    }
    reply_made(req, m, &w, rc);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
    struct mount *m = mount_of(req);
    char text[PATH_MAX + 1];
    struct node *n = node_get(&m->nodes, ino);
    if (n && n->kind == NODE_HIT) {
        fuse_reply_readlink(req, search_target(n));
        node_put(&m->nodes, n);
        return;
    }
    cleanup_close int fd = !n ? -ESTALE : n->kind == NODE_REAL ? resolve_path(m, n) : -EINVAL;
    node_put(&m->nodes, n);
    int rc = fd < 0 ? fd : 0;
    ssize_t length = rc ? rc : readlinkat(fd, "", text, sizeof text - 1);
    if (length < 0) {
        /* ENOENT is what an empty path says of anything but a symlink. */
        reply_rc(req, m, rc ? rc : errno == ENOENT ? -EINVAL : -errno);
        return;
    }
    text[length] = '\0';
    fuse_reply_readlink(req, text);
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
    struct mount *m = mount_of(req);
    cleanup_where struct where w;
    int rc = where_free(m, newparent, newname, &w);
    struct node *n = node_get(&m->nodes, ino);
    if (!rc)
        rc = !n ? -ESTALE : n->kind == NODE_VIEW ? -EPERM : n->kind == NODE_REAL ? 0 : -EROFS;
    if (!rc) {
        cleanup_close int fd = resolve_path(m, n);
        rc = fd < 0 ? fd : 0;
        char path[PROC_FD_SIZE];
        proc_fd(fd, path);
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        if (!rc)
            rc = credentials_assume(m, req, &as);
        if (!rc && linkat(AT_FDCWD, path, w.dir.fd, newname, AT_SYMLINK_FOLLOW))
            rc = -errno;
    }
    node_put(&m->nodes, n);
    reply_made(req, m, &w, rc);
}

/* ---- Removing ---- */

/* A descriptor of the file x that is about to lose its name, for those who may still come for it: who is about to open
 * what is replaced (a lookup may be about to make its node), who has it open as the view it was. -1: nobody will. */
static int hold(struct mount *m, const struct where *w, const struct statx *x, bool replaced)
{
    struct statx now;
    struct node *n = replaced ? NULL : node_find(&m->nodes, file_of_statx(x));
    bool wanted = replaced || (n && node_has_aliases(&m->nodes, n));
    node_put(&m->nodes, n);
    if (!wanted)
        return -1;
    cleanup_close int fd = openat(w->dir.fd, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool same = fd >= 0 && !stat_at(fd, "", &now) && file_id_equal(file_of_statx(&now), file_of_statx(x));
    return same ? steal_fd(fd) : -1;
}

/* Gives *held to the node of the file, if there is one: true, and *held is -1. */
static bool keep(struct mount *m, struct file_id file, int *held)
{
    struct node *n = *held >= 0 ? node_find(&m->nodes, file) : NULL;
    bool kept = n && node_keep(&m->nodes, n, *held);
    if (kept)
        *held = -1;
    node_put(&m->nodes, n);
    return kept;
}

/* The file stays where it is after all. */
static void keep_no_longer(struct mount *m, struct file_id file)
{
    struct node *n = node_find(&m->nodes, file);
    int fd = n ? node_keep_no_longer(&m->nodes, n) : -1;
    if (fd >= 0)
        close(fd);
    node_put(&m->nodes, n);
}

/* The node of a file no longer has this name. *held (-1: none) is handed over to it, or left. */
static void forget_name(struct mount *m, struct file_id file, const struct where *w, int *held)
{
    keep(m, file, held);
    struct node *n = node_find(&m->nodes, file);
    if (n)
        node_remove_name(&m->nodes, n, w->node, w->name);
    node_put(&m->nodes, n);
}

static int remove_as_caller(fuse_req_t req, struct mount *m, const struct where *w, int flags)
{
    cleanup_credentials struct credentials as = CREDENTIALS_INIT;
    int rc = credentials_assume(m, req, &as);
    return rc ? rc : unlinkat(w->dir.fd, w->name, flags) ? -errno : 0;
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct mount *m = mount_of(req);
    cleanup_where struct where w;
    struct statx x;
    int rc = where_find(m, parent, name, &w);
    if (!rc && announcer_is(m->announcer, fuse_req_ctx(req)->pid)) {
        rc = view_announce_unlink(m, w.node, w.dir.fd, name);
    } else if (!rc) {
        unsigned turn = intake_names_begin(m->config.intake);
        rc = stat_at(w.dir.fd, name, &x);
        cleanup_close int held = rc ? -1 : hold(m, &w, &x, false);
        if (!rc)
            rc = remove_as_caller(req, m, &w, 0);
        else if (rc == -ENOENT)
            rc = view_unlink(m, w.node, name, fuse_req_ctx(req)->pid), x.stx_mode = 0;
        if (!rc && x.stx_mode) {
            forget_name(m, file_of_statx(&x), &w, &held);
            if (S_ISREG(x.stx_mode))
                tell_removed(m, w.node, name, file_of_statx(&x));
        }
        intake_names_end(m->config.intake, turn);
    }
    reply_rc(req, m, rc);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct mount *m = mount_of(req);
    cleanup_where struct where w;
    struct statx x;
    int rc = where_find(m, parent, name, &w);
    if (!rc)
        rc = stat_at(w.dir.fd, name, &x);
    if (rc == -ENOENT && view_visible(m, w.node, name))
        rc = -ENOTDIR;
    if (!rc) {
        /* The path before the name goes. */
        unsigned turn = intake_names_begin(m->config.intake);
        cleanup_free char *path = path_of(m, w.node, name);
        rc = remove_as_caller(req, m, &w, AT_REMOVEDIR);
        if (!rc) {
            forget_name(m, file_of_statx(&x), &w, &(int){-1});
            if (path)
                intake_directory_removed(m->config.intake, path);
        }
        intake_names_end(m->config.intake, turn);
    }
    reply_rc(req, m, rc);
}

/* ---- RENAME
 * ---------------------------------------------------------------------------------------------------------
 */

/* `old`: the regular file that was replaced, or NULL. */
static void tell_renamed(struct mount *m, const struct where *from, const struct where *to, struct file_id id,
                         const struct file_id *old)
{
    cleanup_free char *path = node_path(&m->nodes, from->node, m->inbox);
    cleanup_free char *newpath = node_path(&m->nodes, to->node, m->inbox);
    if (!path || !newpath)
        return;
    const struct place was = {from->node->file, path, from->name}, is = {to->node->file, newpath, to->name};
    if (old)
        intake_replaced(m->config.intake, &was, &is, id, *old);
    else
        intake_renamed(m->config.intake, &was, &is, id);
}

static void move_name(struct mount *m, struct file_id file, const struct where *from, const struct where *to)
{
    struct node *n = node_find(&m->nodes, file);
    if (n)
        node_rename(&m->nodes, n, from->node, from->name, to->node, to->name);
    node_put(&m->nodes, n);
}

/* After an ordinary rename of x; `old` is what it replaced, or NULL, and *held a descriptor of that. The paths are those
 * before. */
static void renamed(struct mount *m, const struct where *from, const struct where *to, const struct statx *x,
                    const struct statx *old, int *held, const char *path, const char *newpath)
{
    struct file_id replaced = old ? file_of_statx(old) : (struct file_id){0};
    bool version = old && S_ISREG(old->stx_mode) && S_ISREG(x->stx_mode);
    if (old) {
        forget_name(m, replaced, to, held);
        if (S_ISREG(old->stx_mode) && !version)
            tell_removed(m, to->node, to->name, replaced);
        else if (S_ISDIR(old->stx_mode) && newpath)
            intake_directory_removed(m->config.intake, newpath);
    }
    move_name(m, file_of_statx(x), from, to);
    if (S_ISREG(x->stx_mode))
        tell_renamed(m, from, to, file_of_statx(x), version ? &replaced : NULL);
    else if (S_ISDIR(x->stx_mode) && path && newpath)
        intake_directory_renamed(m->config.intake, path, newpath);
}

/* After an exchange of x and y. Two directories change their paths by way of a third. */
static void exchanged(struct mount *m, const struct where *from, const struct where *to,
                      const struct statx *x, const struct statx *y, const char *path, const char *newpath)
{
    move_name(m, file_of_statx(x), from, to);
    move_name(m, file_of_statx(y), to, from);
    cleanup_free char *third = NULL;
    bool x_dir = S_ISDIR(x->stx_mode), y_dir = S_ISDIR(y->stx_mode);
    if (asprintf(&third, "exchange %llx", (unsigned long long)x->stx_ino) < 0)
        third = NULL;
    struct intake *in = m->config.intake;
    if (path && newpath && third) {
        if (x_dir)
            intake_directory_renamed(in, path, y_dir ? third : newpath);
        if (y_dir)
            intake_directory_renamed(in, newpath, path);
        if (x_dir && y_dir)
            intake_directory_renamed(in, third, newpath);
    }
    if (S_ISREG(x->stx_mode))
        tell_renamed(m, from, to, file_of_statx(x), NULL);
    if (S_ISREG(y->stx_mode))
        tell_renamed(m, to, from, file_of_statx(y), NULL);
}

static int rename_as_caller(fuse_req_t req, struct mount *m, const struct where *from, const struct where *to,
                            unsigned flags)
{
    cleanup_credentials struct credentials as = CREDENTIALS_INIT;
    int rc = credentials_assume(m, req, &as);
    return rc ? rc : renameat2(from->dir.fd, from->name, to->dir.fd, to->name, flags) ? -errno : 0;
}

static int rename_real(fuse_req_t req, struct mount *m, const struct where *from, const struct where *to,
                       const struct statx *x, unsigned flags)
{
    struct statx y = {0};
    bool there = !stat_at(to->dir.fd, to->name, &y);
    bool over_view = !there && view_visible(m, to->node, to->name);
    if (over_view && (flags & (RENAME_EXCHANGE | RENAME_NOREPLACE)))
        return flags & RENAME_EXCHANGE ? -EINVAL : -EEXIST;
    cleanup_free char *path = path_of(m, from->node, from->name);
    cleanup_free char *newpath = path_of(m, to->node, to->name);
    /* Kept before it is replaced, as somebody may be opening it at this moment; and after, when its node is that young. */
    cleanup_close int held = there && !(flags & RENAME_EXCHANGE) ? hold(m, to, &y, true) : -1;
    bool kept = keep(m, file_of_statx(&y), &held);
    int rc = rename_as_caller(req, m, from, to, flags);
    bool nothing = there && file_id_equal(file_of_statx(x), file_of_statx(&y)); /* two names of one file */
    if (kept && (rc || nothing))
        keep_no_longer(m, file_of_statx(&y));
    if (rc || nothing)
        return rc;
    if (flags & RENAME_EXCHANGE)
        exchanged(m, from, to, x, &y, path, newpath);
    else
        renamed(m, from, to, x, there ? &y : NULL, &held, path, newpath);
    if (over_view)
        notifier_push(m, to->node->id, to->name);
    return 0;
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent, const char *newname,
               unsigned flags)
{
    struct mount *m = mount_of(req);
    cleanup_where struct where from, to;
    struct statx x;
    int rc = where_find(m, parent, name, &from);
    int rc_to = where_find(m, newparent, newname, &to);
    rc = rc ? rc : rc_to;
    if (!rc && (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)))
        rc = -EINVAL;
    if (!rc) {
        rc = stat_at(from.dir.fd, name, &x);
        if (!rc) {
            unsigned turn = intake_names_begin(m->config.intake);
            rc = rename_real(req, m, &from, &to, &x, flags);
            intake_names_end(m->config.intake, turn);
        } else if (rc == -ENOENT)
            rc = view_rename(m, from.node, from.dir.fd, name, to.node, to.dir.fd, newname, flags);
    }
    reply_rc(req, m, rc);
}
