/* The runner.
 *
 *   queued --claim--> running (backend) --finished--> storing (pool) --durable--> done
 *                        |                               '--disk full: wait, store again
 *                        '--failed--> queued again for later, or failed
 *
 * A claimed job is a struct run until its end. A run that is storing cannot be cancelled; its result is kept,
 * since the work is done. */
#include "fs/jobs/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

#include <utlist.h>

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/transcript.h"
#include "cache/index.h"
#include "fs/inbox/store.h"
#include "fs/jobs/pool.h"
#include "fs/jobs/retry.h"
#include "fs/jobs/store_result.h"
#include "fs/library.h"

#define STORE_AGAIN_MS 5000 /* how often a full disk is tried */

struct runner {
    struct runner_config config;
    char *work_dir;
    struct run *runs;
    int active; /* runs that have a backend job */
    bool stopping;
    struct loop_timer *timer;
};

struct run {
    struct runner *runner;
    struct job_start start;
    struct backend *backend;
    struct backend_job *job; /* NULL once the backend is done with it */
    char *work_dir;
    int64_t size;
    struct transcript *transcript;
    void *raw;
    size_t raw_length;
    struct error error; /* of storing */
    int store_rc;
    struct loop_timer *again;
    struct run *prev, *next;
};

static int64_t wall_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    remove(path);
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void run_free(struct run *run)
{
    struct runner *r = run->runner;
    if (run->job)
        r->active--;
    DL_DELETE(r->runs, run);
    if (run->work_dir)
        remove_tree(run->work_dir);
    free(run->work_dir);
    loop_timer_free(run->again);
    transcript_free(run->transcript);
    free(run->raw);
    job_start_clear(&run->start);
    free(run);
}

static void run_failed(struct run *run, const struct error *err)
{
    struct runner *r = run->runner;
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (uint32_t)loop_now_ms();
    int64_t delay = retry_delay_ms(err, run->start.attempts, random);
    if (err->class == ERROR_CHANGED)
        library_job_released(r->config.library, &run->start.key);
    else
        library_job_failed(r->config.library, &run->start.key, err, delay < 0 ? -1 : wall_now_ms() + delay);
    r->config.log(delay < 0 ? LOG_WARNING : LOG_NOTICE, "%s: %s: %s%s", run->start.path, err->code,
                  err->detail, delay < 0 ? "" : "; it is tried again");
    run_free(run);
    runner_look(r);
}

/* ---- storing ---- */

static void run_stored(void *arg)
{
    struct run *run = arg;
    struct runner *r = run->runner;
    if (run->store_rc != 0) {
        if (run->error.class != ERROR_NONE)
            library_job_trouble(r->config.library, &run->start.key, &run->error);
        r->config.log(LOG_WARNING, "%s: %s: %s; it is tried again", run->start.path, run->error.code,
                      run->error.detail);
        if (!r->stopping)
            loop_timer_after(run->again, STORE_AGAIN_MS);
        return;
    }
    r->config.log(LOG_INFO, "%s: done", run->start.path);
    library_job_done(r->config.library, &run->start.key, run->transcript->duration_ms);
    run_free(run);
    runner_look(r);
}

static void run_store(void *arg)
{
    struct run *run = arg;
    struct runner *r = run->runner;
    run->error = (struct error){0};
    run->store_rc = store_result(r->config.results,
                                 &(struct result_input){.key = run->start.key,
                                                        .digest = run->start.digest,
                                                        .settings = run->start.settings,
                                                        .size = run->size,
                                                        .transcript = run->transcript,
                                                        .raw = run->raw,
                                                        .raw_length = run->raw_length},
                                 &run->error);
    loop_post(r->config.loop, run_stored, run);
}

static void store_again(void *arg)
{
    struct run *run = arg;
    if (pool_submit(run->runner->config.pool, run_store, run) != 0)
        loop_timer_after(run->again, STORE_AGAIN_MS);
}

/* ---- what the backend reports ---- */

static void on_progress(void *context, enum backend_stage stage, int64_t done, int64_t total)
{
    struct run *run = context;
    library_job_progress(run->runner->config.library, &run->start.key, stage, done, total);
}

struct acknowledgement {
    struct loop *loop;
    void (*fn)(void *argument);
    void *argument;
};

static void acknowledge_on_loop(void *arg)
{
    struct acknowledgement *a = arg;
    a->fn(a->argument);
    free(a);
}

static void acknowledge(void *arg)
{
    struct acknowledgement *a = arg;
    if (loop_post(a->loop, acknowledge_on_loop, a) != 0)
        free(a);
}

static void on_checkpoint(void *context, const char *state, void (*fn)(void *argument), void *argument)
{
    struct run *run = context;
    struct runner *r = run->runner;
    struct acknowledgement *a = malloc(sizeof *a);
    if (!a)
        return;
    *a = (struct acknowledgement){r->config.loop, fn, argument};
    library_job_checkpoint(r->config.library, &run->start.key, state);
    index_when_durable(r->config.index, acknowledge, a);
}

static void on_finished(void *context, struct transcript *transcript, const void *raw, size_t raw_length)
{
    struct run *run = context;
    struct runner *r = run->runner;
    run->job = NULL;
    r->active--;
    run->transcript = transcript;
    if (raw && (run->raw = malloc(raw_length ? raw_length : 1))) {
        memcpy(run->raw, raw, raw_length);
        run->raw_length = raw_length;
    }
    store_again(run);
    runner_look(r);
}

static void on_failed(void *context, const struct error *err)
{
    struct run *run = context;
    run->job = NULL;
    run->runner->active--;
    run_failed(run, err);
}

static const struct backend_events events = {
    .progress = on_progress, .checkpoint = on_checkpoint, .finished = on_finished, .failed = on_failed};

/* ---- starting ---- */

static struct backend *backend_by_name(struct runner *r, const char *name)
{
    for (int i = 0; i < r->config.backend_count; i++)
        if (strcmp(r->config.backends[i]->name, name) == 0)
            return r->config.backends[i];
    return NULL;
}

/* Opens the recording, if it is still the file that was digested. */
static int open_recording(struct run *run, struct error *err)
{
    struct runner *r = run->runner;
    struct store_stat st;
    cleanup_close int fd = store_open(r->config.inbox_fd, run->start.path, O_RDONLY);
    int rc = fd >= 0 ? store_stat(fd, "", &st) : fd;
    if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP || (rc == 0 && !file_id_equal(st.id, run->start.id)))
        return error_set(err, ERROR_CHANGED, ESTALE, "io.changed", "it was moved or replaced");
    if (rc < 0)
        return error_set(err, ERROR_PERSON, -rc, "io.read", "%s", strerror(-rc));
    run->size = st.stat.size;
    return steal_fd(fd);
}

static int make_work_dir(struct run *run, struct error *err)
{
    char hex[DIGEST_HEX];
    digest_hex(&run->start.key, hex);
    if (asprintf(&run->work_dir, "%s/%.16s", run->runner->work_dir, hex) < 0) {
        run->work_dir = NULL;
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "io.state", "out of memory");
    }
    if (mkdir(run->work_dir, 0700) < 0 && errno != EEXIST) {
        int sys = errno;
        bool full = sys == ENOSPC || sys == EDQUOT;
        return error_set(err, ERROR_TRANSIENT, sys, full ? "io.space" : "io.state", "%s: %s", run->work_dir,
                         strerror(sys));
    }
    return 0;
}

static int begin(struct run *run, struct error *err)
{
    struct runner *r = run->runner;
    run->backend = backend_by_name(r, run->start.backend);
    if (!run->backend)
        return error_set(err, ERROR_PERSON, ENOENT, "engine.missing", "no backend called %s is set up",
                         run->start.backend);
    int rc = make_work_dir(run, err);
    int fd = rc == 0 ? open_recording(run, err) : rc;
    if (fd < 0)
        return fd;
    run->job = run->backend->operations->start(run->backend,
                                               &(struct backend_request){.fd = fd,
                                                                         .name = run->start.path,
                                                                         .work_dir = run->work_dir,
                                                                         .settings = run->start.settings,
                                                                         .checkpoint = run->start.checkpoint},
                                               &events, run, err);
    if (!run->job)
        return -EIO;
    r->active++;
    return 0;
}

/* A recording that was moved at this very moment is claimed again at once; the new path is known by then. */
static void run_new(struct runner *r, struct job_start *start)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run) {
        library_job_released(r->config.library, &start->key);
        job_start_clear(start);
        return;
    }
    run->runner = r;
    run->start = *start;
    run->again = loop_timer(r->config.loop, store_again, run);
    DL_APPEND(r->runs, run);
    r->config.log(LOG_INFO, "%s: transcribing, attempt %d", run->start.path, run->start.attempts);
    struct error err = {0};
    if (begin(run, &err) == 0)
        return;
    if (strcmp(err.code, "engine.changed") == 0) {
        r->config.log(LOG_INFO, "%s: %s; it gets the settings of today", run->start.path, err.detail);
        library_job_outdated(r->config.library, &run->start.key);
        run_free(run);
        return;
    }
    /* Not released at once: it would be claimed again before the rename under way has been reported. */
    if (err.class == ERROR_CHANGED)
        err.class = ERROR_TRANSIENT;
    run_failed(run, &err);
}

static void cancel_unwanted(struct runner *r)
{
    struct digest key;
    while (library_next_cancelled(r->config.library, &key)) {
        struct run *run, *next;
        DL_FOREACH_SAFE(r->runs, run, next)
        {
            if (memcmp(&run->start.key, &key, sizeof key) != 0 || !run->job)
                continue;
            run->backend->operations->cancel(run->job);
            r->config.log(LOG_INFO, "%s: no longer wanted", run->start.path);
            run_free(run);
        }
    }
}

void runner_look(struct runner *r)
{
    cancel_unwanted(r);
    while (!r->stopping && r->active < r->config.workers) {
        struct job_start start;
        int64_t now = wall_now_ms(), next = 0;
        int rc = library_claim_job(r->config.library, now, &start, &next);
        if (rc == 0 && next > now)
            loop_timer_after(r->timer, next - now);
        if (rc <= 0)
            return;
        run_new(r, &start);
    }
}

static void look_again(void *arg)
{
    runner_look(arg);
}

int runner_new(const struct runner_config *config, struct runner **out)
{
    struct runner *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->config = *config;
    r->work_dir = strdup(config->work_dir);
    r->timer = loop_timer(config->loop, look_again, r);
    if (!r->work_dir || !r->timer) {
        runner_free(r);
        return -ENOMEM;
    }
    remove_tree(r->work_dir);
    if (mkdir(r->work_dir, 0700) < 0 && errno != EEXIST) {
        int rc = -errno;
        runner_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

void runner_stop(struct runner *r)
{
    r->stopping = true;
    struct run *run, *next;
    DL_FOREACH_SAFE(r->runs, run, next)
    {
        if (!run->job)
            continue; /* it is being stored; the pool ends that */
        run->backend->operations->cancel(run->job);
        library_job_released(r->config.library, &run->start.key);
        run_free(run);
    }
}

void runner_free(struct runner *r)
{
    if (!r)
        return;
    while (r->runs)
        run_free(r->runs);
    loop_timer_free(r->timer);
    free(r->work_dir);
    free(r);
}
