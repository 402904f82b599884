/* Events of EventBridge: real signatures of a key made here, and everything a forger may try; then the
 * listener as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "backend/base/buffer.h"
#include "backend/base/loop.h"
#include "backend/dashscope/budget.h"
#include "backend/dashscope/callback.h"
#include "backend/dashscope/event.h"
#include "backend/dashscope/poller.h"
#include "backend/dashscope/service.h"
#include "backend/http.h"
#include "tests/unit/web.h"

#define TARGET "https://me.example/events?x=1"
#define NOW INT64_C(1772417735000)

struct signer {
    EVP_PKEY *key;
    char *certificate;
    size_t length;
};

static struct signer signer_new(void)
{
    struct signer s = {.key = EVP_RSA_gen(2048)};
    X509 *x509 = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, s.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, (const unsigned char *)"x",
                               -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_sign(x509, s.key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x509);
    char *data;
    s.length = (size_t)BIO_get_mem_data(bio, &data);
    s.certificate = calloc(1, s.length + 1);
    assert_non_null(s.certificate);
    memcpy(s.certificate, data, s.length);
    BIO_free(bio);
    X509_free(x509);
    return s;
}

static void signer_free(struct signer *s)
{
    EVP_PKEY_free(s->key);
    free(s->certificate);
}

static char *base64(const unsigned char *bytes, size_t length)
{
    char *text = malloc(length * 2 + 4);
    EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
    return text;
}

/* What the documentation says is signed, put together here a second time. */
static char *to_sign(const struct event_headers *h, bool v2, const char *target, const char *body)
{
    char *text = NULL;
    assert_true(asprintf(&text,
                         "%s\nx-eventbridge-signature-timestamp: %s\nx-eventbridge-%s: "
                         "%s\nx-eventbridge-signature-version: "
                         "%s\nx-eventbridge-signature-url: %s\n%s%s%s%s",
                         target, h->timestamp, v2 ? "hash-method" : "signature-method",
                         v2 ? h->hash_method : h->method, h->version, h->url,
                         h->token ? "x-eventbridge-signature-token: " : "", h->token ? h->token : "",
                         h->token ? "\n" : "", body) > 0);
    return text;
}

static char *sign_v2(const struct signer *s, const struct event_headers *h, const char *target,
                     const char *body)
{
    char *text = to_sign(h, true, target, body);
    unsigned char signature[512];
    size_t length = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, s->key);
    assert_int_equal(EVP_DigestSign(context, signature, &length, (unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(context);
    free(text);
    return base64(signature, length);
}

static char *encrypt_secret(const struct signer *s, const char *secret)
{
    unsigned char out[512];
    size_t length = sizeof out;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(s->key, NULL);
    EVP_PKEY_sign_init(context);
    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
    assert_int_equal(EVP_PKEY_sign(context, out, &length, (const unsigned char *)secret, strlen(secret)), 1);
    EVP_PKEY_CTX_free(context);
    return base64(out, length);
}

static char *sign_v1(const struct event_headers *h, const char *secret, const char *target, const char *body)
{
    char *text = to_sign(h, false, target, body);
    unsigned char digest[20];
    unsigned length = sizeof digest;
    HMAC(EVP_sha1(), secret, (int)strlen(secret), (unsigned char *)text, strlen(text), digest, &length);
    free(text);
    return base64(digest, length);
}

static struct event_headers headers(void)
{
    return (struct event_headers){.timestamp = "1772417735000",
                                  .hash_method = "SHA256",
                                  .version = "1.0",
                                  .url =
                                      "https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com/cert.pem"};
}

static bool check(const struct signer *s, const struct event_headers *h, const char *target, const char *body)
{
    return event_is_signed(h, target, body, strlen(body), s->certificate, s->length);
}

static void a_v2_signature_covers_address_headers_and_body(void **state)
{
    (void)state;
    struct signer s = signer_new(), other = signer_new();
    for (int token = 0; token < 2; token++) {
        struct event_headers h = headers(), bad;
        h.token = token ? "tok" : NULL;
        char *signature = sign_v2(&s, &h, TARGET, "{\"a\":1}");
        h.signature_v2 = signature;
        assert_true(check(&s, &h, TARGET, "{\"a\":1}"));
        assert_false(check(&s, &h, TARGET, "{\"a\":2}"));
        assert_false(check(&s, &h, TARGET, "{\"a\":1}\n"));
        assert_false(check(&s, &h, "https://me.example/events", "{\"a\":1}"));
        assert_false(check(&other, &h, TARGET, "{\"a\":1}"));
        bad = h;
        bad.timestamp = "1772417735001";
        assert_false(check(&s, &bad, TARGET, "{\"a\":1}"));
        bad = h;
        bad.url = "https://eu-eventbridge.oss-accelerate.aliyuncs.com/cert.pem";
        assert_false(check(&s, &bad, TARGET, "{\"a\":1}"));
        bad = h;
        bad.token = token ? NULL : "tok";
        assert_false(check(&s, &bad, TARGET, "{\"a\":1}"));
        bad = h;
        bad.hash_method = "MD5";
        assert_false(check(&s, &bad, TARGET, "{\"a\":1}"));
        bad = h;
        bad.hash_method = NULL;
        assert_false(check(&s, &bad, TARGET, "{\"a\":1}"));
        static const char *const broken[] = {"", "AAAA", "not base64!", "===="};
        for (size_t i = 0; i < 4; i++) {
            bad = h;
            bad.signature_v2 = broken[i];
            assert_false(check(&s, &bad, TARGET, "{\"a\":1}"));
        }
        assert_false(event_is_signed(&h, TARGET, "{\"a\":1}", 7, "no certificate", 14));
        free(signature);
    }
    signer_free(&s);
    signer_free(&other);
}

static void a_v1_signature_is_an_hmac_with_an_encrypted_secret(void **state)
{
    (void)state;
    struct signer s = signer_new(), other = signer_new();
    struct event_headers h = headers();
    h.hash_method = NULL;
    h.method = "HMAC-SHA1";
    char *secret = encrypt_secret(&s, "temporary"), *forged = encrypt_secret(&other, "temporary");
    char *signature = sign_v1(&h, "temporary", TARGET, "{\"a\":1}");
    char *with_line_feed = sign_v1(&h, "temporary", TARGET, "{\"a\":1}\n");
    char *other_secret = sign_v1(&h, "another", TARGET, "{\"a\":1}");
    h.secret = secret;
    h.signature = signature;
    assert_true(check(&s, &h, TARGET, "{\"a\":1}"));
    assert_false(check(&s, &h, TARGET, "{\"a\":2}"));
    h.signature = with_line_feed;
    assert_true(check(&s, &h, TARGET, "{\"a\":1}"));
    h.signature = other_secret;
    assert_false(check(&s, &h, TARGET, "{\"a\":1}"));
    h.signature = signature;
    h.secret = forged;
    assert_false(check(&s, &h, TARGET, "{\"a\":1}"));
    h.secret = secret;
    h.method = "HMAC-MD5";
    assert_false(check(&s, &h, TARGET, "{\"a\":1}"));
    free(secret);
    free(forged);
    free(signature);
    free(with_line_feed);
    free(other_secret);
    signer_free(&s);
    signer_free(&other);
}

static void an_event_is_fresh_for_a_minute(void **state)
{
    static const struct {
        const char *timestamp;
        bool fresh;
    } cases[] = {
        {"1772417735000", true},
        {"1772417675000", true},
        {"1772417674999", false},
        {"1772417795000", true},
        {"1772417795001", false},
        {"", false},
        {"abc", false},
        {"1772417735000x", false},
        {"-1", false},
        {"0", false},
        {"99999999999999999999", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct event_headers h = headers();
        h.signature_v2 = "x";
        h.timestamp = cases[i].timestamp;
        if (event_is_fresh(&h, NOW) != cases[i].fresh)
            fail_msg("\"%s\"", cases[i].timestamp);
    }
    struct event_headers h = headers();
    assert_false(event_is_fresh(&h, NOW)); /* no signature */
    h.signature = "x";
    assert_false(event_is_fresh(&h, NOW)); /* no secret with it */
    h.secret = "x";
    assert_true(event_is_fresh(&h, NOW));
    h.timestamp = NULL;
    assert_false(event_is_fresh(&h, NOW));
}

static void certificates_come_from_eventbridge_only(void **state)
{
    static const struct {
        const char *url, *other;
        bool fine;
    } cases[] = {
        {"https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com/a/b.pem", NULL, true},
        {"https://ap-southeast-1-eventbridge.oss-accelerate.aliyuncs.com/b.pem", NULL, true},
        {"http://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com/b.pem", NULL, false},
        {"https://-eventbridge.oss-accelerate.aliyuncs.com/b.pem", NULL, false},
        {"https://eventbridge.oss-accelerate.aliyuncs.com/b.pem", NULL, false},
        {"https://evil.oss-accelerate.aliyuncs.com/b.pem", NULL, false},
        {"https://evil-bucket.oss-accelerate.aliyuncs.com/x-eventbridge.oss-accelerate.aliyuncs.com/", NULL,
         false},
        {"https://evil.example/cn-eventbridge.oss-accelerate.aliyuncs.com/", NULL, false},
        {"https://evil-eventbridge.oss-accelerate.aliyuncs.com/b.pem", NULL, false},
        {"https://cn-beijing-evil-eventbridge.oss-accelerate.aliyuncs.com/b.pem", NULL, false},
        {"https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com", NULL, false},
        {"https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com.evil.example/", NULL, false},
        {"https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com@evil.example/", NULL, false},
        {"https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com:444/", NULL, false},
        {"https://CN-BEIJING-eventbridge.oss-accelerate.aliyuncs.com/", NULL, false},
        {"https://x@cn-beijing-eventbridge.oss-accelerate.aliyuncs.com/", NULL, false},
        {"", NULL, false},
        {"cn-eventbridge.oss-accelerate.aliyuncs.com/", NULL, false},
        {"http://127.0.0.1:80/c.pem", NULL, false},
        {"http://127.0.0.1:80/c.pem", "127.0.0.1:80", true},
        {"http://127.0.0.1:81/c.pem", "127.0.0.1:80", false},
        {"https://cn-eventbridge.oss-accelerate.aliyuncs.com/", "127.0.0.1:80", false},
        {"http://evil.example/c.pem", "evil.example", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (event_certificate_address(cases[i].url, cases[i].other) != cases[i].fine)
            fail_msg("%s", cases[i].url);
    }
}

/* ---- bodies ---- */

#define EVENT(data)                                                                                          \
    "{\"id\":\"e-1\",\"type\":\"dashscope:System:AsyncTaskFinish\",\"source\":\"acs.dashscope\",\"data\":"   \
    "{" data "}}"

static void what_an_event_says(void **state)
{
    static const struct {
        const char *name, *body;
        int rc;
        bool has_answer;
        enum task_status status;
        const char *url;
    } cases[] = {
        {"without a result",
         EVENT("\"task_id\":\"t\",\"task_status\":\"SUCCEEDED\",\"contain_result\":false"), 0, false, 0,
         NULL},
        {"fun-asr",
         EVENT("\"task_id\":\"t\",\"task_status\":\"SUCCEEDED\",\"contain_result\":true,\"output_result\":{"
               "\"output\":{\"task_id\":\"t\","
               "\"task_status\":\"SUCCEEDED\",\"results\":[{\"transcription_url\":\"https://"
               "r\",\"subtask_status\":\"SUCCEEDED\"}]},"
               "\"usage\":{\"duration\":3}}"),
         0, true, TASK_SUCCEEDED, "https://r"},
        {"filetrans, as a text",
         EVENT("\"task_id\":\"t\",\"contain_result\":true,\"output_result\":\"{\\\"output\\\":{\\\"task_"
               "id\\\":\\\"t\\\",\\\"task_status\\\":"
               "\\\"SUCCEEDED\\\",\\\"result\\\":{\\\"transcription_url\\\":\\\"https://q\\\"}}}\""),
         0, true, TASK_SUCCEEDED, "https://q"},
        {"failed",
         EVENT("\"task_id\":\"t\",\"contain_result\":true,\"output_result\":{\"output\":{\"task_id\":\"t\","
               "\"task_status\":\"FAILED\","
               "\"code\":\"C\",\"message\":\"M\"}}"),
         0, true, TASK_FAILED, NULL},
        {"succeeded, but not where the result is",
         EVENT("\"task_id\":\"t\",\"contain_result\":true,\"output_result\":{\"output\":{\"task_id\":\"t\","
               "\"task_status\":\"SUCCEEDED\"}}"),
         0, false, 0, NULL},
        {"failed, but not why",
         EVENT("\"task_id\":\"t\",\"contain_result\":true,\"output_result\":{\"output\":{\"task_id\":\"t\","
               "\"task_status\":\"FAILED\"}}"),
         0, false, 0, NULL},
        {"a result that is still running",
         EVENT("\"task_id\":\"t\",\"contain_result\":true,\"output_result\":{\"output\":{\"task_id\":\"t\","
               "\"task_status\":\"RUNNING\"}}"),
         0, false, 0, NULL},
        {"a result of another task",
         EVENT("\"task_id\":\"t\",\"contain_result\":true,\"output_result\":{\"output\":{\"task_id\":\"u\","
               "\"task_status\":\"FAILED\"}}"),
         0, false, 0, NULL},
        {"a result that is none", EVENT("\"task_id\":\"t\",\"contain_result\":true,\"output_result\":\"x\""),
         0, false, 0, NULL},
        {"another kind", "{\"type\":\"acs:Other\",\"data\":{\"task_id\":\"t\"}}", 1, false, 0, NULL},
        {"no task", EVENT("\"x\":1"), -74, false, 0, NULL},
        {"no JSON", "<html>", -74, false, 0, NULL},
        {"empty", "", -74, false, 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct event event;
        int rc = event_read(cases[i].body, strlen(cases[i].body), &event, NULL);
        if (rc != cases[i].rc || (rc == 0 && event.has_answer != cases[i].has_answer))
            fail_msg("%s: %d", cases[i].name, rc);
        if (rc != 0)
            continue;
        assert_string_equal(event.task_id, "t");
        assert_string_equal(event.id, "e-1");
        if (!event.has_answer)
            continue;
        assert_int_equal(event.answer.status, cases[i].status);
        if (cases[i].url)
            assert_string_equal(event.answer.result_url, cases[i].url);
        task_answer_clear(&event.answer);
    }
}

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
        cmocka_unit_test(a_v2_signature_covers_address_headers_and_body),
        cmocka_unit_test(a_v1_signature_is_an_hmac_with_an_encrypted_secret),
        cmocka_unit_test(an_event_is_fresh_for_a_minute),
        cmocka_unit_test(certificates_come_from_eventbridge_only),
        cmocka_unit_test(what_an_event_says),
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
        CASE(the_port_can_be_taken_again_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
