/* The runner.
 *
 *   queued --claim--> running (backend) --finished--> storing (pool) --durable--> done
 *                        |                               '--disk full: wait, store again
 *                        '--failed--> queued again for later, or failed
 *
 * A claimed job is a struct run until its end. A run that is storing cannot be cancelled; its result is kept,
 * since the work is done. What was read must be what was digested, or a result would be kept under the key of
 * another content: the file is looked at before the backend gets it, and again when the backend is done. */
#include "fs/jobs/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

#include <utlist.h>

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/transcript.h"
#include "cache/index.h"
#include "cache/results.h"
#include "fs/inbox/store.h"
#include "fs/jobs/discards.h"
#include "fs/jobs/ledger.h"
#include "fs/jobs/pool.h"
#include "fs/jobs/retry.h"
#include "fs/jobs/spending.h"
#include "fs/jobs/store_result.h"
#include "fs/jobs/work_dirs.h"
#include "fs/library.h"

#define STORE_AGAIN_MS 5000 /* how often a full disk is tried */
#define HOLD_MS 30000   /* how long a backend rests after a failure that the next job would meet as well */
#define CHANGED_MS 2000 /* until then a rename under way has been reported */
#define LOOK_MS 60000   /* the longest pause between two looks: somebody may set the clock */
#define BACKENDS_MOST 4
enum { MOST_AWAY = 10000, DESCRIPTORS_KEPT = 500 };

struct runner {
    struct runner_config config;
    char *work_dir;
    struct discards *discards;
    struct run *runs;
    int active;                        /* runs whose backend job is at work here … */
    int away, most_away;               /* … and those that wait for a service alone */
    bool some_kept;                    /* a hint: a work directory may wait for its job */
    int64_t held_until[BACKENDS_MOST]; /* monotonic */
    bool stopping;
    struct loop_timer *timer;
};

/* A checkpoint that is not durable yet. */
struct acknowledgement {
    struct loop *loop;
    struct run *run; /* NULL: the run has ended meanwhile */
    void (*fn)(void *argument);
    void *argument;
    struct acknowledgement *next;
};

struct run {
    struct runner *runner;
    struct job_start start;
    struct backend *backend;
    struct backend_job *job;                  /* NULL once the backend is done with it */
    bool away;                                /* a service has it: it is not counted among the workers */
    struct acknowledgement *acknowledgements; /* on their way */
    int fd;                                   /* the recording, for a last look at it */
    char *work_dir;
    int64_t size;
    struct transcript *transcript;
    void *raw;
    size_t raw_length;
    struct error error; /* of storing */
    int store_rc;
    struct reservation reservation; /* what may be sent, and was not yet */
    char *held;      /* the folder whose limit keeps it back */
    bool withheld;   /* somebody has to confirm first that … */
    struct backend_charge most; /* … so much may be billed */
    bool read_wrong; /* the recording was changed under the backend's hands */
    struct loop_timer *again;
    struct run *prev, *next;
};

static int64_t wall_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A work directory stays while its job is at work, or is going on from its checkpoint later. */
static bool keeps_work_dir(void *context, const struct digest *key)
{
    const struct runner *r = context;
    const struct run *run;
    DL_FOREACH(r->runs, run)
    {
        if (memcmp(&run->start.key, key, sizeof *key) == 0)
            return true;
    }
    return library_job_goes_on(r->config.library, key);
}

/* The backend is done with it. */
static void job_ended(struct run *run)
{
    run->job = NULL;
    run->runner->active -= !run->away;
    run->runner->away -= run->away;
    run->away = false;
    spending_release(&run->reservation);
}

static char *folder_of(const struct run *run)
{
    const char *slash = strrchr(run->start.path, '/');
    return strndup(run->start.path, slash ? (size_t)(slash - run->start.path) : 0);
}

static void run_free(struct run *run)
{
    struct runner *r = run->runner;
    if (run->job)
        job_ended(run);
    DL_DELETE(r->runs, run);
    if (run->work_dir && keeps_work_dir(r, &run->start.key))
        r->some_kept = true;
    else if (run->work_dir)
        work_dir_remove(r->work_dir, &run->start.key);
    free(run->work_dir);
    free(run->held);
    if (run->fd >= 0)
        close(run->fd);
    for (struct acknowledgement *a = run->acknowledgements; a; a = a->next)
        a->run = NULL;
    loop_timer_free(run->again);
    transcript_free(run->transcript);
    free(run->raw);
    job_start_clear(&run->start);
    free(run);
}

/* A failure that every other job of the backend would meet as well: it rests, instead of trying them all. */
static void consider_holding(struct runner *r, const struct backend *backend, const struct error *err)
{
    bool of_the_disk = strcmp(err->code, "io.space") == 0 || strcmp(err->code, "io.state") == 0;
    bool of_the_file = strncmp(err->code, "io.", 3) == 0 && !of_the_disk;
    if (of_the_file || (err->class != ERROR_PERSON && !of_the_disk))
        return;
    for (int i = 0; i < r->config.backend_count; i++)
        if (of_the_disk || r->config.backends[i] == backend)
            r->held_until[i] = loop_now_ms() + (of_the_disk ? STORE_AGAIN_MS : HOLD_MS);
}

/* The caller looks for the next job afterwards. */
static void run_failed(struct run *run, const struct error *err)
{
    struct runner *r = run->runner;
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (uint32_t)loop_now_ms();
    int64_t delay = retry_delay_ms(err, run->start.attempts, random);
    consider_holding(r, run->backend, err);
    library_job_failed(r->config.library, &run->start.key, err, delay < 0 ? -1 : wall_now_ms() + delay);
    if (delay < 0 && r->config.ledger)
        ledger_finished(r->config.ledger, wall_now_ms(), true, -1);
    r->config.log(delay < 0 ? LOG_WARNING : LOG_NOTICE, "%s: %s: %s%s", run->start.path, err->code,
                  err->detail, delay < 0 ? "" : "; it is tried again");
    run_free(run);
}

/* The file is not what was digested. */
static void run_outdated(struct run *run)
{
    struct runner *r = run->runner;
    struct file_id id = run->start.id;
    struct error err = {0};
    error_set(&err, ERROR_TRANSIENT, ESTALE, "io.changed", "it was changed or moved");
    r->config.log(LOG_INFO, "%s: %s; it is looked at again", run->start.path, err.detail);
    library_job_failed(r->config.library, &run->start.key, &err, wall_now_ms() + CHANGED_MS);
    run_free(run);
    r->config.reread(r->config.context, id);
}

static bool is_what_was_digested(const struct run *run, const struct store_stat *st)
{
    const struct recording_stat *digested = &run->start.stat;
    return file_id_equal(st->id, run->start.id) && st->stat.size == digested->size &&
           st->stat.mtime_ns == digested->mtime_ns && st->stat.birth_ns == digested->birth_ns;
}

/* ---- storing ---- */

static void run_stored(void *arg)
{
    struct run *run = arg;
    struct runner *r = run->runner;
    if (run->read_wrong) {
        run_outdated(run);
        runner_look(r);
        return;
    }
    if (run->store_rc != 0) {
        if (run->error.class != ERROR_NONE)
            library_job_trouble(r->config.library, &run->start.key, &run->error);
        r->config.log(LOG_WARNING, "%s: %s: %s; it is tried again", run->start.path, run->error.code,
                      run->error.detail);
        consider_holding(r, run->backend, &run->error); /* or results pile up in memory */
        if (!r->stopping)
            loop_timer_after(run->again, STORE_AGAIN_MS);
        return;
    }
    for (int i = 0; i < r->config.backend_count; i++)
        if (r->config.backends[i] == run->backend)
            r->held_until[i] = 0; /* it works, or works again */
    r->config.log(LOG_INFO, "%s: done", run->start.path);
    library_job_done(r->config.library, &run->start.key, run->transcript->duration_ms);
    if (r->config.ledger)
        ledger_finished(r->config.ledger, wall_now_ms(), false, run->transcript->duration_ms);
    run_free(run);
    runner_look(r);
}

/* On the pool: what the backend read is what was digested. Another time alone is no other content. */
static bool was_read_right(const struct run *run)
{
    struct store_stat st;
    struct digest now;
    if (store_stat(run->fd, "", &st) == 0 && is_what_was_digested(run, &st))
        return true;
    return digest_fd(run->fd, &now, NULL) == 0 && memcmp(&now, &run->start.digest, sizeof now) == 0;
}

static void run_store(void *arg)
{
    struct run *run = arg;
    struct runner *r = run->runner;
    run->read_wrong = !was_read_right(run);
    if (run->read_wrong) {
        loop_post(r->config.loop, run_stored, run);
        return;
    }
    run->error = (struct error){0};
    run->store_rc = store_result(r->config.results,
                                 &(struct result_input){.key = run->start.key,
                                                        .transcript = run->transcript,
                                                        .raw = run->raw,
                                                        .raw_length = run->raw_length},
                                 &run->error);
    loop_post(r->config.loop, run_stored, run);
}

static void store_again(void *arg)
{
    struct run *run = arg;
    if (pool_submit_urgent(run->runner->config.pool, run_store, run) != 0)
        loop_timer_after(run->again, STORE_AGAIN_MS);
}

/* ---- what the backend reports ---- */

static void on_progress(void *context, enum backend_stage stage, int64_t done, int64_t total)
{
    struct run *run = context;
    struct runner *r = run->runner;
    library_job_progress(r->config.library, &run->start.key, stage, done, total);
    if (stage != STAGE_SUBMITTED || run->away || r->away >= r->most_away)
        return;
    run->away = true;
    r->away++;
    r->active--;
    loop_timer_after(r->timer, 0); /* there is room for another */
}

static void acknowledge_on_loop(void *arg)
{
    struct acknowledgement *a = arg;
    if (a->run) {
        LL_DELETE(a->run->acknowledgements, a);
        a->fn(a->argument);
    }
    free(a);
}

/* On the index's thread. */
static void acknowledge(void *arg)
{
    struct acknowledgement *a = arg;
    (void)loop_post(a->loop, acknowledge_on_loop, a);
}

static void on_checkpoint(void *context, const char *state, void (*fn)(void *argument), void *argument)
{
    struct run *run = context;
    struct runner *r = run->runner;
    struct acknowledgement *a = malloc(sizeof *a);
    if (!a)
        return;
    *a = (struct acknowledgement){.loop = r->config.loop, .run = run, .fn = fn, .argument = argument};
    LL_PREPEND(run->acknowledgements, a);
    library_job_checkpoint(r->config.library, &run->start.key, state);
    index_when_durable(r->config.index, acknowledge, a);
}

static void on_finished(void *context, struct transcript *transcript, const void *raw, size_t raw_length)
{
    struct run *run = context;
    struct runner *r = run->runner;
    job_ended(run);
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
    struct runner *r = run->runner;
    job_ended(run);
    run_failed(run, err);
    runner_look(r);
}

static void on_partial(void *context, const char *text)
{
    struct run *run = context;
    library_job_partial(run->runner->config.library, &run->start.key, text);
}

/* In the index before anything that may cost money is sent: the checkpoint that comes next waits for it. */
static void on_charged(void *context, const struct backend_charge *charge)
{
    struct run *run = context;
    struct runner *r = run->runner;
    cleanup_free char *folder = folder_of(run);
    struct amount amount = spending_amount(r->config.spending, charge);
    if (charge->kind == CHARGE_POSSIBLE)
        spending_sent(&run->reservation, &amount); /* from here on it is in the accounts */
    if (r->config.ledger && folder)
        ledger_add(r->config.ledger, folder, &run->start.key, charge);
    library_job_charged(r->config.library, &run->start.key, charge);
}

static bool on_may_send(void *context, const struct backend_charge *most, struct error *err, int64_t *until_ms)
{
    struct run *run = context;
    struct runner *r = run->runner;
    cleanup_free char *folder = folder_of(run);
    struct amount amount = spending_amount(r->config.spending, most);
    struct refusal why;
    run->withheld = r->config.withhold && r->config.withhold(r->config.context, &run->start, most, err);
    if (run->withheld) {
        run->most = *most;
        *until_ms = most->at_ms + 1;
        return false;
    }
    if (!r->config.spending || !folder ||
        spending_reserve(r->config.spending, folder, most->at_ms, &amount, &run->reservation, &why))
        return true;
    free(run->held);
    run->held = why.folder;
    *err = why.error;
    *until_ms = why.until_ms;
    return false;
}

/* What was right when it was asked may have been confirmed meanwhile. */
static void run_withheld(struct run *run)
{
    struct runner *r = run->runner;
    struct error why = {0};
    struct job_start *start = &run->start;
    bool still = r->config.withhold(r->config.context, start, &run->most, &why);
    library_job_withheld(r->config.library, &start->key, &why, &run->most);
    if (!still)
        library_let_go(r->config.library, &start->key);
    run_free(run);
    runner_look(r);
}

static void on_postponed(void *context, const struct error *err, int64_t until_ms)
{
    struct run *run = context;
    struct runner *r = run->runner;
    job_ended(run);
    if (run->withheld) {
        run_withheld(run);
        return;
    }
    int64_t now_ms = wall_now_ms();
    if (library_held_until(r->config.library, now_ms, NULL) == 0)
        r->config.log(LOG_NOTICE, "%s: %s: %s; recordings wait", run->start.path,
                      err->code, err->detail);
    library_job_postponed(r->config.library, &run->start.key, run->held ? run->held : "", err, now_ms,
                          until_ms);
    run_free(run);
    runner_look(r);
}

static void on_left(void *context, const char *state)
{
    struct run *run = context;
    library_leave(run->runner->config.library, run->backend->name, state);
}

static const struct backend_events events = {.progress = on_progress,
                                             .partial = on_partial,
                                             .left = on_left,
                                             .checkpoint = on_checkpoint,
                                             .finished = on_finished,
                                             .charged = on_charged,
                                             .may_send = on_may_send,
                                             .postponed = on_postponed,
                                             .failed = on_failed};

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
    if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP || (rc == 0 && !is_what_was_digested(run, &st)))
        return error_set(err, ERROR_CHANGED, ESTALE, "io.changed", "it was changed or moved");
    if (rc == 0)
        run->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (rc == 0 && run->fd < 0)
        rc = -errno;
    if (rc < 0)
        return error_set(err, ERROR_PERSON, -rc, "io.read", "%s", strerror(-rc));
    run->size = st.stat.size;
    return steal_fd(fd);
}

static int begin(struct run *run, struct error *err)
{
    struct runner *r = run->runner;
    run->backend = backend_by_name(r, run->start.backend);
    if (!run->backend)
        return error_set(err, ERROR_PERSON, ENOENT, "engine.missing", "no backend called %s is set up",
                         run->start.backend);
    run->work_dir = work_dir_make(r->work_dir, &run->start.key, err);
    int fd = run->work_dir ? open_recording(run, err) : -EIO;
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

static void run_new(struct runner *r, struct job_start *start)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run) {
        library_job_released(r->config.library, &start->key);
        job_start_clear(start);
        return;
    }
    run->runner = r;
    run->fd = -1;
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
    } else if (err.class == ERROR_CHANGED) {
        run_outdated(run);
    } else {
        run_failed(run, &err);
    }
}

/* What it leaves at a service is taken back by its checkpoint, if that is ever needed. */
static void stop_job(struct run *run)
{
    const struct backend_operations *operations = run->backend->operations;
    (operations->suspend ? operations->suspend : operations->cancel)(run->job);
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
            stop_job(run);
            r->config.log(LOG_INFO, "%s: no longer wanted", run->start.path);
            run_free(run);
        }
    }
}

/* The backends that rest, and when the first of them goes on (monotonic; 0: none rests). */
static int64_t resting(const struct runner *r, const char *held[BACKENDS_MOST + 1])
{
    int64_t now = loop_now_ms(), first = 0;
    int n = 0;
    for (int i = 0; i < r->config.backend_count; i++) {
        if (r->held_until[i] <= now)
            continue;
        held[n++] = r->config.backends[i]->name;
        if (!first || r->held_until[i] < first)
            first = r->held_until[i];
    }
    held[n] = NULL;
    return first;
}

/* A result that is there already: stored before a crash, or for a job that was taken back meanwhile. */
static bool has_result(struct runner *r, const struct digest *key)
{
    off_t size;
    struct timespec made;
    return results_stat(r->config.results, key, "transcript.json", &size, &made) == 0;
}

void runner_look(struct runner *r)
{
    cancel_unwanted(r);
    discards_look(r->discards);
    if (r->some_kept)
        r->some_kept = work_dirs_sweep(r->work_dir, keeps_work_dir, r) > 0;
    while (!r->stopping && r->active < r->config.workers) {
        const char *held[BACKENDS_MOST + 1];
        struct job_start start;
        int64_t now = wall_now_ms(), next = 0, rested = resting(r, held);
        int rc = library_claim_job(r->config.library, now, held, &start, &next);
        if (rc <= 0) {
            int64_t wait = next <= now ? 0 : next - now < LOOK_MS ? next - now : LOOK_MS;
            int64_t rest = rested ? rested - loop_now_ms() : 0;
            if (wait > 0 || rest > 0)
                loop_timer_after(r->timer, wait > 0 && (rest <= 0 || wait < rest) ? wait : rest);
            return;
        }
        if (has_result(r, &start.key)) {
            library_job_done(r->config.library, &start.key, -1);
            work_dir_remove(r->work_dir, &start.key);
            job_start_clear(&start);
        } else {
            run_new(r, &start);
        }
    }
}

static void look_again(void *arg)
{
    runner_look(arg);
}

/* Each holds its recording open. */
static int room_for_away(void)
{
    struct rlimit limit;
    rlim_t room = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
    room = room > DESCRIPTORS_KEPT ? room - DESCRIPTORS_KEPT : 0;
    return room < MOST_AWAY ? (int)room : MOST_AWAY;
}

int runner_new(const struct runner_config *config, struct runner **out)
{
    struct runner *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->config = *config;
    r->work_dir = strdup(config->work_dir);
    r->timer = loop_timer(config->loop, look_again, r);
    r->most_away = room_for_away();
    const struct discards_config discards = {.library = config->library,
                                             .loop = config->loop,
                                             .backends = config->backends,
                                             .backend_count = config->backend_count,
                                             .log = config->log};
    if (!r->work_dir || !r->timer || discards_new(&discards, &r->discards) != 0) {
        runner_free(r);
        return -ENOMEM;
    }
    int rc = work_dirs_open(r->work_dir);
    if (rc) {
        runner_free(r);
        return rc;
    }
    r->some_kept = work_dirs_sweep(r->work_dir, keeps_work_dir, r) > 0;
    *out = r;
    return 0;
}

void runner_stop(struct runner *r)
{
    r->stopping = true;
    discards_stop(r->discards);
    struct run *run, *next;
    DL_FOREACH_SAFE(r->runs, run, next)
    {
        if (!run->job)
            continue; /* it is being stored; the pool ends that */
        stop_job(run);
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
    discards_free(r->discards);
    loop_timer_free(r->timer);
    free(r->work_dir);
    free(r);
}
