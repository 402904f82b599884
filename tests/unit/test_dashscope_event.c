/* Events of EventBridge: real signatures of a key made here, and everything a forger may try. */
#include "tests/unit/event_signer.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_v2_signature_covers_address_headers_and_body),
        cmocka_unit_test(a_v1_signature_is_an_hmac_with_an_encrypted_secret),
        cmocka_unit_test(an_event_is_fresh_for_a_minute),
        cmocka_unit_test(certificates_come_from_eventbridge_only),
        cmocka_unit_test(what_an_event_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
