/* The HTTP client: what it sends, what it reports of every kind of ending, what it refuses. */
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

static void serve(void *context, const struct web_request *request, struct web_reply *reply)
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

static void too_late(void *arg)
{
    (void)arg;
    fail_msg("nothing happened for a long time");
}

static int setup(void **state)
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

static int teardown(void **state)
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

static void on_done(void *context, const struct http_response *response)
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

static void on_data(void *context, const struct http_response *so_far, const char *data, size_t length)
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

static void on_progress(void *context, int64_t sent, int64_t received)
{
    struct world *w = context;
    assert_true(sent >= w->progress_sent && received >= w->progress_received);
    w->progress_sent = sent;
    w->progress_received = received;
    w->progress++;
}

/* Sends the call to `path` of the server and waits for the end. */
static void go(struct world *w, const char *path, struct http_call call)
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

/* ---- sending ---- */

static void a_get_brings_status_headers_and_body(void **state)
{
    struct world *w = *state;
    web_say(&w->reply, 404, "no such thing");
    w->reply.headers[0] = "X-Request-Id: r-1";
    w->reply.headers[1] = "X-Request-Id: r-2";
    w->look_at = "x-request-id";
    go(w, "/x", (struct http_call){0});
    assert_int_equal(w->got.end, HTTP_ANSWERED);
    assert_int_equal(w->got.status, 404);
    assert_string_equal(w->body, "no such thing");
    assert_int_equal(w->got.length, 13);
    assert_string_equal(w->got_header, "r-2");
    assert_true(w->got.sent);
    assert_int_equal(w->got.retry_after_ms, -1);
    assert_string_equal(w->method, "GET");
}

static void the_target_is_sent_byte_for_byte(void **state)
{
    struct world *w = *state;
    static const char *const targets[] = {
        "/prod/10%3A15/4f-1.json?Expires=1&Signature=ab%2Bc%2F%3D&x=attachment%3Bfilename%3Da.json",
        "/a/../b/./c//d?q=a+b&r=%zz&s",
        "/%E4%BD%A0/~tilde'()*!",
        "/?a=b%20c",
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        go(w, targets[i], (struct http_call){0});
        assert_string_equal(w->target, targets[i]);
    }
}

static void headers_are_sent_as_given(void **state)
{
    struct world *w = *state;
    w->look_at = "Authorization";
    go(w, "/",
       (struct http_call){.headers = (const char *const[]){"Authorization: Bearer sk-1", "X-A: b", NULL}});
    assert_string_equal(w->header, "Bearer sk-1");
    w->look_at = "User-Agent";
    go(w, "/", (struct http_call){0});
    assert_string_equal(w->header, "tester/1");
    w->look_at = "Expect";
    assert_int_equal(ftruncate(w->fd, 2 << 20), 0); /* libcurl would ask for leave to send that much */
    go(w, "/", (struct http_call){.method = "PUT", .range = &(struct http_range){w->fd, 0, 2 << 20}});
    assert_null(w->header);
}

static void a_header_with_a_line_break_is_refused(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    struct http_call call = {.method = "GET",
                             .url = w->web->base,
                             .headers = (const char *const[]){"X-A: b\r\nX-C: d", NULL},
                             .done = on_done,
                             .context = w};
    assert_null(http_start(w->http, &call, &err));
    assert_string_equal(err.code, "http.request");
}

static void a_body_in_memory_is_posted_with_its_zero_bytes(void **state)
{
    struct world *w = *state;
    go(w, "/", (struct http_call){.method = "POST", .body = "a\0b", .body_length = 3});
    assert_string_equal(w->method, "POST");
    assert_int_equal(w->sent.len, 3);
    assert_memory_equal(w->sent.data, "a\0b", 3);
    assert_int_equal(w->got.bytes_sent, 3);
}

static void methods_and_empty_bodies(void **state)
{
    struct world *w = *state;
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "HEAD"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        go(w, "/", (struct http_call){.method = methods[i]});
        assert_string_equal(w->method, methods[i]);
        assert_int_equal(w->got.end, HTTP_ANSWERED);
        assert_int_equal(w->sent_length, 0);
    }
}

static void a_range_of_a_file_is_put(void **state)
{
    struct world *w = *state;
    assert_int_equal(write(w->fd, "0123456789", 10), 10);
    go(w, "/", (struct http_call){.method = "PUT", .range = &(struct http_range){w->fd, 3, 4}});
    assert_string_equal(w->method, "PUT");
    assert_int_equal(w->sent.len, 4);
    assert_memory_equal(w->sent.data, "3456", 4);
    assert_int_equal(lseek(w->fd, 0, SEEK_CUR), 10);
}

static void a_form_carries_texts_and_then_the_file(void **state)
{
    struct world *w = *state;
    assert_int_equal(write(w->fd, "RIFFdata", 8), 8);
    struct http_part parts[] = {
        {.name = "key", .value = "dir/a.wav"},
        {.name = "policy", .value = "eyJ="},
        {.name = "file", .file = {w->fd, 0, 8}, .file_name = "a.wav", .content_type = "audio/wav"}};
    go(w, "/", (struct http_call){.method = "POST", .parts = parts, .part_count = 3});
    assert_non_null(strstr(w->type, "multipart/form-data; boundary="));
    const char *key = strstr(w->sent.data, "name=\"key\"\r\n\r\ndir/a.wav\r\n");
    const char *policy = strstr(w->sent.data, "name=\"policy\"\r\n\r\neyJ=\r\n");
    const char *file = strstr(
        w->sent.data, "name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFFdata\r\n");
    assert_true(key && policy && file && key < policy && policy < file);
}

static long peak_kb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void a_large_file_is_sent_with_little_memory_and_progress(void **state)
{
    struct world *w = *state;
    int64_t size = (int64_t)200 << 20;
    assert_int_equal(ftruncate(w->fd, size), 0);
    w->web->discard = true;
    long before = peak_kb();
    go(w, "/",
       (struct http_call){
           .method = "PUT", .range = &(struct http_range){w->fd, 0, size}, .on_progress = on_progress});
    assert_int_equal(w->got.end, HTTP_ANSWERED);
    assert_int_equal(w->sent_length, size);
    assert_int_equal(w->got.bytes_sent, size);
    assert_true(w->progress > 0);
    assert_int_equal(w->progress_sent, size);
    assert_true(peak_kb() - before < 32 * 1024);
}

static void a_file_that_has_become_shorter_ends_the_request(void **state)
{
    struct world *w = *state;
    assert_int_equal(write(w->fd, "0123456789", 10), 10);
    go(w, "/", (struct http_call){.method = "PUT", .range = &(struct http_range){w->fd, 0, 20}});
    assert_int_equal(w->got.end, HTTP_SOURCE);
    assert_int_equal(w->got.sys, ENODATA);
    struct http_part part = {.name = "file", .file = {w->fd, 0, 20}, .file_name = "a"};
    go(w, "/", (struct http_call){.method = "POST", .parts = &part, .part_count = 1});
    assert_int_equal(w->got.end, HTTP_SOURCE);
    assert_int_equal(w->got.sys, ENODATA);
}

/* ---- receiving ---- */

static void an_answer_above_the_limit_ends_the_request(void **state)
{
    struct world *w = *state;
    buffer_fill(&w->reply.body, 'x', 5000);
    for (int chunked = 0; chunked < 2; chunked++) {
        w->reply.piece = chunked ? 512 : 0;
        go(w, "/", (struct http_call){.response_limit = 4999});
        assert_int_equal(w->got.end, HTTP_TOO_LARGE);
        go(w, "/", (struct http_call){.response_limit = 4999, .on_data = on_data});
        assert_int_equal(w->got.end, HTTP_TOO_LARGE);
        go(w, "/", (struct http_call){.response_limit = 5000});
        assert_int_equal(w->got.end, HTTP_ANSWERED);
        assert_int_equal(w->got.length, 5000);
    }
}

static void huge_headers_end_the_request(void **state)
{
    struct world *w = *state;
    char huge[9000];
    memset(huge, 'h', sizeof huge);
    memcpy(huge, "X-Huge: ", 8);
    huge[sizeof huge - 1] = '\0';
    for (int i = 0; i < 7; i++)
        w->reply.headers[i] = huge;
    go(w, "/", (struct http_call){0});
    assert_int_equal(w->got.end, HTTP_ANSWERED);
    w->reply.headers[7] = huge;
    go(w, "/", (struct http_call){0});
    assert_int_equal(w->got.end, HTTP_TOO_LARGE);
}

static void an_answer_that_breaks_off_is_broken(void **state)
{
    struct world *w = *state;
    buffer_fill(&w->reply.body, 'x', 5000);
    w->reply.cut = true;
    for (int chunked = 0; chunked < 2; chunked++) {
        w->reply.piece = chunked ? 512 : 0;
        go(w, "/", (struct http_call){0});
        assert_int_equal(w->got.end, HTTP_BROKEN);
        assert_true(w->got.sent);
        assert_true(w->got.detail[0]);
        assert_int_equal(w->got.status, 200);
    }
}

static void a_stream_is_handed_on_in_pieces(void **state)
{
    struct world *w = *state;
    web_say(&w->reply, 200, "data: \xe4\xbd\xa0\xe5\xa5\xbd\n\n");
    w->reply.piece = 1;
    go(w, "/", (struct http_call){.on_data = on_data});
    assert_int_equal(w->got.end, HTTP_ANSWERED);
    assert_string_equal(w->streamed.data, "data: \xe4\xbd\xa0\xe5\xa5\xbd\n\n");
    assert_string_equal(w->body, "");
    assert_int_equal(w->got.bytes_received, (int64_t)w->streamed.len);
}

static void the_body_of_an_error_is_kept_although_a_stream_was_wanted(void **state)
{
    struct world *w = *state;
    web_say(&w->reply, 500, "{\"code\":\"InternalError\"}");
    go(w, "/", (struct http_call){.on_data = on_data});
    assert_int_equal(w->pieces, 0);
    assert_string_equal(w->body, "{\"code\":\"InternalError\"}");
}

static void retry_after_is_reported_in_both_forms(void **state)
{
    struct world *w = *state;
    w->reply.status = 429;
    w->reply.headers[0] = "Retry-After: 7";
    go(w, "/", (struct http_call){0});
    assert_int_equal(w->got.retry_after_ms, 7000);
    w->reply.headers[0] = "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT";
    go(w, "/", (struct http_call){0});
    assert_int_equal(w->got.retry_after_ms, 0);
}

/* ---- endings ---- */

/* A port of this machine where nobody listens. */
static int free_port(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &size), 0);
    close(fd);
    return ntohs(here.sin_port);
}

static void nobody_listening_means_nothing_was_sent(void **state)
{
    struct world *w = *state;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", free_port());
    go(w, NULL, (struct http_call){.method = "POST", .url = url, .body = "x", .body_length = 1});
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION);
    assert_false(w->got.sent);
    assert_int_equal(w->got.status, 0);
}

/* A server of plain sockets: answers the first `answers` requests, then breaks the connection with a reset.
 */
struct rude {
    struct world *world;
    struct loop_watch *listener, *connection[8];
    int fd[8], connections, requests, answers;
};

static void rude_reads(void *arg, uint32_t events)
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

static void rude_accepts(void *arg, uint32_t events)
{
    struct rude *rude = arg;
    (void)events;
    int i = rude->connections++;
    assert_true(i < 8);
    rude->fd[i] = accept(rude->fd[7], NULL, NULL);
    rude->connection[i] = loop_watch(rude->world->loop, rude->fd[i], EPOLLIN, rude_reads, rude);
}

static void rude_start(struct world *w, struct rude *rude, int answers, char *url, size_t size)
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

static void rude_end(struct rude *rude)
{
    loop_unwatch(rude->listener);
    close(rude->fd[7]);
    for (int i = 0; i < rude->connections; i++)
        if (rude->fd[i] >= 0) {
            loop_unwatch(rude->connection[i]);
            close(rude->fd[i]);
        }
}

static void a_reset_after_the_request_is_broken_and_sent(void **state)
{
    struct world *w = *state;
    struct rude rude;
    char url[64];
    rude_start(w, &rude, 0, url, sizeof url);
    go(w, NULL, (struct http_call){.method = "POST", .url = url, .body = "x", .body_length = 1});
    assert_int_equal(w->got.end, HTTP_BROKEN);
    assert_true(w->got.sent);
    rude_end(&rude);
}

/* libcurl itself repeats a request when a kept connection turns out to be dead; what costs money must not be
 * repeated. */
static void a_request_that_may_go_once_only_is_not_repeated_on_a_dead_connection(void **state)
{
    struct world *w = *state;
    for (int once = 0; once < 2; once++) {
        struct rude rude;
        char url[64];
        rude_start(w, &rude, 1, url, sizeof url);
        struct http_call call = {.method = "POST", .url = url, .body = "x", .body_length = 1, .once = once};
        go(w, NULL, call);
        assert_int_equal(w->got.end, HTTP_ANSWERED);
        go(w, NULL, call);
        assert_int_equal(w->got.end, HTTP_BROKEN);
        assert_int_equal(rude.requests, once ? 2 : 3);
        rude_end(&rude);
    }
}

static void connections_are_kept_and_used_again(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 5; i++)
        go(w, "/", (struct http_call){0});
    assert_int_equal(w->web->requests, 5);
    assert_int_equal(w->web->connections, 1);
    go(w, "/", (struct http_call){.once = true});
    assert_int_equal(w->web->connections, 2);
}

static void silence_ends_at_the_total_limit(void **state)
{
    struct world *w = *state;
    w->reply.hang = true;
    go(w, "/", (struct http_call){.total_ms = 100});
    assert_int_equal(w->got.end, HTTP_TIMEOUT);
    assert_true(w->got.sent);
}

static void a_stalled_answer_ends_at_the_low_speed_limit(void **state)
{
    struct world *w = *state;
    web_say(&w->reply, 200, "half of this never comes");
    w->reply.stall = true;
    go(w, "/", (struct http_call){.low_speed_seconds = 1, .on_data = on_data});
    assert_int_equal(w->got.end, HTTP_TIMEOUT);
    assert_string_equal(w->streamed.data, "half of this");
}

static void no_callback_comes_after_a_cancel(void **state)
{
    struct world *w = *state;
    web_say(&w->reply, 200, "0123456789");
    w->reply.piece = 1;
    w->cancel_on_data = true;
    go(w, "/", (struct http_call){.on_data = on_data});
    assert_int_equal(w->pieces, 1);
    go(w, "/", (struct http_call){.on_data = on_data}); /* a second one on the same client: it still works */
    assert_int_equal(w->pieces, 2);
    assert_int_equal(w->done, 0);
    http_cancel(NULL);
}

static void a_callback_may_cancel_another_request(void **state)
{
    struct world *w = *state;
    web_say(&w->reply, 200, "0123456789");
    char url[80];
    snprintf(url, sizeof url, "%s/other", w->web->base);
    w->other = http_start(
        w->http,
        &(struct http_call){.method = "GET", .url = url, .done = on_done, .context = w, .total_ms = -1},
        NULL);
    assert_non_null(w->other);
    w->cancel_other = true;
    w->reply.piece = 1;
    go(w, "/", (struct http_call){.on_data = on_data});
    assert_int_equal(w->done, 1);
    go(w, "/", (struct http_call){.on_data = on_data});
    assert_int_equal(w->done, 2);
}

static void freeing_the_client_cancels_what_runs(void **state)
{
    struct world *w = *state;
    w->reply.hang = true;
    char url[80];
    snprintf(url, sizeof url, "%s/", w->web->base);
    for (int i = 0; i < 3; i++)
        assert_non_null(http_start(
            w->http, &(struct http_call){.method = "GET", .url = url, .done = on_done, .context = w}, NULL));
    http_free(w->http);
    w->http = NULL;
    assert_int_equal(w->done, 0);
}

/* ---- what it refuses, and whom it trusts ---- */

static void addresses_that_are_refused(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *url;
        bool plain_http, fine;
    } cases[] = {
        {"https://service.invalid/x", false, true},
        {"http://service.invalid/x", false, false},
        {"http://service.invalid/x", true, true},
        {"http://127.0.0.1:1/", false, true},
        {"http://127.9.9.9:1/", false, true},
        {"http://[::1]:1/", false, true},
        {"http://localhost:1/", false, true},
        {"http://bucket.localhost:1/", false, true},
        {"http://127.0.0.1.evil.invalid/", false, false},
        {"http://localhost.evil.invalid/", false, false},
        {"http://10.0.0.1/", false, false},
        {"https://user:secret@service.invalid/", false, false},
        {"ftp://127.0.0.1/", true, false},
        {"file:///etc/passwd", true, false},
        {"gopher://127.0.0.1/", true, false},
        {"", true, false},
        {"https://", true, false},
        {"127.0.0.1/x", true, false},
        {"https://service.invalid/a b", true, false},
        {"https://service.invalid/a\nb", true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct http_request *r = http_start(w->http,
                                            &(struct http_call){.method = "GET",
                                                                .url = cases[i].url,
                                                                .plain_http = cases[i].plain_http,
                                                                .done = on_done,
                                                                .context = w},
                                            &err);
        if ((r != NULL) != cases[i].fine)
            fail_msg("%s is %s", cases[i].url, r ? "accepted" : "refused");
        assert_true(r || strcmp(err.code, "http.request") == 0);
        assert_null(strstr(err.detail, "secret"));
        http_cancel(r);
    }
}

static void redirects_are_followed_only_when_asked_for(void **state)
{
    struct world *w = *state;
    w->look_at = "Authorization";
    struct http_call call = {.headers = (const char *const[]){"Authorization: Bearer sk-1", NULL}};
    go(w, "/moved", call);
    assert_int_equal(w->got.status, 302);
    assert_string_equal(w->header, "Bearer sk-1");
    call.redirects = true;
    go(w, "/moved", call);
    assert_int_equal(w->got.status, 200);
    assert_string_equal(w->target, "/there");
    assert_null(w->header); /* another host: it does not get the key */
}

static void the_environment_chooses_no_proxy(void **state)
{
    struct world *w = *state;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", free_port());
    setenv("http_proxy", url, 1);
    setenv("all_proxy", url, 1);
    go(w, "/", (struct http_call){0});
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    assert_int_equal(w->got.end, HTTP_ANSWERED);
}

/* ---- proxies ---- */

/* The client, now with a proxy: the rude server or our own, which knows no CONNECT. */
static void use_proxy(struct world *w, const char *proxy, const char *no_proxy)
{
    http_free(w->http);
    struct http_config config = {.proxy = proxy, .no_proxy = no_proxy};
    assert_int_equal(http_new(w->loop, &config, &w->http), 0);
}

static const char *const with_key[] = {"Authorization: Bearer sk-1", NULL};

static void a_proxy_is_asked_for_a_tunnel_and_never_sees_the_key(void **state)
{
    struct world *w = *state;
    use_proxy(w, w->web->base, NULL);
    w->reply.status = 407;
    w->look_at = "Authorization";
    go(w, NULL,
       (struct http_call){.method = "POST",
                          .url = "https://service.invalid/x",
                          .headers = with_key,
                          .body = "secret",
                          .body_length = 6});
    assert_string_equal(w->method, "CONNECT");
    assert_null(w->header);
    assert_int_equal(w->sent.len, 0);
    /* What the proxy refused never reached the service. */
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION);
    assert_false(w->got.sent);
    assert_non_null(strstr(w->got.detail, "407"));
}

static void a_proxy_that_breaks_off_or_is_not_there_means_nothing_was_sent(void **state)
{
    struct world *w = *state;
    struct rude rude;
    char url[64];
    rude_start(w, &rude, 0, url, sizeof url);
    use_proxy(w, url, NULL);
    go(w, NULL,
       (struct http_call){.method = "POST", .url = "https://service.invalid/x", .headers = with_key});
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION);
    assert_false(w->got.sent);
    rude_end(&rude);
    go(w, NULL,
       (struct http_call){.method = "POST", .url = "https://service.invalid/x", .headers = with_key});
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION);
    assert_false(w->got.sent);
}

static void a_proxy_is_not_used_for_this_machine_nor_where_none_is_wanted(void **state)
{
    struct world *w = *state;
    use_proxy(w, w->web->base, ".internal.invalid, service.invalid");
    go(w, "/", (struct http_call){0});
    assert_string_equal(w->target, "/");
    int before = w->web->requests;
    go(w, NULL, (struct http_call){.url = "https://service.invalid/x"});
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION); /* there is no such host */
    go(w, NULL, (struct http_call){.url = "https://a.internal.invalid/x"});
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION);
    assert_int_equal(w->web->requests, before);
    go(w, NULL, (struct http_call){.url = "https://other.invalid/x"});
    assert_int_equal(w->web->requests, before + 1);
}

/* ---- TLS ---- */

static void a_handshake_that_stalls_ends_and_nothing_was_sent(void **state)
{
    struct world *w = *state;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(listen(fd, 8), 0); /* the kernel takes the connection, nobody reads from it */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &length), 0);
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", ntohs(here.sin_port));
    go(w, NULL, (struct http_call){.method = "POST", .url = url, .connect_ms = 100});
    assert_int_equal(w->got.end, HTTP_TIMEOUT);
    assert_false(w->got.sent);
    close(fd);
}

static void authorities_that_cannot_be_read_are_an_error_at_once(void **state)
{
    struct world *w = *state;
    struct http *http;
    char *directory = scratch_new(), *file = scratch_join(directory, "ca.pem");
    assert_int_equal(http_new(w->loop, &(struct http_config){.ca_file = file}, &http), -ENOENT);
    FILE *f = fopen(file, "we");
    fputs("no certificate\n", f);
    fclose(f);
    assert_int_equal(http_new(w->loop, &(struct http_config){.ca_file = file}, &http), -EINVAL);
    free(file);
    scratch_remove(directory);
}

static void this_machine_by_ipv6(void **state)
{
    struct world *w = *state;
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof here;
    struct rude rude;
    char url[64];
    rude_start(w, &rude, 1, url, sizeof url);
    loop_unwatch(rude.listener);
    close(rude.fd[7]);
    rude.fd[7] = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool there = rude.fd[7] >= 0 && bind(rude.fd[7], (struct sockaddr *)&here, sizeof here) == 0;
    if (!there) {
        rude.listener = NULL;
        rude_end(&rude);
        skip(); /* a machine without IPv6 */
    }
    assert_int_equal(listen(rude.fd[7], 8), 0);
    assert_int_equal(getsockname(rude.fd[7], (struct sockaddr *)&here, &length), 0);
    rude.listener = loop_watch(w->loop, rude.fd[7], EPOLLIN, rude_accepts, &rude);
    snprintf(url, sizeof url, "http://[::1]:%d/", ntohs(here.sin6_port));
    go(w, NULL, (struct http_call){.url = url});
    assert_int_equal(w->got.end, HTTP_ANSWERED);
    rude_end(&rude);
}

static char *bio_text(BIO *bio)
{
    char *data;
    long length = BIO_get_mem_data(bio, &data);
    char *text = calloc(1, (size_t)length + 1);
    assert_non_null(text);
    memcpy(text, data, (size_t)length);
    BIO_free(bio);
    return text;
}

/* A key and a certificate for 127.0.0.1, signed by itself, as PEM. */
static void make_certificate(char **key_text, char **certificate_text)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, san, -1);
    X509_EXTENSION_free(san);
    X509_sign(certificate, key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    *key_text = bio_text(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    *certificate_text = bio_text(bio);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void an_unknown_certificate_is_not_trusted(void **state)
{
    struct world *w = *state;
    char *key, *certificate;
    make_certificate(&key, &certificate);
    struct web *tls = web_new(w->loop, key, certificate, serve, w);
    char url[80];
    snprintf(url, sizeof url, "%s/", tls->base);
    go(w, NULL, (struct http_call){.url = url, .method = "POST", .body = "secret", .body_length = 6});
    assert_int_equal(w->got.end, HTTP_UNTRUSTED);
    assert_false(w->got.sent);
    assert_int_equal(tls->requests, 0);

    char *directory = scratch_new(), *file = scratch_join(directory, "ca.pem");
    FILE *f = fopen(file, "we");
    fputs(certificate, f);
    fclose(f);
    http_free(w->http);
    assert_int_equal(http_new(w->loop, &(struct http_config){.ca_file = file}, &w->http), 0);
    go(w, NULL, (struct http_call){.url = url});
    assert_int_equal(w->got.end, HTTP_ANSWERED);
    assert_int_equal(tls->requests, 1);
    /* The certificate is for the address, not for the name. */
    snprintf(url, sizeof url, "https://localhost%s/", strrchr(tls->base, ':'));
    go(w, NULL, (struct http_call){.url = url});
    assert_int_equal(w->got.end, HTTP_UNTRUSTED);
    http_free(w->http);
    w->http = NULL;
    web_free(tls);
    free(file);
    scratch_remove(directory);
    free(key);
    free(certificate);
}

static void no_redirect_leads_from_https_to_http(void **state)
{
    struct world *w = *state;
    char *key, *certificate, url[80];
    make_certificate(&key, &certificate);
    struct web *tls = web_new(w->loop, key, certificate, serve, w);
    char *directory = scratch_new(), *file = scratch_join(directory, "ca.pem");
    FILE *f = fopen(file, "we");
    fputs(certificate, f);
    fclose(f);
    http_free(w->http);
    assert_int_equal(http_new(w->loop, &(struct http_config){.ca_file = file}, &w->http), 0);
    snprintf(url, sizeof url, "%s/moved", tls->base); /* to the plain server */
    for (int plain_http = 0; plain_http < 2; plain_http++) {
        go(w, NULL, (struct http_call){.url = url, .redirects = true, .plain_http = plain_http});
        assert_int_equal(w->got.end, HTTP_BROKEN);
    }
    assert_int_equal(w->web->requests, 0);
    http_free(w->http);
    w->http = NULL;
    web_free(tls);
    free(file);
    scratch_remove(directory);
    free(key);
    free(certificate);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_get_brings_status_headers_and_body),
        CASE(the_target_is_sent_byte_for_byte),
        CASE(headers_are_sent_as_given),
        CASE(a_header_with_a_line_break_is_refused),
        CASE(a_body_in_memory_is_posted_with_its_zero_bytes),
        CASE(methods_and_empty_bodies),
        CASE(a_range_of_a_file_is_put),
        CASE(a_form_carries_texts_and_then_the_file),
        CASE(a_large_file_is_sent_with_little_memory_and_progress),
        CASE(a_file_that_has_become_shorter_ends_the_request),
        CASE(an_answer_above_the_limit_ends_the_request),
        CASE(huge_headers_end_the_request),
        CASE(an_answer_that_breaks_off_is_broken),
        CASE(a_stream_is_handed_on_in_pieces),
        CASE(the_body_of_an_error_is_kept_although_a_stream_was_wanted),
        CASE(retry_after_is_reported_in_both_forms),
        CASE(nobody_listening_means_nothing_was_sent),
        CASE(a_reset_after_the_request_is_broken_and_sent),
        CASE(a_request_that_may_go_once_only_is_not_repeated_on_a_dead_connection),
        CASE(connections_are_kept_and_used_again),
        CASE(silence_ends_at_the_total_limit),
        CASE(a_stalled_answer_ends_at_the_low_speed_limit),
        CASE(no_callback_comes_after_a_cancel),
        CASE(a_callback_may_cancel_another_request),
        CASE(freeing_the_client_cancels_what_runs),
        CASE(addresses_that_are_refused),
        CASE(redirects_are_followed_only_when_asked_for),
        CASE(the_environment_chooses_no_proxy),
        CASE(a_proxy_is_asked_for_a_tunnel_and_never_sees_the_key),
        CASE(a_proxy_that_breaks_off_or_is_not_there_means_nothing_was_sent),
        CASE(a_proxy_is_not_used_for_this_machine_nor_where_none_is_wanted),
        CASE(a_handshake_that_stalls_ends_and_nothing_was_sent),
        CASE(authorities_that_cannot_be_read_are_an_error_at_once),
        CASE(this_machine_by_ipv6),
        CASE(an_unknown_certificate_is_not_trusted),
        CASE(no_redirect_leads_from_https_to_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
