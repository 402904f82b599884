/* Supervises a worker process.
 *
 * The job ends by the first of: its transcript, its error, its exit. Whatever the worker still does after a
 * last line does not matter; it is killed and reaped in the background. */
#include "backend/local/job.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/base/loop.h"
#include "backend/local/child.h"
#include "backend/transcript.h"
#include "backend/worker/wire.h"

enum {
    LINE_MAX_BYTES = 128 << 20, /* a day of fast speech with word times is a quarter of it */
    TAIL = 400,                 /* bytes of standard error kept for the error's detail */
    READS_PER_ROUND = 16,       /* then other watches get their turn */
};

/* How far the worker has come: decides whose fault its death is. */
enum step { STEP_LOADING, STEP_MEDIA, STEP_RECOGNISING };

struct backend_job {
    struct loop *loop;
    struct backend_events events;
    void *context;
    struct child *child;
    int output, messages;
    struct loop_watch *output_watch, *messages_watch;
    struct loop_timer *watchdog;
    int64_t hang_ms;
    bool hung;      /* the watchdog killed it */
    bool in_event;  /* a callback of the job's owner is running, which may cancel the job */
    bool cancelled; /* it did */
    enum step step;
    struct buffer line;
    size_t scanned; /* bytes of line without a newline */
    char tail[TAIL + 1];
    size_t tail_len;
};

/* ---- the end ---- */

static void job_free(struct backend_job *job)
{
    if (job->child)
        child_abandon(job->child);
    loop_unwatch(job->output_watch);
    loop_unwatch(job->messages_watch);
    loop_timer_free(job->watchdog);
    if (job->output >= 0)
        close(job->output);
    if (job->messages >= 0)
        close(job->messages);
    buffer_clear(&job->line);
    free(job);
}

void job_cancel(struct backend_job *job)
{
    if (job->in_event)
        job->cancelled = true;
    else
        job_free(job);
}

static void end_with_error(struct backend_job *job, const struct error *err)
{
    struct backend_events events = job->events;
    void *context = job->context;
    struct error copy = *err;
    job_free(job);
    events.failed(context, &copy);
}

static void end_with_transcript(struct backend_job *job, struct transcript *t)
{
    struct backend_events events = job->events;
    void *context = job->context;
    job_free(job);
    events.finished(context, t, NULL, 0);
}

static void protocol_error(struct backend_job *job, const char *what)
{
    struct error err;
    error_set(&err, ERROR_PERMANENT, EPROTO, "engine.protocol", "the worker sent %s", what);
    end_with_error(job, &err);
}

/* ---- standard error ---- */

static void keep_tail(struct backend_job *job, const char *bytes, size_t len)
{
    if (len > TAIL) {
        bytes += len - TAIL;
        len = TAIL;
    }
    size_t keep = job->tail_len + len > TAIL ? TAIL - len : job->tail_len;
    memmove(job->tail, job->tail + job->tail_len - keep, keep);
    memcpy(job->tail + keep, bytes, len);
    job->tail_len = keep + len;
    job->tail[job->tail_len] = '\0';
}

static void on_messages(void *arg, uint32_t events)
{
    struct backend_job *job = arg;
    char bytes[4096];
    (void)events;
    for (int i = 0; i < READS_PER_ROUND; i++) {
        ssize_t n = read(job->messages, bytes, sizeof bytes);
        if (n > 0) {
            keep_tail(job, bytes, (size_t)n);
            continue;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            loop_unwatch(job->messages_watch);
            job->messages_watch = NULL;
        }
        return;
    }
}

/* One printable line of what it said last. */
static const char *last_words(struct backend_job *job)
{
    if (job->messages_watch)
        on_messages(job, EPOLLIN);
    for (size_t i = 0; i < job->tail_len; i++)
        if (job->tail[i] < ' ' || job->tail[i] > '~')
            job->tail[i] = ' ';
    const char *text = job->tail;
    while (*text == ' ')
        text++;
    size_t len = strlen(text);
    while (len && text[len - 1] == ' ')
        len--;
    job->tail[(size_t)(text - job->tail) + len] = '\0';
    return text;
}

/* ---- lines ---- */

static int64_t integer(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 9e15)
        return 0;
    return (int64_t)item->valuedouble;
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* False when the job was cancelled meanwhile. */
static bool take_progress(struct backend_job *job, const cJSON *root)
{
    bool recognising = !strcmp(text_of(root, "stage"), "recognising");
    job->step = recognising ? STEP_RECOGNISING : STEP_MEDIA;
    if (!job->events.progress)
        return true;
    job->in_event = true;
    job->events.progress(job->context, recognising ? STAGE_RECOGNISING : STAGE_PREPARING,
                         integer(root, "done"), integer(root, "total"));
    job->in_event = false;
    if (!job->cancelled)
        return true;
    job_free(job);
    return false;
}

static void take_error(struct backend_job *job, const cJSON *root)
{
    struct error err;
    enum error_class class = wire_class(text_of(root, "class"));
    const char *code = text_of(root, "code");
    if (class == ERROR_NONE || !*code) {
        protocol_error(job, "an error without class or code");
        return;
    }
    error_set(&err, class, (int)integer(root, "errno"), code, "%s", text_of(root, "detail"));
    end_with_error(job, &err);
}

/* The line is {"type":"transcript","transcript":{...}}: the inner object, without parsing a long text twice.
 */
static bool take_transcript(struct backend_job *job, const char *line, size_t len)
{
    static const char prefix[] = "{\"type\":\"transcript\",\"transcript\":";
    size_t skip = sizeof prefix - 1;
    if (len < skip + 1 || memcmp(line, prefix, skip) || line[len - 1] != '}')
        return false;
    struct error err;
    struct transcript *t = transcript_from_json(line + skip, len - skip - 1, &err);
    if (t) {
        end_with_transcript(job, t);
    } else {
        err.class = ERROR_PERMANENT;
        end_with_error(job, &err);
    }
    return true;
}

/* False when the job has ended. A line of an unknown type is a sign of life. */
static bool take_line(struct backend_job *job, const char *line, size_t len)
{
    loop_timer_after(job->watchdog, job->hang_ms);
    if (take_transcript(job, line, len))
        return false;
    cJSON *root = cJSON_ParseWithLength(line, len);
    const char *type = text_of(root, "type");
    bool going = false;
    if (!cJSON_IsObject(root) || !*type) {
        protocol_error(job, "a line that is not of our protocol");
    } else if (!strcmp(type, "error")) {
        take_error(job, root);
    } else {
        going = strcmp(type, "progress") || take_progress(job, root);
    }
    cJSON_Delete(root);
    return going;
}

/* False when the job has ended. */
static bool take_lines(struct backend_job *job)
{
    size_t begin = 0;
    for (char *newline;
         (newline = memchr(job->line.data + job->scanned, '\n', job->line.len - job->scanned));) {
        size_t end = (size_t)(newline - job->line.data);
        if (!take_line(job, job->line.data + begin, end - begin))
            return false;
        begin = job->scanned = end + 1;
    }
    buffer_consume(&job->line, begin);
    job->scanned = job->line.len;
    if (job->line.len > LINE_MAX_BYTES) {
        protocol_error(job, "a line without an end");
        return false;
    }
    return true;
}

/* Reads up to `rounds` blocks; false when the job has ended. */
static bool read_output(struct backend_job *job, int rounds)
{
    char bytes[65536];
    for (int i = 0; i < rounds && job->output_watch; i++) {
        ssize_t n = read(job->output, bytes, sizeof bytes);
        if (n > 0) {
            buffer_add(&job->line, bytes, (size_t)n);
            if (buffer_error(&job->line)) {
                struct error err;
                error_set(&err, ERROR_TRANSIENT, ENOMEM, "engine.memory", "out of memory for the transcript");
                end_with_error(job, &err);
                return false;
            }
            if (!take_lines(job))
                return false;
        } else if (n < 0 && errno == EAGAIN) {
            return true;
        } else if (n == 0 || errno != EINTR) {
            /* Closed; the exit tells the rest. */
            loop_unwatch(job->output_watch);
            job->output_watch = NULL;
        }
    }
    return true;
}

static void on_output(void *arg, uint32_t events)
{
    (void)events;
    read_output(arg, READS_PER_ROUND);
}

/* ---- death and silence ---- */

/* Signals that bad code or the system call filter raises. Any other came from outside. */
static bool is_crash(int signal)
{
    static const int crashes[] = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE, SIGABRT,
                                  SIGSYS,  SIGTRAP, SIGXFSZ, SIGXCPU};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (signal == crashes[i])
            return true;
    return false;
}

static void on_exit_of_worker(void *arg, struct child_exit how)
{
    struct backend_job *job = arg;
    struct error err;
    job->child = NULL;
    /* Its last line may still be in the pipe. */
    if (!read_output(job, INT_MAX))
        return;
    const char *words = last_words(job);
    /* Content that hangs or crashes the worker would do so again. Before it has seen the content, it is the
     * installation. */
    enum error_class class = job->step == STEP_LOADING ? ERROR_PERSON : ERROR_PERMANENT;
    const char *separator = *words ? ": " : "";
    if (job->hung)
        error_set(&err, class == ERROR_PERSON ? ERROR_TRANSIENT : class, ETIMEDOUT,
                  job->step == STEP_MEDIA ? "media.timeout" : "engine.timeout",
                  "no sign of life for %lld s%s%s", (long long)(job->hang_ms / 1000), separator, words);
    else if (how.signal && !is_crash(how.signal))
        error_set(&err, ERROR_TRANSIENT, EINTR, "engine.killed", "killed from outside by signal %d (%s)",
                  how.signal, strsignal(how.signal));
    else if (how.signal == SIGABRT && strstr(words, "bad_alloc"))
        error_set(&err, class, ENOMEM, "engine.memory", "the recogniser ran out of memory");
    else if (how.signal)
        error_set(&err, class, 0, job->step == STEP_MEDIA ? "media.crashed" : "engine.crashed",
                  "died of signal %d (%s)%s%s", how.signal, strsignal(how.signal), separator, words);
    else
        error_set(&err, class, 0, "engine.failed", "the worker ended with status %d and no result%s%s",
                  how.code, separator, words);
    end_with_error(job, &err);
}

static void on_hang(void *arg)
{
    struct backend_job *job = arg;
    job->hung = true;
    child_kill(job->child);
}

/* ---- the beginning ---- */

struct backend_job *job_start(struct loop *loop, struct child_list *children, char *const argv[],
                              int recording, int64_t hang_ms, const struct backend_events *events,
                              void *context, struct error *err)
{
    cleanup_close int fd = recording;
    struct backend_job *job = calloc(1, sizeof *job);
    if (!job) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.start", "out of memory");
        return NULL;
    }
    *job = (struct backend_job){.loop = loop,
                                .events = *events,
                                .context = context,
                                .output = -1,
                                .messages = -1,
                                .hang_ms = hang_ms};
    job->child = child_start(children, argv, fd, &job->output, &job->messages, on_exit_of_worker, job, err);
    if (!job->child) {
        job_free(job);
        return NULL;
    }
    job->output_watch = loop_watch(loop, job->output, EPOLLIN, on_output, job);
    job->messages_watch = loop_watch(loop, job->messages, EPOLLIN, on_messages, job);
    job->watchdog = loop_timer(loop, on_hang, job);
    if (!job->output_watch || !job->messages_watch || !job->watchdog) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.start", "out of memory");
        job_free(job);
        return NULL;
    }
    loop_timer_after(job->watchdog, hang_ms);
    return job;
}
