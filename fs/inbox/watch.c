/* The thread sleeps in poll() until inotify has something; what that is goes into a table of names (struct
 * entry), where many events on one name are one entry; entries that were left alone for a moment are looked
 * at. The descriptor is not read at every event but some times a second, which lets the kernel merge those of
 * a file that is being written.
 *
 * All state is the thread's own but the two flags and the eventfd. */
#include "fs/inbox/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <syslog.h>
#include <unistd.h>

#include <uthash.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "fs/inbox/compare.h"
#include "fs/inbox/names.h"
#include "fs/inbox/speakers.h"
#include "fs/inbox/remote.h"
#include "fs/inbox/scan.h"
#include "fs/inbox/store.h"
#include "fs/inbox/watched.h"

#define QUIET_MS 300
#define BUSY_MS 2000       /* a name that is never quiet is looked at so often */
#define DRAIN_MS 100       /* the events of so long are read at once */
#define REBUILD_MS 2000    /* the least time between two rebuilds */
#define MOST_ENTRIES 65536 /* beyond that a scan is cheaper */
#define BATCH 512          /* names looked at before events are read again */
#define TRIES 6            /* for a name whose directory is not where it was */
#define LONGEST_SHIFT 4    /* looked at again: each time after twice as long, up to 16 times */

/* No IN_ATTRIB: neither a time nor an owner changes what is said in a recording, and truncate() is IN_MODIFY.
 */
#define EVENTS                                                                                               \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE | IN_ONLYDIR |         \
     IN_EXCL_UNLINK)

/* A name to look at. */
struct entry {
    UT_hash_handle hh;
    int64_t first_ms, due_ms;
    unsigned events;       /* of a file: enum compare_event */
    bool file, came, left; /* came, left: a directory did */
    int tries;
    int wd; /* of its directory; the key begins here */
    char name[];
};

struct watch {
    struct watch_config config;
    pthread_t thread;
    int wake; /* eventfd */
    atomic_int stopping;
    atomic_bool begun;
    int fd; /* inotify; -1: none */
    struct watched *directories;
    struct entry *entries;
    bool overflowed; /* something was missed: rebuild */
    int64_t rebuilt_ms;
    const char *trouble; /* why watching cannot go on, or NULL */
};

static bool stopping(const struct watch *w)
{
    return atomic_load(&w->stopping);
}

/* ---- the table of names ---- */

static void entry_free(struct watch *w, struct entry *e)
{
    HASH_DEL(w->entries, e);
    free(e);
}

static void entries_clear(struct watch *w)
{
    struct entry *e, *next;
    HASH_ITER(hh, w->entries, e, next)
    entry_free(w, e);
}

/* NULL when out of memory, or when there are too many: everything is looked at then. */
static struct entry *entry_get(struct watch *w, int wd, const char *name)
{
    struct {
        int wd;
        char name[NAME_SIZE];
    } key = {.wd = wd};
    size_t length = strnlen(name, NAME_SIZE - 1);
    memcpy(key.name, name, length);
    struct entry *e;
    HASH_FIND(hh, w->entries, &key, sizeof key.wd + length, e);
    if (e)
        return e;
    e = HASH_COUNT(w->entries) < MOST_ENTRIES ? calloc(1, sizeof *e + length + 1) : NULL;
    if (!e) {
        w->overflowed = true;
        return NULL;
    }
    e->wd = wd;
    memcpy(e->name, name, length);
    e->first_ms = loop_now_ms();
    HASH_ADD(hh, w->entries, wd, sizeof e->wd + length, e);
    return e;
}

static void entry_happened(struct watch *w, struct entry *e)
{
    int64_t now = loop_now_ms(), latest = e->first_ms + BUSY_MS;
    e->due_ms = now + w->config.quiet_ms < latest ? now + w->config.quiet_ms : latest;
}

static void note_file(struct watch *w, int wd, const char *name, unsigned events)
{
    bool said = name_classify(name) == NAME_RECORDING || folder_is_settings_file(name) || speakers_is_file(name);
    struct entry *e = said ? entry_get(w, wd, name) : NULL;
    if (!e)
        return;
    e->file = true;
    e->events = (e->events | events) & ~(unsigned)COMPARE_GONE;
    entry_happened(w, e);
}

static void note_directory(struct watch *w, int wd, const char *name, bool came)
{
    struct entry *e = name_skips_directory(name) ? NULL : entry_get(w, wd, name);
    if (!e)
        return;
    e->came |= came;
    e->left |= !came;
    entry_happened(w, e);
    if (came)
        e->due_ms = loop_now_ms(); /* until it is watched, what happens in it is not seen */
}

/* ---- watches ---- */

static void remove_watch(void *context, int wd)
{
    struct watch *w = context;
    if (w->fd >= 0)
        inotify_rm_watch(w->fd, wd);
}

/* The watch descriptor of an open directory, the same each time; -1: it cannot be watched. */
static int add_watch(struct watch *w, int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (w->trouble)
        return -1;
    if (w->config.most && watched_count(w->directories) >= (unsigned)w->config.most)
        errno = ENOSPC;
    else {
        int wd = inotify_add_watch(w->fd, path, EVENTS);
        if (wd >= 0)
            return wd;
    }
    /* One that may not be read is none of ours, and one that has gone says so by itself. */
    if (errno == ENOSPC)
        w->trouble = "the limit of inotify watches is reached (raise it: sysctl "
                     "fs.inotify.max_user_watches=1048576, and "
                     "start scribefs again)";
    else if (errno == ENOMEM)
        w->trouble = "there is not enough memory for inotify watches";
    return -1;
}

struct walk {
    struct watch *watch;
    struct watched_dir *above; /* of the first directory; NULL: it is the inbox */
    bool told;                 /* the sink did not know of all */
};

static void *walk_entered(void *context, void *parent, int fd, const char *path, struct file_id id)
{
    struct walk *walk = context;
    struct watch *w = walk->watch;
    int wd = add_watch(w, fd);
    const char *slash = strrchr(path, '/');
    struct watched_dir *d =
        wd < 0 ? NULL
               : watched_put(w->directories, wd, id, parent ? parent : walk->above, slash ? slash + 1 : path);
    if (wd >= 0 && !d)
        w->trouble = "there is not enough memory";
    if (d && *path)
        walk->told |= w->config.sink->directory(w->config.context, id, path) == PLACE_NEW;
    return d;
}

static void walk_found(void *context, const struct place *place, const struct store_stat *st)
{
    (void)st;
    struct walk *walk = context;
    struct watched_dir *d = watched_by_id(walk->watch->directories, place->directory);
    if (d)
        note_file(walk->watch, watched_wd(d), place->name, 0);
}

/* Watches everything, also what is watched already, and has it scanned. */
static void rebuild(struct watch *w)
{
    w->overflowed = false;
    w->rebuilt_ms = loop_now_ms();
    entries_clear(w);
    watched_unmark(w->directories);
    struct walk walk = {.watch = w};
    struct scan_visitor visitor = {.entered = walk_entered, .context = &walk};
    int rc = scan_inbox(w->config.inbox_fd, "", &w->stopping, &visitor);
    if (rc == -ECANCELED)
        return;
    if (rc != 0 && !w->trouble)
        w->trouble = "the inbox cannot be read";
    watched_sweep(w->directories, remove_watch, w);
    if (w->trouble)
        return;
    w->config.sink->catch_up(w->config.context);
    w->config.sink->scan(w->config.context, "");
}

/* ---- events ---- */

static void take_event(struct watch *w, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW) {
        w->overflowed = true;
        return;
    }
    struct watched_dir *d = watched_by_wd(w->directories, event->wd);
    if (!d)
        return;
    if (event->mask & IN_IGNORED) {
        if (watched_is_top(d))
            w->trouble = "the inbox has gone";
        watched_drop(w->directories, d);
        return;
    }
    if (event->len == 0)
        return;
    if (event->mask & IN_ISDIR) {
        if (event->mask & (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM))
            note_directory(w, event->wd, event->name, event->mask & (IN_CREATE | IN_MOVED_TO));
        return;
    }
    note_file(w, event->wd, event->name,
              (event->mask & IN_MODIFY ? COMPARE_WRITTEN : 0u) |
                  (event->mask & IN_CLOSE_WRITE ? COMPARE_CLOSED : 0u));
}

/* Returns whether there were any. */
static bool drain(struct watch *w)
{
    bool any = false;
    _Alignas(struct inotify_event) char data[16384];
    ssize_t n;
    while (!stopping(w) && (n = read(w->fd, data, sizeof data)) > 0) {
        any = true;
        for (const char *p = data; p < data + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)p;
            take_event(w, event);
            p += sizeof *event + event->len;
        }
    }
    return any;
}

/* ---- looking ---- */

struct knowing {
    struct watch *watch;
    int wd;
};

static void note_known(void *argument, const char *name)
{
    const struct knowing *k = argument;
    note_file(k->watch, k->wd, name, 0);
}

/* Notes every recording in a directory, not below. */
static void note_names_in(struct watch *w, struct watched_dir *d, const char *path)
{
    int fd = store_open(w->config.inbox_fd, path, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir));)
        note_file(w, watched_wd(d), e->d_name, 0);
    closedir(dir);
}

/* A directory that is at its place: watched from now on, with what is in it. `replaced`: another one left the
 * place. */
static void take_directory(struct watch *w, struct watched_dir *parent, int fd, const char *path,
                           const char *name, struct file_id id, bool replaced)
{
    bool known = watched_by_id(w->directories, id);
    struct walk walk = {.watch = w, .above = parent};
    if (known) {
        int wd = add_watch(w, fd);
        struct watched_dir *d = wd >= 0 ? watched_put(w->directories, wd, id, parent, name) : NULL;
        /* With it everything in it has moved. */
        for (struct watched_dir *below = d; below; below = watched_next(below, d)) {
            cleanup_free char *at = watched_path(below);
            enum watched_place place =
                at ? w->config.sink->directory(w->config.context, watched_id(below), at) : PLACE_KNOWN;
            walk.told |= place == PLACE_NEW;
            if (place == PLACE_UNKNOWN)
                note_names_in(w, below, at);
        }
    } else {
        struct scan_visitor visitor = {.entered = walk_entered, .found = walk_found, .context = &walk};
        scan_inbox(w->config.inbox_fd, path, &w->stopping, &visitor);
        walk.told |= replaced;
        w->config.sink->catch_up(w->config.context);
        struct watched_dir *top = watched_by_id(w->directories, id);
        for (struct watched_dir *d = top; d; d = watched_next(d, top)) {
            struct knowing knowing = {w, watched_wd(d)};
            w->config.sink->names_in(w->config.context, watched_id(d), note_known, &knowing);
        }
    }
    if (walk.told && !stopping(w))
        w->config.sink->scan(w->config.context, path);
}

/* Returns true to look again. */
static bool look_at_directory(struct watch *w, const struct entry *e, struct watched_dir *parent,
                              const char *above)
{
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s%s%s", above, *above ? "/" : "", e->name) < 0) {
        path = NULL;
        return true;
    }
    struct store_stat st, top;
    cleanup_close int fd = store_open(w->config.inbox_fd, path, O_PATH | O_DIRECTORY);
    int rc = fd >= 0 ? store_stat(fd, "", &st) : fd;
    if (rc == 0)
        rc = store_stat(w->config.inbox_fd, "", &top);
    if (rc == 0 && st.id.dev != top.id.dev)
        return false; /* another filesystem was mounted there */
    if (rc == 0) {
        take_directory(w, parent, fd, path, e->name, st.id, e->left && e->came);
        if (e->left)
            watched_prune(w->directories, parent, e->name, &st.id, remove_watch, w);
        return false;
    }
    if (rc != -ENOENT && rc != -ENOTDIR && rc != -ELOOP)
        return false;
    /* It may have been moved to a name that is looked at after this one. */
    if (e->tries == 0)
        return true;
    watched_prune(w->directories, parent, e->name, NULL, remove_watch, w);
    w->config.sink->directory_gone(w->config.context, path);
    return false;
}

/* Returns true to look again. */
static bool look_at_file(struct watch *w, struct entry *e, struct file_id directory, const char *path)
{
    struct place place = {directory, path, e->name};
    int rc = w->config.sink->name(w->config.context, &place, e->events);
    e->events |= COMPARE_GONE;
    return rc == 1 || (rc == -ESTALE && e->tries < TRIES);
}

static void look_at(struct watch *w, struct entry *e)
{
    struct watched_dir *d = watched_by_wd(w->directories, e->wd);
    cleanup_free char *path = d ? watched_path(d) : NULL;
    bool again = false;
    if (path && (e->came || e->left)) {
        bool once_more = look_at_directory(w, e, d, path);
        e->came &= once_more;
        e->left &= once_more;
        again = once_more;
    }
    if (path && e->file)
        again |= e->file = look_at_file(w, e, watched_id(d), path);
    if (!again) {
        entry_free(w, e);
        return;
    }
    int shift = e->tries < LONGEST_SHIFT ? e->tries : LONGEST_SHIFT;
    e->tries++;
    e->first_ms = loop_now_ms();
    e->due_ms = e->first_ms + ((int64_t)w->config.quiet_ms << shift);
}

/* Milliseconds until the next name is due, or -1. */
static int next_due(const struct watch *w)
{
    if (!w->entries)
        return -1;
    int64_t first = INT64_MAX, now = loop_now_ms();
    for (const struct entry *e = w->entries; e; e = e->hh.next)
        if (e->due_ms < first)
            first = e->due_ms;
    return first <= now ? 0 : first - now < BUSY_MS ? (int)(first - now) : BUSY_MS;
}

/* Looks at what is due: first at directories that came, as names in them are of no use before. */
static void look(struct watch *w)
{
    if (next_due(w) != 0)
        return;
    w->config.sink->catch_up(w->config.context);
    for (int round = 0; round < 2 && !stopping(w); round++) {
        int64_t now = loop_now_ms();
        int looked = 0;
        struct entry *e, *next;
        HASH_ITER(hh, w->entries, e, next)
        {
            if (e->due_ms > now || (round == 0 && !e->came))
                continue;
            if (++looked > BATCH || stopping(w))
                break;
            look_at(w, e);
        }
    }
}

/* ---- the thread ---- */

/* Sleeps until it is told something, or there are events (if `events`), or the time is over (-1: never). */
static void rest(struct watch *w, bool events, int ms)
{
    struct pollfd p[2] = {{.fd = w->wake, .events = POLLIN}, {.fd = w->fd, .events = POLLIN}};
    if (poll(p, events ? 2 : 1, ms) > 0 && (p[0].revents & POLLIN)) {
        uint64_t rings;
        if (read(w->wake, &rings, sizeof rings) < 0)
            return;
    }
}

static void watch_events(struct watch *w)
{
    rebuild(w);
    while (!stopping(w) && !w->trouble) {
        int due = next_due(w);
        if (w->overflowed) {
            int64_t wait = w->rebuilt_ms + REBUILD_MS - loop_now_ms();
            if (wait <= 0)
                rebuild(w);
            else if (due < 0 || wait < due)
                due = (int)wait;
        }
        rest(w, true, due);
        bool events = drain(w);
        look(w);
        /* Those that come now are read together with those that follow. */
        if (events && !stopping(w) && !w->trouble)
            rest(w, false, DRAIN_MS);
    }
    entries_clear(w);
    watched_clear(w->directories);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

static void scan_regularly(struct watch *w)
{
    while (!stopping(w)) {
        w->config.sink->scan(w->config.context, "");
        rest(w, false, w->config.poll_ms);
    }
}

/* NULL, or why events are of no use. */
static const char *open_inotify(struct watch *w)
{
    struct statfs fs;
    if (fstatfs(w->config.inbox_fd, &fs) == 0 && filesystem_is_remote(fs.f_type))
        return "it is on a network filesystem, where changes made elsewhere raise no events";
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd >= 0)
        return NULL;
    if (errno == EMFILE)
        return "the limit of inotify instances is reached (raise it: sysctl "
               "fs.inotify.max_user_instances=1024, and "
               "start scribefs again)";
    return "inotify is not to be had";
}

static void *run(void *argument)
{
    struct watch *w = argument;
    while (!stopping(w) && !atomic_load(&w->begun))
        rest(w, false, -1);
    if (stopping(w))
        return NULL;
    if (w->config.mode == WATCH_YES) {
        w->trouble = open_inotify(w);
        if (!w->trouble)
            watch_events(w);
        if (w->trouble)
            w->config.log(LOG_NOTICE,
                          "inbox is looked through every %d seconds for what is changed in the store "
                          "directly, as it cannot be watched: %s",
                          (w->config.poll_ms + 999) / 1000, w->trouble);
    }
    scan_regularly(w);
    return NULL;
}

static void wake(struct watch *w)
{
    uint64_t one = 1;
    while (write(w->wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

int watch_new(const struct watch_config *config, struct watch **out)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    w->config = *config;
    if (w->config.quiet_ms == 0)
        w->config.quiet_ms = QUIET_MS;
    w->fd = -1;
    w->directories = watched_new();
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = !w->directories ? -ENOMEM : w->wake < 0 ? -errno : 0;
    if (rc == 0) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        rc = -pthread_create(&w->thread, NULL, run, w);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (rc != 0) {
        if (w->wake >= 0)
            close(w->wake);
        watched_free(w->directories);
        free(w);
        return rc;
    }
    pthread_setname_np(w->thread, "watch");
    *out = w;
    return 0;
}

void watch_begin(struct watch *w)
{
    atomic_store(&w->begun, true);
    wake(w);
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    atomic_store(&w->stopping, 1);
    wake(w);
    pthread_join(w->thread, NULL);
    close(w->wake);
    watched_free(w->directories);
    free(w);
}
