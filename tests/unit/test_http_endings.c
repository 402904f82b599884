/* The HTTP client: what it reports of every kind of ending. */
#include "tests/unit/http_tests.h"

/* ---- endings ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nobody_listening_means_nothing_was_sent),
        CASE(a_reset_after_the_request_is_broken_and_sent),
        CASE(a_request_that_may_go_once_only_is_not_repeated_on_a_dead_connection),
        CASE(connections_are_kept_and_used_again),
        CASE(silence_ends_at_the_total_limit),
        CASE(a_stalled_answer_ends_at_the_low_speed_limit),
        CASE(no_callback_comes_after_a_cancel),
        CASE(a_callback_may_cancel_another_request),
        CASE(freeing_the_client_cancels_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
