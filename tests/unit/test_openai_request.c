/* Requests to OpenAI-compatible servers, and what their refusals mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "backend/base/loop.h"
#include "backend/http.h"
#include "backend/openai/openai.h"
#include "backend/openai/refusal.h"
#include "backend/openai/request.h"
#include "backend/openai/wishes.h"

/* ---- addresses ---- */

static void the_endpoint_is_found_below_the_base(void **state)
{
    (void)state;
    static const char *const addresses[][3] = {
        {"http://localhost:8000/v1", "http://localhost:8000/v1/audio/transcriptions", "localhost:8000"},
        {"http://localhost:8000/v1//", "http://localhost:8000/v1/audio/transcriptions", "localhost:8000"},
        {"https://api.openai.com/v1/audio/transcriptions", "https://api.openai.com/v1/audio/transcriptions",
         "api.openai.com"},
        {"https://h.example/v1/audio/transcriptions/?api-version=2",
         "https://h.example/v1/audio/transcriptions?api-version=2", "h.example"},
        {"http://[::1]:8080/inference", "http://[::1]:8080/inference", "[::1]:8080"},
        {"https://h.example?x=/y", "https://h.example/audio/transcriptions?x=/y", "h.example"},
    };
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        char *address = openai_address(addresses[i][0]), *host = openai_host(addresses[i][0]);
        assert_string_equal(address, addresses[i][1]);
        assert_string_equal(host, addresses[i][2]);
        free(address);
        free(host);
    }
}

/* ---- wishes ---- */

static const struct {
    struct openai_wishes wishes;
    const char *json;
} frozen[] = {
    {{.url = "u", .temperature = -1}, "{\"backend\":\"openai\",\"url\":\"u\",\"model\":\"whisper-1\"}"},
    {{.url = "http://h/v1",
      .model = "m",
      .language = "en-GB",
      .prompt = "\"Names\"\n",
      .temperature = 0.2,
      .format = OPENAI_SRT,
      .words = true,
      .stream = true},
     "{\"backend\":\"openai\",\"url\":\"http://h/"
     "v1\",\"model\":\"m\",\"language\":\"en-GB\",\"prompt\":\"\\\"Names\\\"\\n\","
     "\"temperature\":0.200,\"format\":\"srt\",\"words\":true,\"stream\":true}"},
    {{.url = "u", .model = "m", .temperature = 0, .format = OPENAI_DIARIZED_JSON},
     "{\"backend\":\"openai\",\"url\":\"u\",\"model\":\"m\",\"temperature\":0.000,\"format\":\"diarized_"
     "json\"}"},
};

static void wishes_survive_freezing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        struct buffer first cleanup_buffer = {0}, second cleanup_buffer = {0};
        struct openai_wishes back;
        struct error err = {0};
        assert_int_equal(openai_wishes_write(&frozen[i].wishes, &first, &err), 0);
        assert_string_equal(first.data, frozen[i].json);
        assert_int_equal(openai_wishes_read(first.data, &back, &err), 0);
        assert_int_equal(openai_wishes_write(&back, &second, &err), 0);
        assert_string_equal(second.data, first.data);
        openai_wishes_clear(&back);
    }
}

static void settings_of_others_are_not_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "[]", "{}", "{\"backend\":\"openai\"}", "{\"url\":3}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct openai_wishes wishes;
        struct error err = {0};
        assert_true(openai_wishes_read(texts[i], &wishes, &err) < 0);
        assert_string_equal(err.code, "cloud.settings");
        openai_wishes_clear(&wishes);
    }
}

/* ---- the ladder ---- */

static void each_refusal_asks_for_less(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        enum openai_format format;
        bool words;
        const char *modes; /* names of the formats, '+' with words */
    } ladders[] = {
        {NULL, OPENAI_AUTO, true, "verbose_json+ verbose_json json text "},
        {"Systran/faster-whisper-small", OPENAI_AUTO, false, "verbose_json json text "},
        {"gpt-4o-mini-transcribe", OPENAI_AUTO, true, "json text "},
        {"gpt-4o-transcribe-diarize", OPENAI_AUTO, true, "diarized_json json text "},
        {NULL, OPENAI_VERBOSE_JSON, true, "verbose_json+ verbose_json "},
        {NULL, OPENAI_JSON, true, "json "},
        {NULL, OPENAI_SRT, true, "srt "},
        {NULL, OPENAI_DIARIZED_JSON, true, "diarized_json "},
    };
    for (size_t i = 0; i < sizeof ladders / sizeof *ladders; i++) {
        struct openai_wishes w = {.model = ladders[i].model,
                                  .format = ladders[i].format,
                                  .words = ladders[i].words,
                                  .temperature = -1};
        enum openai_mode mode = openai_first_mode(&w);
        struct buffer modes cleanup_buffer = {0};
        do {
            struct openai_form form;
            openai_form(&w, mode, "a.wav", &(struct http_range){.fd = -1}, &form);
            bool words = false;
            for (size_t p = 0; p < form.count; p++)
                words |= strcmp(form.parts[p].name, "timestamp_granularities[]") == 0;
            assert_string_equal(form.parts[1].name, "response_format");
            buffer_printf(&modes, "%s%s ", form.parts[1].value, words ? "+" : "");
        } while (openai_next_mode(&w, &mode));
        assert_string_equal(modes.data, ladders[i].modes);
    }
}

static void a_form_has_what_was_wished_and_the_file_last(void **state)
{
    (void)state;
    static const struct {
        struct openai_wishes wishes;
        enum openai_mode mode;
        const char *name, *form;
    } forms[] = {
        {{.temperature = -1},
         MODE_JSON,
         "talk.MP3",
         "model=whisper-1 response_format=json file@recording.mp3;audio/mpeg "},
        {{.model = "m", .language = "pt-BR", .prompt = "p", .temperature = 0.25, .stream = true},
         MODE_VERBOSE_WORDS,
         ".flac",
         "model=m response_format=verbose_json language=pt prompt=p temperature=0.250 "
         "timestamp_granularities[]=word "
         "timestamp_granularities[]=segment stream=true file@recording.flac;audio/flac "},
        {{.model = "gpt-4o-transcribe-diarize", .prompt = "refused there", .temperature = 1},
         MODE_DIARIZED,
         "talk",
         "model=gpt-4o-transcribe-diarize response_format=diarized_json chunking_strategy=auto "
         "temperature=1.000 "
         "file@recording.wav;audio/wav "},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct openai_form form;
        struct buffer text cleanup_buffer = {0};
        openai_form(&forms[i].wishes, forms[i].mode, forms[i].name, &(struct http_range){.fd = -1}, &form);
        for (size_t p = 0; p < form.count; p++) {
            const struct http_part *part = &form.parts[p];
            if (part->file_name)
                buffer_printf(&text, "%s@%s;%s ", part->name, part->file_name, part->content_type);
            else
                buffer_printf(&text, "%s=%s ", part->name, part->value);
        }
        assert_string_equal(text.data, forms[i].form);
    }
}

static void only_some_models_have_a_longest_recording(void **state)
{
    (void)state;
    assert_int_equal(openai_model_seconds(NULL), 0);
    assert_int_equal(openai_model_seconds("whisper-1"), 0);
    assert_int_equal(openai_model_seconds("gpt-4o-transcribe"), 1380);
}

/* ---- refusals ---- */

static const struct {
    int status;
    const char *body;
    enum error_class class;
    const char *code, *detail;
    bool of_format, silence;
} refusals[] = {
    {401,
     "{\"error\":{\"message\":\"Incorrect API key "
     "provided\",\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}}",
     ERROR_PERSON, "cloud.key", "HTTP 401 invalid_api_key: Incorrect API key provided", false, false},
    {429, "{\"error\":{\"message\":\"You exceeded your current quota\",\"code\":\"insufficient_quota\"}}",
     ERROR_PERSON, "cloud.money", "HTTP 429 insufficient_quota: You exceeded your current quota", false,
     false},
    {429, "{\"error\":{\"message\":\"Rate limit reached\",\"code\":\"rate_limit_exceeded\"}}",
     ERROR_TRANSIENT, "cloud.busy", "HTTP 429 rate_limit_exceeded: Rate limit reached", false, false},
    {413,
     "{\"error\":{\"message\":\"413: Maximum content size limit (26214400) "
     "exceeded\",\"type\":\"server_error\",\"code\":null}}",
     ERROR_PERMANENT, "media.too_large",
     "HTTP 413 server_error: 413: Maximum content size limit (26214400) exceeded", false, false},
    {400,
     "{\"error\":{\"message\":\"audio duration 1700 seconds is longer than 1400 seconds which is the maximum "
     "for this model\"}}",
     ERROR_PERMANENT, "media.too_long",
     "HTTP 400: audio duration 1700 seconds is longer than 1400 seconds which is the maximum for this model",
     false, false},
    {400,
     "{\"error\":{\"message\":\"response_format 'verbose_json' is not compatible with model "
     "'gpt-4o-transcribe'. Use 'json'.\",\"code\":\"unsupported_value\"}}",
     ERROR_PERMANENT, "cloud.request", NULL, true, false},
    {422,
     "{\"detail\":[{\"type\":\"literal_error\",\"loc\":[\"body\",\"response_format\"],\"msg\":\"Input should "
     "be 'json'\"}]}",
     ERROR_PERMANENT, "cloud.request", "HTTP 422: response_format: Input should be 'json'", true, false},
    {500, "AssertionError: ['word'] is not a valid value for `timestamp_granularities[]`", ERROR_TRANSIENT,
     "cloud.down", NULL, true, false},
    {404, "{\"detail\":\"Model 'x' is not installed locally.\"}", ERROR_PERSON, "cloud.model",
     "HTTP 404: Model 'x' is not installed locally", false, false},
    {404, "{\"error\":{\"message\":\"The model `x` does not exist\",\"code\":\"model_not_found\"}}",
     ERROR_PERSON, "cloud.model", NULL, false, false},
    {404, "<html>not here</html>", ERROR_PERSON, "cloud.address", "HTTP 404", false, false},
    {415, "{\"detail\":\"Failed to decode audio. The provided file type is not supported.\"}",
     ERROR_PERMANENT, "media.decode", NULL, false, false},
    {400, "{\"error\":\"failed to read audio data\"}", ERROR_PERMANENT, "media.decode", NULL, false, false},
    {400,
     "{\"error\":{\"message\":\"Audio file is too short. Minimum audio length is 0.1 "
     "seconds.\",\"code\":\"audio_too_short\"}}",
     ERROR_PERMANENT, "cloud.request", NULL, false, true},
    {503, "{\"status\":\"loading model\"}", ERROR_TRANSIENT, "cloud.down",
     "HTTP 503: {\"status\":\"loading model\"}", false, false},
    {502, "", ERROR_TRANSIENT, "cloud.down", "HTTP 502", false, false},
    {500, "{\"message\":\"rpc error\"}", ERROR_TRANSIENT, "cloud.down", "HTTP 500: rpc error", false, false},
};

static void refusals_say_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct openai_refusal r;
        struct error err = {0};
        openai_refusal_read(refusals[i].status, refusals[i].body, strlen(refusals[i].body), &r);
        openai_refusal_explain(&r, NULL, &err);
        if (err.class != refusals[i].class || strcmp(err.code, refusals[i].code) != 0 ||
            (refusals[i].detail && strcmp(err.detail, refusals[i].detail) != 0))
            fail_msg("%s:\n class %d, code %s, detail %s", refusals[i].body, err.class, err.code, err.detail);
        assert_int_equal(openai_refusal_of_format(&r), refusals[i].of_format);
        assert_int_equal(openai_refusal_is_silence(&r), refusals[i].silence);
    }
}

static void an_answer_is_no_refusal(void **state)
{
    (void)state;
    static const char *const answers[] = {"{\"text\":\"x\",\"message\":\"y\"}", "{\"text\":\"\"}", "{}",
                                          "{\"error\":null,\"text\":\"x\"}",
                                          "{\"type\":\"transcript.text.done\"}"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct openai_refusal r = {.status = 200};
        cJSON *json = cJSON_Parse(answers[i]);
        assert_false(openai_refusal_of(json, &r));
        cJSON_Delete(json);
    }
}

/* ---- settings ---- */

static void settings_are_checked_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool insecure;
        const char *wrong; /* part of the reason; NULL: fine */
    } urls[] = {
        {NULL, false, "is missing"},
        {"localhost:8000", false, "must begin with"},
        {"ftp://h/v1", true, "must begin with"},
        {"http://192.168.1.2:8000/v1", false, "insecure"},
        {"http://localhost.example/v1", false, "insecure"},
        {"https://key@h.example/v1", false, "password"},
        {"http://192.168.1.2:8000/v1", true, NULL},
        {"http://127.0.0.1:8000/v1", false, NULL},
        {"http://localhost/inference", false, NULL},
        {"https://api.openai.com/v1", false, NULL},
    };
    struct loop *loop;
    struct http *http;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(http_new(loop, &(struct http_config){0}, &http), 0);
    unsetenv("OPENAI_API_KEY");
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct error err = {0};
        struct backend *b =
            openai_backend_new(loop, http,
                               &(struct openai_settings){.wishes = {.url = urls[i].url, .temperature = -1},
                                                         .insecure = urls[i].insecure},
                               &err);
        assert_int_equal(!b, urls[i].wrong != NULL);
        if (urls[i].wrong)
            assert_non_null(strstr(err.detail, urls[i].wrong));
        else
            b->operations->free(b);
    }
    http_free(http);
    loop_free(loop);
}

static void a_key_file_that_is_set_has_to_be_there(void **state)
{
    (void)state;
    struct loop *loop;
    struct http *http;
    struct error err = {0};
    char line[300];
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(http_new(loop, &(struct http_config){0}, &http), 0);
    struct openai_settings settings = {.wishes = {.url = "https://h.example/v1", .temperature = -1},
                                       .key_file = "/nonexistent/key"};
    struct backend *b = openai_backend_new(loop, http, &settings, &err);
    assert_non_null(b);
    assert_null(b->operations->freeze(b, NULL, &err));
    assert_string_equal(err.code, "cloud.no_key");
    b->operations->describe(b, line, sizeof line);
    assert_non_null(strstr(line, "h.example cannot be used"));
    b->operations->free(b);
    settings.key_file = NULL;
    b = openai_backend_new(loop, http, &settings, &err);
    char *text = b->operations->freeze(b, NULL, &err); /* many servers need no key */
    assert_non_null(text);
    free(text);
    b->operations->free(b);
    http_free(http);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_endpoint_is_found_below_the_base),
        cmocka_unit_test(wishes_survive_freezing),
        cmocka_unit_test(settings_of_others_are_not_read),
        cmocka_unit_test(each_refusal_asks_for_less),
        cmocka_unit_test(a_form_has_what_was_wished_and_the_file_last),
        cmocka_unit_test(only_some_models_have_a_longest_recording),
        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(an_answer_is_no_refusal),
        cmocka_unit_test(settings_are_checked_at_once),
        cmocka_unit_test(a_key_file_that_is_set_has_to_be_there),
    };
    return cmocka_run_group_tests_name("openai_request", tests, NULL, NULL);
}
