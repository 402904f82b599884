/* The announcer, the daemon's side: starts the child, feeds it one announcement at a time, starts it again
 * when it dies.
 *
 * Only the announcer's own thread touches the child; what other threads ask about is atomic. */
#include "fs/mount/announcer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/mount/internal.h"
#include "fs/mount/thread.h"

#define ANSWER_MS 10000 /* a child that takes longer hangs */
#define EXIT_MS 1000    /* for a child to notice that its socket is closed */
#define ATTEMPTS 3      /* per announcement, each with a new child */
#define STEADY 100      /* answers after which a child counts as well */

struct announcer {
    struct mount *mount;
    pthread_t thread;
    int wake;          /* eventfd: go or stop */
    _Atomic bool gone; /* stop was asked for */
    _Atomic bool ready;
    _Atomic pid_t pid;     /* of the child, 0 when there is none (cleared before the child is reaped) */
    _Atomic bool creating; /* the announcement under way is a creation */
    /* The thread's own. */
    int socket;
    bool off;          /* no child: announcements are taken from the library all the same, and not made */
    unsigned failures; /* children lost in a row */
    unsigned answers;  /* of this child */
};

bool announcer_is(const struct announcer *a, pid_t pid)
{
    return a && pid > 0 && atomic_load(&a->pid) == pid;
}

bool announcer_sees_hidden(const struct announcer *a, pid_t pid)
{
    return announcer_is(a, pid) && !atomic_load(&a->creating);
}

/* Waits for an event on fd: true. False: the time is over (ms < 0: never), it is time to stop, or (with fd
 * -1) wake() was called. */
static bool wait_for(struct announcer *a, int fd, int ms)
{
    struct pollfd fds[] = {{.fd = a->wake, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    while (!atomic_load(&a->gone)) {
        int rc = poll(fds, 2, ms);
        uint64_t count;
        if (rc > 0 && fds[0].revents && read(a->wake, &count, sizeof count) > 0 && fd < 0)
            return false;
        if (rc > 0 && fds[1].revents)
            return !atomic_load(&a->gone);
        if (rc == 0 || (rc < 0 && errno != EINTR))
            return false;
    }
    return false;
}

/* ---- The child ---- */

static int spawn(struct announcer *a)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -errno;
    cleanup_free char *inbox = NULL;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int rc = asprintf(&inbox, "%s/inbox", a->mount->config.mountpoint) < 0 ? ENOMEM : 0;
    if (rc)
        inbox = NULL;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    /* The socket is its descriptor 3. A descriptor that is 3 already would keep its close-on-exec flag:
     * posix_spawn clears it. */
    posix_spawn_file_actions_adddup2(&files, pair[1], 3);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    /* A session of its own: Ctrl-C on the daemon's terminal is not for it. */
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    char *const argv[] = {(char *)"scribefs-announcer", inbox, NULL};
    char *const environment[] = {NULL};
    pid_t pid = 0;
    if (!rc)
        rc = posix_spawn(&pid, a->mount->config.announcer, &files, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    close(pair[1]);
    if (rc) {
        close(pair[0]);
        return -rc;
    }
    a->socket = pair[0];
    a->answers = 0;
    atomic_store(&a->pid, pid);
    return 0;
}

/* Lets go of the child: it ends when its socket closes; `hard`: at once. */
static void lose(struct announcer *a, bool hard)
{
    pid_t pid = atomic_load(&a->pid);
    if (!pid)
        return;
    if (hard)
        kill(pid, SIGKILL);
    close(a->socket);
    a->socket = -1;
    siginfo_t info;
    for (int waited = 0; waited < EXIT_MS && !hard; waited += 20) {
        info.si_pid = 0;
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid)
            break;
        poll(NULL, 0, 20);
    }
    kill(pid, SIGKILL);
    /* Nobody else may be taken for the announcer: the number is free again once the child is reaped. */
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    atomic_store(&a->pid, 0);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* A child that keeps dying is started again at once, then after 1 s, then every 5 s. False when it is time to
 * stop. */
static bool pause_before_spawn(struct announcer *a)
{
    int ms = a->failures < 2 ? 0 : a->failures == 2 ? 1000 : 5000;
    if (ms)
        wait_for(a, -1, ms);
    return !atomic_load(&a->gone);
}

/* ---- One announcement ---- */

static char request_of(enum announcement_kind kind)
{
    return kind == ANNOUNCE_CREATE   ? ANNOUNCER_CREATE
           : kind == ANNOUNCE_DELETE ? ANNOUNCER_DELETE
                                     : ANNOUNCER_TOUCH;
}

/* Sends it and waits for the answer: true and *result, or false when the child is lost. */
static bool ask(struct announcer *a, const struct announcement *what, int *result)
{
    char kind = request_of(what->kind);
    struct iovec parts[] = {{&kind, 1}, {what->path, strlen(what->path)}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    int32_t answer;
    if (sendmsg(a->socket, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EMSGSIZE)
            return false;
        *result = -ENAMETOOLONG;
        return true;
    }
    if (!wait_for(a, a->socket, ANSWER_MS) || recv(a->socket, &answer, sizeof answer, 0) != sizeof answer)
        return false;
    *result = answer;
    return true;
}

/* 0 when it was done, or negative errno. */
static int announce(struct announcer *a, const struct announcement *what)
{
    int result = -EIO;
    for (int i = 0; i < ATTEMPTS && !a->off; i++) {
        if (!atomic_load(&a->pid)) {
            if (!pause_before_spawn(a))
                return -ECANCELED;
            int rc = spawn(a);
            if (rc) {
                a->mount->config.log(LOG_ERR,
                                     "cannot start %s: %s; views will appear without notice to file managers",
                                     a->mount->config.announcer, strerror(-rc));
                library_set_announcing(a->mount->config.library, false);
                a->off = true;
                return rc;
            }
        }
        atomic_store(&a->creating, what->kind == ANNOUNCE_CREATE);
        if (ask(a, what, &result)) {
            if (++a->answers >= STEADY)
                a->failures = 0;
            return result;
        }
        if (atomic_load(&a->gone))
            return -ECANCELED;
        lose(a, true);
        if (!a->failures++)
            a->mount->config.log(LOG_WARNING, "the announcer ended unexpectedly and is started again");
    }
    return result;
}

static void *run(void *argument)
{
    struct announcer *a = argument;
    struct library *lib = a->mount->config.library;
    struct announcement what;
    while (!atomic_load(&a->gone) && !atomic_load(&a->ready))
        wait_for(a, -1, -1);
    while (!atomic_load(&a->gone) && library_next_announcement(lib, &what)) {
        library_announced(lib, &what, announce(a, &what));
        free(what.path);
    }
    lose(a, false);
    return NULL;
}

/* ---- For the mount ---- */

static void wake(struct announcer *a)
{
    uint64_t one = 1;
    ssize_t n = write(a->wake, &one, sizeof one); /* cannot block: the counter is far from full */
    (void)n;
}

int announcer_start(struct mount *m, struct announcer **out)
{
    struct announcer *a = calloc(1, sizeof *a);
    if (!a)
        return -ENOMEM;
    a->mount = m;
    a->socket = -1;
    a->off = !m->config.announcer;
    a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = a->wake < 0 ? -errno : thread_start(&a->thread, "announcer", run, a);
    if (rc) {
        if (a->wake >= 0)
            close(a->wake);
        free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void announcer_go(struct announcer *a)
{
    if (!a)
        return;
    if (a->mount->config.announcer)
        library_set_announcing(a->mount->config.library, true);
    atomic_store(&a->ready, true);
    wake(a);
}

void announcer_stop(struct announcer *a)
{
    if (!a)
        return;
    atomic_store(&a->gone, true);
    wake(a);
    library_stop_announcing(a->mount->config.library);
}

void announcer_free(struct announcer *a)
{
    if (!a)
        return;
    pthread_join(a->thread, NULL);
    close(a->wake);
    free(a);
}
