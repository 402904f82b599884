/* The cloud backend as the jobs runner sees it, against a small service on the same loop: the order of
 * things, checkpoints and what comes of them, every kind of ending, cancelling at every moment. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/dashscope/budget.h"
#include "backend/dashscope/parse.h"
#include "backend/dashscope/poller.h"
#include "backend/dashscope/service.h"
#include "backend/prepare.h"
#include "tests/unit/fake_studio.h"

static int setup(void **state)
{
    *state = studio_new();
    return 0;
}

static int teardown(void **state)
{
    studio_free(*state);
    return 0;
}

static const struct dashscope_settings tasks = {.publish = {.kind = PUBLISH_OSS},
                                                .wishes = {.model = "fun-asr"}};

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

/* ---- submissions whose answer is lost ---- */

#define ITEM(id, model)                                                                                      \
    "{\"task_id\":\"" id "\",\"model_name\":\"" model "\",\"gmt_create\":%t,\"status\":\"RUNNING\"}"
#define LIST(items) "{\"total\":1,\"total_page\":1,\"page_no\":1,\"page_size\":100,\"data\":[" items "]}"
#define DONE_OF(file)                                                                                        \
    "{\"output\":{\"task_id\":\"T\",\"task_status\":\"SUCCEEDED\",\"results\":[{\"file_url\":\"" file        \
    "\",\"transcription_url\":\"%s/result/"                                                                  \
    "a%%3A1.json?Expires=1&Signature=ab%%2Bc\",\"subtask_status\":\"SUCCEEDED\"}]}}"

static void lose_an_answer(struct studio *s)
{
    s->submit_lost = true;
    s->submissions = 0;
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->failed, 1);
    assert_int_equal(s->error.class, ERROR_TRANSIENT);
    assert_string_equal(s->error.code, "cloud.network");
    assert_int_equal(s->submissions, 1);
    assert_non_null(strstr(s->checkpoint, "\"intent_ms\":"));
    s->submit_lost = false;
}

static void a_task_whose_id_was_lost_is_found_again(void **state)
{
    static const struct {
        const char *name, *list, *states[5], *result;
        int submissions, queries;
    } cases[] = {
        {"it has ended",
         LIST(ITEM("task-1", "fun-asr")),
         {DONE_OF("https://b%o?x=1"), DONE_OF("https://b%o?x=1")},
         NULL,
         1,
         2},
        {"under the name of the snapshot",
         LIST(ITEM("task-1", "fun-asr-2025-11-07")),
         {DONE_OF("https://b%o")},
         NULL,
         1,
         2},
        {"it stands behind another",
         LIST(ITEM("task-9", "fun-asr") "," ITEM("task-1", "fun-asr")),
         {DONE_OF("https://b/other.wav"), DONE_OF("https://b%o")},
         NULL,
         1,
         3},
        {"only the result names it",
         LIST(ITEM("task-1", "fun-asr")),
         {STUDIO_DONE},
         "{\"file_url\":\"https://b%o?x\",\"transcripts\":[]}",
         1,
         2},
        {"another model's", LIST(ITEM("task-1", "paraformer-v2")), {STUDIO_DONE}, NULL, 2, 1},
        {"another recording's",
         LIST(ITEM("task-8", "fun-asr")),
         {DONE_OF("https://b/other.wav"), STUDIO_DONE},
         NULL,
         2,
         2},
        {"an old one",
         LIST("{\"task_id\":\"task-1\",\"model_name\":\"fun-asr\",\"gmt_create\":1}"),
         {STUDIO_DONE},
         NULL,
         2,
         1},
        {"none", LIST(""), {STUDIO_DONE}, NULL, 2, 1},
        {"the list cannot be had", NULL, {STUDIO_DONE}, NULL, 2, 1},
        {"a list that is none", "{\"data\":7}", {STUDIO_DONE}, NULL, 2, 1},
    };
    struct studio *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        studio_use(s, tasks);
        lose_an_answer(s);
        s->list = cases[i].list;
        s->result = cases[i].result;
        memcpy(s->states, cases[i].states, sizeof cases[i].states);
        studio_go(s, 3000, "talk.wav", s->checkpoint);
        if (!s->finished)
            fail_msg("%s: %s %s", cases[i].name, s->error.code, s->error.detail);
        if (s->submissions != cases[i].submissions || s->queries != cases[i].queries)
            fail_msg("%s: %d submissions, %d queries", cases[i].name, s->submissions, s->queries);
    }
}

static void a_lost_task_that_still_runs_is_waited_for(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    lose_an_answer(s);
    s->list = LIST(ITEM("task-1", "fun-asr"));
    s->states[0] = STUDIO_RUNNING;
    s->states[1] = DONE_OF("https://b%o");
    studio_go(s, 3000, "talk.wav", s->checkpoint);
    assert_int_equal(s->finished, 1);
    assert_int_equal(s->submissions, 1);
    assert_int_equal(s->queries, 3);
}

static void while_nobody_can_be_asked_nothing_is_submitted_twice(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    lose_an_answer(s);
    s->list = "<html>";
    s->list_status = 503;
    studio_go(s, 3000, "talk.wav", s->checkpoint);
    assert_int_equal(s->failed, 1);
    assert_int_equal(s->error.class, ERROR_TRANSIENT);
    assert_int_equal(s->submissions, 1);
    assert_non_null(strstr(s->checkpoint, "\"intent_ms\":"));
}

static void what_was_refused_or_never_sent_is_in_no_doubt(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->submit_failures = 1;
    s->submit_status = 401;
    s->submit_body = "{\"code\":\"InvalidApiKey\"}";
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->failed, 1);
    assert_null(strstr(s->checkpoint, "intent_ms"));
    assert_non_null(strstr(s->checkpoint, "scribefs/"));
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
    assert_null(s->backend->operations->freeze(s->backend, &err));
    assert_int_equal(err.class, ERROR_PERSON);
    assert_string_equal(err.code, "cloud.key");
    err = (struct error){0};
    assert_false(studio_begin(s, 10, "talk.wav", NULL, &err));
    assert_string_equal(err.code, "cloud.key");
    s->backend->operations->describe(s->backend, line, sizeof line);
    assert_string_equal(line, "Model Studio cannot be used: no key is configured");
    setenv("DASHSCOPE_API_KEY", "sk bad", 1);
    assert_null(s->backend->operations->freeze(s->backend, &err));
    assert_null(strstr(err.detail, "sk bad"));
    setenv("DASHSCOPE_API_KEY", "sk-1", 1);
    s->backend->operations->describe(s->backend, line, sizeof line);
    assert_string_equal(line, "Model Studio, China (Beijing), model fun-asr");
}

/* ---- direct calls ---- */

#define FUN_ANSWER                                                                                           \
    "{\"output\":{\"sentence\":{\"begin_time\":760,\"end_time\":3800,\"sentence_end\":true,\"sentence_id\":" \
    "1,\"text\":"                                                                                            \
    "\"Hello there.\"},\"text\":\"Hello there.\"},\"usage\":{\"duration\":4},\"request_id\":\"r7\"}"
#define QWEN_EVENT(text, reason)                                                                             \
    "id:1\nevent:result\n:HTTP_STATUS/"                                                                      \
    "200\ndata:{\"output\":{\"choices\":[{\"message\":{\"content\":[{\"text\":\"" text                       \
    "\"}]},\"finish_reason\":\"" reason "\"}]},\"usage\":{\"seconds\":1},\"request_id\":\"r8\"}\n\n"

static void a_direct_answer(void **state)
{
    struct studio *s = *state;
    studio_use(s, (struct dashscope_settings){.wishes = {.model = "fun-asr-flash-2026-06-15"}});
    s->direct_body = FUN_ANSWER;
    studio_go(s, 6, "talk.wav", NULL);
    if (!s->finished)
        fail_msg("%s: %s", s->error.code, s->error.detail);
    assert_string_equal(s->log.data,
                        "stage preparing\nstage recognising\n"
                        "POST /api/v1/services/aigc/multimodal-generation/generation\nfinished\n");
    assert_non_null(strstr(s->body, "\"data:audio/wav;base64,AAAAAAAA\""));
    assert_null(strstr(s->headers, "SSE"));
    assert_string_equal(s->transcript->sentences[0].text, "Hello there.");
    assert_string_equal(s->transcript->request_id, "r7");
    assert_int_equal(s->transcript->billed_ms, 4000);
    assert_string_equal(s->raw, FUN_ANSWER);
}

static void an_answer_that_grows_is_reported_as_it_grows(void **state)
{
    static const size_t pieces[] = {1, 7, 100000};
    struct studio *s = *state;
    studio_use(s, (struct dashscope_settings){
                      .wishes = {.model = "qwen3-asr-flash", .stream = true, .no_times = true}});
    s->direct_type = "text/event-stream;charset=UTF-8";
    s->direct_body = QWEN_EVENT("你好", "null") QWEN_EVENT("，世界", "null") QWEN_EVENT("。", "stop");
    for (size_t i = 0; i < 3; i++) {
        s->direct_piece = pieces[i];
        s->partials[0] = '\0';
        studio_go(s, 6, "talk.mp3", NULL);
        if (!s->finished)
            fail_msg("%s: %s", s->error.code, s->error.detail);
        assert_string_equal(s->transcript->sentences[0].text, "你好，世界。");
        if (pieces[i] < 100)
            assert_string_equal(s->partials, "|你好|你好，世界|你好，世界。|");
    }
    assert_non_null(strstr(s->headers, "X-DashScope-SSE: enable\n"));
    assert_non_null(strstr(s->headers, "Accept: text/event-stream\n"));
    assert_non_null(strstr(s->body, "\"incremental_output\":true"));
    assert_non_null(strstr(s->body, "\"data:audio/mpeg;base64,"));
}

static void endings_of_an_answer_that_grows(void **state)
{
    static const struct {
        const char *name, *type, *body;
        int status;
        enum error_class class;
        const char *code, *text; /* text: it worked */
    } cases[] = {
        {"cut", "text/event-stream", QWEN_EVENT("a", "null"), 200, ERROR_TRANSIENT, "cloud.answer", NULL},
        {"cut inside an event", "text/event-stream", QWEN_EVENT("a", "null") "data:{\"outp", 200,
         ERROR_TRANSIENT, "cloud.answer", NULL},
        {"an error inside", "text/event-stream",
         QWEN_EVENT("a", "null") "event:error\n:HTTP_STATUS/"
                                 "429\ndata:{\"code\":\"Throttling\",\"message\":\"m\"}\n\n" QWEN_EVENT(
                                     "b", "stop"),
         200, ERROR_TRANSIENT, "cloud.busy", NULL},
        {"an error inside without status", "text/event-stream",
         "event:error\ndata:{\"code\":\"DataInspectionFailed\"}\n\n", 200, ERROR_PERMANENT, "cloud.refused",
         NULL},
        {"silence as an error inside", "text/event-stream",
         "event:error\n:HTTP_STATUS/400\ndata:{\"code\":\"ASR_RESPONSE_HAVE_NO_WORDS\"}\n\n", 200, ERROR_NONE,
         "", ""},
        {"garbage inside", "text/event-stream", "data:{]\n\n", 200, ERROR_TRANSIENT, "cloud.answer", NULL},
        {"an error instead", "text/event-stream", "event:error\ndata:{\"code\":\"InvalidApiKey\"}\n\n", 401,
         ERROR_PERSON, "cloud.key", NULL},
        {"an answer that did not grow", "application/json",
         "{\"output\":{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":[{\"text\":"
         "\"whole\"}]}}]},\"usage\":{\"seconds\":1}}",
         200, ERROR_NONE, "", "whole"},
        {"nothing", "text/event-stream", "", 200, ERROR_TRANSIENT, "cloud.answer", NULL},
    };
    struct studio *s = *state;
    studio_use(s, (struct dashscope_settings){
                      .wishes = {.model = "qwen3-asr-flash", .stream = true, .no_times = true}});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s->direct_type = cases[i].type;
        s->direct_body = cases[i].body;
        s->direct_status = cases[i].status;
        studio_go(s, 6, "talk.mp3", NULL);
        if ((cases[i].text != NULL) != s->finished || s->error.class != cases[i].class ||
            strcmp(s->error.code, cases[i].code) != 0)
            fail_msg("%s: %s %s", cases[i].name, s->error.code, s->error.detail);
        if (cases[i].text && *cases[i].text)
            assert_string_equal(s->transcript->sentences[0].text, cases[i].text);
        else if (cases[i].text)
            assert_int_equal(s->transcript->sentence_count, 0);
    }
}

static void refused_direct_calls(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum error_class class;
        const char *code; /* NULL: silence */
    } cases[] = {
        {400, "{\"code\":\"ASR_RESPONSE_HAVE_NO_WORDS\",\"message\":\"\"}", ERROR_NONE, NULL},
        {400, "{\"code\":\"InvalidParameter\",\"message\":\"ASR_RESPONSE_HAVE_NO_WORDS\"}", ERROR_NONE, NULL},
        {400, "{\"output\":{\"text\":\"\"}}", ERROR_NONE, NULL},
        {400, "{\"code\":\"AUDIO_DURATION_TOO_LONG\",\"message\":\"audio duration (301008.0ms)\"}",
         ERROR_PERMANENT, "media.too_long"},
        {400, "{}", ERROR_PERMANENT, "cloud.request"},
        {503, "", ERROR_TRANSIENT, "cloud.down"},
        {200, "", ERROR_TRANSIENT, "cloud.answer"},
        {200, "{\"output\":{\"text\":\"half", ERROR_TRANSIENT, "cloud.answer"},
    };
    struct studio *s = *state;
    studio_use(s, (struct dashscope_settings){.wishes = {.model = "fun-asr-flash-2026-06-15"}});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s->direct_status = cases[i].status;
        s->direct_body = cases[i].body;
        studio_go(s, 6, "talk.wav", NULL);
        if ((cases[i].code == NULL) != s->finished || s->error.class != cases[i].class ||
            strcmp(s->error.code, cases[i].code ? cases[i].code : "") != 0)
            fail_msg("%d %s: %s %s", cases[i].status, cases[i].body, s->error.code, s->error.detail);
    }
}

static void the_openai_interface(void **state)
{
    struct studio *s = *state;
    studio_use(s,
               (struct dashscope_settings){
                   .wishes = {.model = "qwen3-asr-flash", .chat = true, .stream = true, .no_times = true}});
    s->direct_type = "text/event-stream";
    s->direct_body =
        "data: "
        "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"role\":\"assistant\"}}],"
        "\"usage\":null}\n\n"
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Wel\"}}],\"usage\":null}\n\n"
        "data: "
        "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"come.\"}}],\"usage\":null}\n\n"
        "data: "
        "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}"
        "\n\n"
        "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"seconds\":2}}\n\ndata: [DONE]\n\n";
    studio_go(s, 6, "talk.mp3", NULL);
    if (!s->finished)
        fail_msg("%s: %s", s->error.code, s->error.detail);
    assert_string_equal(s->transcript->sentences[0].text, "Welcome.");
    assert_int_equal(s->transcript->billed_ms, 2000);
    assert_int_equal(studio_count(s, "POST /compatible-mode/v1/chat/completions"), 1);
}

static void what_is_too_large_for_a_request_is_published(void **state)
{
    struct studio *s = *state;
    studio_use(s, (struct dashscope_settings){.publish = {.kind = PUBLISH_OSS},
                                              .wishes = {.model = "fun-asr-flash-2026-06-15"}});
    s->direct_body = FUN_ANSWER;
    studio_go(s, (size_t)CATALOGUE_INLINE_BYTES + 1, "talk.wav", NULL);
    if (!s->finished)
        fail_msg("%s: %s", s->error.code, s->error.detail);
    assert_int_equal(studio_count(s, "PUT /scribefs/"), 1);
    assert_int_equal(studio_count(s, "DELETE /scribefs/"), 1);
    assert_non_null(strstr(s->body, "\"data\":\"http://127.0.0.1:"));
    studio_use(s, (struct dashscope_settings){.wishes = {.model = "fun-asr-flash-2026-06-15"}});
    studio_go(s, (size_t)CATALOGUE_INLINE_BYTES + 1, "talk.wav", NULL);
    assert_int_equal(s->failed, 1);
    assert_string_equal(s->error.code, "media.too_large");
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

/* ---- preparing ---- */

struct fake_preparer {
    struct preparer preparer;
    struct media_facts facts;
    struct media_target target;
    int probes, converts, cancels;
    struct loop *loop;
    bool fails;
};
struct preparation {
    struct fake_preparer *by;
    const struct prepare_events *events;
    void *context;
    struct loop_timer *timer;
    bool convert;
};

static void prepared(void *arg)
{
    struct preparation p = *(struct preparation *)arg;
    loop_timer_free(p.timer);
    free(arg);
    if (p.by->fails) {
        struct error err = {0};
        error_set(&err, ERROR_PERMANENT, 0, "media.truncated", "x");
        p.events->failed(p.context, &err);
    } else if (p.convert) {
        int fd = memfd_create("converted", MFD_CLOEXEC);
        assert_int_equal(write(fd, "fLaC", 4), 4);
        struct media_facts facts = {
            .duration_ms = p.by->facts.duration_ms, .channels = 1, .sample_rate = p.by->target.sample_rate};
        p.events->done(p.context, &facts, fd, ".flac");
    } else {
        p.events->done(p.context, &p.by->facts, -1, NULL);
    }
}

static struct preparation *prepare(struct preparer *preparer, const struct prepare_events *events,
                                   void *context, bool convert)
{
    struct fake_preparer *f = (struct fake_preparer *)preparer;
    struct preparation *p = calloc(1, sizeof *p);
    *p = (struct preparation){.by = f, .events = events, .context = context, .convert = convert};
    p->timer = loop_timer(f->loop, prepared, p);
    loop_timer_after(p->timer, 0);
    return p;
}

static struct preparation *probe(struct preparer *preparer, int fd, const struct prepare_events *events,
                                 void *context, struct error *err)
{
    (void)fd, (void)err;
    ((struct fake_preparer *)preparer)->probes++;
    return prepare(preparer, events, context, false);
}

static struct preparation *convert(struct preparer *preparer, int fd, const char *work_dir,
                                   const struct media_target *target, const struct prepare_events *events,
                                   void *context, struct error *err)
{
    struct fake_preparer *f = (struct fake_preparer *)preparer;
    (void)fd, (void)err;
    assert_non_null(work_dir);
    f->converts++;
    f->target = *target;
    return prepare(preparer, events, context, true);
}

static void cancel_preparation(struct preparation *p)
{
    p->by->cancels++;
    loop_timer_free(p->timer);
    free(p);
}

static const struct preparer_operations preparer_operations = {
    .probe = probe, .convert = convert, .cancel = cancel_preparation};

static void the_length_decides_the_model(void **state)
{
    static const struct {
        int64_t duration_ms;
        const char *path;
    } cases[] = {{60000, "POST /api/v1/services/aigc/"}, {600000, "POST /api/v1/services/audio/"}};
    struct studio *s = *state;
    struct fake_preparer f = {.preparer = {&preparer_operations}, .loop = s->loop};
    studio_use(s, (struct dashscope_settings){.publish = {.kind = PUBLISH_OSS},
                                              .preparer = &f.preparer,
                                              .wishes = {.no_times = true}});
    s->direct_body = "{\"output\":{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":[{"
                     "\"text\":\"x\"}]}}]}}";
    for (size_t i = 0; i < 2; i++) {
        buffer_clear(&s->log);
        f.facts =
            (struct media_facts){.duration_ms = cases[i].duration_ms, .channels = 1, .sample_rate = 44100};
        studio_go(s, 3000, "talk.wav", NULL);
        if (!s->finished)
            fail_msg("%s: %s", s->error.code, s->error.detail);
        assert_int_equal(studio_count(s, cases[i].path), 1);
        assert_int_equal(f.converts, 0);
    }
}

static void speakers_in_stereo_are_mixed_down_first(void **state)
{
    struct studio *s = *state;
    struct fake_preparer f = {.preparer = {&preparer_operations},
                              .loop = s->loop,
                              .facts = {.duration_ms = 60000, .channels = 2, .sample_rate = 48000}};
    studio_use(s, (struct dashscope_settings){.publish = {.kind = PUBLISH_OSS},
                                              .preparer = &f.preparer,
                                              .wishes = {.speakers = true}});
    studio_go(s, 3000, "talk.mp4", NULL);
    if (!s->finished)
        fail_msg("%s: %s", s->error.code, s->error.detail);
    assert_int_equal(f.converts, 1);
    assert_true(f.target.mix_down);
    assert_int_equal(f.target.sample_rate, 16000);
    const char *object = strstr(s->log.data, "PUT /scribefs/");
    assert_non_null(object);
    assert_int_equal(strncmp(object + strlen("PUT /scribefs/") + 32, ".flac\n", 6), 0);
    assert_non_null(strstr(s->body, "\"diarization_enabled\":true"));
}

static void a_recording_that_cannot_be_prepared_fails_before_money_is_spent(void **state)
{
    struct studio *s = *state;
    struct fake_preparer f = {.preparer = {&preparer_operations}, .loop = s->loop, .fails = true};
    studio_use(s, (struct dashscope_settings){.publish = {.kind = PUBLISH_OSS}, .preparer = &f.preparer});
    studio_go(s, 3000, "talk.mp4", NULL);
    assert_int_equal(s->failed, 1);
    assert_string_equal(s->error.code, "media.truncated");
    assert_int_equal(s->web->requests, 0);
    assert_true(studio_begin(s, 3000, "talk.wav", NULL, NULL));
    s->cancel_at = "stage preparing";
    buffer_clear(&s->log);
    while (s->cancel_at)
        studio_wait(s, 5);
    assert_int_equal(f.cancels, 1);
}

/* ---- hotwords ---- */

static const char *sent_vocabulary(struct studio *s)
{
    const char *at = s->body ? strstr(s->body, "\"vocabulary_id\":\"") : NULL;
    return at ? at + strlen("\"vocabulary_id\":\"") : "";
}

static void hotwords_get_one_vocabulary_that_is_used_again(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "Bulge Bracket, Lazard=5";
    studio_use(s, settings);
    s->undeployed = 0;
    studio_go(s, 3000, "talk.wav", NULL);
    if (!s->finished)
        fail_msg("%s: %s", s->error.code, s->error.detail);
    assert_int_equal(cJSON_GetArraySize(s->vocabularies), 1);
    const char *id =
        cJSON_GetObjectItem(cJSON_GetArrayItem(s->vocabularies, 0), "vocabulary_id")->valuestring;
    assert_int_equal(strncmp(sent_vocabulary(s), id, strlen(id)), 0);
    assert_int_equal(strncmp(id, "vocab-sf", 8), 0);
    assert_int_equal(strcspn(id + 6, "-"), 10);
    studio_go(s, 3000, "two.wav", NULL);
    assert_int_equal(studio_count(s, "VOCABULARY list"), 1);
    assert_int_equal(studio_count(s, "VOCABULARY create"), 1);
    studio_use(s, settings); /* after a restart it is found again */
    studio_go(s, 3000, "three.wav", NULL);
    assert_int_equal(studio_count(s, "VOCABULARY list"), 2);
    assert_int_equal(studio_count(s, "VOCABULARY create"), 1);
    assert_int_equal(strncmp(sent_vocabulary(s), id, strlen(id)), 0);
}

static void other_hotwords_replace_the_vocabulary_that_nobody_uses(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "one";
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    cJSON *foreign = cJSON_Parse("{\"vocabulary_id\":\"vocab-sf0000-x\",\"status\":\"OK\"}");
    cJSON_AddItemToArray(s->vocabularies, foreign);
    settings.wishes.hotwords = "two";
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    while (studio_count(s, "VOCABULARY delete") == 0)
        studio_wait(s, 5);
    assert_int_equal(s->finished, 1);
    assert_int_equal(cJSON_GetArraySize(s->vocabularies), 2);
    assert_non_null(studio_vocabulary(s, "vocab-sf0000-x")); /* another installation's */
}

static void a_vocabulary_somebody_changed_is_put_right(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "one";
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    cJSON *ours = cJSON_GetArrayItem(s->vocabularies, 0);
    cJSON_ReplaceItemInObject(ours, "vocabulary", cJSON_Parse("[{\"text\":\"hacked\",\"weight\":4}]"));
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(studio_count(s, "VOCABULARY update"), 1);
    char *words =
        cJSON_PrintUnformatted(cJSON_GetObjectItem(cJSON_GetArrayItem(s->vocabularies, 0), "vocabulary"));
    assert_string_equal(words, "[{\"text\":\"one\",\"weight\":4}]");
    free(words);
}

static void a_vocabulary_is_waited_for(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "one";
    s->undeployed = 1;
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(studio_count(s, "VOCABULARY query"), 2);
}

static void room_is_made_among_ours_only(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "one";
    s->vocabulary_limit = 1;
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    settings.wishes.hotwords = "two";
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(studio_count(s, "VOCABULARY create"), 3); /* the second was refused first */
    cJSON_Delete(s->vocabularies);
    s->vocabularies = cJSON_Parse("[{\"vocabulary_id\":\"vocab-console-1\",\"status\":\"OK\"}]");
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->failed, 1);
    assert_string_equal(s->error.code, "cloud.quota");
    assert_int_equal(s->error.class, ERROR_PERSON);
}

static void jobs_that_wait_for_one_vocabulary_may_leave(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "one";
    studio_use(s, settings);
    static const char *const moments[] = {"VOCABULARY list", "VOCABULARY create", "VOCABULARY query"};
    for (size_t i = 0; i < 3; i++) {
        s->cancel_at = moments[i];
        assert_true(studio_begin(s, 3000, "talk.wav", NULL, NULL));
        while (s->cancel_at)
            studio_wait(s, 5);
        studio_wait(s, 30);
        assert_int_equal(s->finished + s->failed, 0);
        cJSON_Delete(s->vocabularies);
        s->vocabularies = cJSON_CreateArray();
    }
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
}

/* ---- the poller with many ---- */

enum { MANY = 1000 };

struct crowd {
    struct studio *studio;
    int ended, asked_most;
    int asked[MANY];
};

static void crowd_serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    struct crowd *c = context;
    int n = atoi(request->target + strlen("/api/v1/tasks/n-"));
    c->asked[n]++;
    if (c->asked[n] > c->asked_most)
        c->asked_most = c->asked[n];
    for (int i = 0; i < MANY && c->asked[n] == 2; i++)
        if (c->asked[i] == 0)
            fail_msg("task %d was asked about twice before task %d once", n, i);
    web_say(reply, 200,
            c->asked[n] == 2 ? "{\"output\":{\"task_id\":\"x\",\"task_status\":\"CANCELED\"}}"
                             : STUDIO_RUNNING);
}

static void crowd_running(void *context)
{
    (void)context;
}

static void crowd_answer(void *context, const struct task_answer *answer)
{
    struct crowd *c = context;
    assert_int_equal(answer->status, TASK_CANCELED);
    if (++c->ended == MANY)
        loop_stop(c->studio->loop);
}

static void crowd_failed(void *context, const struct error *error)
{
    (void)context;
    fail_msg("%s", error->detail);
}

static void thousands_of_tasks_share_one_budget_and_none_starves(void **state)
{
    static const struct poller_events events = {crowd_running, crowd_answer, crowd_failed};
    enum { PER_SECOND = 500 };
    struct studio *s = *state;
    struct crowd *c = calloc(1, sizeof *c);
    struct service service;
    c->studio = s;
    s->web->handle = crowd_serve;
    s->web->context = c;
    assert_int_equal(
        service_init(&service, s->http, &(struct dashscope_settings){.host = s->web->base}, NULL), 0);
    struct budget *budget = budget_new(s->loop, PER_SECOND * 60);
    struct poller *poller = poller_new(
        &(struct poller_config){.loop = s->loop, .service = &service, .budget = budget, .first_ms = 10});
    int64_t start = loop_now_ms();
    for (int i = 0; i < MANY; i++) {
        char id[20];
        snprintf(id, sizeof id, "n-%d", i);
        assert_non_null(poller_watch(poller, id, (int64_t)time(NULL) * 1000, &events, c));
    }
    loop_run(s->loop);
    int64_t took = loop_now_ms() - start;
    assert_int_equal(c->ended, MANY);
    assert_int_equal(c->asked_most, 2);
    if (took < 2 * MANY * 1000 / PER_SECOND)
        fail_msg("%d queries in %lld ms", 2 * MANY, (long long)took);
    assert_true(s->web->connections <= 41);
    poller_free(poller);
    budget_free(budget);
    service_clear(&service);
    free(c);
}

static void down_serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    struct crowd *c = context;
    (void)request;
    c->asked[0]++;
    if (c->asked[0] <= 2)
        web_say(reply, 503, "<html>");
    else
        web_say(reply, 200, "{\"output\":{\"task_id\":\"x\",\"task_status\":\"CANCELED\"}}");
    c->ended = c->asked[0] > 2 ? MANY - 1 : 0;
}

static void a_service_that_is_down_is_asked_less_and_less(void **state)
{
    static const struct poller_events events = {crowd_running, crowd_answer, crowd_failed};
    struct studio *s = *state;
    struct crowd *c = calloc(1, sizeof *c);
    struct service service;
    c->studio = s;
    s->web->handle = down_serve;
    s->web->context = c;
    assert_int_equal(
        service_init(&service, s->http, &(struct dashscope_settings){.host = s->web->base}, NULL), 0);
    struct budget *budget = budget_new(s->loop, 60000);
    struct poller *poller = poller_new(
        &(struct poller_config){.loop = s->loop, .service = &service, .budget = budget, .first_ms = 1});
    int64_t start = loop_now_ms();
    poller_watch(poller, "t", (int64_t)time(NULL) * 1000, &events, c);
    loop_run(s->loop);
    assert_int_equal(c->asked[0], 3);
    assert_true(loop_now_ms() - start >= 3000); /* a pause of one second, then of two */
    poller_free(poller);
    budget_free(budget);
    service_clear(&service);
    free(c);
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        CASE(a_task_whose_id_was_lost_is_found_again),
        CASE(a_lost_task_that_still_runs_is_waited_for),
        CASE(while_nobody_can_be_asked_nothing_is_submitted_twice),
        CASE(what_was_refused_or_never_sent_is_in_no_doubt),
        CASE(a_result_that_cannot_be_had_at_once_is_fetched_later),
        CASE(temporary_storage_needs_the_header_that_resolves_it),
        CASE(a_model_that_names_no_language_has_heard_the_one_it_was_told),
        CASE(tasks_need_a_place_to_publish),
        CASE(a_key_that_is_missing_holds_the_queue),
        CASE(a_direct_answer),
        CASE(an_answer_that_grows_is_reported_as_it_grows),
        CASE(endings_of_an_answer_that_grows),
        CASE(refused_direct_calls),
        CASE(the_openai_interface),
        CASE(what_is_too_large_for_a_request_is_published),
        CASE(a_job_can_be_cancelled_at_every_moment),
        CASE(a_suspended_job_goes_on_from_its_checkpoint),
        CASE(the_backend_may_be_freed_with_jobs_under_way),
        CASE(the_length_decides_the_model),
        CASE(speakers_in_stereo_are_mixed_down_first),
        CASE(a_recording_that_cannot_be_prepared_fails_before_money_is_spent),
        CASE(hotwords_get_one_vocabulary_that_is_used_again),
        CASE(other_hotwords_replace_the_vocabulary_that_nobody_uses),
        CASE(a_vocabulary_somebody_changed_is_put_right),
        CASE(a_vocabulary_is_waited_for),
        CASE(room_is_made_among_ours_only),
        CASE(jobs_that_wait_for_one_vocabulary_may_leave),
        CASE(thousands_of_tasks_share_one_budget_and_none_starves),
        CASE(a_service_that_is_down_is_asked_less_and_less),
        CASE(settings_that_make_no_sense),
        CASE(why_a_model_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
