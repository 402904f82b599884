/* The HTTP client: what it sends and what it receives. */
#include "tests/unit/http_tests.h"

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
    w->reply.headers[0] = "Retry-After: 9223372036854775000";
    go(w, "/", (struct http_call){0});
    assert_int_equal(w->got.retry_after_ms, INT64_C(365) * 86400 * 1000);
}

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
