/* Running the programs of hooks. */
#include "fs/hooks/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/base/loop.h"
#include "backend/local/child.h"
#include "fs/hooks/hooks.h"

enum {
    LINES_MOST = 20, /* of a run that reach the log */
    LINE_MOST = 500, /* bytes of one */
    READS_MOST = 32, /* at a time: a program may write faster than it is read */
};

struct programs {
    struct loop *loop;
    struct child_list *children;
    char **argv[HOOK_FAILED + 1];
    int timeout_ms;
    void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

struct program_run {
    struct programs *programs;
    struct child *child;
    int output;
    struct loop_watch *watch;
    struct loop_timer *limit;
    struct buffer line;
    int lines;
    bool late;
    const char *name;
    hook_ended *ended;
    void *context;
};

/* ---- output ---- */

static void log_output(struct program_run *run)
{
    if (run->line.len && run->lines++ < LINES_MOST)
        run->programs->log(LOG_INFO, "hook %s: %.*s", run->name, LINE_MOST, run->line.data);
    buffer_clear(&run->line);
}

/* Reads what there is. False at its end. */
static bool take_output(struct program_run *run)
{
    char bytes[4096];
    ssize_t n = 1;
    for (int reads = 0; reads < READS_MOST && (n = read(run->output, bytes, sizeof bytes)) > 0; reads++)
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] == '\n')
                log_output(run);
            else if (run->line.len < LINE_MOST)
                buffer_add(&run->line, &bytes[i], 1);
        }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_output(void *arg, uint32_t events)
{
    struct program_run *run = arg;
    (void)events;
    if (!take_output(run)) {
        loop_unwatch(run->watch);
        run->watch = NULL;
    }
}

/* ---- the end ---- */

static void run_free(struct program_run *run)
{
    loop_unwatch(run->watch);
    loop_timer_free(run->limit);
    if (run->output >= 0)
        close(run->output);
    buffer_clear(&run->line);
    free(run);
}

static void on_exited(void *arg, struct child_exit how)
{
    struct program_run *run = arg;
    char detail[200];
    take_output(run);
    log_output(run);
    if (run->late)
        snprintf(detail, sizeof detail, "%s ran longer than %d s and was ended", run->name, run->programs->timeout_ms / 1000);
    else if (how.signal)
        snprintf(detail, sizeof detail, "%s was ended by signal %d", run->name, how.signal);
    else
        snprintf(detail, sizeof detail, "%s ended with status %d", run->name, how.code);
    struct hook_outcome outcome = {.delivered = !run->late && !how.signal && how.code == 0,
                                   .again = !run->late && !how.signal && how.code == EX_TEMPFAIL,
                                   .detail = detail};
    hook_ended *ended = run->ended;
    void *context = run->context;
    run_free(run);
    ended(context, &outcome);
}

static void on_limit(void *arg)
{
    struct program_run *run = arg;
    run->late = true;
    child_kill(run->child);
}

void program_abandon(struct program_run *run)
{
    if (!run)
        return;
    child_abandon(run->child);
    run_free(run);
}

/* ---- the beginning ---- */

/* A file in memory that holds the message, at its beginning. */
static int message_file(const char *message)
{
    cleanup_close int fd = memfd_create("message", MFD_CLOEXEC);
    size_t length = strlen(message);
    if (fd < 0)
        return -errno;
    if (write(fd, message, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) < 0)
        return errno ? -errno : -EIO;
    return steal_fd(fd);
}

struct program_run *programs_run(struct programs *p, const char *message, const char *mountpoint, hook_ended *ended,
                                 void *context, struct error *err)
{
    enum hook_event event = HOOK_DONE;
    cleanup_free char *path = hook_message_path(message, &event);
    cleanup_free char **environment = hook_environment(message, mountpoint);
    cleanup_close int input = message_file(message);
    struct program_run *run = calloc(1, sizeof *run);
    if (!path || !environment || input < 0 || !run) {
        free(run);
        error_set(err, ERROR_TRANSIENT, ENOMEM, "hook.memory", "out of memory");
        return NULL;
    }
    *run = (struct program_run){
        .programs = p, .output = -1, .name = p->argv[event][0], .ended = ended, .context = context};
    const struct child_program program = {
        .argv = p->argv[event], .environment = environment, .input = input, .recording = -1, .converted = -1};
    run->limit = loop_timer(p->loop, on_limit, run);
    if (run->limit)
        run->child = child_start(p->children, &program, NULL, &run->output, on_exited, run, err);
    else
        error_set(err, ERROR_TRANSIENT, ENOMEM, "hook.memory", "out of memory");
    if (!run->child) {
        run_free(run);
        return NULL;
    }
    run->watch = loop_watch(p->loop, run->output, EPOLLIN, on_output, run);
    loop_timer_after(run->limit, p->timeout_ms);
    return run;
}

/* ---- settings ---- */

bool programs_wants(const struct programs *p, enum hook_event event)
{
    return p && p->argv[event];
}

static int take(struct programs *p, enum hook_event event, const char *key, const char *line, struct error *err)
{
    size_t count;
    int rc;
    if (!line)
        return 0;
    p->argv[event] = hook_words(line, &count, &rc);
    if (!p->argv[event] && rc == -EINVAL)
        return error_set(err, ERROR_PERSON, EINVAL, "config.value", "%s=%s: a program and its arguments are needed", key, line);
    if (!p->argv[event])
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "start.memory", "out of memory");
    if (p->argv[event][0][0] != '/')
        return error_set(err, ERROR_PERSON, EINVAL, "config.value", "%s=%s: the whole path of the program is needed", key, line);
    return 0;
}

int programs_new(struct loop *loop, const struct hooks_settings *settings,
                 void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3))),
                 struct programs **out, struct error *err)
{
    *out = NULL;
    if (!settings->on_done && !settings->on_failed)
        return 0;
    struct programs *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "start.memory", "out of memory");
    p->loop = loop;
    p->log = log;
    p->timeout_ms = settings->timeout_seconds * 1000;
    p->children = child_list_new(loop);
    int rc = p->children ? 0 : error_set(err, ERROR_TRANSIENT, ENOMEM, "start.memory", "out of memory");
    if (rc == 0)
        rc = take(p, HOOK_DONE, "on_done", settings->on_done, err);
    if (rc == 0)
        rc = take(p, HOOK_FAILED, "on_failed", settings->on_failed, err);
    if (rc != 0) {
        programs_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

void programs_free(struct programs *p)
{
    if (!p)
        return;
    child_list_free(p->children);
    for (size_t i = 0; i < sizeof p->argv / sizeof *p->argv; i++)
        free(p->argv[i]);
    free(p);
}
