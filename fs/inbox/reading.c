/* Reading what is complete: the loop's timer takes it, the pool digests it, and back on the loop it gets its job. */
#include "fs/inbox/intake_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "fs/inbox/apply.h"
#include "fs/inbox/names.h"
#include "fs/inbox/store.h"
#include "fs/jobs/pool.h"

#define AGAIN_MS (60 * 1000) /* what somebody may have put right is looked at again so often */

/* ---- files that are read, or come by another way ---- */

/* All under in->lock. */
struct noted *intake_noted_find(struct intake *in, struct file_id id)
{
    struct noted *n;
    HASH_FIND(hh, in->noted, &id, sizeof id, n);
    return n;
}

/* NULL when out of memory. */
static struct noted *noted_get(struct intake *in, struct file_id id)
{
    struct noted *n = intake_noted_find(in, id);
    if (n || !(n = calloc(1, sizeof *n)))
        return n;
    n->id = id;
    HASH_ADD(hh, in->noted, id, sizeof n->id, n);
    return n;
}

void intake_noted_tidy(struct intake *in, struct noted *n)
{
    if (!n || n->readings || n->outside)
        return;
    HASH_DEL(in->noted, n);
    free(n);
}

void intake_note_outside(struct intake *in, struct file_id id, const struct recording_stat *st)
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
    const struct noted *n = intake_noted_find(in, id);
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
    struct noted *n = intake_noted_find(in, r->id);
    if (n && n->readings > 0)
        n->readings--;
    intake_noted_tidy(in, n);
    pthread_mutex_unlock(&in->lock);
    free(r->path);
    free(r);
}

void intake_settle_once_more(struct intake *in, struct file_id id)
{
    pthread_mutex_lock(&in->lock);
    settle_again(in->settle, id, loop_now_ms());
    pthread_mutex_unlock(&in->lock);
    intake_wake_loop(in);
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
    if (rc == 0) /* what was said of a first choice does not matter any more */
        *err = (struct error){0};
    else if (rc != -EAGAIN && err->class == ERROR_NONE)
        error_set(err, ERROR_TRANSIENT, -rc, "io.read", "%s", strerror(-rc));
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
        intake_note_outside(in, r->id, &r->stat);
        settle_held(in->settle, r->id, loop_now_ms());
        pthread_mutex_unlock(&in->lock);
        intake_wake_loop(in);
    } else if (busy || r->rc == -EBUSY) {
        /* Also when it is only open for writing: it may be released unchanged, and would not be looked at
         * again. */
        intake_settle_once_more(in, r->id);
    } else if (r->vanished) {
        /* Its path leads elsewhere: a rename under way is reported by the mount; anything else happened
         * behind our back. */
        cleanup_free char *now = library_path_of(lib, r->id, NULL);
        if (now && strcmp(now, r->path) != 0)
            intake_settle_once_more(in, r->id);
        else if (now)
            compare_recording(in, r->id);
    } else if (r->skipped) {
        library_set_skipped(lib, r->id, &r->stat);
    } else if (r->rc < 0) {
        error_set(&err, ERROR_PERSON, -r->rc, "io.read", "%s", strerror(-r->rc));
    } else if (r->stat.size == 0) {
        library_set_empty(lib, r->id);
    } else if (give_job(in, r, &err) == -EAGAIN) {
        intake_settle_once_more(in, r->id);
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
    struct noted *n = r && path ? noted_get(in, id) : intake_noted_find(in, id);
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
    intake_noted_tidy(in, n);
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
void intake_look(void *arg)
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
void intake_try_again(void *arg)
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

void intake_wake_loop(struct intake *in)
{
    pthread_mutex_lock(&in->lock);
    bool post = !in->rearm_posted && settle_next(in->settle) >= 0;
    in->rearm_posted |= post;
    pthread_mutex_unlock(&in->lock);
    if (post && loop_post(in->config.loop, intake_look, in) != 0) {
        pthread_mutex_lock(&in->lock);
        in->rearm_posted = false;
        pthread_mutex_unlock(&in->lock);
    }
}
