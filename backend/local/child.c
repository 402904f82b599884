/* Starting and reaping worker processes: posix_spawn and pidfds. */
#include "backend/local/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/base/loop.h"
#include "backend/worker/wire.h"

/* Waited for killed children at the very end; longer only for one stuck in the kernel, which init will reap.
 */
enum { FAREWELL_MS = 1000 };

struct child {
    struct child_list *list;
    struct child *next, **link;
    pid_t pid;
    int pidfd;
    struct loop_watch *watch;
    void (*exited)(void *arg, struct child_exit how); /* NULL: abandoned */
    void *arg;
};

struct child_list {
    struct loop *loop;
    struct child *first;
};

struct child_list *child_list_new(struct loop *loop)
{
    struct child_list *list = calloc(1, sizeof *list);
    if (list)
        list->loop = loop;
    return list;
}

static void child_free(struct child *child)
{
    loop_unwatch(child->watch);
    close(child->pidfd);
    *child->link = child->next;
    if (child->next)
        child->next->link = child->link;
    free(child);
}

void child_list_free(struct child_list *list)
{
    if (!list)
        return;
    for (struct child *child = list->first; child; child = child->next)
        child_kill(child);
    int64_t deadline = loop_now_ms() + FAREWELL_MS;
    while (list->first) {
        struct child *child = list->first;
        int64_t left = deadline - loop_now_ms();
        struct pollfd ready = {.fd = child->pidfd, .events = POLLIN};
        if (poll(&ready, 1, left > 0 ? (int)left : 0) < 0 && errno == EINTR)
            continue;
        waitid(P_PIDFD, (id_t)child->pidfd, &(siginfo_t){0}, WEXITED | WNOHANG);
        child_free(child);
    }
    free(list);
}

static void on_exit_of_child(void *arg, uint32_t events)
{
    struct child *child = arg;
    (void)events;
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
        return; /* not yet */
    bool killed = info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
    struct child_exit how = {.code = killed ? -1 : info.si_status, .signal = killed ? info.si_status : 0};
    void (*exited)(void *, struct child_exit) = child->exited;
    void *to = child->arg;
    child_free(child);
    if (exited)
        exited(to, how);
}

/* A copy numbered so high that it cannot stand in the way of the child's own numbers. Or a negative errno. */
static int high_copy(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, WIRE_CONVERTED_FD + 1);
    return copy < 0 ? -errno : copy;
}

/* The same of what may not be given. 0 or a negative errno. */
static int copy_given(int fd, int *copy)
{
    *copy = fd < 0 ? -1 : high_copy(fd);
    return fd >= 0 && *copy < 0 ? *copy : 0;
}

/* A pipe whose writing end is such a copy. */
static int high_pipe(int *reader, int *writer)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    *reader = ends[0];
    *writer = high_copy(ends[1]);
    int rc = *writer < 0 ? *writer : 0;
    close(ends[1]);
    if (!rc && fcntl(*reader, F_SETFL, O_NONBLOCK) < 0)
        rc = -errno;
    return rc;
}

/* The daemon's signal mask and its ignored signals are not the worker's business; and a session of its own
 * keeps a terminal's Ctrl-C, meant for the daemon, from looking like a crash of the worker. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    static const int reset[] = {SIGPIPE, SIGTERM, SIGINT,  SIGHUP, SIGQUIT,
                                SIGCHLD, SIGUSR1, SIGUSR2, SIGALRM, SIGXFSZ};
    for (size_t i = 0; i < sizeof reset / sizeof *reset; i++)
        sigaddset(&usual, reset[i]);
    int rc = posix_spawnattr_setsigmask(attributes, &none);
    if (!rc)
        rc = posix_spawnattr_setsigdefault(attributes, &usual);
    if (!rc)
        rc = posix_spawnattr_setflags(attributes,
                                      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    return rc;
}

/* What the child is given, under the daemon's numbers; negative: none. */
struct child_ends {
    int input, recording, converted, output, messages;
};

/* The numbers of the child's descriptors; everything else of the daemon closes itself on exec. */
static int set_descriptors(posix_spawn_file_actions_t *actions, const struct child_ends *ends)
{
    int rc = ends->input >= 0
                 ? posix_spawn_file_actions_adddup2(actions, ends->input, STDIN_FILENO)
                 : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!rc)
        rc = ends->output >= 0
                 ? posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
                 : posix_spawn_file_actions_adddup2(actions, ends->messages, STDOUT_FILENO);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(actions, ends->messages, STDERR_FILENO);
    if (!rc && ends->recording >= 0)
        rc = posix_spawn_file_actions_adddup2(actions, ends->recording, WIRE_RECORDING_FD);
    if (!rc && ends->output >= 0)
        rc = posix_spawn_file_actions_adddup2(actions, ends->output, WIRE_OUTPUT_FD);
    if (!rc && ends->converted >= 0)
        rc = posix_spawn_file_actions_adddup2(actions, ends->converted, WIRE_CONVERTED_FD);
    return rc;
}

/* The environment may hold keys and never goes along; only what steers a sanitizer does, in a build with one.
 */
static void choose_environment(char *out[], size_t room)
{
    static char locale[] = "LC_ALL=C";
    static const char *const names[] = {"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS="};
    size_t n = 0;
    out[n++] = locale;
    for (char **e = environ; *e; e++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (n + 1 < room && !strncmp(*e, names[i], strlen(names[i])))
                out[n++] = *e;
    out[n] = NULL;
}

/* 0 or a positive errno. */
static int spawn(const struct child_program *program, const struct child_ends *ends, pid_t *pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int rc = posix_spawnattr_init(&attributes);
    if (rc)
        return rc;
    rc = posix_spawn_file_actions_init(&actions);
    if (rc) {
        posix_spawnattr_destroy(&attributes);
        return rc;
    }
    rc = set_attributes(&attributes);
    if (!rc)
        rc = set_descriptors(&actions, ends);
    char *environment[5];
    choose_environment(environment, sizeof environment / sizeof *environment);
    if (!rc)
        rc = posix_spawn(pid, program->argv[0], &actions, &attributes, program->argv,
                         program->environment ? program->environment : environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return rc;
}

static struct child *adopt(struct child_list *list, pid_t pid)
{
    struct child *child = calloc(1, sizeof *child);
    if (!child)
        return NULL;
    child->pid = pid;
    child->pidfd = pidfd_open(pid, 0);
    if (child->pidfd >= 0)
        child->watch = loop_watch(list->loop, child->pidfd, EPOLLIN, on_exit_of_child, child);
    if (!child->watch) {
        if (child->pidfd >= 0)
            close(child->pidfd);
        free(child);
        return NULL;
    }
    child->list = list;
    child->next = list->first;
    child->link = &list->first;
    if (child->next)
        child->next->link = &child->next;
    list->first = child;
    return child;
}

struct child *child_start(struct child_list *list, const struct child_program *program, int *output, int *messages,
                          void (*exited)(void *arg, struct child_exit how), void *arg, struct error *err)
{
    cleanup_close int output_reader = -1, output_writer = -1, messages_reader = -1, messages_writer = -1,
                      input = -1, recording = -1, converted = -1;
    int rc = output ? high_pipe(&output_reader, &output_writer) : 0;
    if (!rc)
        rc = high_pipe(&messages_reader, &messages_writer);
    if (!rc)
        rc = copy_given(program->input, &input);
    if (!rc)
        rc = copy_given(program->recording, &recording);
    if (!rc)
        rc = copy_given(program->converted, &converted);
    pid_t pid = 0;
    struct child_ends ends = {input, recording, converted, output_writer, messages_writer};
    if (!rc)
        rc = -spawn(program, &ends, &pid);
    if (rc) {
        bool absent = rc == -ENOENT || rc == -EACCES || rc == -ENOEXEC || rc == -ENOTDIR;
        error_set(err, absent ? ERROR_PERSON : ERROR_TRANSIENT, -rc,
                  absent ? "engine.missing" : "engine.start", "cannot start %s: %s", program->argv[0], strerror(-rc));
        return NULL;
    }
    struct child *child = adopt(list, pid);
    if (!child) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.start", "cannot watch the worker process");
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return NULL;
    }
    child->exited = exited;
    child->arg = arg;
    if (output)
        *output = steal_fd(output_reader);
    *messages = steal_fd(messages_reader);
    return child;
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

void child_kill(struct child *child)
{
    /* Its session first: while it is not reaped nobody else has its number. */
    kill(-child->pid, SIGKILL);
    pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
}

void child_abandon(struct child *child)
{
    child->exited = NULL;
    child_kill(child);
}
