/* What the tests of the HTTP client have in common: a server, a rude server, a client, and what was reported. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "backend/base/buffer.h"
#include "backend/base/loop.h"
#include "backend/http.h"
#include "tests/unit/scratch.h"
#include "tests/unit/web.h"

enum { SAFETY_MS = 20000 }; /* a test that is not done by then has failed */

struct world {
    struct loop *loop;
    struct loop_timer *safety;
    struct http *http;
    struct web *web;
    int fd; /* a file to send */

    /* What the server saw last, and what it is to answer. */
    char method[16], *target, *header, *type;
    struct buffer sent;
    uint64_t sent_length;
    struct web_reply reply;
    const char *look_at; /* header whose value goes to `header` */

    /* What came back. */
    struct http_response got;
    char *body, *got_header;
    struct buffer streamed;
    int pieces, done, progress;
    int64_t progress_sent, progress_received;
    struct http_request *request, *other;
    bool cancel_on_data, cancel_other;
};

static inline void serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    struct world *w = context;
    snprintf(w->method, sizeof w->method, "%s", request->method);
    free(w->target);
    free(w->header);
    w->target = strdup(request->target);
    const char *value = w->look_at ? web_header(request, w->look_at) : NULL;
    w->header = value ? strdup(value) : NULL;
    value = web_header(request, "Content-Type");
    free(w->type);
    w->type = value ? strdup(value) : NULL;
    w->sent_length = request->body_length;
    buffer_clear(&w->sent);
    buffer_add(&w->sent, request->body.data, request->body.len);
    *reply = w->reply;
    reply->body = (struct buffer){0};
    buffer_add(&reply->body, w->reply.body.data ? w->reply.body.data : "", w->reply.body.len);
    reply->hang |= strcmp(request->target, "/other") == 0;
    if (strcmp(request->target, "/moved") == 0) {
        reply->status = 302;
        char *port = strrchr(w->web->base, ':');
        snprintf(reply->header_text[0], sizeof reply->header_text[0], "Location: http://localhost%s/there",
                 port);
        reply->headers[0] = reply->header_text[0];
    }
}

static inline void too_late(void *arg)
{
    (void)arg;
    fail_msg("nothing happened for a long time");
}

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(loop_new(&w->loop), 0);
    w->safety = loop_timer(w->loop, too_late, w);
    loop_timer_after(w->safety, SAFETY_MS);
    assert_int_equal(http_new(w->loop, &(struct http_config){.user_agent = "tester/1"}, &w->http), 0);
    w->web = web_new(w->loop, NULL, NULL, serve, w);
    w->fd = memfd_create("recording", MFD_CLOEXEC);
    assert_true(w->fd >= 0);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    http_free(w->http);
    web_free(w->web);
    loop_timer_free(w->safety);
    loop_free(w->loop);
    close(w->fd);
    buffer_clear(&w->reply.body);
    buffer_clear(&w->sent);
    buffer_clear(&w->streamed);
    free(w->target);
    free(w->header);
    free(w->type);
    free(w->body);
    free(w->got_header);
    free(w);
    return 0;
}

static inline void on_done(void *context, const struct http_response *response)
{
    struct world *w = context;
    w->done++;
    w->got = *response;
    free(w->body);
    w->body = strdup(response->body);
    free(w->got_header);
    const char *value = w->look_at ? http_header(response, w->look_at) : NULL;
    w->got_header = value ? strdup(value) : NULL;
    loop_stop(w->loop);
}

static inline void on_data(void *context, const struct http_response *so_far, const char *data, size_t length)
{
    struct world *w = context;
    assert_int_equal(so_far->status, w->reply.status ? w->reply.status : 200);
    w->pieces++;
    buffer_add(&w->streamed, data, length);
    if (w->cancel_other)
        http_cancel(w->other);
    w->cancel_other = false;
    if (w->cancel_on_data) {
        http_cancel(w->request);
        loop_stop(w->loop);
    }
}

static inline void on_progress(void *context, int64_t sent, int64_t received)
{
    struct world *w = context;
    assert_true(sent >= w->progress_sent && received >= w->progress_received);
    w->progress_sent = sent;
    w->progress_received = received;
    w->progress++;
}

/* Sends the call to `path` of the server and waits for the end. */
static inline void go(struct world *w, const char *path, struct http_call call)
{
    char url[4096];
    struct error err = {0};
    if (path) {
        snprintf(url, sizeof url, "%s%s", w->web->base, path);
        call.url = url;
    }
    if (!call.method)
        call.method = "GET";
    call.done = on_done;
    call.context = w;
    w->request = http_start(w->http, &call, &err);
    if (!w->request)
        fail_msg("%s: %s", err.code, err.detail);
    loop_run(w->loop);
}

/* A port of this machine where nobody listens. */
static inline int free_port(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &size), 0);
    close(fd);
    return ntohs(here.sin_port);
}

/* A server of plain sockets: answers the first `answers` requests, then breaks the connection with a reset.
 */
struct rude {
    struct world *world;
    struct loop_watch *listener, *connection[8];
    int fd[8], connections, requests, answers;
};

static inline void rude_reads(void *arg, uint32_t events)
{
    struct rude *rude = arg;
    char text[4096];
    (void)events;
    for (int i = 0; i < rude->connections; i++) {
        if (rude->fd[i] < 0)
            continue;
        ssize_t n = recv(rude->fd[i], text, sizeof text, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            continue;
        if (n > 0 && rude->requests++ < rude->answers) {
            static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            assert_int_equal(send(rude->fd[i], answer, sizeof answer - 1, 0), sizeof answer - 1);
            continue;
        }
        struct linger hard = {.l_onoff = 1};
        setsockopt(rude->fd[i], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        loop_unwatch(rude->connection[i]);
        close(rude->fd[i]);
        rude->fd[i] = -1;
    }
}

static inline void rude_accepts(void *arg, uint32_t events)
{
    struct rude *rude = arg;
    (void)events;
    int i = rude->connections++;
    assert_true(i < 8);
    rude->fd[i] = accept(rude->fd[7], NULL, NULL);
    rude->connection[i] = loop_watch(rude->world->loop, rude->fd[i], EPOLLIN, rude_reads, rude);
}

static inline void rude_start(struct world *w, struct rude *rude, int answers, char *url, size_t size)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &length), 0);
    *rude = (struct rude){.world = w, .answers = answers};
    rude->fd[7] = fd;
    rude->listener = loop_watch(w->loop, fd, EPOLLIN, rude_accepts, rude);
    snprintf(url, size, "http://127.0.0.1:%d/", ntohs(here.sin_port));
}

static inline void rude_end(struct rude *rude)
{
    loop_unwatch(rude->listener);
    close(rude->fd[7]);
    for (int i = 0; i < rude->connections; i++)
        if (rude->fd[i] >= 0) {
            loop_unwatch(rude->connection[i]);
            close(rude->fd[i]);
        }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
