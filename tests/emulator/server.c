/* HTTP on loopback, by libmicrohttpd: one thread per connection, so an endpoint may simply wait. */
#include "tests/emulator/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/reply.h"
#include "tests/emulator/router.h"

enum { HEADERS_MAX = 256 * 1024, BLOCK = 64 * 1024 };

/* A request and its answer, from the first byte of the one to the last of the other. */
struct exchange {
    struct request *request;
    struct reply reply;
    size_t piece; /* the next one */
    bool started;
};

static void *begin(void *cls, const char *uri, struct MHD_Connection *connection)
{
    (void)connection;
    struct exchange *x = xcalloc(1, sizeof *x);
    reply_init(&x->reply);
    x->request = request_new(cls, uri);
    return x;
}

static void end(void *cls, struct MHD_Connection *connection, void **con_cls,
                enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)connection;
    (void)code;
    struct exchange *x = *con_cls;
    if (!x)
        return;
    request_free(x->request);
    reply_free(&x->reply);
    free(x);
    *con_cls = NULL;
}

static enum MHD_Result add_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    pairs_add(cls, name, value ? value : "");
    return MHD_YES;
}

static ssize_t read_file(const struct reply *a, uint64_t pos, char *buf, size_t max)
{
    if (pos >= a->file_len)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (a->file_len - pos < max)
        max = (size_t)(a->file_len - pos);
    ssize_t n = pread(a->fd, buf, max, (off_t)(a->file_offset + pos));
    return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_body(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct exchange *x = cls;
    const struct reply *a = &x->reply;
    if (a->cut >= 0 && (int64_t)pos >= a->cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (a->cut >= 0 && (uint64_t)a->cut - pos < max)
        max = (size_t)((uint64_t)a->cut - pos);
    if (a->fd >= 0)
        return read_file(a, pos, buf, max);
    if (pos >= a->body.len)
        return MHD_CONTENT_READER_END_OF_STREAM;
    size_t stop = a->body.len;
    while (x->piece < a->piece_count && a->pieces[x->piece].end <= pos)
        x->piece++;
    if (x->piece < a->piece_count) {
        size_t start = x->piece ? a->pieces[x->piece - 1].end : 0;
        if (start == pos && !emu_sleep(x->request->emu, a->pieces[x->piece].delay_ms))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        stop = a->pieces[x->piece].end < stop ? a->pieces[x->piece].end : stop;
    }
    if (stop - pos < max)
        max = (size_t)(stop - pos);
    memcpy(buf, a->body.data + pos, max);
    return (ssize_t)max;
}

/* What the service's gateway adds to every answer of the API. */
static void gateway_headers(const struct request *r, struct MHD_Response *response)
{
    char text[32];
    int64_t now = clock_real_ms();
    MHD_add_response_header(response, "x-request-id", r->id);
    MHD_add_response_header(response, "x-dashscope-call-gateway", "true");
    snprintf(text, sizeof text, "%lld", (long long)(now - r->arrived_ms));
    MHD_add_response_header(response, "req-cost-time", text);
    MHD_add_response_header(response, "x-envoy-upstream-service-time", text);
    snprintf(text, sizeof text, "%lld", (long long)r->arrived_ms);
    MHD_add_response_header(response, "req-arrive-time", text);
    snprintf(text, sizeof text, "%lld", (long long)now);
    MHD_add_response_header(response, "resp-start-time", text);
    MHD_add_response_header(response, "server", "istio-envoy");
    MHD_add_response_header(response, "vary",
                            "Origin,Access-Control-Request-Method,Access-Control-Request-Headers");
}

static void storage_headers(const struct request *r, struct MHD_Response *response)
{
    char text[32];
    MHD_add_response_header(response, r->place.kind == PLACE_OSS ? "x-oss-request-id" : "x-amz-request-id",
                            r->id);
    snprintf(text, sizeof text, "%lld", (long long)(clock_real_ms() - r->arrived_ms));
    MHD_add_response_header(response, "x-oss-server-time", text);
    MHD_add_response_header(response, "Server", "AliyunOSS");
}

static enum MHD_Result break_off(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct linger hard = {.l_onoff = 1};
    if (info)
        setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    return MHD_NO;
}

static enum MHD_Result send_reply(struct exchange *x, struct MHD_Connection *connection)
{
    const struct request *r = x->request;
    struct reply *a = &x->reply;
    if (a->reset)
        return break_off(connection);
    bool chunked = (!a->plain && r->config.chunked && r->style != STYLE_CONTROL) || a->piece_count;
    uint64_t size = a->fd >= 0 ? a->file_len : a->body.len;
    struct MHD_Response *response =
        MHD_create_response_from_callback(chunked ? MHD_SIZE_UNKNOWN : size, BLOCK, read_body, x, NULL);
    if (!response)
        return MHD_NO;
    if (a->content_type)
        MHD_add_response_header(response, "Content-Type", a->content_type);
    if (a->plain)
        storage_headers(r, response);
    else
        gateway_headers(r, response);
    for (size_t i = 0; i < a->headers.count; i++)
        MHD_add_response_header(response, a->headers.at[i].name, a->headers.at[i].value);
    enum MHD_Result rc = MHD_queue_response(connection, (unsigned)a->status, response);
    MHD_destroy_response(response);
    return rc;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data, size_t *size,
                              void **con_cls)
{
    (void)url;
    (void)version;
    struct emulator *emu = cls;
    struct exchange *x = *con_cls;
    struct request *r = x->request;
    if (!x->started) {
        x->started = true;
        r->connection = connection;
        r->method = xstrdup(method);
        MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, &r->headers);
        emu_lock(emu);
        r->config = emu->config;
        emu_unlock(emu);
        return MHD_YES;
    }
    if (*size) {
        if (!r->body_error)
            r->body_error = spool_add(&r->body, emu->options.state, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (!r->body_error)
        r->body_error = spool_finish(&r->body);
    router_serve(r, &x->reply);
    if (!x->reply.status && !x->reply.reset)
        refuse(r, &x->reply, REFUSE_INTERNAL);
    return send_reply(x, connection);
}

/* Arguments and paths are decoded by request.c: signatures need the difference. */
static size_t leave_escaped(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* The content of a file, or NULL. The caller frees. */
static char *read_text(const char *path)
{
    cleanup_file FILE *f = path ? fopen(path, "re") : NULL;
    struct buffer text = {0};
    char block[4096];
    for (size_t n; f && (n = fread(block, 1, sizeof block, f));)
        buffer_add(&text, block, n);
    return f ? buffer_take(&text) : NULL;
}

/* `tls` ends the options; NULL: plain HTTP. */
static struct MHD_Daemon *listen_on(struct emulator *emu, int port, struct MHD_OptionItem *tls, int *bound)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct MHD_OptionItem none = {MHD_OPTION_END, 0, NULL};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
            (tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, handle, emu, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_URI_LOG_CALLBACK, begin, emu,
        MHD_OPTION_NOTIFY_COMPLETED, end, emu, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)(1 << 20), MHD_OPTION_ARRAY, tls ? tls : &none, MHD_OPTION_END);
    const union MHD_DaemonInfo *info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    if (info) {
        *bound = info->port;
        return daemon;
    }
    fprintf(stderr, "emulator: cannot listen on 127.0.0.1:%d\n", port);
    if (daemon)
        MHD_stop_daemon(daemon);
    return NULL;
}

static struct MHD_Daemon *listen_tls(struct emulator *emu)
{
    const struct options *o = &emu->options;
    cleanup_free char *key = read_text(o->tls_key), *certificate = read_text(o->tls_certificate);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, certificate},
        {o->tls_priorities ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END, 0, o->tls_priorities},
        {MHD_OPTION_END, 0, NULL}};
    if (key && certificate)
        return listen_on(emu, o->tls_port, tls, &emu->tls_port);
    fprintf(stderr, "emulator: the key or the certificate cannot be read\n");
    return NULL;
}

int server_start(struct emulator *emu, struct server *server)
{
    *server = (struct server){.plain = listen_on(emu, emu->options.port, NULL, &emu->port)};
    if (server->plain && emu->options.tls_certificate)
        server->tls = listen_tls(emu);
    if (server->plain && (server->tls || !emu->options.tls_certificate))
        return 0;
    server_stop(server);
    return -1;
}

void server_stop(struct server *server)
{
    if (server->tls)
        MHD_stop_daemon(server->tls);
    if (server->plain)
        MHD_stop_daemon(server->plain);
}
