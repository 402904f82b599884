/* Direct calls to the service, also those whose answer grows, and the OpenAI-compatible interface. */
#include "tests/unit/dashscope_tests.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_direct_answer),
        CASE(an_answer_that_grows_is_reported_as_it_grows),
        CASE(endings_of_an_answer_that_grows),
        CASE(refused_direct_calls),
        CASE(the_openai_interface),
        CASE(what_is_too_large_for_a_request_is_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
