/* MOUNT/search: looking into search/WORDS is a search. There are a link to each recording in whose transcript the words
 * are, and hits.txt, which says where. Nothing is written here, and search/ itself lists nothing.
 *
 * No handler waits: a search is answered by the thread that made it. What was found is kept for some seconds, as a
 * file manager asks for the same again and again; what of it somebody is shown is decided each time, with the rights
 * of the one who asks: a recording that may not be read is not found. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "cache/search.h"
#include "cache/search_query.h"
#include "fs/mount/acl.h"
#include "fs/mount/credentials.h"
#include "fs/mount/found.h"
#include "fs/mount/internal.h"
#include "fs/mount/resolve.h"

#define HITS_NAME "hits.txt"
#define TARGET_PREFIX "../../inbox/"

/* ---- Who may see what ---- */

static bool mode_permits(const struct statx *x, const struct fuse_ctx *caller, mode_t wanted)
{
    mode_t mode = x->stx_mode;
    if (x->stx_uid == caller->uid)
        mode >>= 6;
    else if (x->stx_gid == caller->gid)
        mode >>= 3;
    return (mode & wanted) == wanted;
}

/* Where operations cannot be run as their caller: by the mode bits on the way. It rather shows too little: other
 * groups of the caller are not looked at, and what has an ACL is the daemon's user's alone. */
static bool modes_permit(const struct mount *m, const char *path, const struct fuse_ctx *caller)
{
    struct statx x;
    char part[PATH_MAX];
    if (stat_at(m->config.inbox_fd, "", &x) || !mode_permits(&x, caller, 1) || strlen(path) >= sizeof part)
        return false;
    for (const char *slash = path;; slash++) {
        slash = strchrnul(slash, '/');
        memcpy(part, path, (size_t)(slash - path));
        part[slash - path] = '\0';
        if (stat_at(m->config.inbox_fd, part, &x) || acl_beyond_mode(m->config.inbox_fd, part) ||
            !mode_permits(&x, caller, *slash ? 1 : 4))
            return false;
        if (!*slash)
            return true;
    }
}

/* Which of the list's entries the caller may read: a flag for each, malloc'ed. NULL: out of memory. */
static bool *permitted(struct mount *m, fuse_req_t req, const struct found_list *list)
{
    const struct fuse_ctx *caller = fuse_req_ctx(req);
    bool *may = calloc(list->count + 1, sizeof *may);
    if (!may)
        return NULL;
    cleanup_credentials struct credentials as = CREDENTIALS_INIT;
    if (credentials_assume(m, req, &as))
        return may;
    bool by_modes = !m->privileged && caller->uid != geteuid() && caller->uid != 0;
    for (size_t i = 0; i < list->count; i++)
        may[i] = by_modes ? modes_permit(m, list->entries[i].path, caller)
                          : !faccessat(m->config.inbox_fd, list->entries[i].path, R_OK, AT_EACCESS);
    return may;
}

/* ---- Names ---- */

/* What a name below search/ asks for. File managers try names of their own everywhere. */
static bool asks_for_something(const char *name)
{
    static const char *const endings[] = {".inf", ".ini", ".db", ".jpg", ".gif", ".png", ".ico", ".lnk"};
    struct search_query q;
    size_t length = strlen(name);
    if (name[0] == '.' || name_classify(name) == NAME_JUNK)
        return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (length > strlen(endings[i]) && !strcasecmp(name + length - strlen(endings[i]), endings[i]))
            return false;
    cleanup_free char *words = found_words(name);
    bool fine = words && !search_query_parse(words, &q);
    if (words)
        search_query_clear(&q);
    return fine;
}

int search_lookup(struct mount *m, const char *name, struct fuse_entry_param *e)
{
    struct stat st;
    if (!asks_for_something(name))
        return -ENOENT;
    struct node *n = node_made(&m->nodes, NODE_QUERY, name, true);
    if (!n)
        return -ENOMEM;
    search_attributes(m, n, &st);
    entry_fill(m, n, &st, e);
    node_put(&m->nodes, n);
    return 0;
}

const char *search_target(const struct node *n)
{
    const char *name = strchr(n->text, '/');
    return strchr(name + 1, '/') + 1;
}

static char *hit_text(const char *words, const char *name, const char *path)
{
    char *text;
    return asprintf(&text, "%s/%s/" TARGET_PREFIX "%s", words, name, path) < 0 ? NULL : text;
}

void search_attributes(struct mount *m, const struct node *n, struct stat *st)
{
    bool link = n->kind == NODE_HIT;
    *st = (struct stat){
        .st_ino = n->ino,
        .st_mode = link ? S_IFLNK | 0777 : S_IFDIR | 0555,
        .st_nlink = link ? 1 : 2,
        .st_uid = geteuid(),
        .st_gid = getegid(),
        .st_size = link ? (off_t)strlen(search_target(n)) : 0,
        .st_blksize = 4096,
        .st_atim = m->started,
        .st_mtim = m->started,
        .st_ctim = m->started,
    };
}

/* ---- Asking ---- */

enum wish { WISH_LOOKUP, WISH_GETATTR, WISH_OPENDIR, WISH_OPEN };

struct asker {
    struct mount *mount;
    fuse_req_t req;
    struct node *node; /* a reference */
    enum wish wish;
    struct fuse_file_info fi;
    char name[NAME_SIZE];
};

static void fill_hits(const struct node *n, size_t size, struct stat *st)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *st = (struct stat){
        .st_ino = n->ino,
        .st_mode = S_IFREG | 0444,
        .st_nlink = 1,
        .st_uid = geteuid(),
        .st_gid = getegid(),
        .st_size = (off_t)size,
        .st_blksize = 4096,
        .st_blocks = (blkcnt_t)((size + 511) / 512),
        .st_atim = now,
        .st_mtim = now,
        .st_ctim = now,
    };
}

static void reply_hit(struct asker *a, const struct found_list *list, const bool *may)
{
    struct mount *m = a->mount;
    struct fuse_entry_param e;
    struct stat st;
    struct node *n = NULL;
    cleanup_buffer struct buffer text = {0};
    const char *words = a->node->text;
    if (!strcmp(a->name, HITS_NAME)) {
        found_text(m->config.wording, list, may, &text);
        n = buffer_error(&text) ? NULL : node_made(&m->nodes, NODE_HITS, words, true);
        if (n)
            fill_hits(n, text.len, &st);
    } else {
        size_t at = found_by_name(list, may, a->name);
        if (at == list->count) {
            reply_rc(a->req, m, -ENOENT);
            return;
        }
        cleanup_free char *key = hit_text(words, a->name, list->entries[at].path);
        n = key ? node_made(&m->nodes, NODE_HIT, key, true) : NULL;
        if (n)
            search_attributes(m, n, &st);
    }
    if (!n) {
        reply_rc(a->req, m, -ENOMEM);
        return;
    }
    entry_fill(m, n, &st, &e);
    /* Another caller may see something else. */
    e.entry_timeout = e.attr_timeout = 0;
    node_put(&m->nodes, n);
    reply_entry(a->req, m, &e);
}

static void reply_listing(struct asker *a, const struct found_list *list, const bool *may)
{
    struct mount *m = a->mount;
    const char *words = a->node->text;
    struct made_entry *entries = calloc(list->count + 1, sizeof *entries);
    size_t count = 1;
    if (!entries) {
        reply_rc(a->req, m, -ENOMEM);
        return;
    }
    entries[0] = (struct made_entry){HITS_NAME, node_ino_of_made(NODE_HITS, words), DT_REG};
    for (size_t i = 0; i < list->count; i++) {
        struct made_entry *e = &entries[count];
        if (!may[i] || !found_name(list, may, i, e->name))
            continue;
        cleanup_free char *key = hit_text(words, e->name, list->entries[i].path);
        e->ino = node_ino_of_made(NODE_HIT, key ? key : "");
        e->type = DT_LNK;
        count++;
    }
    dir_open_made(a->req, m, a->node, entries, count, &a->fi);
}

static void reply_text(struct asker *a, const struct found_list *list, const bool *may)
{
    struct mount *m = a->mount;
    cleanup_buffer struct buffer text = {0};
    found_text(m->config.wording, list, may, &text);
    if (a->wish == WISH_OPEN) {
        page_reply_open(a->req, m, a->node, page_new(&text), &a->fi);
    } else {
        struct stat st;
        fill_hits(a->node, text.len, &st);
        fuse_reply_attr(a->req, &st, 0);
    }
}

/* Replies, and frees the asker. */
static void serve(struct asker *a, const struct found_list *list)
{
    struct mount *m = a->mount;
    cleanup_free bool *may = list ? permitted(m, a->req, list) : NULL;
    if (!may)
        reply_rc(a->req, m, -ENOMEM);
    else if (a->wish == WISH_LOOKUP)
        reply_hit(a, list, may);
    else if (a->wish == WISH_OPENDIR)
        reply_listing(a, list, may);
    else
        reply_text(a, list, may);
    node_put(&m->nodes, a->node);
    free(a);
}

static void on_answer(void *to, struct search_answer *answer)
{
    struct asker *a = to;
    struct mount *m = a->mount;
    struct found_list *list = found_new(m, a->node->text, answer);
    serve(a, list);
    found_put(m, list);
}

/* Takes the reference to the node. */
static void ask(fuse_req_t req, struct mount *m, struct node *n, enum wish wish, const char *name,
                const struct fuse_file_info *fi)
{
    struct asker *a = calloc(1, sizeof *a);
    cleanup_free char *words = found_words(n->text);
    if (!a || !words) {
        free(a);
        node_put(&m->nodes, n);
        reply_rc(req, m, -ENOMEM);
        return;
    }
    *a = (struct asker){.mount = m, .req = req, .node = n, .wish = wish};
    snprintf(a->name, sizeof a->name, "%s", name);
    if (fi)
        a->fi = *fi;
    struct found_list *list = found_get(m, n->text);
    if (list) {
        serve(a, list);
        found_put(m, list);
        return;
    }
    int rc = search_ask(m->config.search, words, FOUND_MOST, on_answer, a);
    if (rc) {
        reply_rc(req, m, rc == -ECANCELED ? -EIO : rc);
        node_put(&m->nodes, n);
        free(a);
    }
}

void search_lookup_hit(fuse_req_t req, struct mount *m, struct node *query, const char *name)
{
    if (name[0] != '.' && name_classify(name) != NAME_JUNK && strlen(name) < NAME_SIZE) {
        ask(req, m, query, WISH_LOOKUP, name, NULL);
        return;
    }
    node_put(&m->nodes, query);
    reply_rc(req, m, -ENOENT);
}

void search_getattr(fuse_req_t req, struct mount *m, struct node *n)
{
    ask(req, m, n, WISH_GETATTR, "", NULL);
}

void search_opendir(fuse_req_t req, struct mount *m, struct node *n, struct fuse_file_info *fi)
{
    ask(req, m, n, WISH_OPENDIR, "", fi);
}

void search_open(fuse_req_t req, struct mount *m, struct node *n, struct fuse_file_info *fi)
{
    if (!wants_write(fi->flags) && !(fi->flags & O_TRUNC)) {
        ask(req, m, n, WISH_OPEN, "", fi);
        return;
    }
    node_put(&m->nodes, n);
    reply_rc(req, m, -EROFS);
}

void search_end(struct mount *m)
{
    if (m->config.search)
        search_stop(m->config.search);
    found_clear(m);
}
