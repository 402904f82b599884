/* The listening side of the control socket: who may connect, and how many. */
#include "fs/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <utlist.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "fs/control_client.h"

#define SOCKET_NAME "control"
#define MAX_CLIENTS 64    /* scripts that wait in parallel; each costs a descriptor of a few thousand */
#define ACCEPT_PAUSE 1000 /* ms without accepting when the process is out of descriptors */

struct member {
    struct control *control;
    struct control_client *client;
    struct member *prev, *next;
};

struct control {
    struct control_config config;
    int listen_fd;
    struct loop_watch *watch;
    struct loop_timer *pause;
    struct member *members;
    int count;
};

static void remove_member(struct member *m)
{
    struct control *c = m->control;
    DL_DELETE(c->members, m);
    c->count--;
    control_client_free(m->client);
    free(m);
}

static void on_gone(void *owner, struct control_client *client)
{
    (void)client;
    remove_member(owner);
}

static bool may_ask(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

static void admit(struct control *c, int accepted)
{
    cleanup_close int fd = accepted;
    if (!may_ask(fd)) {
        control_refuse(fd, "forbidden", "only root and the user scribefs runs as may ask it");
        return;
    }
    if (c->count >= MAX_CLIENTS) {
        control_refuse(fd, "busy", "too many programs are asking at the same time");
        return;
    }
    struct member *m = calloc(1, sizeof *m);
    if (!m)
        return;
    m->control = c;
    m->client = control_client_new(&c->config, steal_fd(fd), on_gone, m);
    if (!m->client) {
        free(m);
        return;
    }
    DL_APPEND(c->members, m);
    c->count++;
}

static void on_connect(void *arg, uint32_t events)
{
    (void)events;
    struct control *c = arg;
    for (;;) {
        int fd = accept4(c->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(c, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN) {
            /* The connection stays in the queue and would wake the loop again at once. */
            loop_watch_events(c->watch, 0);
            loop_timer_after(c->pause, ACCEPT_PAUSE);
        }
        return;
    }
}

static void on_pause_over(void *arg)
{
    struct control *c = arg;
    loop_watch_events(c->watch, EPOLLIN);
}

/* A path in the state directory is often longer than sun_path: go through its descriptor. */
static int listen_at(int state_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET_NAME, state_fd);
    struct stat st;
    if (fstatat(state_fd, SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return -EEXIST;
        if (unlinkat(state_fd, SOCKET_NAME, 0) < 0)
            return -errno;
    }
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* Nobody can connect between bind and listen: the mode is right before the first client. */
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    if (fchmodat(state_fd, SOCKET_NAME, 0600, 0) < 0 || listen(fd, MAX_CLIENTS) < 0) {
        int rc = -errno;
        unlinkat(state_fd, SOCKET_NAME, 0);
        return rc;
    }
    return steal_fd(fd);
}

int control_new(const struct control_config *config, struct control **out, struct error *err)
{
    int fd = listen_at(config->state_fd);
    if (fd < 0)
        return error_set(err, ERROR_PERSON, -fd, "control.socket",
                         "cannot listen on state/" SOCKET_NAME ": %s", strerror(-fd));
    struct control *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        unlinkat(config->state_fd, SOCKET_NAME, 0);
        return error_set(err, ERROR_PERSON, ENOMEM, "control.socket", "out of memory");
    }
    c->config = *config;
    c->listen_fd = fd;
    c->pause = loop_timer(config->loop, on_pause_over, c);
    c->watch = loop_watch(config->loop, fd, EPOLLIN, on_connect, c);
    if (!c->pause || !c->watch) {
        control_free(c);
        return error_set(err, ERROR_PERSON, ENOMEM, "control.socket", "out of memory");
    }
    *out = c;
    return 0;
}

void control_changed(struct control *c)
{
    struct member *m, *next;
    DL_FOREACH_SAFE(c->members, m, next)
    control_client_changed(m->client);
}

void control_free(struct control *c)
{
    if (!c)
        return;
    struct member *m, *next;
    DL_FOREACH_SAFE(c->members, m, next)
    remove_member(m);
    loop_unwatch(c->watch);
    loop_timer_free(c->pause);
    close(c->listen_fd);
    unlinkat(c->config.state_fd, SOCKET_NAME, 0);
    free(c);
}
