/* From a node to a descriptor.
 *
 * The cache of directory descriptors is a list in order of last use, under the node table's lock. A
 * descriptor in use is not closed when it leaves the cache, but when it is given back. */
#include "fs/mount/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/mount/internal.h"

#define TRIES 5
#define DEEPEST 16384

struct dir_fd {
    struct dir_fd *newer, *older; /* in the cache */
    struct node *node;            /* NULL: no longer cached, closed when users is 0 */
    struct mount *mount;
    int fd;
    unsigned users;
};

int resolve_error(struct mount *m)
{
    int rc = -errno;
    if ((rc == -EMFILE || rc == -ENFILE) && !atomic_exchange(&m->said_too_many_files, true))
        m->config.log(LOG_WARNING, "too many open files: raise the limit (LimitNOFILE in the systemd unit)");
    if (rc == -EIO && !atomic_exchange(&m->said_disk_fails, true))
        m->config.log(LOG_ERR, "the disk of the store fails (Input/output error): the kernel's log says more");
    return rc;
}

void proc_fd(int fd, char path[PROC_FD_SIZE])
{
    snprintf(path, PROC_FD_SIZE, "/proc/self/fd/%d", fd);
}

int reopen(int fd, int flags)
{
    char path[PROC_FD_SIZE];
    proc_fd(fd, path);
    int again = open(path, (flags & ~O_NOFOLLOW) | O_CLOEXEC);
    return again < 0 ? -errno : again;
}

int stat_at(int dirfd, const char *name, struct statx *out)
{
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_SYNC_AS_STAT | (*name ? 0 : AT_EMPTY_PATH);
    return statx(dirfd, name, flags, STATX_BASIC_STATS | STATX_BTIME, out) ? -errno : 0;
}

/* ---- The cache of directory descriptors ---- */

static void uncache(struct dir_fd *d)
{
    struct mount *m = d->mount;
    *(d->newer ? &d->newer->older : &m->dirs.first) = d->older;
    *(d->older ? &d->older->newer : &m->dirs.last) = d->newer;
    m->dirs.count--;
    d->node->dir = NULL;
    d->node = NULL;
}

static void put_first(struct mount *m, struct dir_fd *d)
{
    d->newer = NULL;
    d->older = m->dirs.first;
    *(d->older ? &d->older->newer : &m->dirs.last) = d;
    m->dirs.first = d;
    m->dirs.count++;
}

void dir_fd_drop(struct dir_fd *d)
{
    uncache(d);
    if (!d->users) {
        close(d->fd); /* an O_PATH descriptor: closing it does no input or output */
        free(d);
    }
}

/* Borrows the cached descriptor, if there is one. Under the lock. */
static bool borrow(struct mount *m, struct node *n, struct dir_ref *out)
{
    if (n == m->inbox || n == m->trash) {
        *out = (struct dir_ref){m, NULL, n == m->inbox ? m->config.inbox_fd : m->config.trash_fd};
        return true;
    }
    struct dir_fd *d = n->dir;
    if (!d)
        return false;
    if (m->dirs.first != d) {
        struct node *node = d->node;
        uncache(d);
        d->node = node;
        node->dir = d;
        put_first(m, d);
    }
    d->users++;
    *out = (struct dir_ref){m, d, d->fd};
    return true;
}

void dir_ref_clear(struct dir_ref *ref)
{
    struct dir_fd *d = ref->cached;
    if (!d)
        return;
    struct mount *m = ref->mount;
    pthread_mutex_lock(&m->nodes.lock);
    bool last = !--d->users && !d->node;
    pthread_mutex_unlock(&m->nodes.lock);
    if (last) {
        close(d->fd);
        free(d);
    }
    *ref = (struct dir_ref)DIR_REF_INIT;
}

/* Caches a descriptor (taking it over) and borrows it. 0 or -ENOMEM. */
static int cache(struct mount *m, struct node *n, int fd, struct dir_ref *out)
{
    struct dir_fd *d = calloc(1, sizeof *d);
    if (!d) {
        close(fd);
        return -ENOMEM;
    }
    pthread_mutex_lock(&m->nodes.lock);
    if (borrow(m, n, out)) { /* another thread was faster */
        pthread_mutex_unlock(&m->nodes.lock);
        close(fd);
        free(d);
        return 0;
    }
    struct dir_fd *last = m->dirs.last;
    while (m->dirs.count >= m->dirs.most && last) {
        struct dir_fd *newer = last->newer;
        dir_fd_drop(last);
        last = newer;
    }
    d->mount = m;
    d->node = n;
    d->fd = fd;
    n->dir = d;
    put_first(m, d);
    borrow(m, n, out);
    pthread_mutex_unlock(&m->nodes.lock);
    return 0;
}

/* ---- Opening by name ---- */

static bool is_node(int fd, const struct node *n)
{
    struct statx x;
    return !stat_at(fd, "", &x) && file_id_equal(file_of_statx(&x), n->file);
}

/* A duplicate of the descriptor of one of the node's open handles, or of the one that was kept when it was replaced;
 * or -1. */
static int dup_handle(struct mount *m, struct node *n)
{
    int fd = -1;
    pthread_mutex_lock(&m->nodes.lock);
    for (struct node_handle *h = n->handles; h && fd < 0; h = h->next)
        if (h->fd >= 0)
            fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0 && n->kept >= 0)
        fd = fcntl(n->kept, F_DUPFD_CLOEXEC, 3);
    pthread_mutex_unlock(&m->nodes.lock);
    return fd;
}

/* One level on the way down to a directory. */
struct step {
    struct node *node; /* a reference */
    char *name;
};

static void steps_clear(struct mount *m, struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        node_put(&m->nodes, steps[i].node);
        free(steps[i].name);
    }
    free(steps);
}

/* The way from the nearest directory with a descriptor (borrowed in *base) down to n: steps[count - 1] is the
 * first to take. Under the lock. 0, -ESTALE or -ENOMEM. */
static int find_way(struct mount *m, struct node *n, struct dir_ref *base, struct step **steps, size_t *count)
{
    size_t room = 0;
    while (!borrow(m, n, base)) {
        if (!n->names || *count > DEEPEST)
            return -ESTALE;
        if (*count == room) {
            room = room ? room * 2 : 8;
            struct step *more = reallocarray(*steps, room, sizeof **steps);
            if (!more)
                return -ENOMEM;
            *steps = more;
        }
        char *name = strdup(n->names->text);
        if (!name)
            return -ENOMEM;
        n->references++;
        (*steps)[(*count)++] = (struct step){n, name};
        n = n->names->parent;
    }
    return 0;
}

static int walk(struct mount *m, struct node *n, struct dir_ref *out)
{
    cleanup_dir struct dir_ref at = DIR_REF_INIT;
    struct step *steps = NULL;
    size_t count = 0;
    pthread_mutex_lock(&m->nodes.lock);
    int rc = find_way(m, n, &at, &steps, &count);
    pthread_mutex_unlock(&m->nodes.lock);
    for (size_t i = count; i-- > 0 && !rc;) {
        int fd = openat(at.fd, steps[i].name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
            rc = resolve_error(m);
            rc = rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP ? -ESTALE : rc;
        } else if (!is_node(fd, steps[i].node)) {
            close(fd);
            rc = -ESTALE;
        } else {
            dir_ref_clear(&at);
            rc = cache(m, steps[i].node, fd, &at);
        }
    }
    steps_clear(m, steps, count);
    if (!rc) {
        *out = at;
        at = (struct dir_ref)DIR_REF_INIT;
    }
    return rc;
}

int resolve_directory(struct mount *m, struct node *n, struct dir_ref *out)
{
    if (n->kind != NODE_REAL || !S_ISDIR(n->type))
        return S_ISDIR(n->type) ? -EROFS : -ENOTDIR; /* the top, and what is made up */
    int rc = -ESTALE;
    for (int i = 0; i < TRIES && rc == -ESTALE; i++) {
        uint64_t moves = node_moves(&m->nodes);
        rc = walk(m, n, out);
        if (node_moves(&m->nodes) == moves)
            break; /* nothing moved meanwhile: looking again would find the same */
    }
    if (rc != -ESTALE)
        return rc;
    int fd = dup_handle(m, n);
    return fd < 0 ? -ESTALE : cache(m, n, fd, out);
}

/* Calls try() with each name of a node until it returns something else than "not there". */
static int with_names(struct mount *m, struct node *n,
                      int (*try)(int dirfd, const char *name, const struct node *n, void *out), void *out)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t moves = node_moves(&m->nodes);
        struct node *parents[NODE_NAMES];
        char names[NODE_NAMES][NAME_SIZE];
        int count = 0;
        pthread_mutex_lock(&m->nodes.lock);
        for (struct node_name *name = n->names; name && count < NODE_NAMES; name = name->next)
            if (strlen(name->text) < NAME_SIZE) {
                strcpy(names[count], name->text);
                parents[count] = name->parent;
                parents[count++]->references++;
            }
        pthread_mutex_unlock(&m->nodes.lock);
        int rc = -ESTALE;
        for (int k = 0; k < count; k++) {
            cleanup_dir struct dir_ref dir = DIR_REF_INIT;
            if (rc == -ESTALE && !(rc = resolve_directory(m, parents[k], &dir)))
                rc = try(dir.fd, names[k], n, out);
            if (rc == -ENOENT || rc == -ENOTDIR)
                rc = -ESTALE;
            node_put(&m->nodes, parents[k]);
        }
        if (rc != -ESTALE)
            return rc < 0 ? (errno = -rc, resolve_error(m)) : rc;
        if (node_moves(&m->nodes) == moves)
            break;
    }
    return -ESTALE;
}

static int try_open(int dirfd, const char *name, const struct node *n, void *out)
{
    int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (!is_node(fd, n)) {
        close(fd);
        return -ESTALE;
    }
    *(int *)out = fd;
    return 0;
}

int resolve_path(struct mount *m, struct node *n)
{
    int fd = -1;
    if (n->kind != NODE_REAL)
        return -EOPNOTSUPP;
    if (S_ISDIR(n->type)) {
        cleanup_dir struct dir_ref dir = DIR_REF_INIT;
        int rc = resolve_directory(m, n, &dir);
        if (rc)
            return rc;
        fd = fcntl(dir.fd, F_DUPFD_CLOEXEC, 3);
        return fd < 0 ? resolve_error(m) : fd;
    }
    fd = dup_handle(m, n);
    if (fd >= 0)
        return fd;
    int rc = with_names(m, n, try_open, &fd);
    if (rc == -ESTALE && (fd = dup_handle(m, n)) >= 0) /* it was replaced meanwhile */
        rc = 0;
    return rc ? rc : fd;
}

static int try_stat(int dirfd, const char *name, const struct node *n, void *out)
{
    int rc = stat_at(dirfd, name, out);
    if (rc)
        return rc;
    return file_id_equal(file_of_statx(out), n->file) ? 0 : -ESTALE;
}

int resolve_stat(struct mount *m, struct node *n, struct statx *out)
{
    if (S_ISDIR(n->type)) {
        cleanup_dir struct dir_ref dir = DIR_REF_INIT;
        int rc = resolve_directory(m, n, &dir);
        return rc ? rc : stat_at(dir.fd, "", out);
    }
    int rc = with_names(m, n, try_stat, out);
    if (rc != -ESTALE)
        return rc;
    cleanup_close int fd = dup_handle(m, n);
    return fd < 0 ? -ESTALE : stat_at(fd, "", out);
}
