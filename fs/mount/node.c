/* The node table. */
#include "fs/mount/node_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/base/cleanup.h"
#include "fs/library.h"

#define FIRST_SLOTS 1024
#define DEEPEST 16384 /* levels a path is followed upwards; the kernel has no limit of its own */

/* ---- Ids
 * ------------------------------------------------------------------------------------------------------------
 */

uint64_t node_compose(unsigned kind, unsigned device_tag, uint64_t inode)
{
    if (kind > NODE_KIND_FIXED || device_tag >= NODE_DEVICES || inode >= NODE_INODE_LIMIT)
        return 0;
    return ((uint64_t)kind << NODE_KIND_SHIFT) | ((uint64_t)device_tag << NODE_DEVICE_SHIFT) | inode;
}

uint32_t node_generation(uint64_t of)
{
    uint64_t h = of ? file_id_hash((struct file_id){0, of}) : 0;
    return (uint32_t)(h ^ (h >> 32));
}

/* The tag of a device; NODE_DEVICES when there are too many. */
static unsigned device_tag(struct node_table *t, dev_t device)
{
    for (unsigned i = 0; i < t->device_count; i++)
        if (t->devices[i] == device)
            return i;
    if (t->device_count >= NODE_DEVICES)
        return NODE_DEVICES;
    dev_t *devices = realloc(t->devices, (t->device_count + 1) * sizeof *devices);
    if (!devices)
        return NODE_DEVICES;
    t->devices = devices;
    devices[t->device_count] = device;
    return t->device_count++;
}

uint64_t node_derive(struct node_table *t, unsigned kind, struct file_id file)
{
    return node_compose(kind, device_tag(t, file.dev), file.ino);
}

uint64_t node_derive_born(struct node_table *t, struct file_id file, int64_t birth_ns)
{
    if (file.ino >> NODE_BORN_SHIFT == 0)
        file.ino |= (uint64_t)(node_generation((uint64_t)birth_ns) & NODE_BORN_MASK) << NODE_BORN_SHIFT;
    return node_derive(t, NODE_KIND_REAL, file);
}

uint64_t node_spill(struct node_table *t)
{
    return NODE_SPILL | ++t->spills;
}

uint64_t node_ino_of(struct node_table *t, struct file_id file)
{
    pthread_mutex_lock(&t->lock);
    uint64_t ino = file.dev == t->devices[0] ? file.ino : node_derive(t, NODE_KIND_REAL, file);
    pthread_mutex_unlock(&t->lock);
    return ino ? ino : file.ino;
}

uint64_t node_ino_of_view(struct node_table *t, struct file_id recording, enum view_format format)
{
    pthread_mutex_lock(&t->lock);
    uint64_t ino = node_derive(t, NODE_KIND_VIEW(format), recording);
    pthread_mutex_unlock(&t->lock);
    return ino ? ino : NODE_SPILL | (file_id_hash(recording) >> 1);
}

/* ---- The two hash tables ---- */

static uint64_t id_hash(uint64_t id)
{
    return file_id_hash((struct file_id){0, id});
}

static uint64_t key_hash(enum node_kind kind, struct file_id file)
{
    return file_id_hash(file) + kind;
}

static struct node **id_slot(struct node_table *t, uint64_t id)
{
    return &t->by_id[id_hash(id) & (t->slots - 1)];
}

struct node **node_key_slot(struct node_table *t, enum node_kind kind, struct file_id file)
{
    return &t->by_key[key_hash(kind, file) & (t->slots - 1)];
}

struct node *node_find_id(struct node_table *t, uint64_t id)
{
    for (struct node *n = *id_slot(t, id); n; n = n->id_next)
        if (n->id == id)
            return n;
    return NULL;
}

struct node *node_find_real(struct node_table *t, struct file_id file)
{
    for (struct node *n = *node_key_slot(t, NODE_REAL, file); n; n = n->key_next)
        if (n->kind == NODE_REAL && file_id_equal(n->file, file))
            return n;
    return NULL;
}

static void insert(struct node_table *t, struct node *n)
{
    struct node **slot = id_slot(t, n->id);
    n->id_next = *slot;
    *slot = n;
    if (n->keyed) {
        slot = node_key_slot(t, n->kind, n->file);
        n->key_next = *slot;
        *slot = n;
    }
}

void node_unkey(struct node_table *t, struct node *n)
{
    if (!n->keyed)
        return;
    struct node **p = node_key_slot(t, n->kind, n->file);
    while (*p != n)
        p = &(*p)->key_next;
    *p = n->key_next;
    n->keyed = false;
}

/* Doubles the slots; when there is no memory the chains just get longer. */
static void grow(struct node_table *t)
{
    size_t slots = t->slots * 2;
    struct node **by_id = calloc(slots, sizeof *by_id), **by_key = calloc(slots, sizeof *by_key);
    if (!by_id || !by_key) {
        free(by_id);
        free(by_key);
        return;
    }
    struct node_table old = {.by_id = t->by_id, .by_key = t->by_key, .slots = t->slots};
    t->by_id = by_id;
    t->by_key = by_key;
    t->slots = slots;
    for (size_t i = 0; i < old.slots; i++)
        for (struct node *n = old.by_id[i], *next; n; n = next) {
            next = n->id_next;
            insert(t, n);
        }
    free(old.by_id);
    free(old.by_key);
}

/* A node with one reference, in the tables. */
struct node *node_add(struct node_table *t, enum node_kind kind, uint64_t id, struct file_id file,
                      mode_t type)
{
    struct node *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->kind = kind;
    n->id = n->ino = id;
    n->file = file;
    n->type = type;
    n->references = 1;
    n->kept = -1;
    n->keyed = kind == NODE_REAL || kind == NODE_VIEW;
    if (t->count >= t->slots)
        grow(t);
    insert(t, n);
    t->count++;
    return n;
}

/* Drops one reference. A node that goes may take its parents with it: a loop, not a recursion, as trees can
 * be deep. */
void node_put_locked(struct node_table *t, struct node *n)
{
    struct node *dying = NULL; /* chained by key_next, which a removed node no longer needs */
    n->references--;
    for (;;) {
        if (!n->references && !n->lookups) {
            node_unkey(t, n);
            struct node **p = id_slot(t, n->id);
            while (*p != n)
                p = &(*p)->id_next;
            *p = n->id_next;
            t->count--;
            n->key_next = dying;
            dying = n;
        }
        /* What the dying still refer to, one at a time. */
        n = NULL;
        while (dying && !n) {
            struct node *d = dying;
            if (d->names) {
                struct node_name *name = d->names;
                d->names = name->next;
                n = name->parent;
                free(name);
            } else if (d->alias) {
                n = d->alias;
                n->aliases--;
                d->alias = NULL;
            } else {
                dying = d->key_next;
                if (d->dir)
                    t->drop_directory(d->dir);
                node_view_free(d->view);
                free(d->text);
                if (d->kept < 0) {
                    free(d);
                } else {
                    d->key_next = t->ended;
                    t->ended = d;
                    atomic_fetch_add(&t->to_close, 1);
                }
            }
        }
        if (!n)
            return;
        n->references--;
    }
}

int node_table_init(struct node_table *t, dev_t inbox_device, void (*drop_directory)(struct dir_fd *dir))
{
    memset(t, 0, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    t->drop_directory = drop_directory;
    t->slots = FIRST_SLOTS;
    t->by_id = calloc(t->slots, sizeof *t->by_id);
    t->by_key = calloc(t->slots, sizeof *t->by_key);
    if (t->by_id && t->by_key && device_tag(t, inbox_device) == 0) {
        t->top = node_add(t, NODE_TOP, NODE_TOP_ID, (struct file_id){0, 0}, S_IFDIR);
        bool ok = t->top != NULL;
        for (unsigned i = 0; i < NODE_PAGES; i++) {
            t->pages[i] = node_add(t, NODE_PAGE, NODE_PAGE_ID(i), (struct file_id){0, i}, S_IFREG);
            ok = ok && t->pages[i];
        }
        t->search = node_add(t, NODE_SEARCH, NODE_SEARCH_ID, (struct file_id){0, 0}, S_IFDIR);
        if (ok && t->search) {
            t->search->ino = node_compose(NODE_KIND_FIXED, 0, NODE_SEARCH_ID);
            /* Small numbers could be those of real files (an ext4 root is 2). */
            t->top->ino = node_compose(NODE_KIND_FIXED, 0, NODE_TOP_ID);
            for (unsigned i = 0; i < NODE_PAGES; i++)
                t->pages[i]->ino = node_compose(NODE_KIND_FIXED, 0, NODE_PAGE_ID(i));
            return 0;
        }
    }
    node_table_clear(t);
    return -ENOMEM;
}

void node_table_clear(struct node_table *t)
{
    for (size_t i = 0; t->by_id && i < t->slots; i++)
        for (struct node *n = t->by_id[i], *next; n; n = next) {
            next = n->id_next;
            for (struct node_name *name = n->names, *after; name; name = after) {
                after = name->next;
                free(name);
            }
            if (n->dir)
                t->drop_directory(n->dir);
            node_view_free(n->view);
            free(n->text);
            free(n);
        }
    for (struct node *n = t->ended, *next; n; n = next) {
        next = n->key_next;
        free(n);
    }
    free(t->by_id);
    free(t->by_key);
    free(t->devices);
    pthread_mutex_destroy(&t->lock);
    memset(t, 0, sizeof *t);
}

/* ---- What is made up ---- */

uint64_t node_ino_of_made(enum node_kind kind, const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037) + kind; /* FNV-1a */
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return NODE_MADE | (h ^ h >> 62);
}

struct node *node_made(struct node_table *t, enum node_kind kind, const char *text, bool lookup)
{
    mode_t type = kind == NODE_QUERY ? S_IFDIR : kind == NODE_HIT ? S_IFLNK : S_IFREG;
    uint64_t id = node_ino_of_made(kind, text);
    pthread_mutex_lock(&t->lock);
    struct node *n;
    while ((n = node_find_id(t, id)) && (n->kind != kind || strcmp(n->text, text) != 0))
        id = NODE_MADE | (id + 1);
    if (n) {
        n->references++;
    } else {
        char *copy = strdup(text);
        n = copy ? node_add(t, kind, id, (struct file_id){0, 0}, type) : NULL;
        if (n)
            n->text = copy;
        else
            free(copy);
    }
    if (n && lookup)
        n->lookups++;
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* ---- References and lookups ---- */

struct node *node_get(struct node_table *t, uint64_t id)
{
    pthread_mutex_lock(&t->lock);
    struct node *n = node_find_id(t, id);
    if (n && n->alias)
        n = node_alias_of(n);
    if (n)
        n->references++;
    pthread_mutex_unlock(&t->lock);
    return n;
}

struct node *node_ref(struct node_table *t, struct node *n)
{
    pthread_mutex_lock(&t->lock);
    n->references++;
    pthread_mutex_unlock(&t->lock);
    return n;
}

void node_put(struct node_table *t, struct node *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&t->lock);
    node_put_locked(t, n);
    pthread_mutex_unlock(&t->lock);
}

struct node *node_find(struct node_table *t, struct file_id file)
{
    pthread_mutex_lock(&t->lock);
    struct node *n = node_find_real(t, file);
    if (n)
        n->references++;
    pthread_mutex_unlock(&t->lock);
    return n;
}

void node_count_lookup(struct node_table *t, struct node *n)
{
    pthread_mutex_lock(&t->lock);
    n->lookups++;
    pthread_mutex_unlock(&t->lock);
}

void node_forget(struct node_table *t, uint64_t id, uint64_t count)
{
    pthread_mutex_lock(&t->lock);
    struct node *n = node_find_id(t, id);
    if (n) {
        n->references++;
        n->lookups -= count < n->lookups ? count : n->lookups;
        node_put_locked(t, n);
    }
    pthread_mutex_unlock(&t->lock);
}

/* ---- Names
 * ----------------------------------------------------------------------------------------------------------
 */

void node_unlink_name(struct node_table *t, struct node *n, struct node_name **p)
{
    struct node_name *gone = *p;
    *p = gone->next;
    n->name_count--;
    node_put_locked(t, gone->parent);
    free(gone);
}

static void remove_name(struct node_table *t, struct node *n, const struct node *parent, const char *name)
{
    for (struct node_name **p = &n->names; *p; p = &(*p)->next)
        if ((*p)->parent == parent && !strcmp((*p)->text, name)) {
            node_unlink_name(t, n, p);
            return;
        }
}

/* True if `n` is `top` or above it. */
static bool is_above(const struct node *n, const struct node *below)
{
    for (int depth = 0; below; depth++) {
        if (below == n || depth > DEEPEST)
            return true;
        below = below->names ? below->names->parent : NULL;
    }
    return false;
}

/* The name becomes the newest. A directory has one name only. */
int node_put_name(struct node_table *t, struct node *n, struct node *parent, const char *name)
{
    if (n->names && n->names->parent == parent && !strcmp(n->names->text, name))
        return 0;
    /* A directory below itself: what is remembered of one of the two is outdated. Do without the name. */
    if (S_ISDIR(n->type) && is_above(n, parent))
        return -ESTALE;
    size_t length = strlen(name) + 1;
    struct node_name *fresh = malloc(sizeof *fresh + length);
    if (!fresh)
        return -ENOMEM;
    memcpy(fresh->text, name, length);
    fresh->parent = parent;
    parent->references++;
    remove_name(t, n, parent, name);
    fresh->next = n->names;
    n->names = fresh;
    n->name_count++;
    unsigned most = S_ISDIR(n->type) || n->kind == NODE_VIEW ? 1 : NODE_NAMES;
    while (n->name_count > most) {
        struct node_name **last = &n->names;
        while ((*last)->next)
            last = &(*last)->next;
        node_unlink_name(t, n, last);
    }
    return 0;
}

uint64_t node_moves(struct node_table *t)
{
    return atomic_load(&t->moves);
}

void node_remove_name(struct node_table *t, struct node *n, struct node *parent, const char *name)
{
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->moves, 1);
    remove_name(t, n, parent, name);
    pthread_mutex_unlock(&t->lock);
}

int node_rename(struct node_table *t, struct node *n, struct node *from, const char *name, struct node *to,
                const char *newname)
{
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->moves, 1);
    remove_name(t, n, from, name);
    int rc = node_put_name(t, n, to, newname);
    pthread_mutex_unlock(&t->lock);
    return rc;
}

bool node_keep(struct node_table *t, struct node *n, int fd)
{
    pthread_mutex_lock(&t->lock);
    bool kept = n->kept < 0 && atomic_load(&t->kept) < t->most_kept;
    if (kept) {
        n->kept = fd;
        atomic_fetch_add(&t->kept, 1);
    }
    pthread_mutex_unlock(&t->lock);
    return kept;
}

int node_keep_no_longer(struct node_table *t, struct node *n)
{
    pthread_mutex_lock(&t->lock);
    int fd = n->kept;
    if (fd >= 0)
        atomic_fetch_sub(&t->kept, 1);
    n->kept = -1;
    pthread_mutex_unlock(&t->lock);
    return fd;
}

int node_take_kept(struct node_table *t)
{
    if (!atomic_load(&t->to_close))
        return -1;
    int fd = -1;
    pthread_mutex_lock(&t->lock);
    struct node *n = t->ended;
    if (n) {
        t->ended = n->key_next;
        fd = n->kept;
        free(n);
        atomic_fetch_sub(&t->to_close, 1);
        atomic_fetch_sub(&t->kept, 1);
    }
    pthread_mutex_unlock(&t->lock);
    return fd;
}

bool node_has_aliases(struct node_table *t, const struct node *n)
{
    pthread_mutex_lock(&t->lock);
    bool has = n->aliases;
    pthread_mutex_unlock(&t->lock);
    return has;
}

bool node_place(struct node_table *t, struct node *n, struct node **parent, char name[NAME_SIZE])
{
    pthread_mutex_lock(&t->lock);
    bool found = n->names && strlen(n->names->text) < NAME_SIZE;
    if (found) {
        *parent = n->names->parent;
        (*parent)->references++;
        strcpy(name, n->names->text);
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

char *node_path(struct node_table *t, const struct node *directory, const struct node *inbox)
{
    char *path = NULL;
    pthread_mutex_lock(&t->lock);
    size_t length = 0;
    int depth = 0;
    const struct node *n;
    for (n = directory; n && n != inbox && depth < DEEPEST; depth++) {
        length += n->names ? strlen(n->names->text) + 1 : 0;
        n = n->names ? n->names->parent : NULL;
    }
    if (n == inbox)
        path = malloc(length + 1);
    if (path) {
        char *end = path + length;
        *end = '\0';
        if (length) /* no slash behind the last component */
            end = path + length - 1, *end = '\0';
        for (n = directory; n != inbox; n = n->names->parent) {
            size_t size = strlen(n->names->text);
            end -= size;
            memcpy(end, n->names->text, size);
            if (end > path)
                *--end = '/';
        }
    }
    pthread_mutex_unlock(&t->lock);
    return path;
}
