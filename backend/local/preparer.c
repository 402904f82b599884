/* Probing and converting as jobs of the worker: its command line, its file, and what it says at the end. */
#include "backend/local/preparer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/base/loop.h"
#include "backend/local/child.h"
#include "backend/local/supervise.h"

enum { HANG_SECONDS = 120, MEMORY_MB = 4096 };

struct worker_preparer {
    struct preparer preparer; /* first */
    struct loop *loop;
    struct child_list *children;
    char *worker;
    int64_t hang_ms;
    char memory[16]; /* MiB, as the worker's option */
};

struct preparation {
    struct prepare_events events;
    void *context;
    struct supervision *supervision;
    int converted;     /* -1: probing */
    int64_t max_bytes; /* 0: no limit */
};

static struct worker_preparer *of(struct preparer *preparer)
{
    return (struct worker_preparer *)preparer;
}

/* ---- what the worker says ---- */

static void preparation_free(struct preparation *p)
{
    supervision_end(p->supervision);
    if (p->converted >= 0)
        close(p->converted);
    free(p);
}

static void on_progress(void *context, enum backend_stage stage, int64_t done, int64_t total)
{
    struct preparation *p = context;
    (void)stage;
    if (p->events.progress)
        p->events.progress(p->context, done, total);
}

static void on_failed(void *context, const struct error *error)
{
    struct preparation *p = context;
    struct prepare_events events = p->events;
    void *to = p->context;
    p->supervision = NULL;
    preparation_free(p);
    events.failed(to, error);
}

/* A whole number from `min` to `max` into *out. */
static bool whole(const cJSON *root, const char *key, double min, double max, int64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= min) || item->valuedouble > max)
        return false;
    *out = (int64_t)item->valuedouble;
    return true;
}

/* The worker has handled hostile bytes: nothing it says is taken unseen. */
static bool read_facts(const cJSON *root, struct media_facts *facts, const char **codec)
{
    int64_t duration_ms, channels, rate;
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(root, "codec");
    if (!whole(root, "duration_ms", -1, 9e15, &duration_ms) || !whole(root, "channels", 0, 1024, &channels) ||
        !whole(root, "sample_rate", 0, INT_MAX, &rate) || !cJSON_IsString(name))
        return false;
    *facts = (struct media_facts){
        .duration_ms = duration_ms,
        .channels = (int)channels,
        .sample_rate = (int)rate,
        .video = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "video")),
    };
    *codec = name->valuestring;
    return true;
}

static const char *extension_of(const char *codec)
{
    if (!strcmp(codec, "flac"))
        return ".flac";
    return strcmp(codec, "opus") ? NULL : ".ogg";
}

static bool file_is_there(const struct preparation *p)
{
    struct stat st;
    return !fstat(p->converted, &st) && st.st_size > 0 && (p->max_bytes <= 0 || st.st_size < p->max_bytes) &&
           lseek(p->converted, 0, SEEK_SET) == 0;
}

static bool on_line(void *context, const char *line, size_t len)
{
    static const char prefix[] = "{\"type\":\"facts\",";
    if (len < sizeof prefix - 1 || memcmp(line, prefix, sizeof prefix - 1))
        return false;
    struct preparation *p = context;
    struct prepare_events events = p->events;
    void *to = p->context;
    struct media_facts facts;
    const char *codec, *extension = NULL;
    cJSON *root = cJSON_ParseWithLength(line, len);
    bool good = read_facts(root, &facts, &codec);
    if (good && p->converted >= 0) {
        extension = extension_of(codec);
        good = extension && file_is_there(p);
    }
    cJSON_Delete(root);
    if (!good) {
        supervision_refuse(p->supervision, "facts that cannot be true");
        return true;
    }
    int fd = steal_fd(p->converted);
    preparation_free(p);
    events.done(to, &facts, fd, extension);
    return true;
}

static const struct supervision_events supervision_events = {
    .line = on_line, .progress = on_progress, .failed = on_failed};

/* ---- operations ---- */

static void prepare_cancel(struct preparation *preparation)
{
    preparation_free(preparation);
}

/* Takes `converted` over in any case. */
static struct preparation *start(struct worker_preparer *w, const char *const argv[], int fd, int converted,
                                 int64_t max_bytes, const struct prepare_events *events, void *context,
                                 struct error *err)
{
    cleanup_close int file = converted;
    struct preparation *p = malloc(sizeof *p);
    if (!p) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.start", "out of memory");
        return NULL;
    }
    *p = (struct preparation){
        .events = *events, .context = context, .converted = steal_fd(file), .max_bytes = max_bytes};
    struct supervise what = {.loop = w->loop,
                             .children = w->children,
                             .argv = (char *const *)argv,
                             .recording = fd,
                             .converted = p->converted,
                             .hang_ms = w->hang_ms};
    p->supervision = supervise(&what, &supervision_events, p, err);
    if (!p->supervision) {
        preparation_free(p);
        return NULL;
    }
    return p;
}

static struct preparation *prepare_probe(struct preparer *preparer, int fd,
                                         const struct prepare_events *events, void *context,
                                         struct error *err)
{
    struct worker_preparer *w = of(preparer);
    const char *argv[] = {w->worker, "--probe", "--memory-mb", w->memory, NULL};
    return start(w, argv, fd, -1, 0, events, context, err);
}

/* A file without a name. Or a negative errno. */
static int nameless_file(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    if (errno != EOPNOTSUPP && errno != EISDIR)
        return -errno;
    /* Not every filesystem can. */
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/.converted-XXXXXX", dir) >= (int)sizeof path)
        return -ENAMETOOLONG;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

static struct preparation *prepare_convert(struct preparer *preparer, int fd, const char *work_dir,
                                           const struct media_target *target,
                                           const struct prepare_events *events, void *context,
                                           struct error *err)
{
    struct worker_preparer *w = of(preparer);
    int file = nameless_file(work_dir);
    if (file < 0) {
        error_set(err, ERROR_TRANSIENT, -file, "prepare.file", "cannot make a file in %s: %s", work_dir,
                  strerror(-file));
        return NULL;
    }
    char rate[16], max_bytes[24];
    snprintf(rate, sizeof rate, "%d", target->sample_rate);
    snprintf(max_bytes, sizeof max_bytes, "%" PRId64, target->max_bytes);
    const char *argv[] = {
        w->worker,     "--convert", "--memory-mb",
        w->memory,     "--rate",    rate,
        "--max-bytes", max_bytes,   target->mix_down ? "--mix-down" : NULL,
        NULL,
    };
    return start(w, argv, fd, file, target->max_bytes, events, context, err);
}

static const struct preparer_operations operations = {
    .probe = prepare_probe, .convert = prepare_convert, .cancel = prepare_cancel};

/* ---- life ---- */

struct preparer *worker_preparer_new(struct loop *loop, const struct worker_preparer_settings *settings,
                                     struct error *err)
{
    struct worker_preparer *w = calloc(1, sizeof *w);
    if (w) {
        w->preparer.operations = &operations;
        w->loop = loop;
        w->hang_ms = (int64_t)(settings->hang_seconds > 0 ? settings->hang_seconds : HANG_SECONDS) * 1000;
        snprintf(w->memory, sizeof w->memory, "%d",
                 settings->memory_mb > 0 ? settings->memory_mb : MEMORY_MB);
        w->children = child_list_new(loop);
        w->worker = strdup(settings->worker);
    }
    if (!w || !w->children || !w->worker) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.memory", "out of memory");
        worker_preparer_free(w ? &w->preparer : NULL);
        return NULL;
    }
    return &w->preparer;
}

void worker_preparer_free(struct preparer *preparer)
{
    if (!preparer)
        return;
    struct worker_preparer *w = of(preparer);
    child_list_free(w->children);
    free(w->worker);
    free(w);
}
