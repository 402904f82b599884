/* The listener: libmicrohttpd without threads of its own, driven by the loop. A request whose signer's
 * certificate is not known yet waits, suspended, until that has been fetched.
 *
 * Anybody may connect. So what the headers already give away is decided before the body is kept, bodies and
 * connections are few and small, every connection serves one request and is closed after a while whatever it
 * does. */
#include "backend/dashscope/callback.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>
#include <openssl/crypto.h>
#include <utlist.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/dashscope/certificates.h"
#include "backend/dashscope/event.h"
#include "backend/dashscope/poller.h"
#include "backend/http.h"

enum { MOST_CONNECTIONS = 64, SILENT_SECONDS = 10, REMEMBERED = 256, BACKLOG = 128 };
#define BODY_BYTES ((size_t)256 << 10) /* four times what EventBridge lets an event be */
#define CONNECTION_MS 15000            /* from its beginning to its end: EventBridge itself waits 5 s */

/* One request of the sender. */
struct delivery {
    struct callback *callback;
    struct MHD_Connection *connection;
    struct buffer body;
    bool begun, waits;
    int status; /* of the answer; 0: not decided */
    struct delivery *prev, *next;
};

/* One that is connected, whether it says anything or not. */
struct peer {
    struct MHD_Connection *connection;
    int64_t since_ms;
    struct peer *prev, *next;
};

struct callback {
    struct loop *loop;
    struct poller *poller;
    char *url, *token, *certificate_host;
    int64_t connection_ms;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch;
    struct loop_timer *timer, *sweeper;
    struct certificates *certificates;
    struct delivery *deliveries;
    struct peer *peers;         /* the oldest first */
    bool some_left;             /* connections have ended since this was false */
    char seen[REMEMBERED][128]; /* ids of events, in a ring */
    int seen_at;
};

/* ---- events ---- */

static bool seen_before(struct callback *c, const char *id)
{
    if (!*id)
        return false;
    for (int i = 0; i < REMEMBERED; i++)
        if (strncmp(c->seen[i], id, sizeof c->seen[i] - 1) == 0)
            return true;
    snprintf(c->seen[c->seen_at], sizeof c->seen[0], "%s", id);
    c->seen_at = (c->seen_at + 1) % REMEMBERED;
    return false;
}

/* The status to answer with. An event that is not for us is no reason for the sender to try again. */
static int take_event(struct callback *c, const struct buffer *body)
{
    struct event event;
    int rc = event_read(body->data, body->len, &event, NULL);
    if (rc != 0)
        return rc < 0 ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_OK;
    if (!seen_before(c, event.id))
        poller_tell(c->poller, event.task_id, event.has_answer ? &event.answer : NULL);
    if (event.has_answer)
        task_answer_clear(&event.answer);
    return MHD_HTTP_OK;
}

static const char *header(const struct delivery *d, const char *name)
{
    return MHD_lookup_connection_value(d->connection, MHD_HEADER_KIND, name);
}

static struct event_headers headers_of(const struct delivery *d)
{
    return (struct event_headers){.timestamp = header(d, "x-eventbridge-signature-timestamp"),
                                  .hash_method = header(d, "x-eventbridge-hash-method"),
                                  .version = header(d, "x-eventbridge-signature-version"),
                                  .url = header(d, "x-eventbridge-signature-url"),
                                  .token = header(d, "x-eventbridge-signature-token"),
                                  .signature_v2 = header(d, "x-eventbridge-signature-v2"),
                                  .method = header(d, "x-eventbridge-signature-method"),
                                  .secret = header(d, "x-eventbridge-signature-secret"),
                                  .signature = header(d, "x-eventbridge-signature")};
}

static void decide(struct delivery *d, const struct certificate_text *certificate)
{
    struct event_headers headers = headers_of(d);
    bool good = event_is_signed(&headers, d->callback->url, d->body.data, d->body.len, certificate->data,
                                certificate->length);
    d->status = good ? take_event(d->callback, &d->body) : MHD_HTTP_FORBIDDEN;
}

static void run(struct callback *c);

/* For those who waited for this certificate; without it they are asked to come again. */
static void on_certificate(void *context, const char *address, const struct certificate_text *text)
{
    struct callback *c = context;
    struct delivery *d;
    DL_FOREACH(c->deliveries, d)
    {
        const char *url = d->waits ? header(d, "x-eventbridge-signature-url") : NULL;
        if (!url || strcmp(url, address) != 0)
            continue;
        if (text)
            decide(d, text);
        else
            d->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        d->waits = false;
        MHD_resume_connection(d->connection);
    }
    run(c);
}

/* ---- requests ---- */

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool token_fits(const struct callback *c, const char *token)
{
    if (!c->token)
        return true;
    size_t len = strlen(c->token);
    return token && strlen(token) == len && CRYPTO_memcmp(token, c->token, len) == 0;
}

/* What can be said without the body: the status of a refusal, or 0. */
static int judge_headers(const struct delivery *d, const char *method)
{
    const struct callback *c = d->callback;
    struct event_headers headers = headers_of(d);
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    if (!event_is_fresh(&headers, wall_ms()) || !token_fits(c, headers.token) ||
        !event_certificate_address(headers.url, c->certificate_host))
        return MHD_HTTP_FORBIDDEN;
    return 0;
}

/* Decides at once, or lets the request wait for a certificate. */
static void judge(struct delivery *d)
{
    struct certificate_text text;
    buffer_add(&d->body, "", 0);
    if (buffer_error(&d->body)) {
        d->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        return;
    }
    switch (certificates_get(d->callback->certificates, header(d, "x-eventbridge-signature-url"), &text)) {
    case CERTIFICATE_THERE:
        decide(d, &text);
        break;
    case CERTIFICATE_COMING:
        d->waits = true;
        break;
    case CERTIFICATE_REFUSED:
        d->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        break;
    }
}

static enum MHD_Result answer(const struct delivery *d)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result rc = MHD_NO;
    if (response && MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES)
        rc = MHD_queue_response(d->connection, (unsigned)d->status, response);
    if (response)
        MHD_destroy_response(response);
    return rc;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *length,
                                  void **state)
{
    struct delivery *d = *state;
    (void)url, (void)version;
    if (!d) {
        d = *state = calloc(1, sizeof *d);
        if (!d)
            return MHD_NO;
        d->callback = arg;
        d->connection = connection;
        DL_APPEND(d->callback->deliveries, d);
        d->status = judge_headers(d, method);
        return MHD_YES;
    }
    if (*length) {
        if (!d->status && d->body.len + *length > BODY_BYTES)
            d->status = MHD_HTTP_CONTENT_TOO_LARGE;
        if (d->status)
            buffer_clear(&d->body);
        else
            buffer_add(&d->body, data, *length);
        *length = 0;
        return MHD_YES;
    }
    if (!d->begun && !d->status)
        judge(d);
    d->begun = true;
    if (d->waits) {
        MHD_suspend_connection(connection);
        return MHD_YES;
    }
    return answer(d);
}

static void on_end(void *arg, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode why)
{
    struct callback *c = arg;
    struct delivery *d = *state;
    (void)connection, (void)why;
    if (!d)
        return;
    DL_DELETE(c->deliveries, d);
    buffer_clear(&d->body);
    free(d);
    *state = NULL;
}

/* ---- connections ---- */

static void on_connection(void *arg, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what)
{
    struct callback *c = arg;
    struct peer *peer = *state;
    c->some_left |= what == MHD_CONNECTION_NOTIFY_CLOSED;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        peer = *state = calloc(1, sizeof *peer);
        if (!peer)
            return; /* then only its silence ends it */
        *peer = (struct peer){.connection = connection, .since_ms = loop_now_ms()};
        if (!c->peers)
            loop_timer_after(c->sweeper, c->connection_ms);
        DL_APPEND(c->peers, peer);
    } else if (peer) {
        DL_DELETE(c->peers, peer);
        free(peer);
        *state = NULL;
    }
}

/* Whoever says a little now and then is not silent, and would keep its place for ever. */
static void on_sweep(void *arg)
{
    struct callback *c = arg;
    struct peer *peer;
    DL_FOREACH(c->peers, peer)
    {
        int64_t left = peer->since_ms + c->connection_ms - loop_now_ms();
        if (left > 0) {
            loop_timer_after(c->sweeper, left);
            return;
        }
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(peer->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (info)
            shutdown(info->connect_fd, SHUT_RDWR);
    }
    /* They are gone when the loop comes round; if not, they are told again. */
    if (c->peers)
        loop_timer_after(c->sweeper, c->connection_ms);
}

/* ---- the loop ---- */

static void run(struct callback *c)
{
    MHD_UNSIGNED_LONG_LONG ms;
    /* A full daemon does not listen, and begins again only in the next run after connections have ended: when the last
     * ones end together nothing would bring that about. */
    do {
        c->some_left = false;
        MHD_run(c->daemon);
    } while (c->some_left);
    if (MHD_get_timeout(c->daemon, &ms) == MHD_YES)
        loop_timer_after(c->timer, (int64_t)ms);
    else
        loop_timer_stop(c->timer);
}

static void on_timer(void *arg)
{
    run(arg);
}

static void on_socket(void *arg, uint32_t events)
{
    (void)events;
    run(arg);
}

/* ---- life ---- */

/* "HOST:PORT", "[V6]:PORT" */
static int resolve(const char *listen, struct addrinfo **out)
{
    char host[64];
    const char *colon = strrchr(listen, ':');
    if (!colon || colon - listen >= (int)sizeof host || !colon[1])
        return -EINVAL;
    snprintf(host, sizeof host, "%.*s", (int)(colon - listen), listen);
    size_t len = strlen(host);
    char *name = host;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        name++;
    }
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    return *name && getaddrinfo(name, colon + 1, &hints, out) == 0 ? 0 : -EINVAL;
}

/* The port may be one that this program, before it was started again, has just left. */
static int open_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

static int start_daemon(struct callback *c, const char *listen, struct error *err)
{
    struct addrinfo *address = NULL;
    if (resolve(listen, &address) != 0)
        return error_set(err, ERROR_PERSON, EINVAL, "cloud.callback",
                         "callback: \"%s\" is not an address and a port, as in 127.0.0.1:8090", listen);
    int fd = open_socket(address);
    freeaddrinfo(address);
    if (fd < 0)
        return error_set(err, ERROR_PERSON, -fd, "cloud.callback", "callback: cannot listen on %s: %s",
                         listen, strerror(-fd));
    c->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, c,
                                 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_end, c,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, c, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)MOST_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)SILENT_SECONDS, MHD_OPTION_END);
    if (c->daemon)
        return 0;
    close(fd);
    return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
}

static int copy(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return text && !*to ? -ENOMEM : 0;
}

static int set_up(struct callback *c, const struct callback_config *config, struct error *err)
{
    if (strncmp(config->url, "https://", 8) != 0 && strncmp(config->url, "http://", 7) != 0)
        return error_set(err, ERROR_PERSON, EINVAL, "cloud.callback",
                         "callback_url: the address EventBridge was given begins with https:// or http://");
    c->timer = loop_timer(c->loop, on_timer, c);
    c->sweeper = loop_timer(c->loop, on_sweep, c);
    c->certificates = certificates_new(config->http, on_certificate, c);
    if (!c->timer || !c->sweeper || !c->certificates || copy(&c->url, config->url) ||
        copy(&c->token, config->token) || copy(&c->certificate_host, config->certificate_host))
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    int rc = start_daemon(c, config->listen, err);
    if (rc)
        return rc;
    c->watch = loop_watch(c->loop, MHD_get_daemon_info(c->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                          EPOLLIN, on_socket, c);
    return c->watch ? 0 : error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
}

struct callback *callback_new(const struct callback_config *config, struct error *err)
{
    struct callback *c = calloc(1, sizeof *c);
    if (!c) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
        return NULL;
    }
    c->loop = config->loop;
    c->poller = config->poller;
    c->connection_ms = config->connection_ms ? config->connection_ms : CONNECTION_MS;
    if (set_up(c, config, err) == 0)
        return c;
    callback_free(c);
    return NULL;
}

void callback_free(struct callback *c)
{
    if (!c)
        return;
    loop_unwatch(c->watch);
    certificates_free(c->certificates);
    struct delivery *d;
    DL_FOREACH(c->deliveries, d)
    {
        if (d->waits) {
            d->waits = false;
            d->status = MHD_HTTP_SERVICE_UNAVAILABLE;
            MHD_resume_connection(d->connection);
        }
    }
    if (c->daemon)
        MHD_stop_daemon(c->daemon);
    loop_timer_free(c->timer);
    loop_timer_free(c->sweeper);
    free(c->url);
    free(c->token);
    free(c->certificate_host);
    free(c);
}

int callback_port(const struct callback *c)
{
    return MHD_get_daemon_info(c->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}
