/* Extended attributes: those of the backing files, as the backing filesystem answers. Views have none but the ACL
 * of their recording, the top has none. What user.scribefs.* answers is made here, for recordings and views alike. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/inbox/facts.h"
#include "fs/mount/acl.h"
#include "fs/mount/credentials.h"
#include "fs/mount/internal.h"
#include "fs/mount/resolve.h"
#include "fs/mount/views.h"

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
    return ino <= NODE_SEARCH_ID || (ino & NODE_MADE) == NODE_MADE ? -EROFS : -EOPNOTSUPP;
}

/* What a change of this attribute gets without further ado; 0: go on. `done`: it is accepted and forgotten, as a
 * view's mode is. */
static int answered(struct mount *m, fuse_ino_t ino, const char *name, bool *done)
{
    *done = false;
    if (fact_is_name(name))
        return -EPERM;
    if (!acl_is_name(name))
        return 0;
    if (!m->acl)
        return -EOPNOTSUPP;
    struct node *n = node_get(&m->nodes, ino);
    *done = n && n->kind == NODE_VIEW;
    node_put(&m->nodes, n);
    return 0;
}

/* Views have the ACL of their recording. */
static void tell_rights(struct mount *m, fuse_ino_t ino, const char *name)
{
    struct node *n = acl_is_name(name) ? node_get(&m->nodes, ino) : NULL;
    if (n && n->kind == NODE_REAL && S_ISREG(n->type))
        library_rights_changed(m->config.library, n->file);
    node_put(&m->nodes, n);
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
    struct mount *m = mount_of(req);
    char path[PROC_FD_SIZE];
    cleanup_close int fd = -1;
    bool done;
    int rc = answered(m, ino, name, &done);
    if (!rc && !done)
        rc = target(m, ino, refusal(ino), &fd, path);
    if (!rc && !done) {
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        rc = credentials_assume(m, req, &as);
        if (!rc && setxattr(path, name, value, size, flags))
            rc = -errno;
        if (!rc)
            tell_rights(m, ino, name);
    }
    reply_rc(req, m, rc);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    struct mount *m = mount_of(req);
    char path[PROC_FD_SIZE];
    cleanup_close int fd = -1;
    bool done;
    int rc = answered(m, ino, name, &done);
    if (!rc && !done)
        rc = target(m, ino, refusal(ino), &fd, path);
    if (!rc && !done) {
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        rc = credentials_assume(m, req, &as);
        if (!rc && removexattr(path, name))
            rc = -errno;
        if (!rc)
            tell_rights(m, ino, name);
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

/* The access ACL of a view: its size, its bytes in data if there is room, or negative errno. -ENODATA: it has none
 * beyond its mode; what it has when its recording has gone, that mode tells. -EOPNOTSUPP: this is no view. */
static ssize_t acl_of_view(struct mount *m, fuse_ino_t ino, char *data, size_t size)
{
    struct node *n = node_get(&m->nodes, ino);
    cleanup_close int fd = n && n->kind == NODE_VIEW ? view_recording(m, n) : -EOPNOTSUPP;
    node_put(&m->nodes, n);
    if (fd < 0)
        return fd == -ENOENT ? -ENODATA : fd;
    cleanup_free void *acl = NULL;
    size_t length;
    int rc = acl_of_recording(fd, &acl, &length);
    if (rc || !acl)
        return rc ? rc : -ENODATA;
    if (size && length > size)
        return -ERANGE;
    if (size)
        memcpy(data, acl, length);
    return (ssize_t)length;
}

/* Where ACLs are on there may still be filesystems without them below the inbox; the kernel would take anything
 * but "none" for a refusal of access. */
static ssize_t get_acl(struct mount *m, fuse_ino_t ino, const char *name, char *data, size_t size)
{
    if (!m->acl)
        return -EOPNOTSUPP;
    ssize_t n = strcmp(name, ACL_ACCESS) ? -EOPNOTSUPP : acl_of_view(m, ino, data, size);
    if (n != -EOPNOTSUPP)
        return n;
    char path[PROC_FD_SIZE];
    cleanup_close int fd = -1;
    n = target(m, ino, -ENODATA, &fd, path);
    if (!n) {
        n = getxattr(path, name, data, size);
        n = n < 0 ? -errno : n;
    }
    return n == -EOPNOTSUPP ? -ENODATA : n;
}

/* May this caller read the file? The kernel asks that of user.* only where it knows the rights. */
static int may_read(fuse_req_t req, struct mount *m, struct node *n)
{
    if (n->kind == NODE_VIEW)
        return view_permits(req, m, n, R_OK);
    if (m->acl || !m->privileged)
        return 0;
    cleanup_close int fd = resolve_path(m, n);
    if (fd < 0)
        return fd;
    cleanup_credentials struct credentials as = CREDENTIALS_INIT;
    int rc = credentials_assume(m, req, &as);
    return rc ? rc : faccessat(fd, "", R_OK, AT_EACCESS | AT_EMPTY_PATH) ? -errno : 0;
}

static ssize_t get_fact(fuse_req_t req, struct mount *m, fuse_ino_t ino, const char *name, char *data, size_t size)
{
    struct node *n = node_get(&m->nodes, ino);
    bool asked = n && (n->kind == NODE_VIEW || (n->kind == NODE_REAL && S_ISREG(n->type)));
    ssize_t rc = !n ? -ESTALE : asked ? may_read(req, m, n) : -ENODATA;
    struct file_id id = n ? n->file : (struct file_id){0};
    node_put(&m->nodes, n);
    struct item item;
    cleanup_free char *settings = NULL;
    if (!rc)
        rc = library_item(m->config.library, id, &item, &settings);
    if (rc)
        return rc == -ENOENT ? -ENODATA : rc;
    cleanup_buffer struct buffer value = {0};
    rc = fact_value(&item, settings, name, &value);
    item_clear(&item);
    if (rc)
        return rc;
    if (size && value.len > size)
        return -ERANGE;
    if (size)
        memcpy(data, value.data, value.len);
    return (ssize_t)value.len;
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    struct mount *m = mount_of(req);
    char path[PROC_FD_SIZE];
    cleanup_close int fd = -1;
    cleanup_free char *data = size ? malloc(size) : NULL;
    if (acl_is_name(name)) {
        reply_value(req, m, size, data, size && !data ? -ENOMEM : get_acl(m, ino, name, data, size));
        return;
    }
    if (fact_is_name(name)) {
        reply_value(req, m, size, data, size && !data ? -ENOMEM : get_fact(req, m, ino, name, data, size));
        return;
    }
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
        if (n > 0 && data && !m->acl)
            n = (ssize_t)acl_drop_names(data, (size_t)n);
    } else if (n == -ENODATA) {
        n = m->acl && acl_of_view(m, ino, NULL, 0) > 0 ? (ssize_t)sizeof ACL_ACCESS : 0;
        if (size && (size_t)n > size)
            n = -ERANGE;
        else if (size)
            memcpy(data, ACL_ACCESS, (size_t)n);
    }
    reply_value(req, m, size, data, n);
}
