/* OPENDIR, READDIR, READDIRPLUS, RELEASEDIR, FSYNCDIR.
 *
 * A listing is the backing directory's entries in their own order, with their own offsets, and then the
 * views, whose offsets are at the very end of the range (where no filesystem has any, but for the last value,
 * which ext4 and btrfs use for "the end"). The views are those of one moment; reading from offset 0 takes
 * them anew. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/mount/credentials.h"
#include "fs/mount/internal.h"
#include "fs/mount/resolve.h"
#include "fs/mount/views.h"

#define VIEW_OFFSETS INT64_C(0x7fffffffff000000) /* a view's offset is this plus its number */
#define READ_SIZE 32768

struct dir_handle {
    struct node_handle base; /* fd -1: the top */
    pthread_mutex_t lock;    /* the kernel may read one handle from two threads */
    off_t position;          /* the offset the state below stands at */
    bool in_views;
    size_t next_view;
    struct made_entry *made;  /* of what is made up: all there is */
    size_t made_count;
    struct view_entry *views; /* NULL: not taken yet */
    size_t view_count;
    size_t start, end; /* what is left of `data` */
    _Alignas(struct dirent64) char data[READ_SIZE];
};

static struct dir_handle *dir_handle_of(const struct fuse_file_info *fi)
{
    return (struct dir_handle *)(uintptr_t)fi->fh; // NOLINT(performance-no-int-to-ptr)
}

static int open_backing(fuse_req_t req, struct mount *m, struct node *n)
{
    cleanup_close int path = resolve_path(m, n);
    if (path < 0)
        return path;
    cleanup_credentials struct credentials as = CREDENTIALS_INIT;
    int rc = credentials_assume(m, req, &as);
    return rc ? rc : reopen(path, O_RDONLY | O_DIRECTORY);
}

static struct dir_handle *dir_handle_new(struct mount *m, struct node *n, int fd)
{
    struct dir_handle *d = malloc(sizeof *d);
    if (!d)
        return NULL;
    memset(d, 0, offsetof(struct dir_handle, data));
    pthread_mutex_init(&d->lock, NULL);
    atomic_store(&d->base.fd, fd);
    node_add_handle(&m->nodes, n, &d->base);
    return d;
}

static void dir_handle_free(struct mount *m, struct dir_handle *d)
{
    node_remove_handle(&m->nodes, &d->base);
    int fd = atomic_load(&d->base.fd);
    if (fd >= 0)
        close(fd);
    pthread_mutex_destroy(&d->lock);
    free(d->views);
    free(d->made);
    free(d);
}

void dir_handle_drop(struct mount *m, struct node_handle *h)
{
    dir_handle_free(m, (struct dir_handle *)h); /* its first member */
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct mount *m = mount_of(req);
    struct node *n = node_get(&m->nodes, ino);
    int fd = -1, rc = n ? 0 : -ESTALE;
    if (n && n->kind == NODE_REAL) {
        fd = open_backing(req, m, n);
        rc = fd < 0 ? fd : 0;
    } else if (n && n->kind == NODE_QUERY) {
        search_opendir(req, m, n, fi);
        return;
    } else if (n && n->kind != NODE_TOP && n->kind != NODE_SEARCH) {
        rc = -ENOTDIR;
    }
    struct dir_handle *d = rc ? NULL : dir_handle_new(m, n, fd);
    if (!rc && !d) {
        rc = -ENOMEM;
        if (fd >= 0)
            close(fd);
    }
    node_put(&m->nodes, n);
    if (rc) {
        reply_rc(req, m, rc);
        return;
    }
    fi->fh = (uintptr_t)d;
    if (fuse_reply_open(req, fi))
        dir_handle_free(m, d);
}

void dir_open_made(fuse_req_t req, struct mount *m, struct node *n, struct made_entry *entries, size_t count,
                   struct fuse_file_info *fi)
{
    struct dir_handle *d = dir_handle_new(m, n, -1);
    if (!d) {
        free(entries);
        reply_rc(req, m, -ENOMEM);
        return;
    }
    d->made = entries;
    d->made_count = count;
    fi->fh = (uintptr_t)d;
    if (fuse_reply_open(req, fi))
        dir_handle_free(m, d);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    struct mount *m = mount_of(req);
    dir_handle_free(m, dir_handle_of(fi));
    reply_rc(req, m, 0);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    (void)ino;
    int fd = atomic_load(&dir_handle_of(fi)->base.fd), rc = 0;
    if (fd >= 0 && (datasync ? fdatasync(fd) : fsync(fd)))
        rc = -errno;
    reply_rc(req, mount_of(req), rc);
}

/* ---- The position in a listing ---- */

/* One entry of a listing, before anything is known of it but what the listing says. */
struct listed {
    const char *name;
    uint64_t ino;
    unsigned char type; /* DT_* */
    off_t next;         /* offset behind it */
    bool view;
};

static int take_views(struct mount *m, struct dir_handle *d)
{
    return d->views ? 0
                    : library_list_views(m->config.library, d->base.node->file, &d->views, &d->view_count);
}

/* Goes to an offset the kernel names. 0 or negative errno. */
static int seek(struct dir_handle *d, int fd, off_t off)
{
    if (off != 0 && off == d->position)
        return 0;
    d->start = d->end = 0;
    d->position = off;
    d->in_views = off >= VIEW_OFFSETS && off != INT64_MAX;
    d->next_view = d->in_views ? (size_t)(off - VIEW_OFFSETS) : 0;
    if (off == 0) {
        free(d->views);
        d->views = NULL;
    }
    return d->in_views || lseek(fd, off, SEEK_SET) >= 0 ? 0 : -errno;
}

/* The next entry of the backing directory: 1, 0 at the end, or negative errno. */
static int peek_backing(struct mount *m, struct dir_handle *d, int fd, struct listed *item)
{
    if (d->start == d->end) {
        ssize_t n = getdents64(fd, d->data, sizeof d->data);
        if (n < 0)
            return -errno;
        d->start = 0;
        d->end = (size_t)n;
        if (!n)
            return 0;
    }
    const struct dirent64 *entry = (const struct dirent64 *)(const void *)(d->data + d->start);
    *item = (struct listed){entry->d_name, entry->d_ino, entry->d_type, entry->d_off, false};
    struct node *n = d->base.node;
    if ((n == m->inbox || n == m->trash) && !strcmp(item->name, ".."))
        item->ino = m->nodes.top->ino;
    else if (n->file.dev != m->inbox->file.dev)
        item->ino = node_ino_of(&m->nodes, (struct file_id){n->file.dev, item->ino});
    return 1;
}

/* The next view that no real file shadows: 1, 0 at the end, or negative errno. */
static int peek_view(struct mount *m, struct dir_handle *d, int fd, struct listed *item)
{
    int rc = take_views(m, d);
    if (rc)
        return rc;
    for (; d->next_view < d->view_count; d->next_view++) {
        const struct view_entry *v = &d->views[d->next_view];
        struct stat st;
        if (!fstatat(fd, v->name, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        *item = (struct listed){v->name, node_ino_of_view(&m->nodes, v->recording, v->format), DT_REG,
                                VIEW_OFFSETS + (off_t)d->next_view + 1, true};
        return 1;
    }
    return 0;
}

static int peek(struct mount *m, struct dir_handle *d, int fd, struct listed *item)
{
    if (!d->in_views) {
        int rc = peek_backing(m, d, fd, item);
        if (rc)
            return rc;
        d->in_views = true;
        d->next_view = 0;
    }
    return peek_view(m, d, fd, item);
}

static void consume(struct dir_handle *d, const struct listed *item)
{
    if (item->view)
        d->next_view++;
    else
        d->start += ((const struct dirent64 *)(const void *)(d->data + d->start))->d_reclen;
    d->position = item->next;
}

/* ---- Filling the reply ---- */

struct reply {
    fuse_req_t req;
    char *data;
    size_t used, size;
    fuse_ino_t *looked_up; /* to be undone if the kernel does not take the reply */
    size_t lookups;
};

/* An entry with attributes takes at least this much of a reply. */
#define ENTRY_LEAST 128

static bool is_dot(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

/* False if it does not fit any more. */
static bool add_plain(struct reply *r, const struct listed *item)
{
    struct stat st = {.st_ino = item->ino, .st_mode = (mode_t)item->type << 12};
    size_t need =
        fuse_add_direntry(r->req, r->data + r->used, r->size - r->used, item->name, &st, item->next);
    if (need > r->size - r->used)
        return false;
    r->used += need;
    return true;
}

/* The same with attributes: one lookup, unless it is "." or ".." or could not be looked at, when the kernel
 * asks later if it wants. */
static bool add_plus(struct mount *m, struct reply *r, struct node *dir, int fd, const struct listed *item)
{
    struct fuse_entry_param e = {.attr = {.st_ino = item->ino, .st_mode = (mode_t)item->type << 12}};
    if (fuse_add_direntry_plus(r->req, NULL, 0, item->name, NULL, 0) > r->size - r->used)
        return false;
    struct node *n = NULL;
    struct fuse_entry_param known;
    bool made = dir->kind == NODE_SEARCH || dir->kind == NODE_QUERY;
    if (!is_dot(item->name) && !made &&
        !(dir->kind == NODE_TOP ? top_lookup(m, item->name, &known)
                                : lookup_entry(m, dir, fd, item->name, false, &known, &n)))
        e = known;
    r->used +=
        fuse_add_direntry_plus(r->req, r->data + r->used, r->size - r->used, item->name, &e, item->next);
    if (e.ino)
        r->looked_up[r->lookups++] = e.ino;
    node_put(&m->nodes, n);
    return true;
}

static int fill(struct mount *m, struct dir_handle *d, struct reply *r, off_t off, bool plus)
{
    int fd = atomic_load(&d->base.fd);
    int rc = seek(d, fd, off);
    struct listed item;
    while (!rc && (rc = peek(m, d, fd, &item)) == 1) {
        if (!(plus ? add_plus(m, r, d->base.node, fd, &item) : add_plain(r, &item)))
            return 0;
        consume(d, &item);
        rc = 0;
    }
    return r->used ? 0 : rc;
}

static int fill_top(struct mount *m, struct reply *r, off_t off, bool plus)
{
    for (off_t i = off > 0 ? off : 0;; i++) {
        struct listed item = {i ? ".." : ".", m->nodes.top->ino, DT_DIR, i + 1, false};
        const struct node *n;
        if (i >= 2) {
            if (!top_entry(m, (size_t)i - 2, &item.name, &n))
                return 0;
            item.ino = n->ino;
            item.type = (unsigned char)(n->type >> 12);
        }
        if (!(plus ? add_plus(m, r, m->nodes.top, -1, &item) : add_plain(r, &item)))
            return 0;
    }
}

/* What is found by a search; search/ itself lists nothing. */
static int fill_made(struct mount *m, const struct dir_handle *d, struct reply *r, off_t off, bool plus)
{
    const struct node *n = d->base.node;
    for (off_t i = off > 0 ? off : 0; i < (off_t)d->made_count + 2; i++) {
        struct listed item = {i ? ".." : ".", i && n->kind == NODE_SEARCH ? m->nodes.top->ino : i ? m->nodes.search->ino : n->ino,
                              DT_DIR, i + 1, false};
        if (i >= 2) {
            const struct made_entry *e = &d->made[i - 2];
            item = (struct listed){e->name, e->ino, e->type, i + 1, false};
        }
        if (!(plus ? add_plus(m, r, d->base.node, -1, &item) : add_plain(r, &item)))
            break;
    }
    return 0;
}

static void read_directory(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
    struct mount *m = mount_of(req);
    struct dir_handle *d = dir_handle_of(fi);
    cleanup_free char *data = malloc(size);
    cleanup_free fuse_ino_t *looked_up = malloc((size / ENTRY_LEAST + 1) * sizeof *looked_up);
    struct reply r = {.req = req, .data = data, .size = size, .looked_up = looked_up};
    if (!data || !looked_up) {
        reply_rc(req, m, -ENOMEM);
        return;
    }
    pthread_mutex_lock(&d->lock);
    enum node_kind kind = d->base.node->kind;
    int rc = kind == NODE_TOP    ? fill_top(m, &r, off, plus)
             : kind == NODE_REAL ? fill(m, d, &r, off, plus)
                                 : fill_made(m, d, &r, off, plus);
    pthread_mutex_unlock(&d->lock);
    if (rc)
        reply_rc(req, m, rc);
    else if (fuse_reply_buf(req, r.data, r.used))
        for (size_t i = 0; i < r.lookups; i++)
            node_forget(&m->nodes, r.looked_up[i], 1);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)ino;
    read_directory(req, size, off, fi, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)ino;
    read_directory(req, size, off, fi, true);
}
