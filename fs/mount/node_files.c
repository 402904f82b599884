/* Real files, views and open handles in the node table. */
#include "fs/mount/node_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/base/cleanup.h"
#include "fs/library.h"

/* ---- Real files ---- */

/* The inode number was given to another file: what was known belongs to the old one. */
static void disown(struct node_table *t, struct node *n)
{
    n->references++;
    while (n->names)
        node_unlink_name(t, n, &n->names);
    if (n->dir) {
        t->drop_directory(n->dir);
        n->dir = NULL;
    }
    n->references--;
}

/* The node goes over to that other file. The kernel sees the generation change. */
static void renew(struct node_table *t, struct node *n, const struct node_fact *fact)
{
    disown(t, n);
    n->birth_ns = fact->birth_ns;
    n->generation = node_generation((uint64_t)fact->birth_ns);
    n->type = fact->mode & S_IFMT;
    n->seen.valid = false;
}

static struct node *new_real(struct node_table *t, const struct node_fact *fact, uint64_t id)
{
    struct node *n = node_add(t, NODE_REAL, id && !node_find_id(t, id) ? id : node_spill(t), fact->file,
                              fact->mode & S_IFMT);
    if (!n)
        return NULL;
    n->birth_ns = fact->birth_ns;
    n->generation = node_generation((uint64_t)fact->birth_ns);
    uint64_t derived = node_derive(t, NODE_KIND_REAL, fact->file);
    n->ino = fact->file.dev == t->devices[0] ? fact->file.ino : derived ? derived : n->id;
    return n;
}

struct node *node_real(struct node_table *t, const struct node_fact *fact, struct node *parent,
                       const char *name, bool lookup, uint64_t moves, bool *again)
{
    pthread_mutex_lock(&t->lock);
    struct node *n = NULL;
    if (again) {
        *again = atomic_load(&t->moves) != moves;
        if (*again)
            goto out;
    }
    n = node_find_real(t, fact->file);
    if (n && again && fact->birth_ns < n->birth_ns) {
        *again = true;
        n = NULL;
        goto out;
    }
    uint64_t id = node_derive_born(t, fact->file, fact->birth_ns);
    if (n && n->birth_ns != fact->birth_ns && n->id != id) {
        /* Whoever still holds the old file finds it gone (ESTALE, upon which the kernel looks again). */
        disown(t, n);
        node_unkey(t, n);
        n = NULL;
    }
    if (n) {
        n->references++;
        if (n->birth_ns != fact->birth_ns || n->type != (fact->mode & S_IFMT))
            renew(t, n, fact);
    } else if (!(n = new_real(t, fact, id))) {
        goto out;
    }
    if (parent && node_put_name(t, n, parent, name) == -ENOMEM) {
        node_put_locked(t, n);
        n = NULL;
        goto out;
    }
    if (lookup)
        n->lookups++;
out:
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* ---- Views
 * ----------------------------------------------------------------------------------------------------------
 */

void node_view_free(struct node_view *v)
{
    if (v)
        free(v->recording_name);
    free(v);
}

static struct node_view *view_copy(const struct node_table *t, const struct view *view)
{
    struct node_view *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->recording_name = strdup(view->recording_name);
    if (!v->recording_name) {
        free(v);
        return NULL;
    }
    v->format = view->format;
    v->job = view->job;
    v->key = view->key;
    v->unlisted = view->unlisted;
    v->number = view->number;
    v->version = view->version;
    v->size = view->size;
    v->mtime = view->mtime;
    /* Until its recording was seen nobody else may have it. */
    v->uid = t->uid;
    v->gid = t->gid;
    v->mode = 0600;
    return v;
}

/* The recording may have a new name while the view is the same. */
static void refresh_recording_name(struct node_view *v, const char *name)
{
    if (!strcmp(v->recording_name, name))
        return;
    char *copy = strdup(name);
    if (copy) {
        free(v->recording_name);
        v->recording_name = copy;
    }
}

/* What the id of an earlier version is made of: inode 2^48 and more does not fit, and gets a number of its own. */
static struct file_id numbered(const struct view *view)
{
    struct file_id file = view->recording;
    if (view->number && file.ino >> NODE_BORN_SHIFT == 0)
        file.ino |= (uint64_t)view->number << NODE_BORN_SHIFT;
    else if (view->number)
        file.ino = NODE_INODE_LIMIT;
    return file;
}

static bool at_place(const struct node *n, const struct node *parent, const char *name)
{
    return n->names && n->names->parent == parent && !strcmp(n->names->text, name);
}

struct node *node_view(struct node_table *t, const struct view *view, struct node *parent, const char *name,
                       bool alone, bool lookup)
{
    pthread_mutex_lock(&t->lock);
    struct node *n, *elsewhere = NULL;
    for (n = *node_key_slot(t, NODE_VIEW, view->recording); n; n = n->key_next) {
        if (n->kind != NODE_VIEW || !file_id_equal(n->file, view->recording) ||
            n->view->format != view->format || n->view->number != view->number)
            continue;
        if (at_place(n, parent, name))
            break;
        elsewhere = n;
    }
    bool second_place = !n && elsewhere && !alone; /* hard links of the recording */
    if (!n && alone)
        n = elsewhere;
    if (n && (n->view->version != view->version || memcmp(&n->view->job, &view->job, sizeof view->job))) {
        node_unkey(t, n);
        n = NULL;
    }
    if (n) {
        n->references++;
        refresh_recording_name(n->view, view->recording_name);
    } else {
        struct node_view *copy = view_copy(t, view);
        if (!copy)
            goto out;
        uint64_t derived = node_derive(t, NODE_KIND_VIEW(view->format), numbered(view));
        uint64_t id = derived && !node_find_id(t, derived) ? derived : node_spill(t);
        n = node_add(t, NODE_VIEW, id, view->recording, S_IFREG);
        if (!n) {
            node_view_free(copy);
            goto out;
        }
        n->view = copy;
        n->ino = derived && !second_place ? derived : id;
        n->generation = node_generation(view->version);
    }
    if (node_put_name(t, n, parent, name)) {
        node_put_locked(t, n);
        n = NULL;
        goto out;
    }
    if (lookup)
        n->lookups++;
out:
    pthread_mutex_unlock(&t->lock);
    return n;
}

void node_become(struct node_table *t, struct node *view, struct node *real)
{
    pthread_mutex_lock(&t->lock);
    if (!view->alias && view != real) {
        node_unkey(t, view);
        real->references++;
        real->aliases++;
        view->alias = real;
        view->alias_birth_ns = real->birth_ns;
    }
    pthread_mutex_unlock(&t->lock);
}

struct node *node_alias_of(const struct node *n)
{
    return n->alias && n->alias->keyed && n->alias->birth_ns == n->alias_birth_ns ? n->alias : NULL;
}

int node_became(struct node_table *t, struct node *view, struct node **real)
{
    pthread_mutex_lock(&t->lock);
    *real = node_alias_of(view);
    if (*real)
        (*real)->references++;
    int rc = *real ? 1 : view->alias ? -ESTALE : 0;
    pthread_mutex_unlock(&t->lock);
    return rc;
}

bool node_handle_is_behind(struct node_table *t, const struct node_handle *h)
{
    pthread_mutex_lock(&t->lock);
    bool behind = h->node->alias;
    pthread_mutex_unlock(&t->lock);
    return behind;
}

void node_view_read(struct node_table *t, const struct node *n, struct view *out, uid_t *uid, gid_t *gid,
                    mode_t *mode)
{
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&t->lock);
    const struct node_view *v = n->view;
    out->recording = n->file;
    size_t length = strlen(v->recording_name);
    memcpy(out->recording_name, v->recording_name, length < NAME_SIZE ? length : NAME_SIZE - 1);
    out->format = v->format;
    out->job = v->job;
    out->key = v->key;
    out->unlisted = v->unlisted;
    out->number = v->number;
    out->version = v->version;
    out->size = v->size;
    out->mtime = v->mtime;
    *uid = v->uid;
    *gid = v->gid;
    *mode = v->mode;
    pthread_mutex_unlock(&t->lock);
}

void node_view_owner(struct node_table *t, struct node *n, uid_t uid, gid_t gid, mode_t mode)
{
    pthread_mutex_lock(&t->lock);
    n->view->uid = uid;
    n->view->gid = gid;
    n->view->mode = mode;
    pthread_mutex_unlock(&t->lock);
}

void node_view_size(struct node_table *t, struct node *n, off_t size)
{
    pthread_mutex_lock(&t->lock);
    n->view->size = size;
    pthread_mutex_unlock(&t->lock);
}

/* ---- Handles ---- */

static void link_handle(struct node *n, struct node_handle *h)
{
    h->node = n;
    h->next = n->handles;
    h->link = &n->handles;
    if (n->handles)
        n->handles->link = &h->next;
    n->handles = h;
    n->references++;
}

static void unlink_handle(struct node_handle *h)
{
    *h->link = h->next;
    if (h->next)
        h->next->link = h->link;
}

void node_add_handle(struct node_table *t, struct node *n, struct node_handle *h)
{
    pthread_mutex_lock(&t->lock);
    link_handle(n, h);
    pthread_mutex_unlock(&t->lock);
}

void node_remove_handle(struct node_table *t, struct node_handle *h)
{
    pthread_mutex_lock(&t->lock);
    unlink_handle(h);
    node_put_locked(t, h->node);
    h->node = NULL;
    pthread_mutex_unlock(&t->lock);
}

void node_move_handle(struct node_table *t, struct node_handle *h, struct node *real, int fd)
{
    pthread_mutex_lock(&t->lock);
    struct node *old = h->node;
    unlink_handle(h);
    link_handle(real, h);
    atomic_store(&h->fd, fd);
    node_put_locked(t, old);
    pthread_mutex_unlock(&t->lock);
}

struct node_handle *node_any_handle(struct node_table *t, size_t *slot)
{
    struct node_handle *h = NULL;
    pthread_mutex_lock(&t->lock);
    for (; *slot < t->slots && !h; *slot += !h)
        for (const struct node *n = t->by_id[*slot]; n && !h; n = n->id_next)
            h = n->handles;
    pthread_mutex_unlock(&t->lock);
    return h;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool node_unchanged(struct node_table *t, struct node *n, off_t size, struct timespec mtime,
                    struct timespec ctime)
{
    pthread_mutex_lock(&t->lock);
    bool same = n->seen.valid && n->seen.size == size && same_time(n->seen.mtime, mtime) &&
                same_time(n->seen.ctime, ctime);
    n->seen.valid = true;
    n->seen.size = size;
    n->seen.mtime = mtime;
    n->seen.ctime = ctime;
    pthread_mutex_unlock(&t->lock);
    return same;
}
