/* LOOKUP and FORGET, and what every reply with an entry needs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/mount/announcer.h"
#include "fs/mount/internal.h"
#include "fs/mount/resolve.h"
#include "fs/mount/views.h"

#define TRIES                                                                                                \
    20 /* how often a name is looked at again because something was renamed or removed meanwhile             \
        */

void reply_rc(fuse_req_t req, struct mount *m, int rc)
{
    if (rc < 0) {
        errno = -rc;
        rc = resolve_error(m);
    }
    /* A damaged result is made again: that is no fault of the disk. */
    fuse_reply_err(req, rc == -ENOSYS ? EOPNOTSUPP : rc == -EUCLEAN ? EIO : -rc);
}

void reply_entry(fuse_req_t req, struct mount *m, const struct fuse_entry_param *e)
{
    if (fuse_reply_entry(req, e))
        node_forget(&m->nodes, e->ino, 1);
}

void entry_fill(struct mount *m, const struct node *n, const struct stat *st, struct fuse_entry_param *e)
{
    double timeout = n->kind == NODE_VIEW ? VIEW_TIMEOUT : m->config.attr_timeout;
    *e = (struct fuse_entry_param){
        .ino = n->id,
        .generation = n->generation,
        .attr = *st,
        .attr_timeout = timeout,
        .entry_timeout = timeout,
    };
}

int lookup_real(struct mount *m, struct node *dir, int dirfd, const char *name, struct fuse_entry_param *e,
                struct node **out)
{
    struct statx x;
    struct stat st;
    struct node *n = NULL;
    bool again = true;
    for (int i = 0; again; i++) {
        uint64_t moves = node_moves(&m->nodes);
        int rc = stat_at(dirfd, name, &x);
        if (rc)
            return rc;
        struct node_fact fact = fact_from_statx(&x);
        n = node_real(&m->nodes, &fact, dir, name, true, moves, i < TRIES ? &again : NULL);
        if (i >= TRIES)
            again = false;
    }
    if (!n)
        return -ENOMEM;
    stat_from_statx(n, &x, &st);
    entry_fill(m, n, &st, e);
    *out = n;
    return 0;
}

int lookup_entry(struct mount *m, struct node *dir, int dirfd, const char *name, bool for_announcer,
                 struct fuse_entry_param *e, struct node **out)
{
    int rc = lookup_real(m, dir, dirfd, name, e, out);
    if (rc != -ENOENT)
        return rc;
    struct view view;
    if (library_find_view(m->config.library, dir->file, name, for_announcer, &view) &&
        (for_announcer || library_find_unlisted(m->config.library, dir->file, name, &view)))
        return -ENOENT;
    return view_entry(m, dir, dirfd, name, &view, e, out);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct mount *m = mount_of(req);
    struct fuse_entry_param e;
    struct node *dir = node_get(&m->nodes, parent), *n = NULL;
    int rc = dir ? 0 : -ESTALE;
    if (!rc && dir->kind == NODE_QUERY) {
        search_lookup_hit(req, m, dir, name);
        return;
    }
    if (!rc && dir->kind == NODE_TOP) {
        rc = top_lookup(m, name, &e);
    } else if (!rc && dir->kind == NODE_SEARCH) {
        rc = search_lookup(m, name, &e);
    } else if (!rc) {
        cleanup_dir struct dir_ref at = DIR_REF_INIT;
        rc = plain_name(name) ? resolve_directory(m, dir, &at) : -ENOENT;
        if (!rc)
            rc = lookup_entry(m, dir, at.fd, name,
                              announcer_sees_hidden(m->announcer, fuse_req_ctx(req)->pid), &e, &n);
    }
    node_put(&m->nodes, n);
    node_put(&m->nodes, dir);
    if (rc)
        reply_rc(req, m, rc);
    else
        reply_entry(req, m, &e);
}

void close_kept(struct mount *m)
{
    for (int fd; (fd = node_take_kept(&m->nodes)) >= 0;)
        close(fd);
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
    struct mount *m = mount_of(req);
    node_forget(&m->nodes, ino, count);
    close_kept(m);
    fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    struct mount *m = mount_of(req);
    for (size_t i = 0; i < count; i++)
        node_forget(&m->nodes, forgets[i].ino, forgets[i].nlookup);
    close_kept(m);
    fuse_reply_none(req);
}
