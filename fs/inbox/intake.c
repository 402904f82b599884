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
    intake_wake_loop(in);
}

void intake_released(struct intake *in, struct file_id id)
{
    pthread_mutex_lock(&in->lock);
    settle_released(in->settle, id, loop_now_ms());
    pthread_mutex_unlock(&in->lock);
    intake_wake_loop(in);
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
    intake_wake_loop(in);
}

/* One of its names is another file's now. */
static void lost_name(struct intake *in, struct file_id id)
{
    if (library_has_recording(in->config.library, id))
        return;
    pthread_mutex_lock(&in->lock);
    settle_gone(in->settle, id);
    struct noted *n = intake_noted_find(in, id);
    if (n)
        n->outside = false;
    intake_noted_tidy(in, n);
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
        intake_settle_once_more(in, id);
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
    intake_settle_once_more(in, id);
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
    intake_note_outside(in, st->id, &st->stat);
    settle_modified(in->settle, st->id, loop_now_ms());
    pthread_mutex_unlock(&in->lock);
    intake_wake_loop(in);
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
    in->timer = loop_timer(config->loop, intake_look, in);
    in->later = loop_timer(config->loop, intake_try_again, in);
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
