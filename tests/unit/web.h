/* A small web server for tests, run by the test's own loop: no threads, no locks. The handler sees each
 * request whole, with its target byte for byte, and says what to answer and how badly. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <microhttpd.h>

#include "backend/base/buffer.h"
#include "backend/base/loop.h"

struct web;

struct web_request {
    struct web *web;
    struct MHD_Connection *connection;
    const char *method;
    char *target; /* "/a%20b?x=1" as it was sent */
    struct buffer body;
    uint64_t body_length; /* also when the body is not kept */
    bool begun;
};

struct web_reply {
    int status;               /* 0: 200 */
    struct buffer body;       /* freed by the server */
    const char *headers[16];  /* "Name: value" */
    char header_text[4][300]; /* room for headers made on the spot */
    size_t piece;             /* bytes sent at a time, without saying the length; 0: all at once, with it */
    bool cut;                 /* the connection breaks after half of the body */
    bool stall;               /* nothing more comes after half of the body */
    bool hang;                /* no answer at all */
};

struct web {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch;
    struct loop_timer *timer;
    char base[64]; /* "http://127.0.0.1:PORT" */
    void (*handle)(void *context, const struct web_request *request, struct web_reply *reply);
    void *context;
    bool discard; /* request bodies are counted, not kept */
    int requests, connections;
    struct MHD_Connection *suspended[64];
    int suspended_count;
};

static inline const char *web_header(const struct web_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* The decoded value of a query argument, or NULL. */
static inline const char *web_query(const struct web_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

static inline void web_say(struct web_reply *reply, int status, const char *body)
{
    reply->status = status;
    buffer_clear(&reply->body);
    buffer_puts(&reply->body, body);
}

static inline void web_run(struct web *web)
{
    MHD_UNSIGNED_LONG_LONG ms;
    MHD_run(web->daemon);
    if (MHD_get_timeout(web->daemon, &ms) == MHD_YES)
        loop_timer_after(web->timer, (int64_t)ms);
}

static inline void web_on_timer(void *arg)
{
    web_run(arg);
}

static inline void web_on_socket(void *arg, uint32_t events)
{
    (void)events;
    web_run(arg);
}

static inline void *web_on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
    struct web_request *request = calloc(1, sizeof *request);
    if (!request)
        abort();
    request->web = arg;
    request->connection = connection;
    request->target = strdup(target);
    return request;
}

static inline void web_on_end(void *arg, struct MHD_Connection *connection, void **state,
                              enum MHD_RequestTerminationCode why)
{
    struct web_request *request = *state;
    (void)arg, (void)connection, (void)why;
    if (!request)
        return;
    buffer_clear(&request->body);
    free(request->target);
    free(request);
    *state = NULL;
}

static inline void web_on_connection(void *arg, struct MHD_Connection *connection, void **state,
                                     enum MHD_ConnectionNotificationCode what)
{
    struct web *web = arg;
    (void)connection, (void)state;
    web->connections += what == MHD_CONNECTION_NOTIFY_STARTED;
}

static inline void web_suspend(struct web *web, struct MHD_Connection *connection)
{
    if (web->suspended_count == 64)
        abort();
    web->suspended[web->suspended_count++] = connection;
    MHD_suspend_connection(connection);
}

struct web_feed {
    struct web *web;
    struct MHD_Connection *connection;
    struct web_reply reply;
    size_t at;
};

static inline ssize_t web_on_read(void *arg, uint64_t position, char *into, size_t max)
{
    struct web_feed *feed = arg;
    size_t end = feed->reply.body.len;
    (void)position;
    if (feed->reply.cut || feed->reply.stall)
        end /= 2;
    if (feed->at == end) {
        if (feed->reply.cut)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (!feed->reply.stall)
            return MHD_CONTENT_READER_END_OF_STREAM;
        web_suspend(feed->web, feed->connection);
        return 0;
    }
    size_t n = end - feed->at;
    if (feed->reply.piece && n > feed->reply.piece)
        n = feed->reply.piece;
    if (n > max)
        n = max;
    memcpy(into, feed->reply.body.data + feed->at, n);
    feed->at += n;
    return (ssize_t)n;
}

static inline void web_feed_free(void *arg)
{
    struct web_feed *feed = arg;
    buffer_clear(&feed->reply.body);
    free(feed);
}

static inline enum MHD_Result web_answer(struct web *web, struct web_request *request)
{
    struct web_feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        abort();
    feed->web = web;
    feed->connection = request->connection;
    web->requests++;
    web->handle(web->context, request, &feed->reply);
    struct web_reply *reply = &feed->reply;
    if (reply->hang) {
        web_suspend(web, request->connection);
        web_feed_free(feed);
        return MHD_YES;
    }
    uint64_t size = reply->piece ? MHD_SIZE_UNKNOWN : reply->body.len;
    struct MHD_Response *response;
    int status = reply->status ? reply->status : 200;
    if (size == 0) {
        response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    } else {
        response = MHD_create_response_from_callback(size, 16384, web_on_read, feed, web_feed_free);
    }
    for (size_t i = 0; i < 16 && reply->headers[i]; i++) {
        char name[100];
        const char *colon = strchr(reply->headers[i], ':');
        snprintf(name, sizeof name, "%.*s", (int)(colon - reply->headers[i]), reply->headers[i]);
        MHD_add_response_header(response, name, colon + 1 + strspn(colon + 1, " "));
    }
    enum MHD_Result rc = MHD_queue_response(request->connection, (unsigned)status, response);
    MHD_destroy_response(response);
    if (size == 0)
        web_feed_free(feed);
    return rc;
}

static inline enum MHD_Result web_on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                             const char *method, const char *version, const char *data,
                                             size_t *length, void **state)
{
    struct web *web = arg;
    struct web_request *request = *state;
    (void)connection, (void)url, (void)version;
    if (!request->begun) {
        request->begun = true;
        request->method = method;
        return MHD_YES;
    }
    if (*length) {
        request->body_length += *length;
        if (!web->discard)
            buffer_add(&request->body, data, *length);
        *length = 0;
        return MHD_YES;
    }
    buffer_add(&request->body, "", 0);
    return web_answer(web, request);
}

/* With key and certificate (PEM texts) it speaks TLS. Aborts the test program when it cannot start. */
static inline struct web *web_new(struct loop *loop, const char *key, const char *certificate,
                                  void (*handle)(void *context, const struct web_request *request,
                                                 struct web_reply *reply),
                                  void *context)
{
    struct web *web = calloc(1, sizeof *web);
    if (!web)
        abort();
    web->loop = loop;
    web->handle = handle;
    web->context = context;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
                                   {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate},
                                   {MHD_OPTION_END, 0, NULL}};
    web->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (key ? MHD_USE_TLS : 0), 0, NULL, NULL,
                         web_on_request, web, MHD_OPTION_SOCK_ADDR, &here, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                         (size_t)1 << 20, MHD_OPTION_URI_LOG_CALLBACK, web_on_target, web,
                         MHD_OPTION_NOTIFY_COMPLETED, web_on_end, web, MHD_OPTION_NOTIFY_CONNECTION,
                         web_on_connection, web, MHD_OPTION_ARRAY, key ? tls : tls + 2, MHD_OPTION_END);
    if (!web->daemon)
        abort();
    snprintf(web->base, sizeof web->base, "%s://127.0.0.1:%u", key ? "https" : "http",
             (unsigned)MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    web->timer = loop_timer(loop, web_on_timer, web);
    web->watch = loop_watch(loop, MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                            EPOLLIN, web_on_socket, web);
    if (!web->timer || !web->watch)
        abort();
    return web;
}

static inline void web_free(struct web *web)
{
    loop_unwatch(web->watch);
    loop_timer_free(web->timer);
    while (web->suspended_count)
        MHD_resume_connection(web->suspended[--web->suspended_count]);
    MHD_stop_daemon(web->daemon);
    free(web);
}
