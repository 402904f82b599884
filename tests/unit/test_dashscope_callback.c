/* The listener for notices of the service: what it believes, and what it survives. */
#include "tests/unit/event_signer.h"

/* ---- the listener ---- */

struct world {
    struct loop *loop;
    struct loop_timer *safety;
    struct http *http;
    struct web *web; /* serves the certificate and queries */
    struct service service;
    struct budget *budget;
    struct poller *poller;
    struct callback *callback;
    struct signer signer;
    bool no_certificate;
    int queries, certificates, answers, status, addresses;
    char result_url[100];
};

static void serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    struct world *w = context;
    if (strncmp(request->target, "/api/v1/tasks/", 14) == 0) {
        w->queries++;
        web_say(reply, 200,
                "{\"output\":{\"task_id\":\"t\",\"task_status\":\"SUCCEEDED\",\"result\":{\"transcription_"
                "url\":\"https://asked\"}}}");
    } else if (w->no_certificate) {
        web_say(reply, 404, "");
    } else {
        w->certificates++;
        web_say(reply, 200, w->signer.certificate);
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
    struct error err = {0};
    assert_int_equal(loop_new(&w->loop), 0);
    w->safety = loop_timer(w->loop, too_late, w);
    loop_timer_after(w->safety, 20000);
    assert_int_equal(http_new(w->loop, &(struct http_config){0}, &w->http), 0);
    w->web = web_new(w->loop, NULL, NULL, serve, w);
    w->signer = signer_new();
    setenv("DASHSCOPE_API_KEY", "sk-1", 1);
    assert_int_equal(
        service_init(&w->service, w->http, &(struct dashscope_settings){.host = w->web->base}, NULL), 0);
    w->budget = budget_new(w->loop, 6000);
    w->poller = poller_new(&(struct poller_config){
        .loop = w->loop, .service = &w->service, .budget = w->budget, .first_ms = 600000});
    w->callback =
        callback_new(&(struct callback_config){.loop = w->loop,
                                               .http = w->http,
                                               .poller = w->poller,
                                               .listen = "127.0.0.1:0",
                                               .url = TARGET,
                                               .token = "tok",
                                               .certificate_host = w->web->base + strlen("http://")},
                     &err);
    if (!w->callback)
        fail_msg("%s", err.detail);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    callback_free(w->callback);
    poller_free(w->poller);
    budget_free(w->budget);
    service_clear(&w->service);
    http_free(w->http);
    web_free(w->web);
    loop_timer_free(w->safety);
    loop_free(w->loop);
    signer_free(&w->signer);
    free(w);
    return 0;
}

static void on_delivered(void *context, const struct http_response *response)
{
    struct world *w = context;
    w->status = response->end == HTTP_ANSWERED ? response->status : -1;
    loop_stop(w->loop);
}

static void on_answer(void *context, const struct task_answer *answer)
{
    struct world *w = context;
    w->answers++;
    snprintf(w->result_url, sizeof w->result_url, "%s", answer->result_url ? answer->result_url : "");
    loop_stop(w->loop);
}

static void on_running(void *context)
{
    (void)context;
}

static void on_failed(void *context, const struct error *error)
{
    (void)context;
    fail_msg("%s", error->detail);
}

static const struct poller_events events = {on_running, on_answer, on_failed};

enum trick { HONEST, TAMPERED, OLD, NO_SIGNATURE, WRONG_TOKEN, WRONG_HOST, GET_INSTEAD, OTHER_CERTIFICATE };

static int deliver(struct world *w, const char *body, enum trick trick)
{
    char url[64], timestamp[32], cert_url[160], line[6][700];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/events?x=1", callback_port(w->callback));
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)(time(NULL) - (trick == OLD ? 100 : 0)) * 1000);
    snprintf(cert_url, sizeof cert_url, "%s/cert%d.pem",
             trick == WRONG_HOST ? "http://127.0.0.2:1" : w->web->base,
             trick == OTHER_CERTIFICATE ? ++w->addresses : 0);
    struct event_headers h = {.timestamp = timestamp,
                              .hash_method = "SHA256",
                              .version = "1.0",
                              .url = cert_url,
                              .token = trick == WRONG_TOKEN ? "tak" : "tok"};
    char *signature = sign_v2(&w->signer, &h, TARGET, body);
    snprintf(line[0], sizeof line[0], "x-eventbridge-signature-timestamp: %s", timestamp);
    snprintf(line[1], sizeof line[1], "X-Eventbridge-Hash-Method: SHA256");
    snprintf(line[2], sizeof line[2], "x-eventbridge-signature-version: 1.0");
    snprintf(line[3], sizeof line[3], "x-eventbridge-signature-url: %s", cert_url);
    snprintf(line[4], sizeof line[4], "x-eventbridge-signature-token: %s", h.token);
    snprintf(line[5], sizeof line[5], "x-eventbridge-signature-v2: %s", signature);
    const char *lines[] = {
        line[0], line[1], line[2], line[3], line[4], trick == NO_SIGNATURE ? NULL : line[5], NULL};
    char *sent = strdup(body);
    if (trick == TAMPERED)
        sent[strlen(sent) - 1] = ' ';
    w->status = 0;
    assert_non_null(http_start(w->http,
                               &(struct http_call){.method = trick == GET_INSTEAD ? "GET" : "POST",
                                                   .url = url,
                                                   .headers = lines,
                                                   .body = sent,
                                                   .body_length = strlen(sent),
                                                   .done = on_delivered,
                                                   .context = w},
                               NULL));
    while (!w->status)
        loop_run(w->loop);
    free(signature);
    free(sent);
    return w->status;
}

#define RESULT                                                                                               \
    EVENT("\"task_id\":\"t\",\"contain_result\":true,\"output_result\":{\"output\":{\"task_id\":\"t\","      \
          "\"task_status\":"                                                                                 \
          "\"SUCCEEDED\",\"result\":{\"transcription_url\":\"https://told\"}}}")

static void a_signed_event_ends_its_task_without_a_query(void **state)
{
    struct world *w = *state;
    poller_watch(w->poller, "t", (int64_t)time(NULL) * 1000, &events, w);
    assert_int_equal(deliver(w, RESULT, HONEST), 200);
    assert_int_equal(w->answers, 1);
    assert_string_equal(w->result_url, "https://told");
    assert_int_equal(w->queries, 0);
    assert_int_equal(deliver(w, RESULT, HONEST), 200); /* again: nothing happens */
    assert_int_equal(w->answers, 1);
    assert_int_equal(w->certificates, 1); /* kept */
}

static void an_event_without_a_result_causes_one_query(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 20; i++) { /* whose turn comes much later */
        char id[20];
        snprintf(id, sizeof id, "u-%d", i);
        poller_watch(w->poller, id, (int64_t)time(NULL) * 1000, &events, w);
    }
    poller_watch(w->poller, "t", (int64_t)time(NULL) * 1000, &events, w);
    assert_int_equal(deliver(w, EVENT("\"task_id\":\"t\",\"contain_result\":false"), HONEST), 200);
    while (!w->answers)
        loop_run(w->loop);
    assert_string_equal(w->result_url, "https://asked");
    assert_int_equal(w->queries, 1);
}

static void forged_and_unknown_events_change_nothing(void **state)
{
    static const struct {
        enum trick trick;
        int status;
    } cases[] = {{TAMPERED, 403},    {OLD, 403},        {NO_SIGNATURE, 403},
                 {WRONG_TOKEN, 403}, {WRONG_HOST, 403}, {GET_INSTEAD, 405}};
    struct world *w = *state;
    struct polled *polled = poller_watch(w->poller, "t", (int64_t)time(NULL) * 1000, &events, w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(deliver(w, RESULT, cases[i].trick), cases[i].status);
    assert_int_equal(deliver(w, EVENT("\"task_id\":\"unknown\""), HONEST), 200);
    assert_int_equal(deliver(w, "{\"type\":\"other\"}", HONEST), 200);
    assert_int_equal(deliver(w, "no JSON", HONEST), 400);
    assert_int_equal(w->answers, 0);
    assert_int_equal(w->queries, 0);
    poller_drop(polled);
}

static void without_the_certificate_the_sender_is_asked_to_come_again(void **state)
{
    struct world *w = *state;
    poller_watch(w->poller, "t", (int64_t)time(NULL) * 1000, &events, w);
    w->no_certificate = true;
    assert_int_equal(deliver(w, RESULT, HONEST), 503);
    assert_int_equal(w->answers, 0);
    w->no_certificate = false;
    assert_int_equal(deliver(w, RESULT, HONEST), 200);
    assert_int_equal(w->answers, 1);
}

static void an_event_may_come_before_its_task_is_watched(void **state)
{
    struct world *w = *state;
    assert_int_equal(deliver(w, RESULT, HONEST), 200);
    assert_int_equal(w->answers, 0);
    poller_watch(w->poller, "u", (int64_t)time(NULL) * 1000, &events, w);
    poller_watch(w->poller, "t", (int64_t)time(NULL) * 1000, &events, w);
    while (!w->answers)
        loop_run(w->loop);
    assert_int_equal(w->queries, 1);
}

/* Anybody may name certificates that would have to be fetched. */
static void few_certificates_are_fetched_in_a_minute(void **state)
{
    struct world *w = *state;
    int refused = 0;
    for (int i = 0; i < 50; i++)
        refused += deliver(w, "{\"type\":\"other\"}", OTHER_CERTIFICATE) == 503;
    assert_int_equal(refused, 20);
    assert_int_equal(w->certificates, 30);
}

static void what_is_no_certificate_is_not_kept(void **state)
{
    struct world *w = *state;
    poller_watch(w->poller, "t", (int64_t)time(NULL) * 1000, &events, w);
    char letter = w->signer.certificate[0];
    w->signer.certificate[0] = 'x';
    assert_int_equal(deliver(w, RESULT, HONEST), 503);
    w->signer.certificate[0] = letter;
    assert_int_equal(deliver(w, RESULT, HONEST), 200);
    assert_int_equal(w->certificates, 2);
    assert_int_equal(w->answers, 1);
}

static void a_huge_event_is_refused(void **state)
{
    struct world *w = *state;
    struct buffer body = {0};
    buffer_fill(&body, ' ', (1 << 20) + 1);
    assert_int_equal(deliver(w, body.data, HONEST), 413);
    buffer_clear(&body);
}

static void addresses_to_listen_on(void **state)
{
    static const char *const bad[] = {"",           "127.0.0.1",    ":",           "localhost:80",
                                      "127.0.0.1:", "1.2.3.4.5:80", "127.0.0.1:x", ":8090"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        assert_null(callback_new(
            &(struct callback_config){
                .loop = w->loop, .http = w->http, .poller = w->poller, .listen = bad[i], .url = TARGET},
            &err));
        assert_string_equal(err.code, "cloud.callback");
        assert_int_equal(err.class, ERROR_PERSON);
    }
}

static void what_is_wrong_with_the_setting_is_said(void **state)
{
    struct world *w = *state;
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", callback_port(w->callback));
    const struct {
        const char *listen, *url, *words;
    } cases[] = {
        {taken, TARGET, "Address already in use"},
        {"192.0.2.1:8090", TARGET, "Cannot assign requested address"},
        {"8090", TARGET, "is not an address and a port"},
        {"127.0.0.1:0", "me.example", "callback_url"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct callback_config config = {.loop = w->loop,
                                         .http = w->http,
                                         .poller = w->poller,
                                         .listen = cases[i].listen,
                                         .url = cases[i].url};
        assert_null(callback_new(&config, &err));
        if (!strstr(err.detail, cases[i].words))
            fail_msg("%s: %s", cases[i].listen, err.detail);
        assert_int_equal(err.class, ERROR_PERSON);
    }
}

/* One that says a little now and then is never silent. */
struct dripping {
    struct loop *loop;
    struct loop_timer *timer;
    int fd;
};

static void drip(void *arg)
{
    struct dripping *dripping = arg;
    char byte;
    if (recv(dripping->fd, &byte, 1, MSG_DONTWAIT) == 0) {
        loop_stop(dripping->loop);
        return;
    }
    send(dripping->fd, "a", 1, MSG_NOSIGNAL);
    loop_timer_after(dripping->timer, 20);
}

static void a_connection_ends_although_it_goes_on_and_on(void **state)
{
    struct world *w = *state;
    callback_free(w->callback);
    w->callback = callback_new(&(struct callback_config){.loop = w->loop,
                                                         .http = w->http,
                                                         .poller = w->poller,
                                                         .listen = "127.0.0.1:0",
                                                         .url = TARGET,
                                                         .token = "tok",
                                                         .certificate_host = w->web->base + strlen("http://"),
                                                         .connection_ms = 300},
                               NULL);
    assert_non_null(w->callback);
    struct sockaddr_in there = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)callback_port(w->callback)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct dripping dripping = {.loop = w->loop, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    dripping.timer = loop_timer(w->loop, drip, &dripping);
    assert_int_equal(connect(dripping.fd, (struct sockaddr *)&there, sizeof there), 0);
    static const char head[] = "POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    assert_int_equal(send(dripping.fd, head, sizeof head - 1, 0), sizeof head - 1);
    drip(&dripping);
    loop_run(w->loop);
    assert_int_equal(deliver(w, RESULT, HONEST), 200);
    loop_timer_free(dripping.timer);
    close(dripping.fd);
}

struct crowd {
    struct loop *loop;
    struct loop_timer *timer;
    struct sockaddr_in there;
    int fds[80]; /* more than the listener takes at once */
    bool gone;
};

/* Comes all at once, and then goes all at once. */
static void crowd_moves(void *arg)
{
    struct crowd *crowd = arg;
    for (size_t i = 0; i < sizeof crowd->fds / sizeof *crowd->fds; i++) {
        if (crowd->gone) {
            close(crowd->fds[i]);
            continue;
        }
        crowd->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(crowd->fds[i], (struct sockaddr *)&crowd->there, sizeof crowd->there), 0);
    }
    if (crowd->gone) {
        loop_stop(crowd->loop);
        return;
    }
    crowd->gone = true;
    loop_timer_after(crowd->timer, 200);
}

static void after_a_full_house_that_leaves_together_events_get_through(void **state)
{
    struct world *w = *state;
    struct crowd crowd = {.loop = w->loop,
                          .there = {.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)callback_port(w->callback)),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    crowd.timer = loop_timer(w->loop, crowd_moves, &crowd);
    loop_timer_after(crowd.timer, 0);
    loop_run(w->loop);
    assert_int_equal(deliver(w, RESULT, HONEST), 200);
    loop_timer_free(crowd.timer);
}

/* A daemon that is started again finds the port its forerunner had, although connections to it were open. */
static void the_port_can_be_taken_again_at_once(void **state)
{
    struct world *w = *state;
    char listen[32];
    struct error err = {0};
    snprintf(listen, sizeof listen, "127.0.0.1:%d", callback_port(w->callback));
    assert_int_equal(deliver(w, RESULT, HONEST), 200);
    callback_free(w->callback);
    w->callback = callback_new(
        &(struct callback_config){
            .loop = w->loop, .http = w->http, .poller = w->poller, .listen = listen, .url = TARGET},
        &err);
    if (!w->callback)
        fail_msg("%s", err.detail);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_signed_event_ends_its_task_without_a_query),
        CASE(an_event_without_a_result_causes_one_query),
        CASE(forged_and_unknown_events_change_nothing),
        CASE(without_the_certificate_the_sender_is_asked_to_come_again),
        CASE(an_event_may_come_before_its_task_is_watched),
        CASE(few_certificates_are_fetched_in_a_minute),
        CASE(what_is_no_certificate_is_not_kept),
        CASE(a_huge_event_is_refused),
        CASE(addresses_to_listen_on),
        CASE(what_is_wrong_with_the_setting_is_said),
        CASE(a_connection_ends_although_it_goes_on_and_on),
        CASE(after_a_full_house_that_leaves_together_events_get_through),
        CASE(the_port_can_be_taken_again_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
