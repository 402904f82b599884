/* Open files: CREATE, OPEN, READ, WRITE, FLUSH, RELEASE, FSYNC, FALLOCATE, LSEEK, COPY_FILE_RANGE, IOCTL. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/inbox/intake.h"
#include "fs/mount/announcer.h"
#include "fs/mount/credentials.h"
#include "fs/mount/internal.h"
#include "fs/mount/resolve.h"
#include "fs/mount/views.h"

#define LEASE_TRIES 50 /* a millisecond apart */
/* The kernel opens to execute (its __FMODE_EXEC; linux/fs.h). open() does not let it through. */
#define OPEN_TO_EXECUTE 040

/* ---- Handles ---- */

struct handle *handle_new(enum handle_kind kind, int fd, int flags)
{
    struct handle *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->kind = kind;
    h->flags = flags;
    h->content.fd = -1;
    atomic_store(&h->base.fd, fd);
    return h;
}

void handle_free(struct mount *m, struct handle *h)
{
    node_remove_handle(&m->nodes, &h->base);
    int fd = atomic_load(&h->base.fd);
    if (fd >= 0)
        close(fd);
    /* After the close: whoever is told may open the file at once. */
    if (atomic_load(&h->reported))
        intake_released(m->config.intake, h->file);
    if (h->content.fd >= 0)
        close(h->content.fd);
    free(h->content.text);
    if (h->page)
        page_unref(m, h->page);
    free(h);
}

void handle_drop(struct mount *m, struct node_handle *base)
{
    struct handle *h = (struct handle *)base; /* its first member */
    atomic_store(&h->reported, false);
    handle_free(m, h);
}

void handle_opened(struct mount *m, struct handle *h, struct file_id id, pid_t pid)
{
    if (!wants_write(h->flags))
        return;
    h->file = id;
    atomic_store(&h->reported, true);
    intake_opened(m->config.intake, id, pid);
}

void handle_modified(struct mount *m, struct handle *h)
{
    if (atomic_load(&h->reported) && !atomic_exchange(&h->modified, true))
        intake_modified(m->config.intake, h->file);
}

int backing_flags(int flags)
{
    /* O_DIRECT would want aligned buffers. O_APPEND is done per write, as the pages of a shared mapping go
     * where they belong. Creation and truncation are done apart. */
    return (flags &
            ~(OPEN_TO_EXECUTE | O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_NOFOLLOW | O_DIRECT | O_APPEND | O_DIRECTORY)) |
           O_CLOEXEC;
}

/* ---- CREATE and OPEN ---- */

/* An open that must not wait meets a lease: ours, which is held for a moment only (store_has_writer), or somebody else's.
 * errno stays. */
static bool lease_in_the_way(int *tries)
{
    if (errno != EWOULDBLOCK || ++*tries > LEASE_TRIES)
        return false;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    errno = EWOULDBLOCK;
    return true;
}

/* A new backing file, as the caller. O_NONBLOCK: should the name be a FIFO by now, nothing waits for its
 * other end. */
static int create_backing(fuse_req_t req, struct mount *m, int dirfd, const char *name, mode_t mode,
                          int flags)
{
    cleanup_creation_mask struct creation_mask mask = CREATION_MASK_INIT;
    cleanup_credentials struct credentials as = CREDENTIALS_INIT;
    int rc = credentials_assume(m, req, &as);
    if (rc)
        return rc;
    int keep = flags & (O_EXCL | O_TRUNC);
    mode = creation_mask_assume(req, mode & 07777, &mask);
    int fd, tries = 0;
    do
        fd = openat(dirfd, name, backing_flags(flags) | keep | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode);
    while (fd < 0 && lease_in_the_way(&tries));
    return fd < 0 ? -errno : fd;
}

static int create_file(fuse_req_t req, struct mount *m, struct node *dir, int dirfd, const char *name,
                       mode_t mode, int flags, struct fuse_entry_param *e, struct handle **out)
{
    if ((flags & O_EXCL) && view_visible(m, dir, name))
        return -EEXIST;
    cleanup_close int fd = create_backing(req, m, dirfd, name, mode, flags);
    if (fd < 0)
        return fd;
    struct statx x;
    struct stat st;
    int rc = stat_at(fd, "", &x);
    if (rc)
        return rc;
    if (!S_ISREG(x.stx_mode))
        return -EEXIST;
    struct handle *h = handle_new(HANDLE_REAL, fd, flags);
    struct node_fact fact = fact_from_statx(&x);
    struct node *n = h ? node_real(&m->nodes, &fact, dir, name, true, 0, NULL) : NULL;
    if (!n) {
        free(h);
        return -ENOMEM;
    }
    steal_fd(fd);
    stat_from_statx(n, &x, &st);
    entry_fill(m, n, &st, e);
    node_add_handle(&m->nodes, n, &h->base);
    tell_added(m, dir, name, n->file);
    handle_opened(m, h, n->file, fuse_req_ctx(req)->pid);
    node_put(&m->nodes, n);
    *out = h;
    return 0;
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
    struct mount *m = mount_of(req);
    struct fuse_entry_param e;
    struct handle *h = NULL;
    struct node *dir = node_get(&m->nodes, parent);
    cleanup_dir struct dir_ref at = DIR_REF_INIT;
    int rc = !dir ? -ESTALE : !plain_name(name) ? -EINVAL : resolve_directory(m, dir, &at);
    if (!rc && announcer_is(m->announcer, fuse_req_ctx(req)->pid)) {
        view_announce_create(req, m, dir, at.fd, name, fi);
        node_put(&m->nodes, dir);
        return;
    }
    if (!rc) {
        unsigned turn = intake_names_begin(m->config.intake);
        rc = create_file(req, m, dir, at.fd, name, mode, fi->flags, &e, &h);
        intake_names_end(m->config.intake, turn);
    }
    node_put(&m->nodes, dir);
    if (rc) {
        reply_rc(req, m, rc);
        return;
    }
    fi->fh = (uintptr_t)h;
    fi->noflush = !wants_write(fi->flags);
    if (fuse_reply_create(req, &e, fi)) {
        node_forget(&m->nodes, e.ino, 1);
        handle_free(m, h);
    }
}

/* Programs can be executed by those who may not read them. Under the caller's rights. */
static bool may_execute(int path, int flags)
{
    return (flags & OPEN_TO_EXECUTE) && !faccessat(path, "", X_OK, AT_EACCESS | AT_EMPTY_PATH);
}

/* Opens the backing file as the caller. */
static int open_backing(fuse_req_t req, struct mount *m, struct node *n, int flags)
{
    cleanup_close int path = resolve_path(m, n);
    if (path < 0)
        return path;
    int wanted = backing_flags(flags) | (flags & O_TRUNC);
    int fd, tries = 0;
    bool unreadable;
    {
        cleanup_credentials struct credentials as = CREDENTIALS_INIT;
        int rc = credentials_assume(m, req, &as);
        if (rc)
            return rc;
        do
            fd = reopen(path, wanted);
        while (fd == -EWOULDBLOCK && (errno = EWOULDBLOCK) && lease_in_the_way(&tries));
        /* Only the owner may ask for it, and the kernel has checked that; the daemon may be somebody else. */
        if (fd == -EPERM && (flags & O_NOATIME))
            fd = reopen(path, wanted & ~O_NOATIME);
        unreadable = fd == -EACCES && may_execute(path, flags);
    }
    return unreadable ? reopen(path, wanted) : fd;
}

static int open_real(fuse_req_t req, struct mount *m, fuse_ino_t ino, struct node *n,
                     struct fuse_file_info *fi)
{
    if (!S_ISREG(n->type))
        return S_ISDIR(n->type) ? -EISDIR : -ENXIO; /* the kernel opens everything else by itself */
    cleanup_close int fd = open_backing(req, m, n, fi->flags);
    if (fd < 0)
        return fd;
    struct stat st;
    if (fstat(fd, &st))
        return -errno;
    struct handle *h = handle_new(HANDLE_REAL, fd, fi->flags);
    if (!h)
        return -ENOMEM;
    steal_fd(fd);
    node_add_handle(&m->nodes, n, &h->base);
    handle_opened(m, h, n->file, fuse_req_ctx(req)->pid);
    if (fi->flags & O_TRUNC) {
        if (wants_write(fi->flags))
            handle_modified(m, h);
        else
            intake_modified(m->config.intake, n->file);
    }
    bool same = node_unchanged(&m->nodes, n, st.st_size, st.st_mtim, st.st_ctim);
    fi->keep_cache = same && n->id == ino;
    fi->noflush = !wants_write(fi->flags);
    fi->fh = (uintptr_t)h;
    return 0;
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct mount *m = mount_of(req);
    struct node *n = node_get(&m->nodes, ino);
    int rc = -ESTALE;
    if (n && n->kind == NODE_PAGE) {
        page_open(req, m, n, fi);
    } else if (n && n->kind == NODE_HITS) {
        search_open(req, m, n, fi);
        return;
    } else if (n && n->kind == NODE_VIEW) {
        view_open(req, m, n, fi);
    } else {
        if (n)
            rc = n->kind == NODE_REAL ? open_real(req, m, ino, n, fi) : -EISDIR;
        if (rc)
            reply_rc(req, m, rc);
        else if (fuse_reply_open(req, fi))
            handle_free(m, handle_of(fi));
    }
    node_put(&m->nodes, n);
}

/* ---- READ and WRITE ---- */

static ssize_t read_all(int fd, char *data, size_t size, off_t off)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, data + done, size - done, off + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return done ? (ssize_t)done : -errno;
        if (!n)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)ino;
    struct mount *m = mount_of(req);
    struct handle *h = handle_of(fi);
    int fd = atomic_load(&h->base.fd);
    cleanup_free char *data = malloc(size ? size : 1);
    if (!data) {
        reply_rc(req, m, -ENOMEM);
        return;
    }
    ssize_t n = 0;
    if (h->kind == HANDLE_PAGE) { /* a copy: with the reply the reader may close it, while it is still being sent here */
        const char *text;
        n = (ssize_t)page_read(h, size, off, &text);
        if (n > 0)
            memcpy(data, text, (size_t)n);
    }
    if (fd < 0 && h->kind == HANDLE_VIEW) {
        n = view_read(m, h, data, size, off);
        if (n == -EAGAIN)
            fd = atomic_load(&h->base.fd);
    }
    if (fd >= 0)
        n = read_all(fd, data, size, off);
    if (n < 0)
        reply_rc(req, m, (int)n);
    else
        fuse_reply_buf(req, data, (size_t)n);
}

static ssize_t write_all(int fd, const char *data, size_t size, off_t off, bool append)
{
    size_t done = 0;
    while (done < size) {
        struct iovec v = {.iov_base = (void *)(uintptr_t)(data + done), .iov_len = size - done};
        ssize_t n = append ? pwritev2(fd, &v, 1, off + (off_t)done, RWF_APPEND)
                           : pwrite(fd, data + done, size - done, off + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && append && errno == EOPNOTSUPP) {
            append = false;
            continue;
        }
        if (n < 0)
            return done ? (ssize_t)done : -errno;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
              struct fuse_file_info *fi)
{
    (void)ino;
    struct mount *m = mount_of(req);
    struct handle *h = handle_of(fi);
    int fd = atomic_load(&h->base.fd);
    if (fd < 0 && h->kind == HANDLE_ANNOUNCE) {
        fuse_reply_write(req, size);
        return;
    }
    if (fd < 0)
        fd = h->kind == HANDLE_VIEW && wants_write(h->flags) ? view_handle_fd(m, h, fuse_req_ctx(req)->pid)
                                                             : -EBADF;
    ssize_t n = fd;
    if (fd >= 0) {
        handle_modified(m, h);
        n = write_all(fd, data, size, off, (fi->flags & O_APPEND) && !fi->writepage);
    }
    if (n < 0)
        reply_rc(req, m, (int)n);
    else
        fuse_reply_write(req, (size_t)n);
}

/* ---- The rest ---- */

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    struct handle *h = handle_of(fi);
    int fd = atomic_load(&h->base.fd), rc = 0;
    if (fd >= 0) {
        /* Some filesystems tell of a full disk at close only. */
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0 || close(copy))
            rc = -errno;
    }
    reply_rc(req, mount_of(req), rc);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    struct mount *m = mount_of(req);
    handle_free(m, handle_of(fi));
    close_kept(m);
    reply_rc(req, m, 0);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    (void)ino;
    int fd = atomic_load(&handle_of(fi)->base.fd), rc = 0;
    if (fd >= 0 && (datasync ? fdatasync(fd) : fsync(fd)))
        rc = -errno;
    reply_rc(req, mount_of(req), rc);
}

void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
                  struct fuse_file_info *fi)
{
    (void)ino;
    struct mount *m = mount_of(req);
    struct handle *h = handle_of(fi);
    int fd = atomic_load(&h->base.fd), rc = 0;
    if (fd < 0)
        fd = h->kind == HANDLE_VIEW && wants_write(h->flags) ? view_handle_fd(m, h, fuse_req_ctx(req)->pid)
                                                             : -EBADF;
    if (fd < 0) {
        rc = fd;
    } else {
        handle_modified(m, h);
        rc = fallocate(fd, mode, off, length) ? -errno : 0;
    }
    reply_rc(req, m, rc);
}

/* Text has no holes. */
static off_t seek_in_view(const struct handle *h, off_t off, int whence)
{
    off_t size = (off_t)(h->kind == HANDLE_VIEW ? h->content.size : 0);
    if (whence != SEEK_DATA && whence != SEEK_HOLE)
        return -EINVAL;
    if (off < 0 || off >= size)
        return -ENXIO;
    return whence == SEEK_DATA ? off : size;
}

void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
    (void)ino;
    struct handle *h = handle_of(fi);
    int fd = atomic_load(&h->base.fd);
    off_t to = fd >= 0 ? lseek(fd, off, whence) : seek_in_view(h, off, whence);
    if (to < 0)
        reply_rc(req, mount_of(req), fd >= 0 ? -errno : (int)to);
    else
        fuse_reply_lseek(req, to);
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t off_in, struct fuse_file_info *fi_in,
                        fuse_ino_t out, off_t off_out, struct fuse_file_info *fi_out, size_t length,
                        int flags)
{
    (void)in;
    (void)out;
    struct mount *m = mount_of(req);
    struct handle *from = handle_of(fi_in), *to = handle_of(fi_out);
    int fd_in = atomic_load(&from->base.fd), fd_out = atomic_load(&to->base.fd);
    if (fd_in < 0 || fd_out < 0) {
        reply_rc(req, m, -EOPNOTSUPP); /* a view: the kernel then copies by reading and writing */
        return;
    }
    handle_modified(m, to);
    ssize_t n = copy_file_range(fd_in, &off_in, fd_out, &off_out, length, (unsigned)flags);
    if (n < 0)
        reply_rc(req, m, -errno);
    else
        fuse_reply_write(req, (size_t)n);
}

void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned command, void *argument, struct fuse_file_info *fi,
              unsigned flags, const void *in, size_t in_size, size_t out_size)
{
    (void)ino;
    (void)command;
    (void)argument;
    (void)fi;
    (void)flags;
    (void)in;
    (void)in_size;
    (void)out_size;
    reply_rc(req, mount_of(req), -ENOTTY);
}
