/* Supervises a worker process.
 *
 * It ends by the first of: its result, its error, its exit. Whatever the worker still does after a last line
 * does not matter; it is killed and reaped in the background. */
#include "backend/local/supervise.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/base/error.h"
#include "backend/base/loop.h"
#include "backend/local/child.h"
#include "backend/worker/wire.h"

enum {
    LINE_MAX_BYTES = 128 << 20, /* a day of fast speech with word times is a quarter of it */
    TAIL = 400,                 /* bytes of standard error kept for the error's detail */
    READS_PER_ROUND = 16,       /* then other watches get their turn */
};

/* How far the worker has come: decides whose fault its death is. */
enum step { STEP_LOADING, STEP_MEDIA, STEP_RECOGNISING };

struct supervision {
    struct supervision_events events;
    void *context;
    struct child *child;
    int output, messages;
    struct loop_watch *output_watch, *messages_watch;
    struct loop_timer *watchdog;
    int64_t hang_ms;
    bool hung;     /* the watchdog killed it */
    bool in_event; /* a callback of the owner is running, which may end the supervision */
    bool ended;    /* it did: only the memory is left */
    enum step step;
    struct buffer line;
    size_t scanned; /* bytes of line without a newline */
    char tail[TAIL + 1];
    size_t tail_len;
};

/* ---- the end ---- */

static void release(struct supervision *s)
{
    if (s->child)
        child_abandon(s->child);
    loop_unwatch(s->output_watch);
    loop_unwatch(s->messages_watch);
    loop_timer_free(s->watchdog);
    if (s->output >= 0)
        close(s->output);
    if (s->messages >= 0)
        close(s->messages);
    s->child = NULL;
    s->output_watch = s->messages_watch = NULL;
    s->watchdog = NULL;
    s->output = s->messages = -1;
}

static void supervision_free(struct supervision *s)
{
    buffer_clear(&s->line);
    free(s);
}

void supervision_end(struct supervision *s)
{
    if (!s)
        return;
    release(s);
    if (s->in_event)
        s->ended = true;
    else
        supervision_free(s);
}

static void end_with_error(struct supervision *s, const struct error *err)
{
    void (*failed)(void *, const struct error *) = s->events.failed;
    void *context = s->context;
    struct error copy = *err;
    supervision_end(s);
    failed(context, &copy);
}

void supervision_refuse(struct supervision *s, const char *what)
{
    struct error err;
    error_set(&err, ERROR_PERMANENT, EPROTO, "engine.protocol", "the worker sent %s", what);
    end_with_error(s, &err);
}

/* ---- standard error ---- */

static void keep_tail(struct supervision *s, const char *bytes, size_t len)
{
    if (len > TAIL) {
        bytes += len - TAIL;
        len = TAIL;
    }
    size_t keep = s->tail_len + len > TAIL ? TAIL - len : s->tail_len;
    memmove(s->tail, s->tail + s->tail_len - keep, keep);
    memcpy(s->tail + keep, bytes, len);
    s->tail_len = keep + len;
    s->tail[s->tail_len] = '\0';
}

static void on_messages(void *arg, uint32_t events)
{
    struct supervision *s = arg;
    char bytes[4096];
    (void)events;
    for (int i = 0; i < READS_PER_ROUND; i++) {
        ssize_t n = read(s->messages, bytes, sizeof bytes);
        if (n > 0) {
            keep_tail(s, bytes, (size_t)n);
            continue;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            loop_unwatch(s->messages_watch);
            s->messages_watch = NULL;
        }
        return;
    }
}

/* One printable line of what it said last. */
static const char *last_words(struct supervision *s)
{
    if (s->messages_watch)
        on_messages(s, EPOLLIN);
    for (size_t i = 0; i < s->tail_len; i++)
        if (s->tail[i] < ' ' || s->tail[i] > '~')
            s->tail[i] = ' ';
    const char *text = s->tail;
    while (*text == ' ')
        text++;
    size_t len = strlen(text);
    while (len && text[len - 1] == ' ')
        len--;
    s->tail[(size_t)(text - s->tail) + len] = '\0';
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

/* Whether the callback that has just returned left the supervision alive. */
static bool still_there(struct supervision *s)
{
    s->in_event = false;
    if (!s->ended)
        return true;
    supervision_free(s);
    return false;
}

/* False when it has ended. */
static bool take_progress(struct supervision *s, const cJSON *root)
{
    bool recognising = !strcmp(text_of(root, "stage"), "recognising");
    s->step = recognising ? STEP_RECOGNISING : STEP_MEDIA;
    if (!s->events.progress)
        return true;
    s->in_event = true;
    s->events.progress(s->context, recognising ? STAGE_RECOGNISING : STAGE_PREPARING, integer(root, "done"),
                       integer(root, "total"));
    return still_there(s);
}

static void take_error(struct supervision *s, const cJSON *root)
{
    struct error err;
    enum error_class class = wire_class(text_of(root, "class"));
    const char *code = text_of(root, "code");
    if (class == ERROR_NONE || !*code) {
        supervision_refuse(s, "an error without class or code");
        return;
    }
    error_set(&err, class, (int)integer(root, "errno"), code, "%s", text_of(root, "detail"));
    end_with_error(s, &err);
}

/* True when the owner took the line for its result; the supervision has ended then. */
static bool take_result(struct supervision *s, const char *line, size_t len)
{
    if (!s->events.line)
        return false;
    s->in_event = true;
    bool taken = s->events.line(s->context, line, len);
    if (!still_there(s))
        return true;
    if (taken)
        supervision_end(s);
    return taken;
}

/* False when it has ended. A line of an unknown type is a sign of life. */
static bool take_line(struct supervision *s, const char *line, size_t len)
{
    loop_timer_after(s->watchdog, s->hang_ms);
    if (take_result(s, line, len))
        return false;
    cJSON *root = cJSON_ParseWithLength(line, len);
    const char *type = text_of(root, "type");
    bool going = false;
    if (!cJSON_IsObject(root) || !*type) {
        supervision_refuse(s, "a line that is not of our protocol");
    } else if (!strcmp(type, "error")) {
        take_error(s, root);
    } else {
        going = strcmp(type, "progress") || take_progress(s, root);
    }
    cJSON_Delete(root);
    return going;
}

/* False when it has ended. */
static bool take_lines(struct supervision *s)
{
    size_t begin = 0;
    for (char *newline; (newline = memchr(s->line.data + s->scanned, '\n', s->line.len - s->scanned));) {
        size_t end = (size_t)(newline - s->line.data);
        if (!take_line(s, s->line.data + begin, end - begin))
            return false;
        begin = s->scanned = end + 1;
    }
    buffer_consume(&s->line, begin);
    s->scanned = s->line.len;
    if (s->line.len > LINE_MAX_BYTES) {
        supervision_refuse(s, "a line without an end");
        return false;
    }
    return true;
}

/* Reads up to `rounds` blocks; false when it has ended. */
static bool read_output(struct supervision *s, int rounds)
{
    char bytes[65536];
    for (int i = 0; i < rounds && s->output_watch; i++) {
        ssize_t n = read(s->output, bytes, sizeof bytes);
        if (n > 0) {
            buffer_add(&s->line, bytes, (size_t)n);
            if (buffer_error(&s->line)) {
                struct error err;
                error_set(&err, ERROR_TRANSIENT, ENOMEM, "engine.memory",
                          "out of memory for what the worker says");
                end_with_error(s, &err);
                return false;
            }
            if (!take_lines(s))
                return false;
        } else if (n < 0 && errno == EAGAIN) {
            return true;
        } else if (n == 0 || errno != EINTR) {
            /* Closed; the exit tells the rest. */
            loop_unwatch(s->output_watch);
            s->output_watch = NULL;
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
    struct supervision *s = arg;
    struct error err;
    s->child = NULL;
    /* Its last line may still be in the pipe. */
    if (!read_output(s, INT_MAX))
        return;
    const char *words = last_words(s);
    /* Content that hangs or crashes the worker would do so again. Before it has seen the content, it is the
     * installation. */
    enum error_class class = s->step == STEP_LOADING ? ERROR_PERSON : ERROR_PERMANENT;
    const char *separator = *words ? ": " : "";
    if (s->hung)
        error_set(&err, class == ERROR_PERSON ? ERROR_TRANSIENT : class, ETIMEDOUT,
                  s->step == STEP_MEDIA ? "media.timeout" : "engine.timeout",
                  "no sign of life for %lld s%s%s", (long long)(s->hang_ms / 1000), separator, words);
    else if (how.signal && !is_crash(how.signal))
        error_set(&err, ERROR_TRANSIENT, EINTR, "engine.killed", "killed from outside by signal %d (%s)",
                  how.signal, strsignal(how.signal));
    else if (how.signal == SIGABRT && strstr(words, "bad_alloc"))
        error_set(&err, class, ENOMEM, "engine.memory", "the worker ran out of memory");
    else if (how.signal)
        error_set(&err, class, 0, s->step == STEP_MEDIA ? "media.crashed" : "engine.crashed",
                  "died of signal %d (%s)%s%s", how.signal, strsignal(how.signal), separator, words);
    else
        error_set(&err, class, 0, "engine.failed", "the worker ended with status %d and no result%s%s",
                  how.code, separator, words);
    end_with_error(s, &err);
}

static void on_hang(void *arg)
{
    struct supervision *s = arg;
    s->hung = true;
    child_kill(s->child);
}

/* ---- the beginning ---- */

struct supervision *supervise(const struct supervise *what, const struct supervision_events *events,
                              void *context, struct error *err)
{
    struct supervision *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.start", "out of memory");
        return NULL;
    }
    *s = (struct supervision){
        .events = *events, .context = context, .output = -1, .messages = -1, .hang_ms = what->hang_ms};
    const struct child_program program = {
        .argv = what->argv, .input = -1, .recording = what->recording, .converted = what->converted};
    s->child = child_start(what->children, &program, &s->output, &s->messages, on_exit_of_worker, s, err);
    if (!s->child) {
        supervision_end(s);
        return NULL;
    }
    s->output_watch = loop_watch(what->loop, s->output, EPOLLIN, on_output, s);
    s->messages_watch = loop_watch(what->loop, s->messages, EPOLLIN, on_messages, s);
    s->watchdog = loop_timer(what->loop, on_hang, s);
    if (!s->output_watch || !s->messages_watch || !s->watchdog) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.start", "out of memory");
        supervision_end(s);
        return NULL;
    }
    loop_timer_after(s->watchdog, what->hang_ms);
    return s;
}
