/* The listener: libmicrohttpd without threads of its own, driven by the loop. A request whose signer's
 * certificate is not known yet waits, suspended, until that has been fetched. */
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

#include <microhttpd.h>
#include <openssl/crypto.h>
#include <utlist.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/dashscope/event.h"
#include "backend/dashscope/poller.h"
#include "backend/http.h"

enum { MOST_CONNECTIONS = 64, CONNECTION_SECONDS = 15, MOST_CERTIFICATES = 8, REMEMBERED = 256 };
#define BODY_BYTES ((size_t)1 << 20)
#define CERTIFICATE_MS 4000 /* EventBridge waits 5 s for its answer */

struct certificate {
    char *url, *pem;
    size_t length;
    struct http_request *request; /* being fetched */
    struct callback *callback;
    struct certificate *prev, *next;
};

/* One request of the sender. */
struct delivery {
    struct callback *callback;
    struct MHD_Connection *connection;
    struct buffer body;
    bool too_large, begun, waits;
    int status; /* of the answer; 0: not decided */
    struct delivery *prev, *next;
};

struct callback {
    struct loop *loop;
    struct http *http;
    struct poller *poller;
    char *url, *token, *certificate_host;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct certificate *certificates;
    struct delivery *deliveries;
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

/* ---- certificates ---- */

static void certificate_free(struct callback *c, struct certificate *certificate)
{
    DL_DELETE(c->certificates, certificate);
    http_cancel(certificate->request);
    free(certificate->url);
    free(certificate->pem);
    free(certificate);
}

static const char *header(struct delivery *d, const char *name)
{
    return MHD_lookup_connection_value(d->connection, MHD_HEADER_KIND, name);
}

static struct event_headers headers_of(struct delivery *d)
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

static void decide(struct delivery *d, const struct certificate *certificate)
{
    struct event_headers headers = headers_of(d);
    bool good = event_is_signed(&headers, d->callback->url, d->body.data, d->body.len, certificate->pem,
                                certificate->length);
    d->status = good ? take_event(d->callback, &d->body) : MHD_HTTP_FORBIDDEN;
}

static void run(struct callback *c);

/* Those who waited for this certificate; without it they are asked to come again. */
static void certificate_settled(struct callback *c, struct certificate *certificate, bool good)
{
    struct delivery *d;
    DL_FOREACH(c->deliveries, d)
    {
        const char *url = d->waits ? header(d, "x-eventbridge-signature-url") : NULL;
        if (!url || strcmp(url, certificate->url) != 0)
            continue;
        if (good)
            decide(d, certificate);
        else
            d->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        d->waits = false;
        MHD_resume_connection(d->connection);
    }
    if (!good)
        certificate_free(c, certificate);
    run(c);
}

static void on_certificate(void *context, const struct http_response *response)
{
    struct certificate *certificate = context;
    certificate->request = NULL;
    bool good = response->end == HTTP_ANSWERED && response->status == 200 && response->length > 0;
    if (good) {
        certificate->pem = strndup(response->body, response->length);
        certificate->length = response->length;
        good = certificate->pem != NULL;
    }
    certificate_settled(certificate->callback, certificate, good);
}

/* The one from that address: known, or on its way. NULL: it cannot be had. */
static struct certificate *certificate_from(struct callback *c, const char *url)
{
    struct certificate *found;
    int count = 0;
    DL_FOREACH(c->certificates, found)
    {
        if (strcmp(found->url, url) == 0)
            return found;
        count++;
    }
    if (count >= MOST_CERTIFICATES) {
        if (c->certificates->request)
            return NULL;
        certificate_free(c, c->certificates);
    }
    found = calloc(1, sizeof *found);
    if (!found)
        return NULL;
    found->callback = c;
    DL_APPEND(c->certificates, found);
    found->url = strdup(url);
    if (found->url)
        found->request = http_start(c->http,
                                    &(struct http_call){.method = "GET",
                                                        .url = url,
                                                        .total_ms = CERTIFICATE_MS,
                                                        .response_limit = 1 << 20,
                                                        .done = on_certificate,
                                                        .context = found},
                                    NULL);
    if (found->request)
        return found;
    certificate_free(c, found);
    return NULL;
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

/* Decides at once, or lets the request wait for a certificate. */
static void judge(struct delivery *d)
{
    struct callback *c = d->callback;
    struct event_headers headers = headers_of(d);
    buffer_add(&d->body, "", 0);
    if (d->too_large || buffer_error(&d->body)) {
        d->status = MHD_HTTP_CONTENT_TOO_LARGE;
        return;
    }
    if (!event_is_fresh(&headers, wall_ms()) || !token_fits(c, headers.token) ||
        !event_certificate_address(headers.url, c->certificate_host)) {
        d->status = MHD_HTTP_FORBIDDEN;
        return;
    }
    struct certificate *certificate = certificate_from(c, headers.url);
    if (!certificate)
        d->status = MHD_HTTP_SERVICE_UNAVAILABLE;
    else if (certificate->pem)
        decide(d, certificate);
    else
        d->waits = true;
}

static enum MHD_Result answer(struct delivery *d)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result rc = response ? MHD_queue_response(d->connection, (unsigned)d->status, response) : MHD_NO;
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
        return MHD_YES;
    }
    if (*length) {
        d->too_large |= d->body.len + *length > BODY_BYTES;
        if (!d->too_large)
            buffer_add(&d->body, data, *length);
        *length = 0;
        return MHD_YES;
    }
    if (!d->begun) {
        d->begun = true;
        if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
            d->status = MHD_HTTP_METHOD_NOT_ALLOWED;
        else
            judge(d);
    }
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

/* ---- the loop ---- */

static void run(struct callback *c)
{
    MHD_UNSIGNED_LONG_LONG ms;
    MHD_run(c->daemon);
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

static int resolve(const char *listen, struct addrinfo **out)
{
    char host[64];
    const char *colon = strrchr(listen, ':');
    if (!colon || !colon[1] || (size_t)(colon - listen) >= sizeof host)
        return -EINVAL;
    snprintf(host, sizeof host, "%.*s", (int)(colon - listen), listen);
    size_t len = strlen(host);
    char *name = host;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        name++;
    }
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    return getaddrinfo(*name ? name : NULL, colon + 1, &hints, out) == 0 ? 0 : -EINVAL;
}

static int start_daemon(struct callback *c, const char *listen, struct error *err)
{
    struct addrinfo *address = NULL;
    if (resolve(listen, &address) != 0)
        return error_set(err, ERROR_PERSON, EINVAL, "cloud.callback", "\"%s\" is not an address and a port",
                         listen);
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (address->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    c->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, c, MHD_OPTION_SOCK_ADDR, address->ai_addr,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_end, c, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)MOST_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)CONNECTION_SECONDS, MHD_OPTION_END);
    freeaddrinfo(address);
    if (!c->daemon)
        return error_set(err, ERROR_PERSON, errno ? errno : EADDRINUSE, "cloud.callback",
                         "cannot listen on %s", listen);
    return 0;
}

static int copy(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return text && !*to ? -ENOMEM : 0;
}

struct callback *callback_new(const struct callback_config *config, struct error *err)
{
    struct callback *c = calloc(1, sizeof *c);
    if (!c) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
        return NULL;
    }
    c->loop = config->loop;
    c->http = config->http;
    c->poller = config->poller;
    int rc = start_daemon(c, config->listen, err);
    if (!rc) {
        c->timer = loop_timer(c->loop, on_timer, c);
        c->watch = loop_watch(c->loop, MHD_get_daemon_info(c->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                              EPOLLIN, on_socket, c);
        if (!c->timer || !c->watch || copy(&c->url, config->url) || copy(&c->token, config->token) ||
            copy(&c->certificate_host, config->certificate_host))
            rc = error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    }
    if (!rc)
        return c;
    callback_free(c);
    return NULL;
}

void callback_free(struct callback *c)
{
    if (!c)
        return;
    loop_unwatch(c->watch);
    while (c->certificates)
        certificate_free(c, c->certificates);
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
    free(c->url);
    free(c->token);
    free(c->certificate_host);
    free(c);
}

int callback_port(const struct callback *c)
{
    return MHD_get_daemon_info(c->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}
