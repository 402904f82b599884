/* HTTP on the jobs loop: libcurl tells which sockets and which time it waits for, the loop calls it when they
 * are due.
 *
 * libcurl must not be entered from its own callbacks. They only put facts into the request; deliver() hands
 * those on when libcurl has returned. */
#include "backend/http.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include <curl/curl.h>
#include <utlist.h>

#include "backend/base/buffer.h"
#include "backend/base/loop.h"
#include "backend/http_internal.h"
#include "backend/secrets.h"

#define DEFAULT_LIMIT ((size_t)16 << 20)
#define HEADER_LIMIT 65536 /* bytes of all headers of an answer */
#define LONGEST_RETRY_AFTER_S (365 * 86400)
#define PROGRESS_EVERY_MS 200
#define MOST_KEPT 64L /* idle connections */

struct http {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    char *user_agent, *ca_file, *proxy, *no_proxy;
    struct http_request *requests;
    struct http_request *ready; /* have something to deliver */
};

struct http_request {
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    curl_mime *form;
    char *body;
    struct http_source source;
    struct http_source *part_sources;
    size_t part_count;
    bool is_https, by_proxy;

    void (*on_data)(void *context, const struct http_response *so_far, const char *data, size_t length);
    void (*on_progress)(void *context, int64_t sent, int64_t received);
    void (*done)(void *context, const struct http_response *response);
    void *context;

    struct buffer answer_headers; /* name NUL value NUL … of the last answer */
    struct buffer answer;         /* kept, or waiting for on_data */
    size_t limit;
    size_t received;
    bool too_large;
    int64_t progress_ms, sent_now, received_now;
    bool progressed;

    bool is_ready, in_callback, cancelled, finished;
    CURLcode result;
    char curl_text[CURL_ERROR_SIZE];
    struct http_request *prev, *next;
    struct http_request *ready_prev, *ready_next;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- what libcurl reports ---- */

static void mark_ready(struct http_request *r)
{
    if (r->is_ready)
        return;
    r->is_ready = true;
    DL_APPEND2(r->http->ready, r, ready_prev, ready_next);
}

/* An answer may be preceded by others (100 Continue, redirects); each begins with a status line. */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct http_request *r = arg;
    size_t len = size * count, total = len;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        buffer_clear(&r->answer_headers);
        buffer_clear(&r->answer);
        r->received = 0;
        return total;
    }
    while (len > 0 && strchr("\r\n \t", line[len - 1]))
        len--;
    const char *colon = memchr(line, ':', len);
    if (!colon)
        return total;
    if (r->answer_headers.len + len > HEADER_LIMIT) {
        r->too_large = true;
        return 0;
    }
    size_t name = (size_t)(colon - line), value = name + 1;
    while (value < len && (line[value] == ' ' || line[value] == '\t'))
        value++;
    buffer_add(&r->answer_headers, line, name);
    buffer_add(&r->answer_headers, "", 1);
    buffer_add(&r->answer_headers, line + value, len - value);
    buffer_add(&r->answer_headers, "", 1);
    return buffer_error(&r->answer_headers) ? 0 : total;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_request *r = arg;
    size_t len = size * count;
    if (len > r->limit - r->received) {
        r->too_large = true;
        return 0;
    }
    r->received += len;
    buffer_add(&r->answer, data, len);
    if (r->on_data)
        mark_ready(r);
    return buffer_error(&r->answer) ? 0 : len;
}

static int on_transfer(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    struct http_request *r = arg;
    (void)down_total, (void)up_total;
    r->progressed |= up != r->sent_now || down != r->received_now;
    r->sent_now = up;
    r->received_now = down;
    if (r->progressed && loop_now_ms() - r->progress_ms >= PROGRESS_EVERY_MS)
        mark_ready(r);
    return 0;
}

/* ---- delivering ---- */

const char *http_header(const struct http_response *response, const char *name)
{
    const struct buffer *b = response->headers;
    const char *found = NULL;
    for (size_t i = 0; i < b->len;) {
        const char *value = b->data + i + strlen(b->data + i) + 1;
        if (strcasecmp(b->data + i, name) == 0)
            found = value;
        i = (size_t)(value - b->data) + strlen(value) + 1;
    }
    return found;
}

static enum http_end end_of(const struct http_request *r)
{
    switch (r->result) {
    case CURLE_OK:
        return HTTP_ANSWERED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
        return HTTP_NO_CONNECTION;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return HTTP_UNTRUSTED;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    case CURLE_WRITE_ERROR:
        return r->too_large ? HTTP_TOO_LARGE : HTTP_INTERNAL;
    case CURLE_ABORTED_BY_CALLBACK:
        return HTTP_SOURCE;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return HTTP_INTERNAL;
    default:
        return HTTP_BROKEN;
    }
}

static int source_errno(const struct http_request *r)
{
    for (size_t i = 0; i < r->part_count; i++)
        if (r->part_sources[i].sys)
            return r->part_sources[i].sys;
    return r->source.sys;
}

static int64_t info(const struct http_request *r, CURLINFO which)
{
    curl_off_t value = 0;
    curl_easy_getinfo(r->easy, which, &value);
    return value;
}

/* What a proxy is asked first counts as sent, too; but without a TLS session the other side got nothing of
 * it.
 */
static bool reached_the_proxy_only(const struct http_request *r)
{
    long fresh = 0;
    curl_easy_getinfo(r->easy, CURLINFO_NUM_CONNECTS, &fresh);
    return r->by_proxy && r->is_https && fresh > 0 && info(r, CURLINFO_APPCONNECT_TIME_T) == 0;
}

static void describe(const struct http_request *r, struct http_response *response)
{
    long status = 0, request_bytes = 0, os = 0;
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &os);
    int64_t retry_after =
        info(r, CURLINFO_RETRY_AFTER); /* seconds, from now also when the header gives a date */
    if (retry_after > LONGEST_RETRY_AFTER_S)
        retry_after = LONGEST_RETRY_AFTER_S;
    const char *body = r->answer.data ? r->answer.data : "";
    bool header = r->answer_headers.len &&
                  http_header(&(struct http_response){.headers = &r->answer_headers}, "Retry-After");
    *response = (struct http_response){.end = r->finished ? end_of(r) : HTTP_ANSWERED,
                                       .status = (int)status,
                                       .curl_code = (int)r->result,
                                       .sent = request_bytes > 0 && !reached_the_proxy_only(r),
                                       .body = body,
                                       .length = r->answer.len,
                                       .bytes_sent = info(r, CURLINFO_SIZE_UPLOAD_T),
                                       .bytes_received = (int64_t)r->received,
                                       .retry_after_ms = !header           ? -1
                                                         : retry_after > 0 ? retry_after * 1000
                                                                           : 0,
                                       .headers = &r->answer_headers};
    if (response->end == HTTP_ANSWERED)
        return;
    if (response->end == HTTP_BROKEN && reached_the_proxy_only(r))
        response->end = HTTP_NO_CONNECTION;
    response->sys = response->end == HTTP_SOURCE ? source_errno(r) : (int)os;
    if (response->end == HTTP_SOURCE)
        snprintf(response->detail, sizeof response->detail, "the data to be sent cannot be read: %s",
                 response->sys == ENODATA ? "it ends too early" : strerror(response->sys));
    else if (response->end == HTTP_TOO_LARGE)
        snprintf(response->detail, sizeof response->detail, "the answer is larger than %zu bytes", r->limit);
    else
        snprintf(response->detail, sizeof response->detail, "%.*s", (int)sizeof response->detail - 1,
                 r->curl_text[0] ? r->curl_text : curl_easy_strerror(r->result));
}

static void request_free(struct http_request *r)
{
    if (r->easy) {
        curl_multi_remove_handle(r->http->multi, r->easy); /* harmless if it is no longer in there */
        curl_easy_cleanup(r->easy);
    }
    if (r->is_ready) /* only now: libcurl reports progress even from the calls above */
        DL_DELETE2(r->http->ready, r, ready_prev, ready_next);
    curl_mime_free(r->form);
    for (struct curl_slist *h = r->headers; h; h = h->next)
        explicit_bzero(h->data, strlen(h->data)); /* one of them may hold a key */
    curl_slist_free_all(r->headers);
    free(r->body);
    free(r->part_sources);
    buffer_clear(&r->answer_headers);
    buffer_clear(&r->answer);
    DL_DELETE(r->http->requests, r);
    free(r);
}

static bool wants_data(const struct http_request *r, const struct http_response *response)
{
    return r->on_data && response->status >= 200 && response->status <= 299;
}

/* Calls back until the request is cancelled, or gone, or has nothing more to say. */
static void deliver_one(struct http_request *r)
{
    struct http_response response;
    r->in_callback = true;
    describe(r, &response);
    if (r->answer.len && wants_data(r, &response)) {
        struct buffer data = r->answer;
        r->answer = (struct buffer){0};
        describe(r, &response);
        r->on_data(r->context, &response, data.data, data.len);
        buffer_clear(&data);
    }
    bool progress_due = r->finished || loop_now_ms() - r->progress_ms >= PROGRESS_EVERY_MS;
    if (!r->cancelled && r->progressed && progress_due && r->on_progress) {
        r->progressed = false;
        r->progress_ms = loop_now_ms();
        r->on_progress(r->context, r->sent_now, r->received_now);
    }
    if (!r->cancelled && r->finished && r->done)
        r->done(r->context, &response);
    r->in_callback = false;
    if (r->cancelled || r->finished)
        request_free(r);
}

static void deliver(struct http *http)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct http_request *r = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
        r->result = message->data.result;
        r->finished = true;
        curl_multi_remove_handle(http->multi, r->easy);
        mark_ready(r);
    }
    while (http->ready) {
        struct http_request *r = http->ready;
        DL_DELETE2(http->ready, r, ready_prev, ready_next);
        r->is_ready = false;
        deliver_one(r);
    }
}

/* ---- between libcurl and the loop ---- */

static void on_timer(void *arg)
{
    struct http *http = arg;
    int running;
    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    deliver(http);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
    struct http *http = arg;
    (void)multi;
    if (ms < 0)
        loop_timer_stop(http->timer);
    else
        loop_timer_after(http->timer, ms);
    return 0;
}

struct socket_watch {
    struct http *http;
    curl_socket_t fd;
    struct loop_watch *watch;
};

static void on_socket(void *arg, uint32_t events)
{
    struct socket_watch *socket = arg;
    struct http *http = socket->http;
    int mask = 0, running;
    if (events & EPOLLIN)
        mask |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        mask |= CURL_CSELECT_OUT;
    if (events & (EPOLLERR | EPOLLHUP))
        mask |= CURL_CSELECT_ERR;
    curl_multi_socket_action(http->multi, socket->fd, mask, &running); /* may free the socket_watch */
    deliver(http);
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct http *http = arg;
    struct socket_watch *socket = socket_arg;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket)
            loop_unwatch(socket->watch);
        free(socket);
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    if (socket)
        return loop_watch_events(socket->watch, events) ? -1 : 0;
    socket = calloc(1, sizeof *socket);
    if (!socket)
        return -1;
    *socket = (struct socket_watch){.http = http, .fd = fd};
    socket->watch = loop_watch(http->loop, fd, events, on_socket, socket);
    if (!socket->watch || curl_multi_assign(http->multi, fd, socket) != CURLM_OK) {
        loop_unwatch(socket->watch);
        free(socket);
        return -1;
    }
    return 0;
}

/* ---- starting ---- */

static CURLcode set_callbacks(struct http_request *r)
{
    CURLcode rc = curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
    rc = rc ? rc : curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->curl_text);
    rc = rc ? rc : curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header);
    rc = rc ? rc : curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, r);
    rc = rc ? rc : curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
    rc = rc ? rc : curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
    rc = rc ? rc : curl_easy_setopt(r->easy, CURLOPT_XFERINFOFUNCTION, on_transfer);
    rc = rc ? rc : curl_easy_setopt(r->easy, CURLOPT_XFERINFODATA, r);
    return rc ? rc : curl_easy_setopt(r->easy, CURLOPT_NOPROGRESS, 0L);
}

static CURLcode set_source(struct http_request *r, const struct http_call *call)
{
    if (call->range) {
        r->source = (struct http_source){.range = *call->range};
    } else {
        r->body = malloc(call->body_length + 1);
        if (!r->body)
            return CURLE_OUT_OF_MEMORY;
        if (call->body_length)
            memcpy(r->body, call->body, call->body_length);
        r->source = (struct http_source){.data = r->body, .range.length = (int64_t)call->body_length};
    }
    bool put = strcmp(call->method, "PUT") == 0;
    CURLcode rc = curl_easy_setopt(r->easy, put ? CURLOPT_UPLOAD : CURLOPT_POST, 1L);
    rc = rc ? rc
            : curl_easy_setopt(r->easy, put ? CURLOPT_INFILESIZE_LARGE : CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)r->source.range.length);
    rc = rc ? rc : curl_easy_setopt(r->easy, CURLOPT_READFUNCTION, http_source_read);
    rc = rc ? rc : curl_easy_setopt(r->easy, CURLOPT_READDATA, &r->source);
    rc = rc ? rc : curl_easy_setopt(r->easy, CURLOPT_SEEKFUNCTION, http_source_seek);
    return rc ? rc : curl_easy_setopt(r->easy, CURLOPT_SEEKDATA, &r->source);
}

static CURLcode set_body(struct http_request *r, const struct http_call *call)
{
    bool get = strcmp(call->method, "GET") == 0, head = strcmp(call->method, "HEAD") == 0;
    if (get || head)
        return curl_easy_setopt(r->easy, head ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1L);
    bool sends = strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0;
    if (!sends)
        return curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, call->method);
    if (!call->parts)
        return set_source(r, call);
    r->part_count = call->part_count;
    r->part_sources = calloc(call->part_count ? call->part_count : 1, sizeof *r->part_sources);
    if (!r->part_sources || http_form(r->easy, call->parts, call->part_count, r->part_sources, &r->form) != 0)
        return CURLE_OUT_OF_MEMORY;
    return curl_easy_setopt(r->easy, CURLOPT_MIMEPOST, r->form);
}

static CURLcode add_header(struct http_request *r, const char *header)
{
    struct curl_slist *longer = curl_slist_append(r->headers, header);
    if (!longer)
        return CURLE_OUT_OF_MEMORY;
    r->headers = longer;
    return CURLE_OK;
}

/* "Expect: 100-continue" would cost a second wherever the other side does not know it. */
static CURLcode set_headers(struct http_request *r, const struct http_call *call)
{
    CURLcode rc = add_header(r, "Expect:");
    for (const char *const *h = call->headers; h && *h && rc == CURLE_OK; h++)
        rc = strpbrk(*h, "\r\n") ? CURLE_BAD_FUNCTION_ARGUMENT : add_header(r, *h);
    return rc ? rc : curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
}

struct http_request *http_start(struct http *http, const struct http_call *call, struct error *err)
{
    enum http_address address = http_address(call->url);
    if (address == ADDRESS_BAD || (address == ADDRESS_HTTP && !call->plain_http)) {
        error_set(err, ERROR_PERSON, EINVAL, "http.request", "the address is %s",
                  address == ADDRESS_BAD ? "not a usable http address" : "not https");
        return NULL;
    }
    struct http_request *r = calloc(1, sizeof *r);
    if (!r) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "http.request", "out of memory");
        return NULL;
    }
    r->http = http;
    r->on_data = call->on_data;
    r->on_progress = call->on_progress;
    r->done = call->done;
    r->context = call->context;
    r->limit = call->response_limit ? call->response_limit : DEFAULT_LIMIT;
    r->is_https = strncasecmp(call->url, "https:", 6) == 0;
    r->by_proxy = http->proxy && address != ADDRESS_LOOPBACK; /* this machine needs none */
    DL_APPEND(http->requests, r);
    r->easy = curl_easy_init();
    struct http_config config = {http->user_agent, http->ca_file, http->proxy, http->no_proxy};
    CURLcode rc = r->easy ? curl_easy_setopt(r->easy, CURLOPT_URL, call->url) : CURLE_OUT_OF_MEMORY;
    rc = rc ? rc : set_callbacks(r);
    rc = rc ? rc : http_set_limits(r->easy, call);
    rc = rc ? rc : http_set_manners(r->easy, &config, call, r->by_proxy);
    rc = rc ? rc : set_body(r, call);
    rc = rc ? rc : set_headers(r, call);
    if (rc == CURLE_OK && curl_multi_add_handle(http->multi, r->easy) != CURLM_OK)
        rc = CURLE_FAILED_INIT;
    if (rc != CURLE_OK) {
        bool memory = rc == CURLE_OUT_OF_MEMORY;
        error_set(err, memory ? ERROR_TRANSIENT : ERROR_PERSON, memory ? ENOMEM : EINVAL, "http.request",
                  "%s", curl_easy_strerror(rc));
        request_free(r);
        return NULL;
    }
    return r;
}

void http_cancel(struct http_request *r)
{
    if (!r)
        return;
    r->cancelled = true;
    if (!r->in_callback)
        request_free(r);
}

/* ---- life ---- */

static int copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return from && !*to ? -ENOMEM : 0;
}

int http_new(struct loop *loop, const struct http_config *config, struct http **out)
{
    pthread_once(&global_once, global_start);
    int rc = config->ca_file ? http_check_authorities(config->ca_file) : 0;
    if (rc)
        return rc;
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return -ENOMEM;
    http->loop = loop;
    http->timer = loop_timer(loop, on_timer, http);
    http->multi = curl_multi_init();
    if (!http->timer || !http->multi || copy_text(&http->user_agent, config->user_agent) ||
        copy_text(&http->ca_file, config->ca_file) || copy_text(&http->proxy, config->proxy) ||
        copy_text(&http->no_proxy, config->no_proxy)) {
        http_free(http);
        return -ENOMEM;
    }
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, MOST_KEPT);
    *out = http;
    return 0;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    while (http->requests)
        request_free(http->requests);
    curl_multi_cleanup(http->multi); /* closes kept connections, which may still use timer and sockets */
    loop_timer_free(http->timer);
    free(http->user_agent);
    free(http->ca_file);
    secret_free(http->proxy); /* may hold a password */
    free(http->no_proxy);
    free(http);
}
