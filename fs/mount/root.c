/* The top of the mount: a directory made up here, with "inbox", "status.txt" and ".Trash" in it.
 * Read-only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/mount/internal.h"
#include "fs/mount/resolve.h"

#define SNAPSHOT_SECONDS 1

/* What status.txt said at one moment. Its handles keep it. */
struct status_text {
    unsigned users; /* under status_lock; the mount is one of them while it is the latest */
    char *text;
    size_t size;
    struct timespec made;  /* wall clock */
    struct timespec until; /* CLOCK_MONOTONIC: it may be replaced then */
};

static void unref(struct status_text *s)
{
    if (s && !--s->users) {
        free(s->text);
        free(s);
    }
}

void status_unref(struct mount *m, struct status_text *text)
{
    pthread_mutex_lock(&m->status_lock);
    unref(text);
    pthread_mutex_unlock(&m->status_lock);
}

/* The latest snapshot, a new one if it is too old. NULL: out of memory. */
static struct status_text *status_get(struct mount *m)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&m->status_lock);
    struct status_text *s = m->status;
    bool fresh = s && (now.tv_sec < s->until.tv_sec ||
                       (now.tv_sec == s->until.tv_sec && now.tv_nsec < s->until.tv_nsec));
    if (!fresh) {
        cleanup_buffer struct buffer text = {0};
        if (m->config.status)
            m->config.status(m->config.context, &text);
        struct status_text *next = calloc(1, sizeof *next);
        if (next && !buffer_error(&text)) {
            next->users = 1;
            next->size = text.len;
            next->text = buffer_take(&text);
            next->until = now;
            next->until.tv_sec += SNAPSHOT_SECONDS;
            clock_gettime(CLOCK_REALTIME, &next->made);
            unref(s);
            m->status = s = next;
        } else {
            free(next); /* the old text is better than none */
        }
    }
    if (s)
        s->users++;
    pthread_mutex_unlock(&m->status_lock);
    return s;
}

void top_clear(struct mount *m)
{
    unref(m->status);
    m->status = NULL;
}

void top_attributes(struct mount *m, struct stat *st)
{
    *st = (struct stat){
        .st_ino = m->nodes.top->ino,
        .st_mode = S_IFDIR | 0555,
        .st_nlink = m->trash ? 4 : 3,
        .st_uid = geteuid(),
        .st_gid = getegid(),
        .st_blksize = 4096,
        .st_atim = m->started,
        .st_mtim = m->started,
        .st_ctim = m->started,
    };
}

static void fill_status(struct mount *m, const struct status_text *s, struct stat *st)
{
    *st = (struct stat){
        .st_ino = m->nodes.status->ino,
        .st_mode = S_IFREG | 0444,
        .st_nlink = 1,
        .st_uid = geteuid(),
        .st_gid = getegid(),
        .st_size = (off_t)s->size,
        .st_blksize = 4096,
        .st_blocks = (blkcnt_t)((s->size + 511) / 512),
        .st_atim = s->made,
        .st_mtim = s->made,
        .st_ctim = s->made,
    };
}

int status_attributes(struct mount *m, struct stat *st)
{
    struct status_text *s = status_get(m);
    if (!s)
        return -ENOMEM;
    fill_status(m, s, st);
    status_unref(m, s);
    return 0;
}

/* The entry of one of the two directories of the store. */
static int shown_directory(struct mount *m, struct node *n, int fd, struct fuse_entry_param *e)
{
    struct statx x;
    struct stat st;
    int rc = stat_at(fd, "", &x);
    if (rc)
        return rc;
    stat_from_statx(n, &x, &st);
    entry_fill(m, n, &st, e);
    node_count_lookup(&m->nodes, n);
    return 0;
}

int top_lookup(struct mount *m, const char *name, struct fuse_entry_param *e)
{
    struct stat st;
    if (!strcmp(name, "inbox"))
        return shown_directory(m, m->inbox, m->config.inbox_fd, e);
    if (m->trash && !strcmp(name, TRASH_NAME))
        return shown_directory(m, m->trash, m->config.trash_fd, e);
    if (strcmp(name, "status.txt") != 0)
        return -ENOENT;
    int rc = status_attributes(m, &st);
    if (rc)
        return rc;
    entry_fill(m, m->nodes.status, &st, e);
    e->attr_timeout = 0;
    node_count_lookup(&m->nodes, m->nodes.status);
    return 0;
}

void status_open(fuse_req_t req, struct mount *m, struct node *n, struct fuse_file_info *fi)
{
    if (wants_write(fi->flags) || (fi->flags & O_TRUNC)) {
        reply_rc(req, m, -EROFS);
        return;
    }
    struct handle *h = handle_new(HANDLE_STATUS, -1, fi->flags);
    if (h)
        h->status = status_get(m);
    if (!h || !h->status) {
        if (h)
            free(h);
        reply_rc(req, m, -ENOMEM);
        return;
    }
    node_add_handle(&m->nodes, n, &h->base);
    fi->fh = (uintptr_t)h;
    /* Two handles may show two texts; the page cache has room for one. */
    fi->direct_io = 1;
    fi->noflush = 1;
    if (fuse_reply_open(req, fi))
        handle_free(m, h);
}

size_t status_read(const struct handle *h, size_t size, off_t off, const char **data)
{
    const struct status_text *s = h->status;
    size_t start = off < 0 || (size_t)off > s->size ? s->size : (size_t)off;
    *data = s->text + start;
    return s->size - start < size ? s->size - start : size;
}
