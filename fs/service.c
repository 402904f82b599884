/* Puts the daemon together and takes it apart, in the only order that works.
 *
 * Up: lock and open the store; index, results, library, ledger; loop, pool; recognisers; intake, watch, runner,
 * control; mount; scan. Down: unmount (no more requests); loop: stop runner and intake; pool; loop; index.
 *
 * Threads: main and libfuse's serve the mount; one runs the loop; the pool's digest, scan and store; one
 * writes the index. */
#include "fs/service.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/dashscope/wishes.h"
#include "cache/index.h"
#include "cache/results.h"
#include "cache/views.h"
#include "cache/search.h"
#include "fs/control.h"
#include "fs/explain.h"
#include "fs/holding.h"
#include "fs/hooks/hooks.h"
#include "fs/inbox/apply.h"
#include "fs/inbox/compare.h"
#include "fs/inbox/folders.h"
#include "fs/inbox/intake.h"
#include "fs/inbox/status.h"
#include "fs/inbox/store.h"
#include "fs/inbox/watch.h"
#include "fs/inbox/wording.h"
#include "fs/jobs/ledger.h"
#include "fs/jobs/pool.h"
#include "fs/jobs/runner.h"
#include "fs/layout.h"
#include "fs/library.h"
#include "fs/log.h"
#include "fs/network.h"
#include "fs/mount/mount.h"
#include "fs/options.h"
#include "fs/paying.h"
#include "fs/program.h"
#include "fs/recognisers.h"
#include "fs/records.h"
#include "fs/reporter.h"
#include "fs/renderer.h"
#include "fs/service_private.h"
#include "fs/usage.h"

#define POOL_THREADS 3     /* one of them for storing results only */
#define INDEX_WAIT_MS 3000 /* at the end, for a disk that is full */

/* ---- up ---- */

static void on_ready(void *context)
{
    struct service *s = context;
    if (s->watch)
        watch_begin(s->watch); /* which scans once it watches */
    else
        intake_scan(s->intake, "");
    service_on_work(s);
    renderer_look(s->renderer);
    renderer_prune(s->renderer);
    if (s->ready)
        s->ready(s->context);
}

static void on_recovered(void *context, const struct digest *job, const struct backend_charge *charge)
{
    struct service *s = context;
    library_job_charged(s->library, job, charge);
}

/* One try at the index: open it, read it. */
static int open_library(struct service *s, const struct options *o, uint64_t device, struct error *err)
{
    cleanup_free char *moved = NULL;
    int rc = index_open(s->layout.index, &s->index, &moved, err);
    if (moved)
        log_line(LOG_WARNING, "the index was damaged; it is kept as %s and built anew from the store", moved);
    if (rc != 0)
        return rc;
    index_when_trouble(s->index, service_on_index_trouble, NULL);
    rc = library_new(s->index, s->results, s->views, device, &s->library);
    if (rc == 0)
        rc = library_set_default_look(s->library, &o->look);
    if (rc == 0 && !o->status_files)
        rc = library_set_status_files(s->library, "", STATUS_FILES_NONE);
    if (rc == 0)
        rc = library_load(s->library);
    if (rc == 0)
        s->index_is_new = !library_knows_below(s->library, "", NULL);
    if (rc == 0)
        rc = ledger_new(s->index, (int64_t)time(NULL) * 1000, &s->ledger);
    if (rc == 0) {
        ledger_recover(s->ledger, s->results, on_recovered, s);
        return 0;
    }
    library_free(s->library);
    s->library = NULL;
    index_close(s->index, 0);
    s->index = NULL;
    return error_set(err, ERROR_PERSON, -rc, "index.open", "%s: %s", s->layout.index, strerror(-rc));
}

/* A catalogue that is not there must not keep anybody from working: it is said in English then. */
static void open_wording(struct service *s, const struct options *o)
{
    struct error err = {0};
    cleanup_free char *directory = program_part("locale", "../share/locale");
    if (wording_open(directory, o->status_language, &s->wording, &err) != 0)
        log_line(LOG_WARNING, "%s: status texts are in English", err.detail);
}

static int open_state(struct service *s, const struct options *o, struct error *err)
{
    struct store_stat inbox;
    int rc = store_stat(s->layout.inbox_fd, "", &inbox);
    if (rc == 0)
        rc = results_open(s->layout.results, &s->results);
    if (rc == 0)
        rc = views_open(s->layout.views, &s->views);
    if (rc != 0)
        return error_set(err, ERROR_PERSON, -rc, "store.access", "%s: %s", s->layout.results, strerror(-rc));
    rc = open_library(s, o, inbox.id.dev, err);
    /* Damage that only reading showed: the second try begins a new index. */
    return rc == -EUCLEAN ? open_library(s, o, inbox.id.dev, err) : rc;
}

static void each_result(void *context, void (*fn)(void *arg, const struct digest *job), void *arg)
{
    struct service *s = context;
    library_each_result(s->library, fn, arg); /* without memory it finds less, until the next start */
}

static void on_search_trouble(void *context, int error)
{
    (void)context;
    if (error)
        log_line(LOG_NOTICE, "search is not up to date: %s; it is tried again", strerror(-error));
}

static int start_search(struct service *s)
{
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/state/search.db", s->layout.store) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return search_new(&(struct search_config){.path = path,
                                              .results = s->results,
                                              .each = each_result,
                                              .trouble = on_search_trouble,
                                              .context = s},
                      &s->search);
}

/* What holds in the inbox, before any folder says something. */
static int start_folders(struct service *s, const struct options *o, struct error *err)
{
    const struct folder_settings top = {.backend = o->backend,
                                        .local = o->backend == BACKEND_LOCAL,
                                        .no_status = !o->status_files,
                                        .look = o->look,
                                        .limits = o->limits};
    struct store_stat inbox;
    int rc = store_stat(s->layout.inbox_fd, "", &inbox);
    if (rc == 0)
        rc = folders_new(&(struct folders_config){.inbox_fd = s->layout.inbox_fd,
                                                  .state_fd = s->layout.state_fd,
                                                  .device = inbox.id.dev,
                                                  .top = &top,
                                                  .log = log_line},
                         &s->folders);
    if (rc == 0)
        rc = apply_new(&(struct apply_config){.inbox_fd = s->layout.inbox_fd,
                                              .state_fd = s->layout.state_fd,
                                              .device = inbox.id.dev,
                                              .library = s->library,
                                              .folders = s->folders,
                                              .loop = s->loop,
                                              .pool = s->pool,
                                              .wording = s->wording,
                                              .changed = service_on_settings,
                                              .context = s},
                       &s->apply);
    return rc == 0 ? 0 : error_set(err, ERROR_PERSON, -rc, "store.access", "%s/state/folders: %s", s->layout.store, strerror(-rc));
}

static int start_parts(struct service *s, const struct options *o, struct error *err)
{
    int rc = loop_new(&s->loop);
    if (rc == 0)
        rc = pool_new(POOL_THREADS, &s->pool);
    if (rc == 0)
        rc = start_search(s);
    if (rc == 0)
        rc = usage_new(s->layout.state_fd, s->pool, &s->usage);
    if (rc == 0)
        rc = renderer_new(&(struct renderer_config){s->library, s->loop, s->pool, log_line}, &s->renderer);
    if (rc != 0)
        return error_set(err, ERROR_TRANSIENT, -rc, "start.threads", "%s", strerror(-rc));
    rc = recognisers_new(s->loop, o, &s->recognisers, err);
    if (rc != 0)
        return rc;
    rc = start_folders(s, o, err);
    if (rc != 0)
        return rc;
    paying_begin(&s->paying, s->ledger, s->folders, s->recognisers.currency, s->recognisers.micro_per_second);
    rc = holding_new(&(struct holding_config){.inbox_fd = s->layout.inbox_fd,
                                              .library = s->library,
                                              .index = s->index,
                                              .folders = s->folders,
                                              .loop = s->loop,
                                              .wording = s->wording,
                                              .window_ms = o->hold_window_seconds * INT64_C(1000),
                                              .log = log_line},
                     &s->holding);
    if (rc != 0)
        return error_set(err, ERROR_PERSON, -rc, "index.open", "%s: %s", s->layout.index, strerror(-rc));
    rc = intake_new(&(struct intake_config){.inbox_fd = s->layout.inbox_fd,
                                            .library = s->library,
                                            .loop = s->loop,
                                            .pool = s->pool,
                                            .chooser = {.backends = s->recognisers.backends,
                                                        .backend_count = s->recognisers.count,
                                                        .usual = s->recognisers.chosen},
                                            .folders = s->folders,
                                            .apply = s->apply,
                                            .settle = &o->settle,
                                            .log = log_line},
                    &s->intake);
    if (rc == 0 && o->watch != WATCH_NO)
        rc = watch_new(&(struct watch_config){.inbox_fd = s->layout.inbox_fd,
                                              .mode = o->watch,
                                              .poll_ms = o->rescan_seconds * 1000,
                                              .sink = &compare_sink,
                                              .context = s->intake,
                                              .log = log_line},
                       &s->watch);
    if (rc == 0)
        rc = runner_new(&(struct runner_config){.inbox_fd = s->layout.inbox_fd,
                                                .work_dir = s->layout.work,
                                                .library = s->library,
                                                .index = s->index,
                                                .results = s->results,
                                                .ledger = s->ledger,
                                                .spending = &s->paying.spending,
                                                .loop = s->loop,
                                                .pool = s->pool,
                                                .backends = s->recognisers.backends,
                                                .backend_count = s->recognisers.count,
                                                .workers = o->workers,
                                                .withhold = service_withholds,
                                                .reread = service_on_reread,
                                                .context = s,
                                                .log = log_line},
                        &s->runner);
    if (rc != 0)
        return error_set(err, ERROR_PERSON, -rc, "store.access", "%s: %s", s->layout.work, strerror(-rc));
    s->explainer = explainer_new(&(struct explainer_config){.loop = s->loop,
                                                            .inbox_fd = s->layout.inbox_fd,
                                                            .library = s->library,
                                                            .results = s->results,
                                                            .backends = s->recognisers.backends,
                                                            .backend_count = s->recognisers.count,
                                                            .chosen = s->recognisers.chosen,
                                                            .why_chosen = s->recognisers.why_chosen,
                                                            .wishes = wishes_features(&o->cloud.wishes)});
    if (!s->explainer)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "start.memory", "out of memory");
    s->reporter = (struct reporter){.index = s->index,
                                    .folders = s->folders,
                                    .library = s->library,
                                    .ledger = s->ledger,
                                    .recognisers = &s->recognisers,
                                    .limits = o->limits,
                                    .usage = s->usage,
                                    .wording = s->wording,
                                    .state_fd = s->layout.state_fd,
                                    .started_ms = (int64_t)time(NULL) * 1000};
    const struct http_config network = network_config(o);
    rc = hooks_new(&(struct hooks_config){.settings = &o->hooks,
                                          .network = &network,
                                          .mountpoint = s->mountpoint,
                                          .loop = s->loop,
                                          .index = s->index,
                                          .stays_here = service_stays_here,
                                          .text = service_text_of,
                                          .context = s,
                                          .log = log_line},
                   &s->hooks, err);
    if (rc != 0)
        return rc;
    s->records.index = s->index;
    s->records.library = s->library;
    s->records.results = s->results;
    s->records.views = s->views;
    return control_new(&(struct control_config){.loop = s->loop,
                                                .library = s->library,
                                                .search = s->search,
                                                .state_fd = s->layout.state_fd,
                                                .engine = reporter_engine,
                                                .trouble = reporter_trouble,
                                                .spending = reporter_spending,
                                                .all = reporter_all,
                                                .explain = service_explain,
                                                .explain_cancel = explain_cancel,
                                                .rerun = service_rerun,
                                                .confirm = service_confirm,
                                                .context = &s->reporter,
                                                .explain_context = s,
                                                .questions = records_questions,
                                                .question_count = records_question_count,
                                                .pool = s->pool,
                                                .question_context = &s->records},
                       &s->control, err);
}

static int start_mount(struct service *s, const struct options *o, struct error *err)
{
    cleanup_free char *announcer = o->announcer
                                       ? strdup(o->announcer)
                                       : program_part("libexec/announcer", "../libexec/scribefs/announcer");
    if (o->announce && !announcer)
        log_line(LOG_WARNING, "the announcer program is missing: views appear without events");
    int rc = mount_new(&(struct mount_config){.inbox_fd = s->layout.inbox_fd,
                                              .trash_fd = s->layout.trash_fd,
                                              .store = s->layout.store,
                                              .mountpoint = s->mountpoint,
                                              .library = s->library,
                                              .intake = s->intake,
                                              .search = s->search,
                                              .pages_private = o->status_private,
                                              .wording = s->wording,
                                              .announcer = o->announce ? announcer : NULL,
                                              .fuse_options = o->fuse_options,
                                              .attr_timeout = o->attr_timeout,
                                              .max_threads = o->threads,
                                              .debug = o->debug,
                                              .page = reporter_page,
                                              .page_context = &s->reporter,
                                              .ready = on_ready,
                                              .context = s,
                                              .log = log_line},
                       &s->mount, err);
    if (rc != 0)
        return rc;
    library_set_hooks(s->library, &(struct library_hooks){.invalidate = service_on_invalidate,
                                                          .changed = service_on_change,
                                                          .work = service_on_work,
                                                          .reread = service_on_reread,
                                                          .confirm = service_on_confirm,
                                                          .render = service_on_render,
                                                          .result = service_on_result,
                                                          .told = service_on_told,
                                                          .context = s});
    return 0;
}

static void *serve_loop(void *arg)
{
    struct service *s = arg;
    pthread_setname_np(pthread_self(), "jobs");
    loop_run(s->loop);
    return NULL;
}

/* Signals are for the main thread alone: it serves the mount and has to be woken by them. */
static void block_signals(sigset_t *before)
{
    sigset_t all;
    sigemptyset(&all);
    sigaddset(&all, SIGTERM);
    sigaddset(&all, SIGINT);
    sigaddset(&all, SIGHUP);
    sigaddset(&all, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &all, before);
}

static int start(struct service *s, const struct options *o, struct error *err)
{
    int rc = layout_open(o->store, &s->layout, err);
    if (rc == 0)
        rc = layout_check_mountpoint(&s->layout, o->mountpoint, &s->mountpoint, err);
    if (rc == 0)
        rc = open_state(s, o, err);
    if (rc == 0) {
        open_wording(s, o);
        library_set_wording(s->library, s->wording);
        rc = start_parts(s, o, err);
    }
    if (rc == 0) {
        intake_verify(s->intake);
        apply_begin(s->apply);
        rc = start_mount(s, o, err);
    }
    if (rc != 0)
        return rc;
    rc = -pthread_create(&s->loop_thread, NULL, serve_loop, s);
    s->loop_runs = rc == 0;
    return rc == 0 ? 0 : error_set(err, ERROR_TRANSIENT, -rc, "start.threads", "%s", strerror(-rc));
}

/* Files of clients are opened and written here: the daemon's own limits must not be theirs. Where they are, a write fails
 * (EFBIG) and the daemon goes on. */
static void raise_limits(void)
{
    static const int limits[] = {RLIMIT_NOFILE, RLIMIT_FSIZE};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit limit;
        if (getrlimit(limits[i], &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
            limit.rlim_cur = limit.rlim_max;
            setrlimit(limits[i], &limit);
        }
    }
    signal(SIGXFSZ, SIG_IGN);
}

int service_new(const struct options *options, void (*ready)(void *context), void *context,
                struct service **out, struct error *err)
{
    struct service *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "start.memory", "out of memory");
    s->layout = (struct layout){.inbox_fd = -1, .trash_fd = -1, .state_fd = -1, .lock_fd = -1};
    s->ready = ready;
    s->context = context;
    raise_limits();
    umask(0);
    sigset_t before;
    block_signals(&before);
    int rc = start(s, options, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        service_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

int service_run(struct service *s)
{
    log_line(LOG_INFO, "serving %s at %s", s->layout.store, s->mountpoint);
    return mount_run(s->mount);
}

/* ---- down ---- */

static void stop_parts(void *arg)
{
    struct service *s = arg;
    if (s->runner)
        runner_stop(s->runner);
    control_free(s->control);
    s->control = NULL;
    explainer_free(s->explainer);
    s->explainer = NULL;
}

static void stop_loop(void *arg)
{
    struct service *s = arg;
    loop_stop(s->loop);
}

void service_free(struct service *s)
{
    if (!s)
        return;
    if (s->mount) {
        struct mount *mount = s->mount;
        /* The hook must not reach a mount that is going; nobody but the loop and the pool are left to call
         * it. */
        library_set_hooks(s->library,
                          &(struct library_hooks){.work = service_on_work, .reread = service_on_reread, .context = s});
        mount_free(mount);
        s->mount = NULL;
    }
    if (s->search)
        search_stop(s->search); /* its answers are still posted to the loop */
    watch_free(s->watch);
    apply_stop(s->apply);
    if (s->intake)
        intake_stop(s->intake);
    if (s->loop_runs)
        loop_post(s->loop, stop_parts, s);
    else
        stop_parts(s);
    if (s->usage)
        usage_stop(s->usage);
    atomic_store(&s->records.stopping, true);
    if (s->pool)
        pool_stop(s->pool);
    if (s->loop_runs) {
        loop_post(s->loop, stop_loop, s);
        pthread_join(s->loop_thread, NULL);
    }
    hooks_free(s->hooks);
    runner_free(s->runner);
    spending_clear(&s->paying.spending);
    holding_free(s->holding);
    intake_free(s->intake);
    pool_free(s->pool);
    apply_free(s->apply);
    folders_free(s->folders);
    usage_free(s->usage);
    recognisers_free(&s->recognisers);
    search_free(s->search);
    library_free(s->library);
    wording_free(s->wording);
    ledger_free(s->ledger);
    if (s->index && index_close(s->index, INDEX_WAIT_MS) != 0)
        log_line(LOG_WARNING,
                 "the index could not be written to the end; the next start reads the store again");
    renderer_free(s->renderer);
    views_close(s->views);
    results_close(s->results);
    loop_free(s->loop);
    free(s->mountpoint);
    layout_close(&s->layout);
    free(s);
}
