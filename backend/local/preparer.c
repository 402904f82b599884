/* Probing, converting and cutting as jobs of the worker: its command line, its file, and what it says. */
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

enum {
    HANG_SECONDS = 120,
    MEMORY_MB = 4096,
    PARTS_MAX = 1 << 18, /* a day in parts of a second, twice as many for the overlap, and more */
};

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

    /* Cutting only. */
    void (*cut)(void *context, const struct media_facts *facts, const struct media_part *parts, size_t count,
                const char *extension); /* in place of events.done; NULL: not cutting */
    int64_t max_ms, overlap_ms;
    struct media_part *parts;
    size_t part_count, part_room;
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
    free(p->parts);
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

static bool begins(const char *line, size_t len, const char *prefix)
{
    return len >= strlen(prefix) && !memcmp(line, prefix, strlen(prefix));
}

/* A part follows the one before it, in time and in the file. */
static bool read_part(const struct preparation *p, const cJSON *root, struct media_part *part)
{
    const struct media_part *before = p->part_count ? &p->parts[p->part_count - 1] : NULL;
    return whole(root, "begin_ms", 0, 9e15, &part->begin_ms) &&
           whole(root, "end_ms", 0, 9e15, &part->end_ms) && whole(root, "offset", 0, 9e15, &part->offset) &&
           whole(root, "length", 1, 9e15, &part->length) && part->begin_ms <= part->end_ms &&
           part->begin_ms == (before ? before->end_ms - p->overlap_ms : 0) &&
           part->offset == (before ? before->offset + before->length : 0) &&
           (!before || part->end_ms > before->end_ms) &&
           (p->max_ms <= 0 || part->end_ms - part->begin_ms <= p->max_ms) &&
           (p->max_bytes <= 0 || part->length <= p->max_bytes) && p->part_count < PARTS_MAX;
}

static int add_part(struct preparation *p, const struct media_part *part)
{
    if (p->part_count == p->part_room) {
        size_t room = p->part_room ? 2 * p->part_room : 16;
        struct media_part *parts = reallocarray(p->parts, room, sizeof *parts);
        if (!parts)
            return -ENOMEM;
        p->parts = parts;
        p->part_room = room;
    }
    p->parts[p->part_count++] = *part;
    return 0;
}

/* True when the preparation has ended: over a part that cannot be true, or for want of memory. */
static bool take_part(struct preparation *p, const char *line, size_t len)
{
    struct media_part part;
    cJSON *root = cJSON_ParseWithLength(line, len);
    bool good = read_part(p, root, &part);
    cJSON_Delete(root);
    if (!good) {
        supervision_refuse(p->supervision, "a part that cannot be true");
        return true;
    }
    if (!add_part(p, &part))
        return false;
    struct prepare_events events = p->events;
    void *to = p->context;
    struct error err;
    preparation_free(p);
    error_set(&err, ERROR_TRANSIENT, ENOMEM, "engine.memory", "out of memory for the parts");
    events.failed(to, &err);
    return true;
}

/* The parts are the whole recording, and the whole file. */
static bool parts_are_all(const struct preparation *p, const struct media_facts *facts, const char *codec)
{
    struct stat st;
    if (!p->part_count || strcmp(codec, "flac") || fstat(p->converted, &st))
        return false;
    const struct media_part *last = &p->parts[p->part_count - 1];
    return last->end_ms == facts->duration_ms && last->offset + last->length == st.st_size;
}

/* Ends the preparation with its parts. */
static void hand_over_parts(struct preparation *p, const struct media_facts *facts)
{
    void (*cut)(void *, const struct media_facts *, const struct media_part *, size_t, const char *) = p->cut;
    void *to = p->context;
    cleanup_free struct media_part *parts = steal_ptr(p->parts);
    size_t count = p->part_count;
    preparation_free(p);
    cut(to, facts, parts, count, ".flac");
}

static bool on_line(void *context, const char *line, size_t len)
{
    struct preparation *p = context;
    if (p->cut && begins(line, len, "{\"type\":\"part\","))
        return take_part(p, line, len);
    if (!begins(line, len, "{\"type\":\"facts\","))
        return false;
    struct prepare_events events = p->events;
    void *to = p->context;
    struct media_facts facts;
    const char *codec, *extension = NULL;
    cJSON *root = cJSON_ParseWithLength(line, len);
    bool good = read_facts(root, &facts, &codec);
    if (good && p->cut) {
        good = parts_are_all(p, &facts, codec);
    } else if (good && p->converted >= 0) {
        extension = extension_of(codec);
        good = extension && file_is_there(p);
    }
    cJSON_Delete(root);
    if (!good) {
        supervision_refuse(p->supervision, "facts that cannot be true");
        return true;
    }
    if (p->cut) {
        hand_over_parts(p, &facts);
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

/* Starts a preparation like `job`, whose file it takes over in any case. */
static struct preparation *start(struct worker_preparer *w, const char *const argv[], int fd,
                                 const struct preparation *job, struct error *err)
{
    cleanup_close int file = job->converted;
    struct preparation *p = malloc(sizeof *p);
    if (!p) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.start", "out of memory");
        return NULL;
    }
    *p = *job;
    p->converted = steal_fd(file);
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
    const struct preparation job = {.events = *events, .context = context, .converted = -1};
    return start(w, argv, fd, &job, err);
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
    const struct preparation job = {
        .events = *events, .context = context, .converted = file, .max_bytes = target->max_bytes};
    return start(w, argv, fd, &job, err);
}

static struct preparation *prepare_split(struct preparer *preparer, int fd, int into,
                                         const struct media_cut *cut, const struct split_events *events,
                                         void *context, struct error *err)
{
    struct worker_preparer *w = of(preparer);
    int file = fcntl(into, F_DUPFD_CLOEXEC, 0);
    if (file < 0) {
        error_set(err, ERROR_TRANSIENT, errno, "engine.start", "cannot use the file for the parts: %s",
                  strerror(errno));
        return NULL;
    }
    char rate[32], max_ms[40], max_bytes[40], overlap_ms[40];
    snprintf(rate, sizeof rate, "--rate=%d", cut->sample_rate);
    snprintf(max_ms, sizeof max_ms, "--max-ms=%" PRId64, cut->max_ms);
    snprintf(max_bytes, sizeof max_bytes, "--max-bytes=%" PRId64, cut->max_bytes);
    snprintf(overlap_ms, sizeof overlap_ms, "--overlap-ms=%" PRId64, cut->overlap_ms);
    const char *argv[] = {
        w->worker, "--split",  "--memory-mb",
        w->memory, rate,       max_ms,
        max_bytes, overlap_ms, cut->mix_down ? "--mix-down" : NULL,
        NULL,
    };
    const struct preparation job = {.events = {.failed = events->failed, .progress = events->progress},
                                    .context = context,
                                    .converted = file,
                                    .max_bytes = cut->max_bytes,
                                    .cut = events->done,
                                    .max_ms = cut->max_ms,
                                    .overlap_ms = cut->overlap_ms};
    return start(w, argv, fd, &job, err);
}

static const struct preparer_operations operations = {
    .probe = prepare_probe, .convert = prepare_convert, .split = prepare_split, .cancel = prepare_cancel};

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
