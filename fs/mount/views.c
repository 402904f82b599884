/* What a view does differently from a file: attributes, reading, copy-up, deletion, renaming, announcement.
 */
#include "fs/mount/views.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/inbox/intake.h"
#include "fs/inbox/program.h"
#include "fs/mount/acl.h"
#include "fs/mount/credentials.h"
#include "fs/mount/internal.h"
#include "fs/mount/materialise.h"
#include "fs/mount/notifier.h"
#include "fs/mount/resolve.h"

#define TRIES 10 /* how often a recording is looked for that was renamed a moment ago */

static void content_clear(struct view_content *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->text);
    *c = (struct view_content){.fd = -1};
}
#define cleanup_content __attribute__((cleanup(content_clear)))

/* ---- Attributes ---- */

static void fill(const struct node *n, const struct view *v, uid_t uid, gid_t gid, mode_t mode,
                 struct stat *st)
{
    *st = (struct stat){
        .st_ino = n->ino,
        .st_mode = S_IFREG | mode,
        .st_nlink = 1,
        .st_uid = uid,
        .st_gid = gid,
        .st_size = v->size,
        .st_blksize = 4096,
        .st_blocks = (v->size + 511) / 512,
        .st_atim = v->mtime,
        .st_mtim = v->mtime,
        .st_ctim = v->mtime,
    };
}

/* The view at a place where `before` was. 0 or -ENOENT. */
static int find_again(struct mount *m, const struct node *dir, const char *name, const struct view *before,
                      struct view *out)
{
    return before->unlisted ? library_find_unlisted(m->config.library, dir->file, name, out)
                            : library_find_view(m->config.library, dir->file, name, true, out);
}

static bool see_recording(int dirfd, const struct view *v, struct statx *x)
{
    return !stat_at(dirfd, v->recording_name, x) && file_id_equal(file_of_statx(x), v->recording);
}

/* An O_PATH descriptor of the recording, or negative errno: -ENOENT when it has gone. */
static int open_recording(int dirfd, const struct view *v, struct file_id id)
{
    struct statx x;
    cleanup_close int fd = openat(dirfd, v->recording_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return !stat_at(fd, "", &x) && file_id_equal(file_of_statx(&x), id) ? steal_fd(fd) : -ENOENT;
}

static mode_t view_mode(const struct statx *recording)
{
    return recording->stx_mode & 0666;
}

/* The bits to go on with when the recording has gone: where it has an ACL, they alone would allow more than it
 * did. */
static mode_t lasting_mode(int dirfd, const struct view *v, const struct statx *recording)
{
    mode_t mode = view_mode(recording);
    return (mode & 077) && acl_beyond_mode(dirfd, v->recording_name) ? mode & 0700 : mode;
}

void view_attributes(struct mount *m, struct node *n, struct stat *st)
{
    struct view v, now;
    struct statx x;
    struct owner last;
    struct node *dir;
    char name[NAME_SIZE];
    node_view_read(&m->nodes, n, &v, &last.uid, &last.gid, &last.mode);
    if (node_place(&m->nodes, n, &dir, name)) {
        cleanup_dir struct dir_ref at = DIR_REF_INIT;
        if (!resolve_directory(m, dir, &at)) {
            const struct view *by = &v;
            bool seen = see_recording(at.fd, by, &x);
            if (!seen && !find_again(m, dir, name, &v, &now) &&
                file_id_equal(now.recording, v.recording))
                seen = see_recording(at.fd, by = &now, &x); /* it was renamed */
            if (seen) {
                last = (struct owner){.uid = x.stx_uid, .gid = x.stx_gid, .mode = view_mode(&x)};
                node_view_owner(&m->nodes, n, last.uid, last.gid, lasting_mode(at.fd, by, &x));
            }
        }
        /* A status text grows and changes under readers that follow it. */
        if (view_is_status(v.format) && !library_find_view(m->config.library, dir->file, name, false, &now) &&
            memcmp(&now.job, &v.job, sizeof v.job) == 0) {
            v.size = now.size;
            v.mtime = now.mtime;
            node_view_size(&m->nodes, n, now.size);
        }
        node_put(&m->nodes, dir);
    }
    fill(n, &v, last.uid, last.gid, last.mode, st);
}

int view_entry(struct mount *m, struct node *dir, int dirfd, const char *name, const struct view *view,
               struct fuse_entry_param *e, struct node **out)
{
    struct statx x;
    struct view v;
    struct stat st;
    struct owner last;
    struct view found = *view;
    bool seen = see_recording(dirfd, &found, &x);
    /* It is being renamed, exchanged or deleted: the library hears of that right after it was done. */
    for (int i = 0; !seen && i < TRIES; i++) {
        sched_yield();
        if (find_again(m, dir, name, view, &found))
            return -ENOENT;
        seen = see_recording(dirfd, &found, &x);
    }
    struct node *n = node_view(&m->nodes, &found, dir, name, !seen || x.stx_nlink == 1, true);
    if (!n)
        return -ENOMEM;
    if (seen)
        node_view_owner(&m->nodes, n, x.stx_uid, x.stx_gid, lasting_mode(dirfd, &found, &x));
    node_view_read(&m->nodes, n, &v, &last.uid, &last.gid, &last.mode);
    if (seen)
        last.mode = view_mode(&x);
    fill(n, &v, last.uid, last.gid, last.mode, &st);
    entry_fill(m, n, &st, e);
    if (!seen)
        e->attr_timeout = 0;
    /* Its name is free for a real file: the kernel asks each time. */
    if (found.unlisted)
        e->entry_timeout = 0;
    *out = n;
    return 0;
}

/* ---- Rights ---- */

int view_recording(struct mount *m, struct node *n)
{
    struct view v, now;
    struct owner ignored;
    struct node *dir;
    char name[NAME_SIZE];
    int fd = -ENOENT;
    node_view_read(&m->nodes, n, &v, &ignored.uid, &ignored.gid, &ignored.mode);
    if (!node_place(&m->nodes, n, &dir, name))
        return fd;
    cleanup_dir struct dir_ref at = DIR_REF_INIT;
    if (!resolve_directory(m, dir, &at)) {
        fd = open_recording(at.fd, &v, v.recording);
        if (fd == -ENOENT && !find_again(m, dir, name, &v, &now))
            fd = open_recording(at.fd, &now, v.recording); /* it was renamed */
    }
    node_put(&m->nodes, dir);
    return fd;
}

int view_permits(fuse_req_t req, struct mount *m, struct node *n, int mask)
{
    if (m->acl || !m->privileged)
        return 0; /* the kernel knows as much as there is to know */
    cleanup_close int fd = view_recording(m, n);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd; /* it has gone: the bits tell */
    cleanup_credentials struct credentials as = CREDENTIALS_INIT;
    int rc = credentials_assume(m, req, &as);
    return rc ? rc : faccessat(fd, "", mask, AT_EACCESS | AT_EMPTY_PATH) ? -errno : 0;
}

bool view_visible(struct mount *m, const struct node *dir, const char *name)
{
    struct view v;
    return !library_find_view(m->config.library, dir->file, name, false, &v);
}

/* ---- Becoming a real file ---- */

/* The node of the file that was just made at (dir, name) out of the view `n`, which answers for it from now
 * on. A reference, or NULL. */
static struct node *settle_real(struct mount *m, struct node *n, struct node *dir, const char *name, int fd)
{
    struct statx x;
    if (stat_at(fd, "", &x))
        return NULL;
    struct node_fact fact = fact_from_statx(&x);
    struct node *real = node_real(&m->nodes, &fact, dir, name, false, 0, NULL);
    if (real)
        node_become(&m->nodes, n, real);
    tell_added(m, dir, name, fact.file);
    notifier_push(m, dir->id, name);
    return real;
}

/* Who is to own the real file, with what rights: those of the recording, or what they were when it was last
 * seen. *acl is to be freed when the owner is no longer used. 0 or negative errno. */
static int owner_of(struct mount *m, int dirfd, const struct view *v, const struct node *n, struct owner *o,
                    void **acl)
{
    struct statx x;
    struct view ignored;
    *o = (struct owner){0};
    *acl = NULL;
    cleanup_close int fd = open_recording(dirfd, v, v->recording);
    int rc = fd < 0 ? fd : stat_at(fd, "", &x);
    if (!rc)
        rc = acl_of_recording(fd, acl, &o->acl_size);
    if (rc == -ENOENT) {
        node_view_read(&m->nodes, n, &ignored, &o->uid, &o->gid, &o->mode);
        return 0;
    }
    if (!rc)
        *o = (struct owner){x.stx_uid, x.stx_gid, view_mode(&x), *acl, o->acl_size};
    return rc;
}

/* Copy-up: makes the view a real file at its place. `content` is what an open handle reads: should the view
 * have gone by itself meanwhile (its recording was renamed or rewritten), the edit is kept all the same,
 * where it was begun. Without a handle (NULL: the library is asked; `empty`: it is about to be truncated) the
 * view must still be there. *real is a reference. 0 or negative errno: -ESTALE when the view was deleted or a
 * real file has its place. Under copy_up. */
static int copy_up(struct mount *m, struct node *n, const struct view_content *content, bool empty,
                   struct node **real)
{
    int rc = node_became(&m->nodes, n, real);
    if (rc)
        return rc < 0 ? rc : 0;
    struct node *dir;
    char name[NAME_SIZE];
    if (!node_place(&m->nodes, n, &dir, name))
        return -ESTALE;
    cleanup_dir struct dir_ref at = DIR_REF_INIT;
    cleanup_content struct view_content fetched = {.fd = -1};
    cleanup_close int fd = -1;
    cleanup_free void *acl = NULL;
    struct view v, now;
    struct owner o;
    node_view_read(&m->nodes, n, &v, &o.uid, &o.gid, &o.mode);
    rc = resolve_directory(m, dir, &at);
    if (!rc) {
        bool there = !library_find_any_view(m->config.library, dir->file, name, &now) &&
                     file_id_equal(now.recording, v.recording) && now.format == v.format && now.number == v.number;
        if (!there)
            now = v;
        rc = there || content ? 0 : -ESTALE;
    }
    if (!rc && !content && !empty) {
        rc = library_open_view(m->config.library, &v, &fetched);
        content = &fetched;
    }
    if (!rc) {
        rc = owner_of(m, at.fd, &now, n, &o, &acl);
        fd = rc ? rc : materialise(at.fd, name, empty ? NULL : content, &o, false);
        rc = fd == -EEXIST ? -ESTALE : fd < 0 ? fd : 0; /* a real file was faster: it wins */
    }
    if (!rc) {
        *real = settle_real(m, n, dir, name, fd);
        rc = *real ? 0 : -EIO;
    }
    node_put(&m->nodes, dir);
    return rc;
}

/* A descriptor of the real file for a handle opened with `flags`. */
static int open_real(struct mount *m, struct node *real, int flags)
{
    cleanup_close int path = resolve_path(m, real);
    return path < 0 ? path : reopen(path, backing_flags(flags));
}

/* The view was deleted, or a real file has its place: as with any deleted file, who has it open goes on with what
 * was there, and nobody else sees what is written. *real is a reference. A descriptor or negative errno. Under
 * copy_up. */
static int go_on_deleted(struct mount *m, struct node *n, const struct view_content *content, struct node **real)
{
    struct view ignored;
    struct owner o = {.acl = NULL};
    *real = NULL;
    node_view_read(&m->nodes, n, &ignored, &o.uid, &o.gid, &o.mode);
    cleanup_close int fd = materialise_unnamed(m->config.inbox_fd, content, &o);
    struct statx x;
    int rc = fd < 0 ? fd : stat_at(fd, "", &x);
    if (rc)
        return rc;
    struct node_fact fact = fact_from_statx(&x);
    *real = node_real(&m->nodes, &fact, NULL, NULL, false, 0, NULL);
    if (!*real)
        return -ENOMEM;
    node_become(&m->nodes, n, *real);
    return steal_fd(fd);
}

int view_handle_fd(struct mount *m, struct handle *h, pid_t pid)
{
    int fd = atomic_load(&h->base.fd);
    if (fd >= 0)
        return fd;
    pthread_mutex_lock(&m->copy_up);
    fd = atomic_load(&h->base.fd);
    if (fd < 0) {
        struct node *real = NULL, *n = h->base.node; /* changes under copy_up only */
        int rc = copy_up(m, n, &h->content, false, &real);
        fd = rc ? rc : open_real(m, real, h->flags);
        bool deleted = fd == -ESTALE && wants_write(h->flags);
        if (deleted) {
            node_put(&m->nodes, real);
            fd = go_on_deleted(m, n, &h->content, &real);
        }
        if (fd >= 0) {
            if (!deleted)
                handle_opened(m, h, real->file, pid);
            node_move_handle(&m->nodes, &h->base, real, fd);
        }
        node_put(&m->nodes, real);
    }
    pthread_mutex_unlock(&m->copy_up);
    return fd;
}

int view_truncate(struct mount *m, struct node *n, off_t size, struct node **real)
{
    *real = NULL;
    if (view_is_status(n->view->format))
        return -EACCES;
    pthread_mutex_lock(&m->copy_up);
    int rc = copy_up(m, n, NULL, size == 0, real);
    pthread_mutex_unlock(&m->copy_up);
    if (rc)
        return rc;
    cleanup_close int path = resolve_path(m, *real);
    if (path < 0)
        return path;
    char name[PROC_FD_SIZE];
    proc_fd(path, name);
    if (truncate(name, size))
        return -errno;
    intake_modified(m->config.intake, (*real)->file);
    return 0;
}

/* ---- Opening and reading ---- */

/* Open with O_TRUNC: it is changed before anything is read. */
static int open_truncated(struct mount *m, struct node *n, struct handle *h, pid_t pid)
{
    struct node *real = NULL;
    pthread_mutex_lock(&m->copy_up);
    int rc = copy_up(m, n, NULL, true, &real);
    pthread_mutex_unlock(&m->copy_up);
    if (rc)
        return rc;
    int fd = open_real(m, real, h->flags);
    if (fd >= 0 && ftruncate(fd, 0) && wants_write(h->flags)) {
        rc = -errno; /* another handle may have written to it by now */
        close(fd);
        fd = rc;
    }
    if (fd >= 0) {
        atomic_store(&h->base.fd, fd);
        h->kind = HANDLE_REAL;
        handle_opened(m, h, real->file, pid);
        handle_modified(m, h);
        node_add_handle(&m->nodes, real, &h->base);
    }
    node_put(&m->nodes, real);
    return fd < 0 ? fd : 0;
}

/* The kernel may have kept the name of a view that went meanwhile, or that shows another content by now. */
static bool is_current(struct mount *m, struct node *n, const struct view *v)
{
    struct view now;
    struct node *dir;
    char name[NAME_SIZE];
    if (!node_place(&m->nodes, n, &dir, name))
        return true;
    bool gone = library_find_any_view(m->config.library, dir->file, name, &now) ||
                memcmp(&now.job, &v->job, sizeof now.job) || memcmp(&now.key, &v->key, sizeof now.key);
    node_put(&m->nodes, dir);
    return !gone;
}

void view_open(fuse_req_t req, struct mount *m, struct node *n, struct fuse_file_info *fi)
{
    struct view v;
    struct owner o;
    node_view_read(&m->nodes, n, &v, &o.uid, &o.gid, &o.mode);
    if (!is_current(m, n, &v)) {
        reply_rc(req, m, -ESTALE); /* the kernel looks the name up again */
        return;
    }
    bool change = wants_write(fi->flags) || (fi->flags & O_TRUNC);
    if (change && view_is_status(v.format)) {
        reply_rc(req, m, -EACCES);
        return;
    }
    int rc = view_permits(req, m, n, ((fi->flags & O_ACCMODE) != O_WRONLY ? R_OK : 0) | (change ? W_OK : 0));
    if (rc) {
        reply_rc(req, m, rc);
        return;
    }
    struct handle *h = handle_new(HANDLE_VIEW, -1, fi->flags & ~O_TRUNC);
    if (!h) {
        reply_rc(req, m, -ENOMEM);
        return;
    }
    if ((fi->flags & O_TRUNC) && v.size > 0) {
        rc = open_truncated(m, n, h, fuse_req_ctx(req)->pid);
    } else {
        rc = library_open_view(m->config.library, &v, &h->content);
        if (!rc)
            node_add_handle(&m->nodes, n, &h->base);
        /* A node stands for one version, so that its pages stay right; a status text may be newer than its
         * node. */
        fi->keep_cache = !view_is_status(v.format);
        fi->direct_io = view_is_status(v.format);
        fi->noflush = !change;
    }
    if (rc) {
        free(h);
        reply_rc(req, m, rc);
        return;
    }
    fi->fh = (uintptr_t)h;
    if (fuse_reply_open(req, fi))
        handle_free(m, h);
}

/* Somebody reads on at the end of a status text (tail -f): it may have grown. Under copy_up. */
static void renew_text(struct mount *m, struct handle *h)
{
    struct view v;
    struct owner o;
    struct view_content newer;
    node_view_read(&m->nodes, h->base.node, &v, &o.uid, &o.gid, &o.mode);
    if (library_open_view(m->config.library, &v, &newer))
        return;
    if (newer.text && newer.size > h->content.size) {
        char *old = h->content.text;
        h->content = newer;
        free(old);
    } else {
        free(newer.text);
    }
}

ssize_t view_read(struct mount *m, struct handle *h, char *data, size_t size, off_t off)
{
    if (node_handle_is_behind(&m->nodes, &h->base)) {
        int fd = view_handle_fd(m, h, 0);
        if (fd != -ESTALE) /* what it became is deleted: the text as it was is left */
            return fd < 0 ? fd : -EAGAIN;
    }
    if (off < 0)
        return 0;
    if (h->content.fd >= 0) {
        size_t left = (size_t)off < h->content.size ? h->content.size - (size_t)off : 0;
        ssize_t n = pread(h->content.fd, data, left < size ? left : size, off);
        return n < 0 ? -errno : n;
    }
    pthread_mutex_lock(&m->copy_up);
    if ((size_t)off >= h->content.size)
        renew_text(m, h);
    size_t left = (size_t)off < h->content.size ? h->content.size - (size_t)off : 0, n = left < size ? left : size;
    if (n)
        memcpy(data, h->content.text + off, n);
    pthread_mutex_unlock(&m->copy_up);
    return (ssize_t)n;
}

/* ---- Names
 * ----------------------------------------------------------------------------------------------------------
 */

int view_unlink(struct mount *m, struct node *dir, const char *name, pid_t pid)
{
    struct view v;
    if (library_find_any_view(m->config.library, dir->file, name, &v))
        return -ENOENT;
    /* Whoever has it open may read on, but what is written does not bring it back. */
    struct node *n = node_view(&m->nodes, &v, dir, name, false, false);
    if (n)
        node_remove_name(&m->nodes, n, dir, name);
    node_put(&m->nodes, n);
    /* -ENOENT: it was about to go anyway, because its recording has just gone. */
    bool by_mirror = (v.format == VIEW_FAILED || v.format == VIEW_CONFIRM) && program_mirrors(pid);
    int rc = library_hide_view(m->config.library, dir->file, name, by_mirror);
    return rc == -ENOENT ? 0 : rc;
}

int view_rename(struct mount *m, struct node *dir, int dirfd, const char *name, struct node *newdir,
                int newdirfd, const char *newname, unsigned flags)
{
    struct view v;
    if (library_find_any_view(m->config.library, dir->file, name, &v))
        return -ENOENT;
    if (flags & (RENAME_EXCHANGE | RENAME_WHITEOUT))
        return -EINVAL;
    if (dir == newdir && !strcmp(name, newname))
        return 0;
    struct statx target;
    bool replaces = !stat_at(newdirfd, newname, &target);
    if ((flags & RENAME_NOREPLACE) && (replaces || view_visible(m, newdir, newname)))
        return -EEXIST;
    if (replaces && S_ISDIR(target.stx_mode))
        return -EISDIR;
    struct statx x;
    bool alone = !see_recording(dirfd, &v, &x) || x.stx_nlink == 1;
    struct node *n = node_view(&m->nodes, &v, dir, name, alone, false);
    if (!n)
        return -ENOMEM;
    cleanup_content struct view_content content = {.fd = -1};
    cleanup_close int fd = -1;
    cleanup_free void *acl = NULL;
    struct owner o;
    pthread_mutex_lock(&m->copy_up);
    int rc = owner_of(m, dirfd, &v, n, &o, &acl);
    if (!rc)
        rc = library_open_view(m->config.library, &v, &content);
    if (!rc) {
        fd = materialise(newdirfd, newname, &content, &o, !(flags & RENAME_NOREPLACE));
        rc = fd < 0 ? fd : 0;
    }
    if (!rc) {
        if (replaces) {
            struct node *old = node_find(&m->nodes, file_of_statx(&target));
            if (old)
                node_remove_name(&m->nodes, old, newdir, newname);
            node_put(&m->nodes, old);
            if (S_ISREG(target.stx_mode))
                tell_removed(m, newdir, newname, file_of_statx(&target));
        }
        node_put(&m->nodes, settle_real(m, n, newdir, newname, fd));
        library_hide_view(m->config.library, dir->file, name, false);
    }
    pthread_mutex_unlock(&m->copy_up);
    node_put(&m->nodes, n);
    return rc;
}

/* ---- The announcer ---- */

void view_announce_create(fuse_req_t req, struct mount *m, struct node *dir, int dirfd, const char *name,
                          struct fuse_file_info *fi)
{
    struct statx x;
    struct view v;
    struct fuse_entry_param e;
    struct node *n = NULL;
    struct handle *h = handle_new(HANDLE_ANNOUNCE, -1, fi->flags);
    int rc = h ? 0 : -ENOMEM;
    /* A real file shadows it, or it is no longer wanted. Never is a real file made for the announcer. */
    if (!rc && (!stat_at(dirfd, name, &x) || library_confirm_view(m->config.library, dir->file, name, &v)))
        rc = -EEXIST;
    if (!rc)
        rc = view_entry(m, dir, dirfd, name, &v, &e, &n);
    if (rc) {
        free(h);
        reply_rc(req, m, rc);
        return;
    }
    node_add_handle(&m->nodes, n, &h->base);
    node_put(&m->nodes, n);
    fi->fh = (uintptr_t)h;
    fi->noflush = 1;
    if (fuse_reply_create(req, &e, fi)) {
        node_forget(&m->nodes, e.ino, 1);
        handle_free(m, h);
    }
}

int view_announce_unlink(struct mount *m, struct node *dir, int dirfd, const char *name)
{
    struct statx x;
    if (!stat_at(dirfd, name, &x))
        return -EEXIST;
    return library_withdraw_view(m->config.library, dir->file, name);
}
