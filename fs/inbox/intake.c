/* Intake: from events on files to recordings with a known content.
 *
 * The mount's threads report; the settle table (under in->lock) decides when a file is complete; the jobs
 * loop's timer takes what is due and hands it to the pool to be digested; the digest comes back to the loop,
 * which asks the backend for the frozen settings and tells the library. compare.c finds what the mount did not
 * report. in->lock is innermost (the library's reread hook takes it) and is never held across a system call. */
#include "fs/inbox/intake_private.h"

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

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "fs/inbox/apply.h"
#include "fs/inbox/names.h"
#include "fs/inbox/program.h"
#include "fs/inbox/store.h"
#include "fs/jobs/pool.h"

#define CATCH_UP_S 10 /* a disk that is slower than that has other troubles */
#define AGAIN_MS (60 * 1000) /* what somebody may have put right is looked at again so often */

/* ---- files that are read, or come by another way ---- */

/* All under in->lock. */
static struct noted *noted_find(struct intake *in, struct file_id id)
{
    struct noted *n;
    HASH_FIND(hh, in->noted, &id, sizeof id, n);
    return n;
}

/* NULL when out of memory. */
static struct noted *noted_get(struct intake *in, struct file_id id)
{
    struct noted *n = noted_find(in, id);
    if (n || !(n = calloc(1, sizeof *n)))
        return n;
    n->id = id;
    HASH_ADD(hh, in->noted, id, sizeof n->id, n);
    return n;
}

static void noted_tidy(struct intake *in, struct noted *n)
{
    if (!n || n->readings || n->outside)
        return;
    HASH_DEL(in->noted, n);
    free(n);
}

static void note_outside(struct intake *in, struct file_id id, const struct recording_stat *st)
{
    struct noted *n = noted_get(in, id);
    if (!n)
        return;
    n->outside = true;
    n->size = st->size;
    n->mtime_ns = st->mtime_ns;
}

bool intake_is_reading(struct intake *in, struct file_id id)
{
    pthread_mutex_lock(&in->lock);
    const struct noted *n = noted_find(in, id);
    bool reading = n && n->readings > 0;
    pthread_mutex_unlock(&in->lock);
    return reading;
}

bool intake_is_pending(struct intake *in, struct file_id id)
{
    pthread_mutex_lock(&in->lock);
    bool pending = settle_pending(in->settle, id);
    pthread_mutex_unlock(&in->lock);
    return pending;
}

/* ---- what is due ---- */

struct reading {
    struct intake *in;
    struct file_id id;
    char *path;
    uint64_t changes;       /* of its content, when this began */
    bool outside;           /* as struct noted */
    int64_t size, mtime_ns; /* of an outside one */
    int rc;                 /* of reading it */
    bool vanished;
    bool skipped;   /* nothing is to be made of it */
    bool unsettled; /* `stat` is what it is like now */
    struct recording_stat stat;
    struct digest digest;
};

static void reading_free(struct reading *r)
{
    struct intake *in = r->in;
    pthread_mutex_lock(&in->lock);
    struct noted *n = noted_find(in, r->id);
    if (n && n->readings > 0)
        n->readings--;
    noted_tidy(in, n);
    pthread_mutex_unlock(&in->lock);
    free(r->path);
    free(r);
}

static void wake_loop(struct intake *in);

static void settle_once_more(struct intake *in, struct file_id id)
{
    pthread_mutex_lock(&in->lock);
    settle_again(in->settle, id, loop_now_ms());
    pthread_mutex_unlock(&in->lock);
    wake_loop(in);
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path)) : strdup("");
}

/* The content is known: it gets a job with what its folder says. 0, or negative errno, -EAGAIN: its folder cannot tell yet; and *err
 * when somebody has to know. */
static int give_job(struct intake *in, const struct reading *r, struct error *err)
{
    struct library *lib = in->config.library;
    cleanup_free char *directory = directory_of(r->path);
    const struct folder_settings *s =
        in->config.folders && directory ? folders_get(in->config.folders, directory) : NULL;
    int rc = s && s->unsettled ? -EAGAIN : 0;
    /* Where the content may not be sent, that is known when the library is told: then it is for the recogniser here. */
    bool here = false, again = rc == 0;
    while (again) {
        struct backend *backend;
        struct digest key;
        cleanup_free char *settings = NULL;
        again = false;
        rc = choose_backend(&in->config.chooser, s, here, NULL, &backend, &settings, err);
        rc = rc ? rc : digest_key(&r->digest, settings, &key);
        if (rc != 0)
            break;
        rc = library_set_content(lib, r->id, r->changes, &r->stat, &r->digest, &key, backend->name, settings);
        again = rc == -EAGAIN && !here;
        here = true;
    }
    if (s)
        folders_put(s);
    return rc;
}

/* On the loop: the content is known, or why not. */
static void reading_done(void *arg)
{
    struct reading *r = arg;
    struct intake *in = r->in;
    struct library *lib = in->config.library;
    pthread_mutex_lock(&in->lock);
    bool busy = settle_busy(in->settle, r->id);
    pthread_mutex_unlock(&in->lock);

    struct error err = {0};
    if (r->rc == -ECANCELED) {
        /* There is no time left; the next start looks at it. */
    } else if (r->unsettled) {
        pthread_mutex_lock(&in->lock);
        note_outside(in, r->id, &r->stat);
        settle_held(in->settle, r->id, loop_now_ms());
        pthread_mutex_unlock(&in->lock);
        wake_loop(in);
    } else if (busy || r->rc == -EBUSY) {
        /* Also when it is only open for writing: it may be released unchanged, and would not be looked at
         * again. */
        settle_once_more(in, r->id);
    } else if (r->vanished) {
        /* Its path leads elsewhere: a rename under way is reported by the mount; anything else happened
         * behind our back. */
        cleanup_free char *now = library_path_of(lib, r->id, NULL);
        if (now && strcmp(now, r->path) != 0)
            settle_once_more(in, r->id);
        else if (now)
            compare_recording(in, r->id);
    } else if (r->skipped) {
        library_set_skipped(lib, r->id, &r->stat);
    } else if (r->rc < 0) {
        error_set(&err, ERROR_PERSON, -r->rc, "io.read", "%s", strerror(-r->rc));
    } else if (r->stat.size == 0) {
        library_set_empty(lib, r->id);
    } else if (give_job(in, r, &err) == -EAGAIN) {
        settle_once_more(in, r->id);
    }
    if (err.class != ERROR_NONE) {
        in->config.log(LOG_WARNING, "%s: %s: %s", r->path, err.code, err.detail);
        library_set_unreadable(lib, r->id, &err);
        if (err.class != ERROR_PERMANENT)
            loop_timer_after(in->later, AGAIN_MS);
    }
    reading_free(r);
}

static int read_content(struct reading *r)
{
    struct intake *in = r->in;
    struct store_stat before, after;
    cleanup_close int fd = store_open(in->config.inbox_fd, r->path, O_RDONLY);
    if (fd < 0) {
        r->vanished = fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP;
        return fd;
    }
    int rc = store_stat(fd, "", &before);
    if (rc < 0)
        return rc;
    if (!file_id_equal(before.id, r->id) || !S_ISREG(before.mode)) {
        r->vanished = true;
        return -ESTALE;
    }
    if (r->outside && (before.stat.size != r->size || before.stat.mtime_ns != r->mtime_ns || store_has_writer(fd))) {
        r->stat = before.stat;
        r->unsettled = true;
        return -EBUSY;
    }
    if (in->config.apply) {
        cleanup_free char *directory = directory_of(r->path);
        if (directory)
            apply_look(in->config.apply, directory);
        apply_recording(in->config.apply, r->id);
        if (library_is_skipped(in->config.library, r->id)) {
            r->stat = before.stat;
            r->skipped = true;
            return 0;
        }
    }
    rc = digest_fd(fd, &r->digest, &in->stopping);
    if (rc < 0)
        return rc;
    rc = store_stat(fd, "", &after);
    if (rc < 0)
        return rc;
    r->stat = after.stat;
    if (before.stat.size != after.stat.size || before.stat.mtime_ns != after.stat.mtime_ns) {
        r->unsettled = r->outside;
        return -EBUSY;
    }
    /* From here on it counts as received: make it so on the disk too. A filesystem that cannot sync is no
     * reason to refuse. */
    (void)fsync(fd);
    return 0;
}

/* On the pool. */
static void reading_run(void *arg)
{
    struct reading *r = arg;
    r->rc = atomic_load(&r->in->stopping) ? -ECANCELED : read_content(r);
    if (loop_post(r->in->config.loop, reading_done, r) != 0)
        reading_free(r);
}

static void begin_reading(struct intake *in, struct file_id id)
{
    struct reading *r = calloc(1, sizeof *r);
    uint64_t changes = 0;
    char *path = library_path_of(in->config.library, id, &changes);
    pthread_mutex_lock(&in->lock);
    struct noted *n = r && path ? noted_get(in, id) : noted_find(in, id);
    if (n && r && path) {
        *r = (struct reading){.in = in,
                              .id = id,
                              .path = path,
                              .changes = changes,
                              .outside = n->outside,
                              .size = n->size,
                              .mtime_ns = n->mtime_ns};
        n->readings++;
    }
    if (n)
        n->outside = false;
    noted_tidy(in, n);
    pthread_mutex_unlock(&in->lock);
    if (!n || !r || !path) {
        free(path); /* NULL: it has no name that makes it a recording */
        free(r);
        return;
    }
    if (pool_submit(in->config.pool, reading_run, r) != 0)
        reading_free(r);
}

/* On the loop: takes what is due and sets the timer for what is next. */
static void look(void *arg)
{
    struct intake *in = arg;
    if (atomic_load(&in->stopping))
        return;
    struct file_id id;
    for (;;) {
        pthread_mutex_lock(&in->lock);
        in->rearm_posted = false;
        int64_t now = loop_now_ms();
        bool due = settle_take(in->settle, now, &id);
        int64_t next = settle_next(in->settle);
        pthread_mutex_unlock(&in->lock);
        if (due) {
            begin_reading(in, id);
            continue;
        }
        if (next >= 0)
            loop_timer_after(in->timer, next > now ? next - now : 0);
        return;
    }
}

/* On the loop: somebody may have put it right. While no job can be made at all, nothing is read for it. */
static void try_again(void *arg)
{
    struct intake *in = arg;
    if (atomic_load(&in->stopping))
        return;
    struct error err = {0};
    struct backend *usual = in->config.chooser.usual;
    cleanup_free char *settings = usual->operations->freeze(usual, NULL, &err);
    if (!settings || library_reread_unreadable(in->config.library))
        loop_timer_after(in->later, AGAIN_MS);
}

static void wake_loop(struct intake *in)
{
    pthread_mutex_lock(&in->lock);
    bool post = !in->rearm_posted && settle_next(in->settle) >= 0;
    in->rearm_posted |= post;
    pthread_mutex_unlock(&in->lock);
    if (post && loop_post(in->config.loop, look, in) != 0) {
        pthread_mutex_lock(&in->lock);
        in->rearm_posted = false;
        pthread_mutex_unlock(&in->lock);
    }
}

/* ---- what the mount reports ---- */

void intake_opened(struct intake *in, struct file_id id, pid_t pid)
{
    bool slow = program_is_smbd(pid);
    pthread_mutex_lock(&in->lock);
    settle_opened(in->settle, id, slow);
    pthread_mutex_unlock(&in->lock);
}

void intake_modified(struct intake *in, struct file_id id)
{
    pthread_mutex_lock(&in->lock);
    settle_modified(in->settle, id, loop_now_ms());
    pthread_mutex_unlock(&in->lock);
    library_invalidate_content(in->config.library, id);
    wake_loop(in);
}

void intake_released(struct intake *in, struct file_id id)
{
    pthread_mutex_lock(&in->lock);
    settle_released(in->settle, id, loop_now_ms());
    pthread_mutex_unlock(&in->lock);
    wake_loop(in);
    if (in->config.apply)
        apply_released(in->config.apply, id);
}

bool intake_is_recording(const struct place *place)
{
    return name_classify(place->name) == NAME_RECORDING && !path_is_skipped(place->path);
}

struct directory {
    int inbox_fd;
    const char *path;
};

static bool real_file_exists(void *context, const char *name)
{
    const struct directory *d = context;
    cleanup_close int fd = store_open(d->inbox_fd, d->path, O_PATH | O_DIRECTORY);
    return fd >= 0 && faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A recording has this name now: what its folder says holds at once. */
static void named(struct intake *in, const struct place *place, bool known)
{
    if (in->config.apply)
        apply_named(in->config.apply, place, known);
}

bool intake_heeds(struct intake *in, const struct place *place)
{
    return in->config.apply && !path_is_skipped(place->path) && apply_file(in->config.apply, place);
}

static void arrived(struct intake *in, const struct place *place, struct file_id id, bool from_temporary)
{
    struct directory d = {in->config.inbox_fd, place->path};
    library_add_name(in->config.library, place, id, real_file_exists, &d);
    named(in, place, false);
    pthread_mutex_lock(&in->lock);
    settle_arrived(in->settle, id, from_temporary, loop_now_ms());
    pthread_mutex_unlock(&in->lock);
    wake_loop(in);
}

/* One of its names is another file's now. */
static void lost_name(struct intake *in, struct file_id id)
{
    if (library_has_recording(in->config.library, id))
        return;
    pthread_mutex_lock(&in->lock);
    settle_gone(in->settle, id);
    struct noted *n = noted_find(in, id);
    if (n)
        n->outside = false;
    noted_tidy(in, n);
    pthread_mutex_unlock(&in->lock);
}

static void left(struct intake *in, const struct place *place, struct file_id id)
{
    library_remove_name(in->config.library, place->directory, place->name);
    lost_name(in, id);
}

void intake_added(struct intake *in, const struct place *place, struct file_id id)
{
    if (intake_is_recording(place))
        arrived(in, place, id, false);
    else
        intake_heeds(in, place);
}

void intake_removed(struct intake *in, const struct place *place, struct file_id id)
{
    struct file_id known;
    if (!intake_is_recording(place)) {
        intake_heeds(in, place);
        return;
    }
    /* The library has another file there, so that one was moved away behind our back: it is not forgotten before it
     * has been looked for. */
    if (library_find_name(in->config.library, place, &known) == 0 && !file_id_equal(known, id))
        intake_scan(in, "");
    else
        left(in, place, id);
}

void intake_renamed(struct intake *in, const struct place *from, const struct place *to, struct file_id id)
{
    bool was = intake_is_recording(from), is = intake_is_recording(to);
    if (!was)
        intake_heeds(in, from);
    if (!is)
        intake_heeds(in, to);
    if (!is) {
        if (was)
            left(in, from, id);
        return;
    }
    if (!was) {
        bool temporary = name_classify(from->name) == NAME_TEMPORARY || path_is_skipped(from->path);
        arrived(in, to, id, temporary);
        return;
    }
    struct directory d = {in->config.inbox_fd, to->path};
    bool known = library_has_name(in->config.library, from, id);
    library_rename(in->config.library, from, to, id, real_file_exists, &d);
    named(in, to, true);
    if (!known)
        settle_once_more(in, id);
}

void intake_replaced(struct intake *in, const struct place *from, const struct place *to, struct file_id id,
                     struct file_id old)
{
    if (intake_is_recording(from) || !intake_is_recording(to)) {
        intake_removed(in, to, old);
        intake_renamed(in, from, to, id);
        return;
    }
    /* A new version of the same recording, as rsync and editors put it there: the name keeps its stem, and what was
     * deleted of it as long as the content is the same. */
    intake_renamed(in, from, to, id);
    lost_name(in, old);
}

static void move_directory(struct intake *in, const char *from, const char *to)
{
    /* What else is known there was moved behind our back, and needs a place until the scan has found out to where. */
    if (library_knows_below(in->config.library, to, from)) {
        char aside[32];
        pthread_mutex_lock(&in->lock);
        snprintf(aside, sizeof aside, "moved %llu", ++in->moved_aside);
        pthread_mutex_unlock(&in->lock);
        library_move_directory(in->config.library, to, aside);
        intake_scan(in, "");
    }
    library_move_directory(in->config.library, from, to);
    if (in->config.apply)
        apply_directory_moved(in->config.apply, from, to);
}

void intake_directory_renamed(struct intake *in, const char *from, const char *to)
{
    bool was = path_is_skipped(from), is = path_is_skipped(to);
    if (!was && is)
        library_remove_directory(in->config.library, from);
    else if (!was)
        move_directory(in, from, to);
    else if (!is)
        intake_scan(in, to);
}

void intake_directory_removed(struct intake *in, const char *path)
{
    /* It was empty: what is known in it was moved behind our back. */
    if (library_knows_below(in->config.library, path, NULL))
        intake_scan(in, "");
    else
        library_remove_directory(in->config.library, path);
}

void intake_reread(struct intake *in, struct file_id id)
{
    settle_once_more(in, id);
}

/* ---- what is found in the store itself ---- */

unsigned intake_names_begin(struct intake *in)
{
    pthread_rwlock_rdlock(&in->names);
    pthread_mutex_lock(&in->turns.lock);
    unsigned turn = in->turns.now;
    in->turns.changes[turn]++;
    pthread_mutex_unlock(&in->turns.lock);
    return turn;
}

void intake_names_end(struct intake *in, unsigned turn)
{
    pthread_mutex_lock(&in->turns.lock);
    if (--in->turns.changes[turn] == 0 && turn != in->turns.now)
        pthread_cond_signal(&in->turns.over);
    pthread_mutex_unlock(&in->turns.lock);
    pthread_rwlock_unlock(&in->names);
}

void intake_catch_up(struct intake *in)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += CATCH_UP_S;
    pthread_mutex_lock(&in->turns.lock);
    /* The other turn is over, unless its end was not waited for. */
    unsigned turn = in->turns.now;
    if (in->turns.changes[!turn] == 0)
        in->turns.now = !turn;
    else
        turn = !turn;
    while (in->turns.changes[turn] > 0)
        if (pthread_cond_timedwait(&in->turns.over, &in->turns.lock, &deadline) != 0)
            break;
    pthread_mutex_unlock(&in->turns.lock);
}

static void settle_outside(struct intake *in, const struct store_stat *st)
{
    pthread_mutex_lock(&in->lock);
    note_outside(in, st->id, &st->stat);
    settle_modified(in->settle, st->id, loop_now_ms());
    pthread_mutex_unlock(&in->lock);
    wake_loop(in);
}

void intake_found(struct intake *in, const struct place *place, const struct store_stat *st)
{
    struct directory d = {in->config.inbox_fd, place->path};
    enum content_state state = library_compare_content(in->config.library, st->id, &st->stat);
    if (state == CONTENT_OTHER || state == CONTENT_STRANGER)
        library_invalidate_content(in->config.library, st->id);
    library_add_name(in->config.library, place, st->id, real_file_exists, &d);
    named(in, place, true);
    /* Another name of a file that is known needs no reading. */
    if (state != CONTENT_CURRENT)
        settle_outside(in, st);
}

void intake_changed(struct intake *in, const struct store_stat *st, bool certain)
{
    if (certain)
        library_invalidate_content(in->config.library, st->id);
    settle_outside(in, st);
}

/* ---- beginning and end ---- */

int intake_new(const struct intake_config *config, struct intake **out)
{
    struct intake *in = calloc(1, sizeof *in);
    if (!in)
        return -ENOMEM;
    in->config = *config;
    pthread_mutex_init(&in->lock, NULL);
    /* Writers first: clients that never rest must not keep the comparison waiting for ever. No reader waits for
     * another reader. */
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&in->names, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&in->turns.lock, NULL);
    pthread_cond_init(&in->turns.over, &monotonic);
    pthread_condattr_destroy(&monotonic);
    in->settle = settle_new(config->settle);
    in->timer = loop_timer(config->loop, look, in);
    in->later = loop_timer(config->loop, try_again, in);
    if (!in->settle || !in->timer || !in->later) {
        intake_free(in);
        return -ENOMEM;
    }
    *out = in;
    return 0;
}

void intake_stop(struct intake *in)
{
    atomic_store(&in->stopping, 1);
}

void intake_free(struct intake *in)
{
    if (!in)
        return;
    loop_timer_free(in->timer);
    loop_timer_free(in->later);
    settle_free(in->settle);
    struct noted *n, *next;
    HASH_ITER(hh, in->noted, n, next)
    {
        HASH_DEL(in->noted, n);
        free(n);
    }
    pthread_rwlock_destroy(&in->names);
    pthread_cond_destroy(&in->turns.over);
    pthread_mutex_destroy(&in->turns.lock);
    pthread_mutex_destroy(&in->lock);
    free(in);
}
