/* Intake: from events on files to recordings with a known content.
 *
 * The mount's threads report; the settle table (under in->lock) decides when a file is complete; the jobs
 * loop's timer takes what is due and hands it to the pool to be digested; the digest comes back to the loop,
 * which asks the backend for the frozen settings and tells the library. in->lock is
 * innermost (the library's reread hook takes it) and is never held across a system call. */
#include "fs/inbox/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "fs/inbox/names.h"
#include "fs/inbox/scan.h"
#include "fs/inbox/store.h"
#include "fs/jobs/pool.h"

#define AGAIN_MS (60 * 1000) /* what somebody may have put right is looked at again so often */

struct intake {
    struct intake_config config;
    pthread_mutex_t lock;
    struct settle *settle;
    bool rearm_posted; /* under lock: the loop has been told to look at the timer */
    struct loop_timer *timer;
    struct loop_timer *later; /* for what could not be read, or could get no job */
    atomic_int stopping;
};

/* ---- what is due ---- */

struct reading {
    struct intake *in;
    struct file_id id;
    char *path;
    uint64_t changes; /* of its content, when this began */
    int rc;           /* of reading it */
    bool vanished;
    struct recording_stat stat;
    struct digest digest;
};

static void reading_free(struct reading *r)
{
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
            intake_scan(in, "");
    } else if (r->rc < 0) {
        error_set(&err, ERROR_PERSON, -r->rc, "io.read", "%s", strerror(-r->rc));
    } else if (r->stat.size == 0) {
        library_set_empty(lib, r->id);
    } else {
        struct digest key;
        cleanup_free char *settings = in->config.backend->operations->freeze(in->config.backend, &err);
        if (settings && digest_key(&r->digest, settings, &key) == 0)
            library_set_content(lib, r->id, r->changes, &r->stat, &r->digest, &key, in->config.backend->name,
                                settings);
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
    rc = digest_fd(fd, &r->digest, &in->stopping);
    if (rc < 0)
        return rc;
    rc = store_stat(fd, "", &after);
    if (rc < 0)
        return rc;
    if (before.stat.size != after.stat.size || before.stat.mtime_ns != after.stat.mtime_ns)
        return -EBUSY;
    r->stat = after.stat;
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
    char *path = r ? library_path_of(in->config.library, id, &changes) : NULL;
    if (!path) {
        free(r); /* it has no name that makes it a recording */
        return;
    }
    *r = (struct reading){.in = in, .id = id, .path = path, .changes = changes};
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
    cleanup_free char *settings = in->config.backend->operations->freeze(in->config.backend, &err);
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

static bool is_slow_writer(pid_t pid)
{
    char path[64], comm[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, comm, sizeof comm - 1) : 0;
    return n >= 4 && strncmp(comm, "smbd", 4) == 0;
}

void intake_opened(struct intake *in, struct file_id id, pid_t pid)
{
    bool slow = is_slow_writer(pid);
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
}

static bool is_recording(const struct place *place)
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

static void arrived(struct intake *in, const struct place *place, struct file_id id, bool from_temporary)
{
    struct directory d = {in->config.inbox_fd, place->path};
    library_add_name(in->config.library, place, id, real_file_exists, &d);
    pthread_mutex_lock(&in->lock);
    settle_arrived(in->settle, id, from_temporary, loop_now_ms());
    pthread_mutex_unlock(&in->lock);
    wake_loop(in);
}

static void left(struct intake *in, const struct place *place, struct file_id id)
{
    library_remove_name(in->config.library, place->directory, place->name);
    if (library_has_recording(in->config.library, id))
        return;
    pthread_mutex_lock(&in->lock);
    settle_gone(in->settle, id);
    pthread_mutex_unlock(&in->lock);
}

void intake_added(struct intake *in, const struct place *place, struct file_id id)
{
    if (is_recording(place))
        arrived(in, place, id, false);
}

void intake_removed(struct intake *in, const struct place *place, struct file_id id)
{
    if (is_recording(place))
        left(in, place, id);
}

void intake_renamed(struct intake *in, const struct place *from, const struct place *to, struct file_id id)
{
    bool was = is_recording(from), is = is_recording(to);
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
    if (!known)
        settle_once_more(in, id);
}

void intake_directory_renamed(struct intake *in, const char *from, const char *to)
{
    bool was = path_is_skipped(from), is = path_is_skipped(to);
    if (!was && is)
        library_remove_directory(in->config.library, from);
    else if (!was)
        library_move_directory(in->config.library, from, to);
    else if (!is)
        intake_scan(in, to);
}

void intake_directory_removed(struct intake *in, const char *path)
{
    library_remove_directory(in->config.library, path);
}

void intake_reread(struct intake *in, struct file_id id)
{
    settle_once_more(in, id);
}

/* ---- the scan ---- */

struct scanning {
    struct intake *in;
    char *path;
    size_t seen, taken;
};

static void scan_found(void *context, const struct place *place, const struct store_stat *st)
{
    struct scanning *s = context;
    struct intake *in = s->in;
    s->seen++;
    bool known = library_has_name(in->config.library, place, st->id);
    bool current = library_is_current(in->config.library, st->id, &st->stat);
    if (known && current)
        return;
    if (!known) {
        struct directory d = {in->config.inbox_fd, place->path};
        library_add_name(in->config.library, place, st->id, real_file_exists, &d);
    }
    if (current || st->stat.size == 0)
        return;
    s->taken++;
    if (known && !library_is_same_content(in->config.library, st->id, &st->stat))
        library_invalidate_content(in->config.library, st->id);
    settle_once_more(in, st->id);
}

/* Is the file still where it is known to be? Its views go if not, or if its content is another one by now. */
static void check_name(struct intake *in, const struct place *place, struct file_id id)
{
    struct store_stat st;
    cleanup_close int fd = store_open(in->config.inbox_fd, place->path, O_PATH | O_DIRECTORY);
    int rc = fd >= 0 ? store_stat(fd, place->name, &st) : fd;
    bool gone = rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP || (rc == 0 && !file_id_equal(st.id, id));
    if (!library_has_name(in->config.library, place, id))
        return; /* it was moved meanwhile */
    if (gone)
        left(in, place, id);
    else if (rc == 0 && !library_is_same_content(in->config.library, id, &st.stat)) {
        library_invalidate_content(in->config.library, id);
        settle_once_more(in, id);
    }
}

static void scan_check(void *context, struct file_id directory, const char *path, const char *name,
                       struct file_id id)
{
    struct scanning *s = context;
    if (path_is_below(path, s->path))
        check_name(s->in, &(struct place){directory, path, name}, id);
}

static void verify_name(void *context, struct file_id directory, const char *path, const char *name,
                        struct file_id id)
{
    struct intake *in = context;
    struct store_stat st;
    cleanup_close int fd = store_open(in->config.inbox_fd, path, O_PATH | O_DIRECTORY);
    /* Only what is there and different: what has gone or moved is the scan's. */
    if (fd >= 0 && store_stat(fd, name, &st) == 0 && file_id_equal(st.id, id))
        check_name(in, &(struct place){directory, path, name}, id);
}

void intake_verify(struct intake *in)
{
    library_each_name(in->config.library, verify_name, in);
}

static void scan_run(void *arg)
{
    struct scanning *s = arg;
    struct intake *in = s->in;
    int rc = scan_inbox(in->config.inbox_fd, s->path, &in->stopping, scan_found, s);
    if (rc == 0)
        library_each_name(in->config.library, scan_check, s);
    if (rc == 0)
        in->config.log(LOG_INFO, "looked through inbox/%s: %zu recordings, %zu new or changed", s->path,
                       s->seen, s->taken);
    else if (rc != -ECANCELED)
        in->config.log(LOG_WARNING, "cannot look through inbox/%s: %s", s->path, strerror(-rc));
    free(s->path);
    free(s);
}

void intake_scan(struct intake *in, const char *path)
{
    struct scanning *s = calloc(1, sizeof *s);
    if (!s)
        return;
    s->in = in;
    s->path = strdup(path);
    if (s->path && pool_submit(in->config.pool, scan_run, s) == 0)
        return;
    free(s->path);
    free(s);
}

/* ---- beginning and end ---- */

int intake_new(const struct intake_config *config, struct intake **out)
{
    struct intake *in = calloc(1, sizeof *in);
    if (!in)
        return -ENOMEM;
    in->config = *config;
    pthread_mutex_init(&in->lock, NULL);
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
    pthread_mutex_destroy(&in->lock);
    free(in);
}
