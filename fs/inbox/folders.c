/* The settings files of the inbox, by the path of their directory.
 *
 * Lock order: reading, then lock. `reading` is held while files are read, by threads that may wait for a
 * disk; `lock` guards the table and is never held across a system call but close(). Neither is held when
 * others are called. */
#include "fs/inbox/folders_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/inbox/remembered.h"

#define FILE_MOST (64 * 1024) /* bytes of a settings file */


static void shared_put(struct shared *s)
{
    if (!s || atomic_fetch_sub(&s->users, 1) > 1)
        return;
    folder_settings_clear(&s->settings);
    free(s);
}

void folders_put(const struct folder_settings *settings)
{
    shared_put((struct shared *)(uintptr_t)settings);
}

/* ---- the table, under lock ---- */

struct known *folders_find(struct folders *f, const char *path)
{
    struct known *k;
    HASH_FIND_STR(f->known, path, k);
    return k;
}

/* The nearest one at or above `path`, which is cut to its path. */
static struct known *nearest(struct folders *f, char *path)
{
    for (;;) {
        struct known *k = folders_find(f, path);
        char *slash = strrchr(path, '/');
        if (k || !*path)
            return k ? k : f->inbox;
        *(slash ? slash : path) = '\0';
    }
}

static struct known *above(struct folders *f, const char *path)
{
    cleanup_free char *copy = strdup(path);
    char *slash = copy ? strrchr(copy, '/') : NULL;
    if (!copy)
        return f->inbox;
    *(slash ? slash : copy) = '\0';
    return nearest(f, copy);
}

/* What holds in it, from what holds above. Without memory it stays as it was. */
static void inherit(struct folders *f, struct known *k)
{
    const struct folder_settings *from = *k->path ? &above(f, k->path)->holds->settings : &f->top;
    struct shared *s = calloc(1, sizeof *s);
    if (!s || folder_settings_copy(&s->settings, from) != 0) {
        free(s);
        return;
    }
    atomic_init(&s->users, 1);
    (void)folder_settings_apply(&s->settings, &k->own);
    s->settings.unsure |= k->unsure;
    if (k->unsure && k->mistakes.count)
        snprintf(s->settings.mistake, sizeof s->settings.mistake, "inbox/%.60s%s%s line %d: %.120s", k->path,
                 *k->path ? "/" : "", k->name ? k->name : "", k->mistakes.items[0].line,
                 k->mistakes.items[0].reason);
    s->settings.unsettled |= k->unsettled;
    shared_put(k->holds);
    k->holds = s;
}

static int by_length(const struct known *a, const struct known *b)
{
    return (int)strlen(a->path) - (int)strlen(b->path);
}

/* All at and below this path: those above come first. */
static void inherit_below(struct folders *f, const char *path)
{
    HASH_SORT(f->known, by_length);
    for (struct known *k = f->known; k; k = k->hh.next)
        if (path_is_below(k->path, path))
            inherit(f, k);
}

struct known *folders_known(struct folders *f, const char *path)
{
    struct known *k = folders_find(f, path);
    if (k)
        return k;
    k = calloc(1, sizeof *k);
    if (!k || !(k->path = strdup(path))) {
        free(k);
        return NULL;
    }
    if (*path) {
        k->holds = above(f, path)->holds;
        atomic_fetch_add(&k->holds->users, 1);
    }
    HASH_ADD_KEYPTR(hh, f->known, k->path, strlen(k->path), k);
    return k;
}

static void forget(struct folders *f, struct known *k)
{
    HASH_DEL(f->known, k);
    for (struct note *n = k->notes, *next; n; n = next) {
        next = n->next;
        folder_mistakes_clear(&n->mistakes);
        free(n);
    }
    folder_file_clear(&k->own);
    folder_mistakes_clear(&k->mistakes);
    shared_put(k->holds);
    free(k->path);
    free(k);
}

void folders_tidy(struct folders *f, struct known *k)
{
    if (*k->path && !k->name && !k->notes)
        forget(f, k);
}

const struct folder_settings *folders_get(struct folders *f, const char *path)
{
    cleanup_free char *copy = strdup(path);
    pthread_mutex_lock(&f->lock);
    const struct known *k = copy ? nearest(f, copy) : f->inbox;
    struct shared *s = k->holds;
    atomic_fetch_add(&s->users, 1);
    pthread_mutex_unlock(&f->lock);
    return &s->settings;
}

void folders_moved(struct folders *f, const char *from, const char *to)
{
    pthread_mutex_lock(&f->lock);
    struct known *k, *next;
    HASH_ITER(hh, f->known, k, next)
    {
        if (*from == '\0' || !path_is_below(k->path, from))
            continue;
        char *path = NULL;
        struct known *there;
        if (asprintf(&path, "%s%s", to, k->path + strlen(from)) < 0)
            continue;
        if ((there = folders_find(f, path)) && there != k) {
            if (next == there)
                next = there->hh.next;
            forget(f, there);
        }
        HASH_DEL(f->known, k);
        free(k->path);
        k->path = path;
        HASH_ADD_KEYPTR(hh, f->known, k->path, strlen(k->path), k);
    }
    inherit_below(f, to);
    pthread_mutex_unlock(&f->lock);
}

char *folders_of_file(struct folders *f, struct file_id id)
{
    char *path = NULL;
    pthread_mutex_lock(&f->lock);
    for (const struct known *k = f->known; k && !path; k = k->hh.next)
        if (k->name && file_id_equal(k->file.id, id))
            path = strdup(k->path);
    pthread_mutex_unlock(&f->lock);
    return path;
}

/* ---- reading, under reading ---- */

/* A settings file as it is on the disk. */
struct found {
    const char *name; /* NULL: there is none */
    bool both;        /* the other one is there as well */
    struct store_stat directory, file;
    bool unsettled;
    char *data; /* NULL: it could not be read */
    size_t len;
    int error; /* why */
};

static bool is_file(int dirfd, const char *name, struct store_stat *st)
{
    return store_stat(dirfd, name, st) == 0 && S_ISREG(st->mode);
}

/* False: the directory cannot be looked at, so nothing is known. */
static bool look_for_file(struct folders *f, const char *path, struct found *found)
{
    struct store_stat plain;
    *found = (struct found){0};
    cleanup_close int fd = store_open(f->config.inbox_fd, path, O_PATH | O_DIRECTORY);
    if (fd < 0 || store_stat(fd, "", &found->directory) != 0)
        return fd == -ENOENT || fd == -ENOTDIR;
    bool has_plain = is_file(fd, FOLDER_FILE_PLAIN, &plain);
    if (is_file(fd, FOLDER_FILE, &found->file)) {
        found->name = FOLDER_FILE;
        found->both = has_plain;
    } else if (has_plain) {
        found->name = FOLDER_FILE_PLAIN;
        found->file = plain;
    }
    return true;
}

static int64_t mono_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_fresh(const struct store_stat *st)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = now.tv_sec * INT64_C(1000000000) + now.tv_nsec - st->stat.ctime_ns;
    return age >= 0 && age < FOLDERS_QUIET_MS * INT64_C(1000000);
}

/* A file that is being written says nothing yet: an editor may have emptied it first. */
static void read_file(struct folders *f, const char *path, struct found *found)
{
    char *whole = NULL;
    if (asprintf(&whole, "%s%s%s", path, *path ? "/" : "", found->name) < 0)
        return;
    cleanup_close int fd = store_open(f->config.inbox_fd, whole, O_RDONLY);
    free(whole);
    found->unsettled = is_fresh(&found->file) || (fd >= 0 && store_has_writer(fd));
    if (found->unsettled)
        return;
    found->data = fd >= 0 ? malloc(FILE_MOST + 1) : NULL;
    ssize_t n = found->data ? read(fd, found->data, FILE_MOST + 1) : -1;
    found->error = fd < 0 ? -fd : n < 0 ? errno : n > FILE_MOST ? EFBIG : 0;
    if (found->error) {
        free(found->data);
        found->data = NULL;
        return;
    }
    found->len = (size_t)n;
}

static bool same_file(const struct known *k, const struct found *found)
{
    if (!k || !k->name)
        return !found->name;
    return found->name == k->name && file_id_equal(k->file.id, found->file.id) &&
           k->file.stat.size == found->file.stat.size && k->file.stat.mtime_ns == found->file.stat.mtime_ns &&
           k->file.stat.ctime_ns == found->file.stat.ctime_ns;
}

/* What is to hold, as read: the lines that are right, or the last good ones. */
static bool parse(struct folders *f, const struct found *found, bool has_own, struct folder_file *own,
                  bool *keep_own, bool *unsure, struct folder_mistakes *mistakes)
{
    char name[REMEMBERED_NAME];
    remembered_name("folder", &found->directory, f->config.device, name);
    *keep_own = *unsure = false;
    *own = (struct folder_file){0};
    *mistakes = (struct folder_mistakes){0};
    if (found->data && folder_parse(found->data, found->len, own, mistakes) != 0)
        return false;
    if (!found->data && folder_mistake_add(mistakes, 0, "it cannot be read: %s",
                                           found->error == EFBIG ? "it is too large to be a settings file"
                                                                 : strerror(found->error)) != 0)
        return false;
    if (!mistakes->count) {
        int rc = remembered_put(f->remembered, name, found->data, found->len);
        if (rc != 0)
            f->config.log(LOG_WARNING, "the settings of a folder cannot be remembered: %s", strerror(-rc));
        mistakes->rest_counts = true;
        if (found->both)
            folder_mistake_add(mistakes, 0, "there is also a file %s; only %s counts, remove one of them",
                               FOLDER_FILE_PLAIN, FOLDER_FILE);
        return true;
    }
    folder_file_clear(own);
    if (has_own) {
        *keep_own = true;
        return true;
    }
    size_t len = 0;
    struct folder_mistakes none;
    cleanup_free char *good = remembered_get(f->remembered, name, &len);
    *unsure = !good;
    if (good) {
        int rc = folder_parse(good, len, own, &none);
        *unsure = rc != 0 || none.count > 0; /* an older scribefs knew other settings */
        folder_mistakes_clear(&none);
    }
    return true;
}

void folders_tell(struct folders *f, const char *path, const char *name,
                 const struct folder_mistakes *mistakes, bool unsure)
{
    for (size_t i = 0; i < mistakes->count; i++)
        f->config.log(LOG_NOTICE, "inbox/%s%s%s:%d: %s; %s", path, *path ? "/" : "", name,
                      mistakes->items[i].line, mistakes->items[i].reason,
                      unsure ? "nothing is sent from this folder"
                             : "the rest, or what was there before, is in force");
}

/* Some programs move the old file away before they write the new one: for a moment it is still in force. */
static bool may_come_back(struct folders *f, const char *path)
{
    pthread_mutex_lock(&f->lock);
    struct known *k = folders_find(f, path);
    int64_t now = mono_now_ms();
    if (k && !k->missed_ms)
        k->missed_ms = now;
    bool recent = k && now - k->missed_ms < FOLDERS_QUIET_MS;
    pthread_mutex_unlock(&f->lock);
    return recent;
}

/* Looks at one directory. Returns whether anything has changed; *again: its file was just written. */
static bool look_at(struct folders *f, const char *path, bool *again)
{
    struct found found;
    if (!look_for_file(f, path, &found))
        return false;
    pthread_mutex_lock(&f->lock);
    struct known *k = folders_find(f, path);
    bool same = same_file(k, &found) && !(k && k->unsettled), has_own = k && k->own.count > 0;
    bool was_known = k && k->name, was_good = k && k->name && !k->unsure && !k->unsettled;
    if (k && found.name)
        k->missed_ms = 0;
    pthread_mutex_unlock(&f->lock);
    if (was_known && !found.name && may_come_back(f, path)) {
        *again = true;
        return false;
    }
    if (!found.name) {
        char name[REMEMBERED_NAME];
        remembered_name("folder", &found.directory, f->config.device, name);
        remembered_drop(f->remembered, name);
    }
    if (same)
        return false;

    struct folder_file own = {0};
    struct folder_mistakes mistakes = {0};
    bool keep_own = false, unsure = false;
    if (found.name)
        read_file(f, path, &found);
    *again |= found.unsettled;
    if (found.unsettled && was_good)
        return false; /* what was said before holds until then */
    if (found.name && !found.unsettled &&
        !parse(f, &found, has_own || was_good, &own, &keep_own, &unsure, &mistakes)) {
        folder_file_clear(&own);
        folder_mistakes_clear(&mistakes);
        free(found.data);
        *again = true;
        return false;
    }
    free(found.data);
    if (found.name && !found.unsettled)
        folders_tell(f, path, found.name, &mistakes, unsure);

    pthread_mutex_lock(&f->lock);
    k = folders_known(f, path);
    if (k) {
        if (!keep_own) {
            folder_file_clear(&k->own);
            k->own = own;
        }
        if (!found.unsettled) { /* what was told stays until it is read again */
            folder_mistakes_clear(&k->mistakes);
            k->mistakes = mistakes;
            k->unsure = unsure;
        }
        k->name = found.name;
        k->file = found.file;
        k->unsettled = found.unsettled;
        inherit_below(f, path);
        folders_tidy(f, k);
        inherit_below(f, path); /* those below a directory that is no longer in the table */
    }
    pthread_mutex_unlock(&f->lock);
    return k != NULL;
}

static bool look_upwards(struct folders *f, const char *path, char **changed)
{
    cleanup_free char *part = strdup(path);
    bool again = !part;
    *changed = NULL;
    for (size_t at = 0; part;) {
        char end = part[at];
        part[at] = '\0';
        if (look_at(f, part, &again) && !*changed)
            *changed = strdup(part);
        part[at] = end;
        if (!end)
            break;
        at += at > 0; /* the slash */
        at += strcspn(part + at, "/");
    }
    return again;
}

bool folders_look(struct folders *f, const char *path, char **changed)
{
    pthread_mutex_lock(&f->reading);
    bool again = look_upwards(f, path, changed);
    pthread_mutex_unlock(&f->reading);
    return again;
}

/* The paths that hold a file which was just written, or changed since: malloc'ed, ends with NULL. */
static char **unsettled_paths(struct folders *f)
{
    size_t n = 0;
    pthread_mutex_lock(&f->lock);
    char **paths = calloc(HASH_COUNT(f->known) + 1, sizeof *paths);
    for (const struct known *k = f->known; paths && k; k = k->hh.next)
        if (k->name && (paths[n] = strdup(k->path)))
            n++;
    pthread_mutex_unlock(&f->lock);
    return paths;
}

bool folders_look_again(struct folders *f, void (*changed)(void *context, const char *path), void *context)
{
    char **paths = unsettled_paths(f);
    bool again = !paths;
    for (size_t i = 0; paths && paths[i]; i++) {
        bool again_here = false;
        pthread_mutex_lock(&f->reading);
        bool news = look_at(f, paths[i], &again_here);
        pthread_mutex_unlock(&f->reading);
        again |= again_here;
        if (news)
            changed(context, paths[i]);
        free(paths[i]);
    }
    free(paths);
    return again;
}

/* ---- beginning and end ---- */

int folders_new(const struct folders_config *config, struct folders **out)
{
    struct folders *f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    f->config = *config;
    pthread_mutex_init(&f->reading, NULL);
    pthread_mutex_init(&f->lock, NULL);
    int rc = folder_settings_copy(&f->top, config->top);
    rc = rc ? rc : remembered_open(config->state_fd, &f->remembered);
    f->inbox = rc == 0 ? folders_known(f, "") : NULL;
    if (f->inbox)
        inherit(f, f->inbox);
    if (!f->inbox || !f->inbox->holds) {
        folders_free(f);
        return rc ? rc : -ENOMEM;
    }
    *out = f;
    return 0;
}

void folders_free(struct folders *f)
{
    if (!f)
        return;
    struct known *k, *next;
    HASH_ITER(hh, f->known, k, next)
    forget(f, k);
    remembered_free(f->remembered);
    folder_settings_clear(&f->top);
    pthread_mutex_destroy(&f->reading);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
