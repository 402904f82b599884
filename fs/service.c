/* Puts the daemon together and takes it apart, in the only order that works:
 *
 *   up    lock and open the store; index, results, library; loop, pool; backend; intake, runner, control;
 * mount; scan down  unmount (no more requests); loop: stop runner and intake; pool; loop; index
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
#include "backend/dashscope/dashscope.h"
#include "backend/http.h"
#include "backend/local/local.h"
#include "backend/local/preparer.h"
#include "cache/index.h"
#include "cache/results.h"
#include "fs/control.h"
#include "fs/inbox/intake.h"
#include "fs/inbox/status.h"
#include "fs/inbox/store.h"
#include "fs/jobs/pool.h"
#include "fs/jobs/runner.h"
#include "fs/layout.h"
#include "fs/library.h"
#include "fs/log.h"
#include "fs/mount/mount.h"
#include "fs/options.h"
#include "fs/version.h"

#define POOL_THREADS 3     /* one of them for storing results only */
#define INDEX_WAIT_MS 3000 /* at the end, for a disk that is full */

struct service {
    struct layout layout;
    char *mountpoint;
    struct index *index;
    struct results *results;
    struct library *library;
    struct loop *loop;
    pthread_t loop_thread;
    bool loop_runs;
    struct pool *pool;
    struct http *http;
    struct preparer *preparer;
    struct backend *backends[2]; /* the built-in recogniser, and the cloud if it is used */
    int backend_count;
    struct backend *chosen; /* for new recordings */
    struct intake *intake;
    struct runner *runner;
    struct control *control;
    struct mount *mount;
    atomic_bool work_posted, change_posted;
    char engine[256]; /* set once, before the loop runs */
    void (*ready)(void *context);
    void *context;
};

/* ---- hooks: from any thread to the loop, each at most once at a time ---- */

static void do_work(void *arg)
{
    struct service *s = arg;
    atomic_store(&s->work_posted, false);
    if (s->runner)
        runner_look(s->runner);
}

static void on_work(void *context)
{
    struct service *s = context;
    if (!atomic_exchange(&s->work_posted, true) && loop_post(s->loop, do_work, s) != 0)
        atomic_store(&s->work_posted, false);
}

static void do_change(void *arg)
{
    struct service *s = arg;
    atomic_store(&s->change_posted, false);
    if (s->control)
        control_changed(s->control);
}

static void on_change(void *context)
{
    struct service *s = context;
    if (!atomic_exchange(&s->change_posted, true) && loop_post(s->loop, do_change, s) != 0)
        atomic_store(&s->change_posted, false);
}

static void on_invalidate(void *context, struct file_id directory, const char *name)
{
    struct service *s = context;
    if (s->mount)
        mount_invalidate(s->mount, directory, name);
}

static void on_reread(void *context, struct file_id id)
{
    struct service *s = context;
    intake_reread(s->intake, id);
}

/* ---- what people are told about the machine ---- */

static void engine_line(void *context, char *line, size_t size)
{
    struct service *s = context;
    s->chosen->operations->describe(s->chosen, line, size);
}

static bool trouble_line(void *context, char *line, size_t size)
{
    struct service *s = context;
    struct error err = {0};
    if (!index_trouble(s->index, &err))
        return false;
    snprintf(line, size,
             "The index cannot be written (%s). Nothing is lost while scribefs runs; make room on the disk.",
             err.detail);
    return true;
}

static void status_text(void *context, struct buffer *out)
{
    struct service *s = context;
    struct item *items = NULL;
    size_t count = 0;
    char trouble[600];
    bool troubled = trouble_line(s, trouble, sizeof trouble);
    if (library_items(s->library, "", &items, &count) != 0)
        return;
    status_overview(items, count, s->engine, troubled ? trouble : NULL, (int64_t)time(NULL) * 1000, out);
    items_free(items, count);
}

static void on_ready(void *context)
{
    struct service *s = context;
    intake_scan(s->intake, "");
    on_work(s);
    if (s->ready)
        s->ready(s->context);
}

/* ---- finding our own programs and the recogniser ---- */

static char *existing(const char *format, const char *directory)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", directory, format);
    return n > 0 && n < (int)sizeof path && access(path, F_OK) == 0 ? strdup(path) : NULL;
}

/* Beside the executable (a build tree), or where make install puts it. NULL if it is nowhere. */
static char *find_part(const char *built, const char *installed)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return NULL;
    exe[n] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    char *found = existing(built, exe);
    return found ? found : existing(installed, exe);
}

static bool cloud_has_key(const struct options *o)
{
    return o->cloud.key_file || getenv("DASHSCOPE_API_KEY") || getenv("DASHSCOPE_API_KEY_FILE_PATH");
}

/* A core of the daemon could hold the key. */
static void forbid_core_dumps(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

static int make_cloud(struct service *s, const struct options *o, const char *worker, struct error *err)
{
    s->preparer =
        worker_preparer_new(s->loop,
                            &(struct worker_preparer_settings){
                                .worker = worker, .hang_seconds = o->hang_seconds, .memory_mb = o->memory_mb},
                            err);
    if (!s->preparer)
        return -EIO;
    int rc = http_new(s->loop, &(struct http_config){.user_agent = "scribefs/" SCRIBEFS_VERSION}, &s->http);
    if (rc != 0)
        return error_set(err, ERROR_TRANSIENT, -rc, "start.threads", "%s", strerror(-rc));
    struct dashscope_settings settings = o->cloud;
    settings.preparer = s->preparer;
    if (settings.publish.kind == PUBLISH_NONE)
        settings.publish.kind = PUBLISH_TEMPORARY;
    struct backend *cloud = dashscope_backend_new(s->loop, s->http, &settings, err);
    if (!cloud) {
        /* A setting that makes no sense, whatever the part that found it calls it. */
        snprintf(err->code, sizeof err->code, "config.cloud");
        return -EINVAL;
    }
    if (settings.wishes.context && !dashscope_context_fits(settings.wishes.context))
        log_line(LOG_WARNING, "the context text is longer than the service takes; its end is cut off");
    forbid_core_dumps();
    s->backends[s->backend_count++] = s->chosen = cloud;
    return 0;
}

static int make_backends(struct service *s, const struct options *o, struct error *err)
{
    cleanup_free char *worker = find_part("libexec/worker", "../libexec/scribefs/worker");
    cleanup_free char *vosk = find_part("vosk/lib/libvosk.so", "../lib/scribefs/vosk/lib/libvosk.so");
    cleanup_free char *model = find_part("vosk/model", "../lib/scribefs/vosk/model");
    if (!o->worker && !worker)
        return error_set(err, ERROR_PERSON, ENOENT, "config.worker",
                         "the worker program is not where scribefs is installed");
    struct local_settings settings = {.engine = o->engine,
                                      .worker = o->worker ? o->worker : worker,
                                      .vosk_library = o->vosk ? o->vosk : vosk,
                                      .model = o->model ? o->model : model,
                                      .sphinx_model = o->sphinx_model,
                                      .language = o->language,
                                      .hang_seconds = o->hang_seconds,
                                      .memory_mb = o->memory_mb};
    struct backend *local = local_backend_new(s->loop, &settings, err);
    if (!local)
        return -EIO;
    s->backends[s->backend_count++] = s->chosen = local;
    bool in_cloud = o->backend == BACKEND_DASHSCOPE || (o->backend == BACKEND_AUTO && cloud_has_key(o));
    int rc = in_cloud ? make_cloud(s, o, settings.worker, err) : 0;
    if (rc != 0)
        return rc;
    if (s->chosen->operations->describe(s->chosen, s->engine, sizeof s->engine) != 0)
        log_line(LOG_WARNING, "%s", s->engine);
    else
        log_line(LOG_INFO, "transcribed by: %s", s->engine);
    return 0;
}

/* ---- up ---- */

/* One try at the index: open it, read it. */
static int open_library(struct service *s, uint64_t device, struct error *err)
{
    cleanup_free char *moved = NULL;
    int rc = index_open(s->layout.index, &s->index, &moved, err);
    if (moved)
        log_line(LOG_WARNING, "the index was damaged; it is kept as %s and built anew from the store", moved);
    if (rc != 0)
        return rc;
    rc = library_new(s->index, s->results, device, &s->library);
    if (rc == 0)
        rc = library_load(s->library);
    if (rc == 0)
        return 0;
    library_free(s->library);
    s->library = NULL;
    index_close(s->index, 0);
    s->index = NULL;
    return error_set(err, ERROR_PERSON, -rc, "index.open", "%s: %s", s->layout.index, strerror(-rc));
}

static int open_state(struct service *s, struct error *err)
{
    struct store_stat inbox;
    int rc = store_stat(s->layout.inbox_fd, "", &inbox);
    if (rc == 0)
        rc = results_open(s->layout.results, &s->results);
    if (rc != 0)
        return error_set(err, ERROR_PERSON, -rc, "store.access", "%s: %s", s->layout.results, strerror(-rc));
    rc = open_library(s, inbox.id.dev, err);
    /* Damage that only reading showed: the second try begins a new index. */
    return rc == -EUCLEAN ? open_library(s, inbox.id.dev, err) : rc;
}

static int start_parts(struct service *s, const struct options *o, struct error *err)
{
    int rc = loop_new(&s->loop);
    if (rc == 0)
        rc = pool_new(POOL_THREADS, &s->pool);
    if (rc != 0)
        return error_set(err, ERROR_TRANSIENT, -rc, "start.threads", "%s", strerror(-rc));
    rc = make_backends(s, o, err);
    if (rc != 0)
        return rc;
    rc = intake_new(&(struct intake_config){.inbox_fd = s->layout.inbox_fd,
                                            .library = s->library,
                                            .loop = s->loop,
                                            .pool = s->pool,
                                            .backend = s->chosen,
                                            .settle = &o->settle,
                                            .log = log_line},
                    &s->intake);
    if (rc == 0)
        rc = runner_new(&(struct runner_config){.inbox_fd = s->layout.inbox_fd,
                                                .work_dir = s->layout.work,
                                                .library = s->library,
                                                .index = s->index,
                                                .results = s->results,
                                                .loop = s->loop,
                                                .pool = s->pool,
                                                .backends = s->backends,
                                                .backend_count = s->backend_count,
                                                .workers = o->workers,
                                                .reread = on_reread,
                                                .context = s,
                                                .log = log_line},
                        &s->runner);
    if (rc != 0)
        return error_set(err, ERROR_PERSON, -rc, "store.access", "%s: %s", s->layout.work, strerror(-rc));
    return control_new(&(struct control_config){.loop = s->loop,
                                                .library = s->library,
                                                .state_fd = s->layout.state_fd,
                                                .engine = engine_line,
                                                .trouble = trouble_line,
                                                .context = s},
                       &s->control, err);
}

static int start_mount(struct service *s, const struct options *o, struct error *err)
{
    cleanup_free char *announcer =
        o->announcer ? strdup(o->announcer) : find_part("libexec/announcer", "../libexec/scribefs/announcer");
    if (o->announce && !announcer)
        log_line(LOG_WARNING, "the announcer program is missing: views appear without events");
    int rc = mount_new(&(struct mount_config){.inbox_fd = s->layout.inbox_fd,
                                              .store = s->layout.store,
                                              .mountpoint = s->mountpoint,
                                              .library = s->library,
                                              .intake = s->intake,
                                              .announcer = o->announce ? announcer : NULL,
                                              .fuse_options = o->fuse_options,
                                              .attr_timeout = o->attr_timeout,
                                              .max_threads = o->threads,
                                              .debug = o->debug,
                                              .status = status_text,
                                              .ready = on_ready,
                                              .context = s,
                                              .log = log_line},
                       &s->mount, err);
    if (rc != 0)
        return rc;
    library_set_hooks(s->library, &(struct library_hooks){.invalidate = on_invalidate,
                                                          .changed = on_change,
                                                          .work = on_work,
                                                          .reread = on_reread,
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
        rc = open_state(s, err);
    if (rc == 0)
        rc = start_parts(s, o, err);
    if (rc == 0) {
        intake_verify(s->intake);
        rc = start_mount(s, o, err);
    }
    if (rc != 0)
        return rc;
    rc = -pthread_create(&s->loop_thread, NULL, serve_loop, s);
    s->loop_runs = rc == 0;
    return rc == 0 ? 0 : error_set(err, ERROR_TRANSIENT, -rc, "start.threads", "%s", strerror(-rc));
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int service_new(const struct options *options, void (*ready)(void *context), void *context,
                struct service **out, struct error *err)
{
    struct service *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "start.memory", "out of memory");
    s->layout = (struct layout){.inbox_fd = -1, .state_fd = -1, .lock_fd = -1};
    s->ready = ready;
    s->context = context;
    raise_descriptor_limit();
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
                          &(struct library_hooks){.work = on_work, .reread = on_reread, .context = s});
        mount_free(mount);
        s->mount = NULL;
    }
    if (s->intake)
        intake_stop(s->intake);
    if (s->loop_runs)
        loop_post(s->loop, stop_parts, s);
    else
        stop_parts(s);
    if (s->pool)
        pool_stop(s->pool);
    if (s->loop_runs) {
        loop_post(s->loop, stop_loop, s);
        pthread_join(s->loop_thread, NULL);
    }
    runner_free(s->runner);
    intake_free(s->intake);
    pool_free(s->pool);
    while (s->backend_count > 0) {
        struct backend *backend = s->backends[--s->backend_count];
        backend->operations->free(backend);
    }
    http_free(s->http);
    worker_preparer_free(s->preparer);
    library_free(s->library);
    if (s->index && index_close(s->index, INDEX_WAIT_MS) != 0)
        log_line(LOG_WARNING,
                 "the index could not be written to the end; the next start reads the store again");
    results_close(s->results);
    loop_free(s->loop);
    free(s->mountpoint);
    layout_close(&s->layout);
    free(s);
}
