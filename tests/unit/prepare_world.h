/* What the tests of preparing in workers have in common: a preparer on a loop of its own with the real worker or one that
 * is played by a script, what it reported, and the proof that nothing of it is left. */
#pragma once

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/local/preparer.h"
#include "tests/unit/scratch.h"

#define PREPARING "echo '{\"type\":\"progress\",\"stage\":\"preparing\",\"done\":500,\"total\":900}' >&4\n"

enum { PARTS_MAX = 64 };

struct world {
    char *dir;
    char *worker; /* the played one */
    struct loop *loop;
    struct preparer *preparer;
    struct preparation *preparation;
    struct loop_timer *poll, *deadline;
    int descriptors;

    struct media_facts facts;
    struct media_part parts[PARTS_MAX]; /* of what was cut */
    size_t count;
    char extension[8];
    int whole;    /* what was converted; -1: nothing */
    char *copy;   /* path of what was converted */
    int64_t size; /* of the copy */
    struct error error;
    int ends, progress_count;
    int64_t done, total;
    bool cancel_at_progress, stop_at_progress, went_back;
    bool timed_out;
};

static char *media; /* directory of the recordings; NULL: could not be made */

static inline const char *real_worker(void)
{
    static char path[512];
    const char *given = getenv("SCRIBEFS_WORKER"), *build = getenv("SCRIBEFS_BUILD");
    snprintf(path, sizeof path, "%s%s",
             given   ? given
             : build ? build
                     : "build",
             given ? "" : "/libexec/worker");
    return path;
}

static inline int count_entries(const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static inline int open_recording(const char *file)
{
    char *path = scratch_join(media, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    assert_true(fd >= 0);
    return fd;
}

/* Of this program. */
static inline int count_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

static inline void on_failed(void *context, const struct error *error)
{
    struct world *w = context;
    w->error = *error;
    w->preparation = NULL;
    w->ends++;
    loop_stop(w->loop);
}

static inline void on_progress(void *context, int64_t done, int64_t total)
{
    struct world *w = context;
    w->went_back |= done < w->done;
    w->done = done;
    w->total = total;
    w->progress_count++;
    if (w->cancel_at_progress) {
        w->preparer->operations->cancel(w->preparation);
        w->preparation = NULL;
    }
    if (w->stop_at_progress)
        loop_stop(w->loop);
}

static inline void on_deadline(void *arg)
{
    struct world *w = arg;
    w->timed_out = true;
    loop_stop(w->loop);
}

static inline void run(struct world *w)
{
    loop_timer_after(w->deadline, 120000);
    loop_run(w->loop);
    assert_false(w->timed_out);
}

static inline void use_worker(struct world *w, const char *worker, int hang_seconds)
{
    struct worker_preparer_settings settings = {.worker = worker, .hang_seconds = hang_seconds};
    struct error err;
    worker_preparer_free(w->preparer);
    w->preparer = worker_preparer_new(w->loop, &settings, &err);
    assert_non_null(w->preparer);
}

/* A script in the place of the worker program. */
static inline void play(struct world *w, const char *script)
{
    cleanup_close int fd = open(w->worker, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    dprintf(fd, "#!/bin/sh\n%s", script);
}

static inline void look_for_children(void *arg)
{
    struct world *w = arg;
    siginfo_t info = {0}; /* nobody but the preparer may reap, so only look */
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
        loop_stop(w->loop);
    else
        loop_timer_after(w->poll, 5);
}

static inline void wait_for_no_children(struct world *w)
{
    loop_timer_after(w->poll, 0);
    run(w);
}

static inline void forget(struct world *w)
{
    w->ends = w->progress_count = 0;
    w->done = w->total = 0;
    w->count = 0;
    w->went_back = false;
    w->error = (struct error){0};
}

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->descriptors = count_descriptors();
    w->dir = scratch_new();
    w->worker = scratch_join(w->dir, "worker");
    w->copy = scratch_join(media ? media : w->dir, "copy");
    w->whole = -1;
    assert_int_equal(loop_new(&w->loop), 0);
    w->poll = loop_timer(w->loop, look_for_children, w);
    w->deadline = loop_timer(w->loop, on_deadline, w);
    use_worker(w, real_worker(), 30);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    if (w->preparation)
        w->preparer->operations->cancel(w->preparation);
    worker_preparer_free(w->preparer);
    loop_timer_free(w->poll);
    loop_timer_free(w->deadline);
    loop_free(w->loop);
    if (w->whole >= 0)
        close(w->whole);
    int rc = 0;
    /* No child, not even a zombie; no descriptor; no file but the played worker. */
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
        print_error("a child is left\n");
        rc = -1;
    }
    if (count_descriptors() != w->descriptors) {
        print_error("a descriptor is left\n");
        rc = -1;
    }
    unlink(w->worker);
    if (count_entries(w->dir) != 2) {
        print_error("a file is left\n");
        rc = -1;
    }
    scratch_remove(w->dir);
    free(w->worker);
    free(w->copy);
    free(w);
    return rc;
}

static inline void need_media(void)
{
    if (!media) {
        print_message("SKIP: no worker, sox, ffmpeg or speech\n");
        skip();
    }
}

static inline int remove_media(void **state)
{
    (void)state;
    if (media)
        scratch_remove(media);
    media = NULL;
    return 0;
}
