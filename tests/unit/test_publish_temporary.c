/* Publishing in the temporary storage of the provider, and in a folder that is served already. */
#include "tests/unit/publish_tests.h"

/* ---- a folder that is served already ---- */

static void every_name_becomes_an_address(void **state)
{
    static const struct {
        const char *base, *path, *url;
    } cases[] = {
        {"https://h.example/inbox", "talk.wav", "https://h.example/inbox/talk.wav"},
        {"https://h.example/inbox/", "a/b.wav", "https://h.example/inbox/a/b.wav"},
        {"http://h.example", "a b#c?d%e&f+g.wav", "http://h.example/a%20b%23c%3Fd%25e%26f%2Bg.wav"},
        {"https://h.example/", "会议.mp3", "https://h.example/%E4%BC%9A%E8%AE%AE.mp3"},
        {"https://h.example/", "bad\xff.mp3", "https://h.example/bad%FF.mp3"},
    };
    struct world *w = *state;
    fill(w, 10);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        use(w, (struct publish_settings){.kind = PUBLISH_URL, .base_url = cases[i].base});
        go(w, cases[i].path, NULL);
        assert_int_equal(w->done, 1);
        char *url = publish_address(w->publisher, w->object, NULL);
        assert_string_equal(url, cases[i].url);
        free(url);
        publisher_free(w->publisher);
        w->publisher = NULL;
    }
    assert_int_equal(w->web->requests, 0);
}

/* ---- temporary storage ---- */

static void temporary_storage_takes_a_form(void **state)
{
    static const char *const parts[] = {
        "name=\"OSSAccessKeyId\"\r\n\r\nLTAI\r\n",
        "name=\"Signature\"\r\n\r\nc2ln\r\n",
        "name=\"policy\"\r\n\r\ncG9s\r\n",
        "name=\"key\"\r\n\r\ndashscope-instant/h/d/",
        "name=\"x-oss-object-acl\"\r\n\r\nprivate\r\n",
        "name=\"x-oss-forbid-overwrite\"\r\n\r\ntrue\r\n",
        "name=\"success_action_status\"\r\n\r\n200\r\n",
        "name=\"file\"; filename=\"",
    };
    struct world *w = *state;
    fill(w, 3000);
    use(w, (struct publish_settings){.kind = PUBLISH_TEMPORARY});
    int64_t now = (int64_t)time(NULL) * 1000;
    go(w, "Frau Müller.wav", NULL);
    assert_int_equal(w->done, 1);
    assert_non_null(strstr(w->log.data, "GET /api/v1/uploads?action=getPolicy&model=fun-asr\nPOST /\n"));
    const char *from = w->form.data;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *found = strstr(from, parts[i]);
        if (!found)
            fail_msg("%s is missing or out of order", parts[i]);
        from = found;
    }
    assert_null(strstr(w->form.data, "ller"));
    assert_string_equal(w->authorization, ""); /* the form is signed, the key stays out of it */
    assert_true(w->expires_ms >= now + INT64_C(48) * 3600 * 1000);
    char *url = publish_address(w->publisher, w->object, NULL);
    assert_int_equal(strncmp(url, "oss://dashscope-instant/h/d/", 28), 0);
    assert_int_equal(strlen(url), 28 + 32 + 4);
    free(url);
    publish_remove(w->publisher, w->object, on_removed, w);
    loop_run(w->loop);
    assert_int_equal(w->error.class, ERROR_NONE);
    assert_int_equal(w->web->requests, 2);
}

static void an_expired_certificate_is_asked_for_again(void **state)
{
    struct world *w = *state;
    fill(w, 3000);
    use(w, (struct publish_settings){.kind = PUBLISH_TEMPORARY});
    w->failures = 1;
    w->fail_on = "POST";
    w->failure_status = 403;
    w->failure_body = "<Error><Code>AccessDenied</Code><Message>Invalid according to Policy: Policy "
                      "expired.</Message></Error>";
    go(w, "talk.wav", NULL);
    assert_int_equal(w->done, 1);
    assert_int_equal(count_lines(&w->log, "GET "), 2);
    assert_int_equal(count_lines(&w->log, "POST "), 2);
}

static void refusals_of_temporary_storage_have_a_class(void **state)
{
    static const struct {
        const char *what;
        int status;
        const char *body;
        size_t size;
        enum error_class class;
        const char *code;
    } cases[] = {
        {"key", 401, "{\"code\":\"InvalidApiKey\",\"message\":\"m\"}", 10, ERROR_PERSON, "cloud.key"},
        {"size", 0, NULL, 1024 * KIB + 1, ERROR_PERMANENT, "media.too_large"},
    };
    struct world *w = *state;
    use(w, (struct publish_settings){.kind = PUBLISH_TEMPORARY});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ftruncate(w->fd, (off_t)cases[i].size), 0);
        w->failures = cases[i].status ? 1 : 0;
        w->failure_status = cases[i].status;
        w->failure_body = cases[i].body;
        go(w, "talk.wav", NULL);
        if (w->failed != 1 || w->error.class != cases[i].class || strcmp(w->error.code, cases[i].code) != 0)
            fail_msg("%s: %s %s", cases[i].what, w->error.code, w->error.detail);
    }
}

/* ---- settings ---- */

static void settings_that_make_no_sense(void **state)
{
    static const struct publish_settings cases[] = {
        {.kind = PUBLISH_NONE},
        {.kind = PUBLISH_OSS},
        {.kind = PUBLISH_OSS, .endpoint = "https://b.example", .region = "r"},
        {.kind = PUBLISH_OSS, .endpoint = "https://b.example", .bucket = "b"},
        {.kind = PUBLISH_OSS, .endpoint = "http://b.example", .bucket = "b", .region = "r"},
        {.kind = PUBLISH_OSS, .endpoint = "https://", .bucket = "b", .region = "r"},
        {.kind = PUBLISH_S3, .endpoint = "b.example"},
        {.kind = PUBLISH_S3, .endpoint = "https://b.example", .valid_seconds = 604801},
        {.kind = PUBLISH_S3, .endpoint = "https://b.example", .part_bytes = 1},
        {.kind = PUBLISH_URL},
        {.kind = PUBLISH_URL, .base_url = "ftp://x"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        if (publisher_new(w->loop, w->http, &cases[i], &err))
            fail_msg("case %zu is accepted", i);
        assert_string_equal(err.code, "publish.settings");
        assert_int_equal(err.class, ERROR_PERSON);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_name_becomes_an_address),
        CASE(temporary_storage_takes_a_form),
        CASE(an_expired_certificate_is_asked_for_again),
        CASE(refusals_of_temporary_storage_have_a_class),
        CASE(settings_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
