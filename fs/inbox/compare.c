/* Comparing: first without a lock, which is all there is to it in the normal case; if something differs,
 * again while no name can change through the mount, and then the library is told.
 *
 * Lock order: in->names, then those inside the library and intake. */
#include "fs/inbox/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "backend/base/cleanup.h"
#include "fs/inbox/apply.h"
#include "fs/inbox/folder.h"
#include "fs/inbox/intake_private.h"
#include "fs/inbox/names.h"
#include "fs/inbox/scan.h"
#include "fs/inbox/store.h"
#include "fs/jobs/pool.h"

#define ANYTHING (COMPARE_WRITTEN | COMPARE_CLOSED | COMPARE_ALL)

/* ---- one name ---- */

/* What is at a name. */
struct seen {
    int rc; /* of looking: 0, -ENOENT … */
    struct store_stat st;
};

enum verdict {
    AGREES,
    LATER,   /* it is being read: what comes of that is not known yet */
    MOVED,   /* the library has the directory at another path */
    GONE,    /* no recording is there any more */
    NEW,     /* another file than the library knows, or the first */
    TOUCHED, /* to be read again, though its content is likely to be what it was */
    CHANGED, /* its content is another one */
};

static bool is_missing(int rc)
{
    return rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP;
}

/* 0, -ESTALE if the directory is not at that path (then nothing is there), or another errno if that cannot be
 * told. */
static int look(struct intake *in, const struct place *place, struct seen *seen)
{
    struct store_stat here;
    cleanup_close int fd = store_open(in->config.inbox_fd, place->path, O_PATH | O_DIRECTORY);
    int rc = fd >= 0 ? store_stat(fd, "", &here) : fd;
    *seen = (struct seen){.rc = -ENOENT};
    if (is_missing(rc) || (rc == 0 && !file_id_equal(here.id, place->directory)))
        return -ESTALE;
    if (rc == 0)
        seen->rc = store_stat(fd, place->name, &seen->st);
    return rc;
}

static enum verdict judge_content(struct intake *in, const struct store_stat *st, unsigned events)
{
    enum content_state state = library_compare_content(in->config.library, st->id, &st->stat);
    /* Of the same size it may have been touched, and the bytes that were written be those that are known: names are looked at
     * some time after their events. */
    bool other = state == CONTENT_STRANGER ||
                 (state == CONTENT_OTHER && !library_has_size(in->config.library, st->id, st->stat.size));
    if (state == CONTENT_CURRENT || (state == CONTENT_UNREAD && st->stat.size == 0))
        return AGREES;
    /* What the mount writes it tells of before: the library would not have a digest. */
    if (other && (events & COMPARE_WRITTEN))
        return CHANGED;
    if (intake_is_reading(in, st->id))
        return LATER;
    if (intake_is_pending(in, st->id))
        return AGREES;
    if (state == CONTENT_TOUCHED)
        return events & COMPARE_WRITTEN ? TOUCHED : AGREES;
    return TOUCHED;
}

static enum verdict judge(struct intake *in, const struct place *place, const struct seen *seen,
                          unsigned events)
{
    struct file_id known;
    int rc = library_find_name(in->config.library, place, &known);
    bool there = seen->rc == 0 && S_ISREG(seen->st.mode);
    if (rc == -ESTALE)
        return MOVED;
    if (!there && seen->rc != 0 && !is_missing(seen->rc))
        return AGREES; /* it cannot be told */
    if (!there)
        return rc == 0 ? GONE : AGREES;
    if (rc != 0 || !file_id_equal(known, seen->st.id))
        return NEW;
    return judge_content(in, &seen->st, events);
}

static bool leads_to(struct intake *in, const struct known_name *name, struct file_id id)
{
    struct seen seen;
    return look(in, &(struct place){name->directory, name->path, name->name}, &seen) == 0 && seen.rc == 0 &&
           file_id_equal(seen.st.id, id);
}

/* A name the file had and has no more, if the library knows one: it was renamed. */
static const struct known_name *former_name(struct intake *in, const struct known_name *names, size_t count,
                                            const struct store_stat *st)
{
    /* An inode number that was used again is no rename. */
    if (library_compare_content(in->config.library, st->id, &st->stat) == CONTENT_STRANGER)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!leads_to(in, &names[i], st->id))
            return &names[i];
    return NULL;
}

/* The library does not know this file by this name. Returns false if it was known by another. */
static bool take_new(struct intake *in, const struct place *place, const struct store_stat *st)
{
    struct known_name *names = NULL;
    size_t count = 0;
    library_names_of(in->config.library, st->id, &names, &count);
    const struct known_name *former = former_name(in, names, count, st);
    struct file_id replaced;
    bool replaces = library_find_name(in->config.library, place, &replaced) == 0;
    if (replaces && !(former && leads_to(in, former, replaced))) /* unless the two were exchanged */
        intake_removed(in, place, replaced);
    if (former)
        intake_renamed(in, &(struct place){former->directory, former->path, former->name}, place, st->id);
    else
        intake_found(in, place, st);
    known_names_free(names, count);
    return !former;
}

/* With in->names held for writing. */
static enum verdict settle_difference(struct intake *in, const struct place *place, unsigned events)
{
    struct seen seen;
    int rc = look(in, place, &seen);
    if (rc != 0 && !(rc == -ESTALE && (events & COMPARE_ALL)))
        return AGREES; /* its directory has just moved: the name is looked at there */
    enum verdict verdict = judge(in, place, &seen, events);
    if (verdict == MOVED) {
        cleanup_free char *from = library_directory_path(in->config.library, place->directory);
        if (!from || rc != 0)
            return AGREES;
        intake_directory_renamed(in, from, place->path);
        verdict = judge(in, place, &seen, events);
    }
    if (verdict == NEW && !take_new(in, place, &seen.st))
        verdict = judge_content(in, &seen.st, events);
    if (verdict == CHANGED || verdict == TOUCHED)
        intake_changed(in, &seen.st, verdict == CHANGED);
    struct file_id known;
    if (verdict == GONE && library_find_name(in->config.library, place, &known) == 0)
        intake_removed(in, place, known);
    return verdict;
}

static enum verdict settle_difference_alone(struct intake *in, const struct place *place, unsigned events)
{
    pthread_rwlock_wrlock(&in->names);
    enum verdict verdict = settle_difference(in, place, events);
    pthread_rwlock_unlock(&in->names);
    return verdict;
}

/* Would the library forget a file by this name? It may be known by its next one in a moment. */
static bool loses_a_recording(struct intake *in, const struct place *place, enum verdict verdict)
{
    struct file_id known;
    return verdict == GONE || (verdict == NEW && library_find_name(in->config.library, place, &known) == 0);
}

int compare_name(struct intake *in, const struct place *place, unsigned events)
{
    if (!intake_is_recording(place)) {
        intake_heeds(in, place);
        return 0;
    }
    struct seen seen;
    int rc = look(in, place, &seen);
    if (rc != 0 && !(rc == -ESTALE && (events & COMPARE_ALL)))
        return rc == -ESTALE ? rc : 0;
    enum verdict verdict = judge(in, place, &seen, events);
    if (verdict == AGREES)
        return 0;
    if (verdict == LATER || (loses_a_recording(in, place, verdict) && !(events & COMPARE_GONE)))
        return 1;
    return settle_difference_alone(in, place, events) == LATER;
}

/* ---- a directory ---- */

static bool is_directory_at(struct intake *in, const char *path, const struct file_id *id)
{
    struct store_stat st;
    cleanup_close int fd = store_open(in->config.inbox_fd, path, O_PATH | O_DIRECTORY);
    int rc = fd >= 0 ? store_stat(fd, "", &st) : fd;
    if (!id)
        return !is_missing(rc); /* in doubt it is there */
    return rc == 0 && file_id_equal(st.id, *id);
}

enum watched_place compare_directory(struct intake *in, struct file_id id, const char *path)
{
    cleanup_free char *known = library_directory_path(in->config.library, id);
    if (!known)
        return PLACE_UNKNOWN;
    if (strcmp(known, path) == 0)
        return PLACE_KNOWN;
    pthread_rwlock_wrlock(&in->names);
    cleanup_free char *from = library_directory_path(in->config.library, id);
    bool moved = from && strcmp(from, path) != 0 && is_directory_at(in, path, &id);
    if (moved)
        intake_directory_renamed(in, from, path);
    pthread_rwlock_unlock(&in->names);
    return moved ? PLACE_NEW : PLACE_KNOWN;
}

void compare_directory_gone(struct intake *in, const char *path)
{
    pthread_rwlock_wrlock(&in->names);
    if (!is_directory_at(in, path, NULL))
        library_remove_directory(in->config.library, path);
    pthread_rwlock_unlock(&in->names);
}

/* ---- a recording by all its names ---- */

struct recheck {
    struct intake *in;
    struct file_id id;
};

static void recheck_run(void *arg)
{
    struct recheck *r = arg;
    struct known_name *names = NULL;
    size_t count = 0;
    if (!atomic_load(&r->in->stopping))
        library_names_of(r->in->config.library, r->id, &names, &count);
    for (size_t i = 0; i < count; i++)
        if (compare_name(r->in, &(struct place){names[i].directory, names[i].path, names[i].name},
                         ANYTHING) == 1)
            intake_scan(r->in, ""); /* it is gone, unless it was renamed */
    known_names_free(names, count);
    free(r);
}

void compare_recording(struct intake *in, struct file_id id)
{
    struct recheck *r = malloc(sizeof *r);
    if (!r)
        return;
    *r = (struct recheck){in, id};
    if (pool_submit(in->config.pool, recheck_run, r) != 0)
        free(r);
}

/* ---- the scan ---- */

struct scanning {
    struct intake *in;
    char *path;
    size_t seen, taken;
    /* What is gone may have been moved to where this scan had been already, or comes later: it is gone when a
     * second one has not found it. */
    bool sure;
    size_t gone;
};

static void scan_found(void *context, const struct place *place, const struct store_stat *st)
{
    struct scanning *s = context;
    struct seen seen = {.st = *st};
    if (folder_is_settings_file(place->name)) {
        if (!s->sure)
            intake_heeds(s->in, place);
        return;
    }
    s->seen += !s->sure;
    enum verdict verdict = judge(s->in, place, &seen, ANYTHING);
    if (verdict == AGREES || verdict == LATER)
        return;
    if (!s->sure && loses_a_recording(s->in, place, verdict)) {
        s->gone++;
        return;
    }
    verdict = settle_difference_alone(s->in, place, ANYTHING);
    s->taken += verdict == NEW || verdict == TOUCHED || verdict == CHANGED;
}

static void scan_check(void *context, struct file_id directory, const char *path, const char *name,
                       struct file_id id)
{
    (void)id;
    struct scanning *s = context;
    if (path_is_below(path, s->path) && !atomic_load(&s->in->stopping))
        s->gone += compare_name(s->in, &(struct place){directory, path, name},
                                ANYTHING | (s->sure ? COMPARE_GONE : 0u)) == 1;
}

static int scan_once(struct scanning *s)
{
    struct intake *in = s->in;
    struct scan_visitor visitor = {.found = scan_found, .context = s};
    int rc = scan_inbox(in->config.inbox_fd, s->path, &in->stopping, &visitor);
    /* A part that is no longer there has nothing in it. */
    if (rc == 0 || (is_missing(rc) && *s->path))
        library_each_name(in->config.library, scan_check, s);
    return rc;
}

static void verify_name(void *context, struct file_id directory, const char *path, const char *name,
                        struct file_id id)
{
    struct intake *in = context;
    struct place place = {directory, path, name};
    struct seen seen;
    /* Only what is there and different: what has gone or moved is the scan's. */
    if (look(in, &place, &seen) == 0 && seen.rc == 0 && file_id_equal(seen.st.id, id))
        compare_name(in, &place, COMPARE_WRITTEN);
}

void intake_verify(struct intake *in)
{
    library_each_name(in->config.library, verify_name, in);
}

static void scan_run(void *arg)
{
    struct scanning *s = arg;
    struct intake *in = s->in;
    bool everything = !*s->path;
    if (everything)
        atomic_store(&in->scan_queued, false);
    int rc = scan_once(s);
    if (s->gone > 0) {
        s->sure = true;
        scan_once(s);
    }
    if (in->config.apply && !atomic_load(&in->stopping))
        apply_everything(in->config.apply, s->path);
    bool first = rc == 0 && everything && !atomic_exchange(&in->scanned, true);
    if (rc == 0 && (first || s->taken))
        in->config.log(LOG_INFO, "looked through inbox/%s: %zu recordings, %zu new or changed", s->path,
                       s->seen, s->taken);
    if (rc == 0)
        atomic_store(&in->scan_failed, false);
    else if (rc != -ECANCELED && (everything || !is_missing(rc)) && !atomic_exchange(&in->scan_failed, true))
        in->config.log(LOG_WARNING, "cannot look through inbox/%s: %s", s->path, strerror(-rc));
    free(s->path);
    free(s);
}

void intake_scan(struct intake *in, const char *path)
{
    /* One that has not begun yet will see it all. */
    if (!*path && atomic_exchange(&in->scan_queued, true))
        return;
    struct scanning *s = calloc(1, sizeof *s);
    if (s) {
        s->in = in;
        s->path = strdup(path);
        if (s->path && pool_submit(in->config.pool, scan_run, s) == 0)
            return;
        free(s->path);
        free(s);
    }
    if (!*path)
        atomic_store(&in->scan_queued, false);
}

/* ---- for the watch ---- */

static int on_name(void *context, const struct place *place, unsigned events)
{
    return compare_name(context, place, events);
}

static enum watched_place on_directory(void *context, struct file_id id, const char *path)
{
    return compare_directory(context, id, path);
}

static void on_directory_gone(void *context, const char *path)
{
    compare_directory_gone(context, path);
}

static void on_scan(void *context, const char *path)
{
    intake_scan(context, path);
}

static void on_names_in(void *context, struct file_id id, void (*fn)(void *argument, const char *name),
                        void *argument)
{
    const struct intake *in = context;
    struct known_name *names = NULL;
    size_t count = 0;
    library_names_in(in->config.library, id, &names, &count);
    for (size_t i = 0; i < count; i++)
        fn(argument, names[i].name);
    known_names_free(names, count);
}

static void on_catch_up(void *context)
{
    intake_catch_up(context);
}

const struct watch_sink compare_sink = {on_catch_up, on_name,           on_directory,
                                        on_names_in, on_directory_gone, on_scan};
