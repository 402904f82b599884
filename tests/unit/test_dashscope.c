/* The cloud backend as the jobs runner sees it, against a small service on the same loop: the order of
 * requests and checkpoints, restarts, cancelling, settings. */
#include "tests/unit/dashscope_tests.h"

/* ---- tasks ---- */

static void a_task_from_the_recording_to_its_transcript(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->states[0] = STUDIO_RUNNING;
    s->states[1] = STUDIO_DONE;
    studio_go(s, 3000, "talk.wav", NULL);
    if (!s->finished)
        fail_msg("%s: %s", s->error.code, s->error.detail);
    char *object = strstr(s->log.data, "PUT /scribefs/");
    assert_non_null(object);
    memset(object + strlen("PUT /scribefs/"), 'x', 32);
    object = strstr(s->log.data, "DELETE /scribefs/");
    assert_non_null(object);
    memset(object + strlen("DELETE /scribefs/"), 'x', 32);
    assert_string_equal(s->log.data, "stage preparing\n"
                                     "stage publishing\n"
                                     "checkpoint publish\n"
                                     "PUT /scribefs/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.wav\n"
                                     "checkpoint object\n"
                                     "checkpoint object intent\n"
                                     "POST /api/v1/services/audio/asr/transcription\n"
                                     "checkpoint object task\n"
                                     "stage submitted\n"
                                     "GET /api/v1/tasks/task-1\n"
                                     "stage recognising\n"
                                     "GET /api/v1/tasks/task-1\n"
                                     "GET /result/a%3A1.json\n"
                                     "DELETE /scribefs/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.wav\n"
                                     "finished\n");
    assert_string_equal(s->headers,
                        "Authorization: Bearer sk-very-secret\nX-DashScope-Async: enable\n"
                        "Content-Type: application/json\nAccept: application/json; charset=utf-8\n");
    const struct transcript *t = s->transcript;
    assert_int_equal(t->sentence_count, 1);
    assert_string_equal(t->sentences[0].text, "Good morning.");
    assert_int_equal(t->duration_ms, 5210);
    assert_int_equal(t->billed_ms, 5000);
    assert_string_equal(t->provider, "dashscope");
    assert_string_equal(t->model, "fun-asr");
    assert_string_equal(t->task_id, "task-1");
    assert_string_equal(t->request_id, "r");
    assert_int_equal(s->web->connections,
                     2); /* the submission had one of its own: no kept one may make it go out twice */
    assert_null(t->language);
    assert_null(strstr(s->checkpoint, "secret"));
    assert_null(strstr(s->checkpoint, "ignature"));
}

static void the_submitted_address_is_signed_and_the_signature_is_not_kept(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_non_null(strstr(s->body, "x-oss-signature="));
    assert_null(strstr(s->raw, "c0ffee"));
    assert_non_null(strstr(s->raw, "x-oss-signature=xxxxxx&x=1"));
}

static void nobody_asks_about_a_task_before_it_is_durably_known(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->hold_acknowledgements = true;
    assert_true(studio_begin(s, 3000, "talk.wav", NULL, NULL));
    while (!s->held)
        loop_run(s->loop);
    studio_wait(s, 100);
    assert_int_equal(s->queries, 0);
    s->held(s->held_argument);
    while (!s->finished)
        loop_run(s->loop);
    assert_int_equal(s->queries, 1);
}

static char *task_checkpoint(struct studio *s, int64_t age_ms)
{
    char *text;
    (void)s;
    assert_true(asprintf(&text,
                         "{\"downloads\":0,\"object\":\"scribefs/"
                         "o.wav\",\"expires_ms\":0,\"model\":\"fun-asr\",\"call\":1,"
                         "\"duration_ms\":7000,\"task\":\"old-task\",\"submitted_ms\":%lld}",
                         (long long)time(NULL) * 1000 - (long long)age_ms) > 0);
    return text;
}

static void after_a_restart_a_task_is_picked_up_not_submitted_again(void **state)
{
    struct studio *s = *state;
    char *checkpoint = task_checkpoint(s, 3600000);
    studio_use(s, tasks);
    studio_go(s, 3000, "talk.wav", checkpoint);
    assert_int_equal(s->finished, 1);
    assert_int_equal(s->submissions, 0);
    assert_int_equal(studio_count(s, "PUT "), 0);
    assert_int_equal(studio_count(s, "GET /api/v1/tasks/old-task"), 1);
    assert_int_equal(studio_count(s, "DELETE /scribefs/o.wav"), 1);
    assert_string_equal(s->transcript->task_id, "old-task");
    free(checkpoint);
}

static void after_a_restart_what_is_published_is_not_sent_again(void **state)
{
    static const struct {
        const char *expires;
        size_t puts;
    } cases[] = {{"0", 0}, {"99999999999999", 0}, {"1000", 1}};
    struct studio *s = *state;
    studio_use(s, tasks);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char checkpoint[300];
        snprintf(checkpoint, sizeof checkpoint,
                 "{\"downloads\":0,\"object\":\"scribefs/"
                 "o.wav\",\"expires_ms\":%s,\"model\":\"fun-asr\",\"call\":1,"
                 "\"duration_ms\":-1}",
                 cases[i].expires);
        buffer_clear(&s->log);
        studio_go(s, 3000, "talk.wav", checkpoint);
        assert_int_equal(s->finished, 1);
        assert_int_equal(studio_count(s, "PUT "), cases[i].puts);
        assert_int_equal(studio_count(s, "POST "), 1);
    }
}

static void a_checkpoint_that_makes_no_sense_is_passed_over(void **state)
{
    static const char *const checkpoints[] = {"",
                                              "{",
                                              "[]",
                                              "{\"task\":5}",
                                              "{\"task\":\"t\"}",
                                              "{\"task\":\"t\",\"model\":\"gone\",\"call\":1}",
                                              "{\"object\":\"o\",\"model\":\"fun-asr\",\"call\":2}"};
    struct studio *s = *state;
    studio_use(s, tasks);
    for (size_t i = 0; i < sizeof checkpoints / sizeof *checkpoints; i++) {
        buffer_clear(&s->log);
        studio_go(s, 3000, "talk.wav", checkpoints[i]);
        assert_int_equal(s->finished, 1);
        assert_int_equal(studio_count(s, "PUT "), 1);
    }
}

static void silence_is_a_transcript_without_sentences(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->states[0] = STUDIO_FAILED("ASR_RESPONSE_HAVE_NO_WORDS");
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(s->transcript->sentence_count, 0);
    assert_string_equal(s->transcript->model, "fun-asr");
    assert_int_equal(studio_count(s, "DELETE "), 1);
}

static void failures_of_a_task(void **state)
{
    static const struct {
        const char *name, *states;
        enum error_class class;
        const char *code;
        size_t deletes;
        bool task_kept; /* in the last checkpoint */
    } cases[] = {
        {"broken audio", STUDIO_FAILED("InvalidFile.DecodeFailed"), ERROR_PERMANENT, "media.decode", 1, true},
        {"service in trouble", STUDIO_FAILED("InternalError.Timeout"), ERROR_TRANSIENT, "cloud.down", 0,
         false},
        {"cancelled", "{\"output\":{\"task_id\":\"T\",\"task_status\":\"CANCELED\"}}", ERROR_TRANSIENT,
         "cloud.canceled", 0, false},
        {"no result named", "{\"output\":{\"task_id\":\"T\",\"task_status\":\"SUCCEEDED\"}}", ERROR_TRANSIENT,
         "cloud.answer", 0, true},
        {"result elsewhere",
         "{\"output\":{\"task_id\":\"T\",\"task_status\":\"SUCCEEDED\",\"result\":{\"transcription_url\":"
         "\"https://evil.example/\"}}}",
         ERROR_PERSON, "cloud.result_host", 0, true},
    };
    struct studio *s = *state;
    studio_use(s, tasks);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&s->log);
        s->states[0] = cases[i].states;
        studio_go(s, 3000, "talk.wav", NULL);
        if (s->failed != 1 || s->error.class != cases[i].class || strcmp(s->error.code, cases[i].code) != 0)
            fail_msg("%s: %s %s", cases[i].name, s->error.code, s->error.detail);
        assert_int_equal(studio_count(s, "DELETE "), cases[i].deletes);
        assert_int_equal(strstr(s->checkpoint, "\"task\"") != NULL, cases[i].task_kept);
    }
}

static void a_recording_the_service_cannot_fetch_is_published_anew_once(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->states[0] = STUDIO_FAILED("FILE_403_FORBIDDEN");
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->failed, 1);
    assert_int_equal(s->error.class, ERROR_TRANSIENT);
    assert_string_equal(s->error.code, "cloud.download");
    assert_string_equal(s->checkpoint, "{\"downloads\":1}");
    studio_go(s, 3000, "talk.wav", s->checkpoint);
    assert_int_equal(s->failed, 1);
    assert_int_equal(s->error.class, ERROR_PERMANENT);
    assert_int_equal(studio_count(s, "PUT "), 2);
    assert_int_equal(s->submissions, 2);
    assert_int_equal(studio_count(s, "DELETE "), 2);
}

static void a_forgotten_task_is_submitted_anew_but_a_young_one_is_only_slow(void **state)
{
    static const char unknown[] = "{\"output\":{\"task_id\":\"T\",\"task_status\":\"UNKNOWN\"}}";
    struct studio *s = *state;
    char *checkpoint = task_checkpoint(s, 48 * 3600000LL);
    studio_use(s, tasks);
    s->states[0] = unknown;
    studio_go(s, 3000, "talk.wav", checkpoint);
    assert_int_equal(s->failed, 1);
    assert_string_equal(s->error.code, "cloud.expired");
    assert_int_equal(s->error.class, ERROR_TRANSIENT);
    assert_null(strstr(s->checkpoint, "\"task\""));
    assert_non_null(strstr(s->checkpoint, "scribefs/o.wav"));
    free(checkpoint);

    checkpoint = task_checkpoint(s, 1000);
    s->states[0] = s->states[1] = unknown;
    s->states[2] = STUDIO_DONE;
    studio_go(s, 3000, "talk.wav", checkpoint);
    assert_int_equal(s->finished, 1);
    assert_int_equal(s->queries, 3);
    free(checkpoint);
}

static void refused_submissions(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum error_class class;
        const char *code;
        size_t deletes;
    } cases[] = {
        {401, "{\"code\":\"InvalidApiKey\",\"message\":\"m\",\"request_id\":\"r9\"}", ERROR_PERSON,
         "cloud.key", 0},
        {400, "{\"code\":\"Arrearage\",\"message\":\"m\"}", ERROR_PERSON, "cloud.money", 0},
        {400, "{\"code\":\"InvalidParameter\",\"message\":\"m\"}", ERROR_PERMANENT, "cloud.request", 1},
        {500, "{\"code\":\"InternalError\",\"message\":\"m\"}", ERROR_TRANSIENT, "cloud.down", 0},
        {504, "<html>", ERROR_TRANSIENT, "cloud.down", 0},
        {200, "{\"output\":{", ERROR_TRANSIENT, "cloud.answer", 0},
        {200, "{\"output\":{\"task_status\":\"PENDING\"}}", ERROR_TRANSIENT, "cloud.answer", 0},
    };
    struct studio *s = *state;
    studio_use(s, tasks);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&s->log);
        s->submit_failures = 1;
        s->submit_status = cases[i].status;
        s->submit_body = cases[i].body;
        studio_go(s, 3000, "talk.wav", NULL);
        if (s->failed != 1 || s->error.class != cases[i].class || strcmp(s->error.code, cases[i].code) != 0)
            fail_msg("%s: %s %s", cases[i].body, s->error.code, s->error.detail);
        assert_int_equal(studio_count(s, "POST "), 1);
        assert_int_equal(studio_count(s, "DELETE "), cases[i].deletes);
        assert_null(strstr(s->error.detail, "secret"));
    }
}

static void too_many_requests_are_waited_out(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->submit_failures = 1;
    s->submit_status = 429;
    s->submit_body = "{\"code\":\"Throttling.RateQuota\",\"message\":\"m\"}";
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(s->submissions, 2);
}

static void a_result_that_cannot_be_had_at_once_is_fetched_later(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->result_failures = 1;
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(studio_count(s, "GET /result/"), 2);
}

static void temporary_storage_needs_the_header_that_resolves_it(void **state)
{
    struct studio *s = *state;
    char checkpoint[300];
    snprintf(checkpoint, sizeof checkpoint,
             "{\"object\":\"dashscope-instant/"
             "x.wav\",\"expires_ms\":99999999999999,\"model\":\"fun-asr\",\"call\":1}");
    studio_use(s, (struct dashscope_settings){.publish = {.kind = PUBLISH_TEMPORARY}, .workspace = "ws-1"});
    studio_go(s, 3000, "talk.wav", checkpoint);
    assert_int_equal(s->finished, 1);
    assert_non_null(strstr(s->body, "\"oss://dashscope-instant/x.wav\""));
    assert_non_null(
        strstr(s->headers, "X-DashScope-OssResourceResolve: enable\nX-DashScope-WorkSpace: ws-1\n"));
}

static void a_model_that_names_no_language_has_heard_the_one_it_was_told(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.language = "en-GB";
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_string_equal(s->transcript->language, "en-GB");
    assert_non_null(strstr(s->body, "\"language_hints\":[\"en\"]"));
}

static void tasks_need_a_place_to_publish(void **state)
{
    struct studio *s = *state;
    studio_use(s, (struct dashscope_settings){.wishes = {.model = "fun-asr"}});
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->failed, 1);
    assert_string_equal(s->error.code, "route.model");
    assert_int_equal(s->error.class, ERROR_PERSON);
    assert_int_equal(s->web->requests, 0);
}

static void a_key_that_is_missing_holds_the_queue(void **state)
{
    struct studio *s = *state;
    struct error err = {0};
    char line[300];
    studio_use(s, tasks);
    unsetenv("DASHSCOPE_API_KEY");
    assert_null(s->backend->operations->freeze(s->backend, NULL, &err));
    assert_int_equal(err.class, ERROR_PERSON);
    assert_string_equal(err.code, "cloud.no_key");
    err = (struct error){0};
    assert_false(studio_begin(s, 10, "talk.wav", NULL, &err));
    assert_string_equal(err.code, "cloud.no_key");
    s->backend->operations->describe(s->backend, line, sizeof line);
    assert_string_equal(line, "Model Studio cannot be used: no key is configured");
    setenv("DASHSCOPE_API_KEY", "sk bad", 1);
    assert_null(s->backend->operations->freeze(s->backend, NULL, &err));
    assert_null(strstr(err.detail, "sk bad"));
    setenv("DASHSCOPE_API_KEY", "sk-1", 1);
    s->backend->operations->describe(s->backend, line, sizeof line);
    assert_string_equal(line, "Model Studio, China (Beijing), model fun-asr");
}

/* ---- cancelling ---- */

static void a_job_can_be_cancelled_at_every_moment(void **state)
{
    static const struct {
        const char *at;
        size_t deletes, cancels;
    } cases[] = {
        {"stage preparing", 0, 0},
        {"stage publishing", 1, 0},
        {"checkpoint publish", 1, 0},
        {"PUT ", 1, 0},
        {"checkpoint object", 1, 0},
        {"checkpoint object intent", 1, 0},
        {"POST ", 1, 0},
        {"checkpoint object task", 1, 1},
        {"stage submitted", 1, 1},
        {"GET /api", 1, 1},
        {"stage recognising", 1, 1},
        {"GET /result", 1, 1},
        {"DELETE", 1, 1},
    };
    struct studio *s = *state;
    studio_use(s, tasks);
    for (int suspend = 0; suspend < 2; suspend++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            buffer_clear(&s->log);
            s->suspend = suspend;
            s->cancel_at = cases[i].at;
            s->states[0] = STUDIO_RUNNING;
            s->states[1] = STUDIO_DONE;
            assert_true(studio_begin(s, 3000, "talk.wav", NULL, NULL));
            while (s->cancel_at)
                studio_wait(s, 10);
            studio_wait(s, 60); /* what goes on in the background */
            if (s->finished || s->failed)
                fail_msg("cancelled at \"%s\": an event came afterwards", cases[i].at);
            size_t deletes = studio_count(s, "DELETE"), cancels = studio_count(s, "POST /api/v1/tasks/task-");
            if (suspend ? deletes > (strcmp(cases[i].at, "DELETE") == 0) || cancels
                        : deletes < cases[i].deletes || cancels != cases[i].cancels)
                fail_msg("%s at \"%s\": %zu removed, %zu cancelled\n%s", suspend ? "suspended" : "cancelled",
                         cases[i].at, deletes, cancels, s->log.data);
        }
}

static void a_suspended_job_goes_on_from_its_checkpoint(void **state)
{
    static const char *const moments[] = {
        "checkpoint publish",     "PUT ",     "checkpoint object", "checkpoint object intent",
        "checkpoint object task", "GET /api", "GET /result"};
    struct studio *s = *state;
    studio_use(s, tasks);
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        s->submissions = 0;
        s->suspend = true;
        s->cancel_at = moments[i];
        assert_true(studio_begin(s, 3000, "talk.wav", NULL, NULL));
        while (s->cancel_at)
            studio_wait(s, 10);
        studio_go(s, 3000, "talk.wav", s->checkpoint);
        assert_int_equal(s->finished, 1);
        if (s->submissions != 1)
            fail_msg("suspended at \"%s\": %d submissions", moments[i], s->submissions);
    }
}

static void the_backend_may_be_freed_with_jobs_under_way(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->states[0] = STUDIO_RUNNING;
    for (int i = 0; i < 5; i++)
        assert_true(studio_begin(s, 3000, "talk.wav", NULL, NULL));
    studio_wait(s, 50);
    s->backend->operations->free(s->backend);
    s->backend = NULL;
    studio_wait(s, 10);
    assert_int_equal(s->finished + s->failed, 0);
}

/* ---- settings ---- */

static void settings_that_make_no_sense(void **state)
{
    static const struct {
        struct dashscope_settings settings;
        const char *code;
    } cases[] = {
        {{.host = "http://service.example"}, "cloud.settings"},
        {{.region = REGION_FRANKFURT}, "cloud.settings"},
        {{.wishes = {.model = "whisper"}}, "route.model"},
        {{.wishes = {.speaker_count = 5}}, "cloud.settings"},
        {{.queries_per_second = 101}, "cloud.settings"},
        {{.queries_per_second = -1}, "cloud.settings"},
        {{.publish = {.kind = PUBLISH_OSS}}, "publish.settings"},
        {{.callback = "127.0.0.1:0"}, "cloud.callback"},
        {{.callback = "nowhere", .callback_url = "https://x"}, "cloud.callback"},
    };
    struct studio *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        if (dashscope_backend_new(s->loop, s->http, &cases[i].settings, &err))
            fail_msg("case %zu is accepted", i);
        assert_string_equal(err.code, cases[i].code);
        assert_int_equal(err.class, ERROR_PERSON);
    }
}

static void why_a_model_is_taken(void **state)
{
    struct studio *s = *state;
    struct buffer text = {0};
    studio_use(s,
               (struct dashscope_settings){.publish = {.kind = PUBLISH_OSS}, .wishes = {.speakers = true}});
    dashscope_explain(s->backend, 3600000, 1 << 20, 1, &text);
    assert_int_equal(strncmp(text.data, "fun-asr: chosen\n", 16), 0);
    assert_non_null(strstr(
        text.data, "qwen3-asr-flash-filetrans: qwen3-asr-flash-filetrans does not offer speaker labels\n"));
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_task_from_the_recording_to_its_transcript),
        CASE(the_submitted_address_is_signed_and_the_signature_is_not_kept),
        CASE(nobody_asks_about_a_task_before_it_is_durably_known),
        CASE(after_a_restart_a_task_is_picked_up_not_submitted_again),
        CASE(after_a_restart_what_is_published_is_not_sent_again),
        CASE(a_checkpoint_that_makes_no_sense_is_passed_over),
        CASE(silence_is_a_transcript_without_sentences),
        CASE(failures_of_a_task),
        CASE(a_recording_the_service_cannot_fetch_is_published_anew_once),
        CASE(a_forgotten_task_is_submitted_anew_but_a_young_one_is_only_slow),
        CASE(refused_submissions),
        CASE(too_many_requests_are_waited_out),
        CASE(a_result_that_cannot_be_had_at_once_is_fetched_later),
        CASE(temporary_storage_needs_the_header_that_resolves_it),
        CASE(a_model_that_names_no_language_has_heard_the_one_it_was_told),
        CASE(tasks_need_a_place_to_publish),
        CASE(a_key_that_is_missing_holds_the_queue),
        CASE(a_job_can_be_cancelled_at_every_moment),
        CASE(a_suspended_job_goes_on_from_its_checkpoint),
        CASE(the_backend_may_be_freed_with_jobs_under_way),
        CASE(settings_that_make_no_sense),
        CASE(why_a_model_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
