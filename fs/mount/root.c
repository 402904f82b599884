/* The top of the mount: a directory made up here, with the inbox, ".Trash", and the pages that say how things are.
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

static const char *const page_names[TOP_PAGES] = {
    [PAGE_TEXT] = "status.txt",
    [PAGE_HTML] = "status.html",
    [PAGE_JSON] = "status.json",
    [PAGE_METRICS] = "metrics.txt",
};
_Static_assert((int)TOP_PAGES == NODE_PAGES, "a node for each page");

static enum top_page page_of(const struct node *n)
{
    return (enum top_page)n->file.ino;
}

/* What a page said at one moment. Its handles keep it. */
struct page_text {
    unsigned users; /* under page_lock; the mount is one of them while it is the latest */
    char *text;
    size_t size;
    struct timespec made;  /* wall clock */
    struct timespec until; /* CLOCK_MONOTONIC: it may be replaced then */
};

static void unref(struct page_text *s)
{
    if (s && !--s->users) {
        free(s->text);
        free(s);
    }
}

void page_unref(struct mount *m, struct page_text *text)
{
    pthread_mutex_lock(&m->page_lock);
    unref(text);
    pthread_mutex_unlock(&m->page_lock);
}

struct page_text *page_new(struct buffer *text)
{
    struct page_text *page = calloc(1, sizeof *page);
    if (!page || buffer_error(text)) {
        free(page);
        return NULL;
    }
    page->users = 1;
    page->size = text->len;
    page->text = buffer_take(text);
    clock_gettime(CLOCK_REALTIME, &page->made);
    return page;
}

/* The latest snapshot, a new one if it is too old. NULL: out of memory. */
static struct page_text *page_get(struct mount *m, enum top_page page)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&m->page_lock);
    struct page_text *s = m->pages[page];
    bool fresh = s && (now.tv_sec < s->until.tv_sec ||
                       (now.tv_sec == s->until.tv_sec && now.tv_nsec < s->until.tv_nsec));
    if (!fresh) {
        cleanup_buffer struct buffer text = {0};
        if (m->config.page)
            m->config.page(m->config.page_context, page, &text);
        struct page_text *next = page_new(&text);
        if (next) { /* else the old text is better than none */
            next->until = now;
            next->until.tv_sec += SNAPSHOT_SECONDS;
            unref(s);
            m->pages[page] = s = next;
        }
    }
    if (s)
        s->users++;
    pthread_mutex_unlock(&m->page_lock);
    return s;
}

void top_clear(struct mount *m)
{
    for (int i = 0; i < TOP_PAGES; i++) {
        unref(m->pages[i]);
        m->pages[i] = NULL;
    }
}

void top_attributes(struct mount *m, struct stat *st)
{
    *st = (struct stat){
        .st_ino = m->nodes.top->ino,
        .st_mode = S_IFDIR | 0555,
        .st_nlink = 3 + (m->trash != NULL) + (m->config.search != NULL),
        .st_uid = geteuid(),
        .st_gid = getegid(),
        .st_blksize = 4096,
        .st_atim = m->started,
        .st_mtim = m->started,
        .st_ctim = m->started,
    };
}

static void fill_page(const struct mount *m, const struct node *n, const struct page_text *s, struct stat *st)
{
    *st = (struct stat){
        .st_ino = n->ino,
        .st_mode = S_IFREG | (m->config.pages_private ? 0400 : 0444),
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

int page_attributes(struct mount *m, const struct node *n, struct stat *st)
{
    struct page_text *s = page_get(m, page_of(n));
    if (!s)
        return -ENOMEM;
    fill_page(m, n, s, st);
    page_unref(m, s);
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
    if (m->config.search && !strcmp(name, SEARCH_NAME)) {
        search_attributes(m, m->nodes.search, &st);
        entry_fill(m, m->nodes.search, &st, e);
        node_count_lookup(&m->nodes, m->nodes.search);
        return 0;
    }
    if (m->trash && !strcmp(name, TRASH_NAME))
        return shown_directory(m, m->trash, m->config.trash_fd, e);
    for (int i = 0; i < TOP_PAGES; i++) {
        struct node *n = m->nodes.pages[i];
        if (strcmp(name, page_names[i]) != 0)
            continue;
        int rc = page_attributes(m, n, &st);
        if (rc)
            return rc;
        entry_fill(m, n, &st, e);
        e->attr_timeout = 0;
        node_count_lookup(&m->nodes, n);
        return 0;
    }
    return -ENOENT;
}

bool top_entry(struct mount *m, size_t n, const char **name, const struct node **node)
{
    if (n == 0) {
        *name = "inbox";
        *node = m->inbox;
    } else if (n <= TOP_PAGES) {
        *name = page_names[n - 1];
        *node = m->nodes.pages[n - 1];
    } else {
        n -= TOP_PAGES + 1;
        if (m->config.search && n-- == 0) {
            *name = SEARCH_NAME;
            *node = m->nodes.search;
            return true;
        }
        if (!m->trash || n)
            return false;
        *name = TRASH_NAME;
        *node = m->trash;
    }
    return true;
}

void page_reply_open(fuse_req_t req, struct mount *m, struct node *n, struct page_text *page, struct fuse_file_info *fi)
{
    struct handle *h = page ? handle_new(HANDLE_PAGE, -1, fi->flags) : NULL;
    if (!h) {
        if (page)
            page_unref(m, page);
        reply_rc(req, m, -ENOMEM);
        return;
    }
    h->page = page;
    node_add_handle(&m->nodes, n, &h->base);
    fi->fh = (uintptr_t)h;
    /* Two handles may show two texts; the page cache has room for one. */
    fi->direct_io = 1;
    fi->noflush = 1;
    if (fuse_reply_open(req, fi))
        handle_free(m, h);
}

void page_open(fuse_req_t req, struct mount *m, struct node *n, struct fuse_file_info *fi)
{
    if (wants_write(fi->flags) || (fi->flags & O_TRUNC))
        reply_rc(req, m, -EROFS);
    else
        page_reply_open(req, m, n, page_get(m, page_of(n)), fi);
}

size_t page_read(const struct handle *h, size_t size, off_t off, const char **data)
{
    const struct page_text *s = h->page;
    size_t start = off < 0 || (size_t)off > s->size ? s->size : (size_t)off;
    *data = s->text + start;
    return s->size - start < size ? s->size - start : size;
}
