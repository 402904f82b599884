/* Choosing a model: every model with every feature in every region and at every length, and what "auto"
 * takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "backend/route.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

/* The documentation once more, by family: regions, then one letter for each feature it has:
 * s sentence times, w word times, p speakers, e emotion, l language said, h language hint, v hotwords, x
 * context, f word filter, g growing text, c channels, i inverse text normalisation, d disfluency, a alignment
 */
static const struct {
    const char *name, *regions, *features;
    int64_t max_ms;
} documented[] = {
    {"fun-asr", "bs", "swphvfc", 12 * HOUR},
    {"fun-asr-2025-11-07", "bs", "swphvfc", 12 * HOUR},
    {"fun-asr-2025-08-25", "bs", "swphvfc", 12 * HOUR},
    {"fun-asr-mtl", "bs", "swphvfc", 12 * HOUR},
    {"fun-asr-mtl-2025-08-25", "bs", "swphvfc", 12 * HOUR},
    {"fun-asr-flash-2026-06-15", "bs", "swhvxg", 5 * MINUTE},
    {"qwen3-asr-flash-filetrans", "bs", "swelhci", 12 * HOUR},
    {"qwen3-asr-flash-filetrans-2025-11-17", "bs", "swelhci", 12 * HOUR},
    {"qwen3-asr-flash", "bs", "elhgi", 5 * MINUTE},
    {"qwen3-asr-flash-2026-02-10", "bs", "elhgi", 5 * MINUTE},
    {"qwen3-asr-flash-2025-09-08", "bs", "elhgi", 5 * MINUTE},
    {"qwen3-asr-flash-us", "u", "elhgi", 5 * MINUTE},
    {"qwen3-asr-flash-2025-09-08-us", "u", "elhgi", 5 * MINUTE},
    {"paraformer-v2", "b", "swphvfcda", 12 * HOUR},
    {"paraformer-8k-v2", "b", "swpvfcda", 12 * HOUR},
    {"paraformer-v1", "b", "swpfcda", 12 * HOUR},
    {"paraformer-8k-v1", "b", "swpfcda", 12 * HOUR},
    {"paraformer-mtl-v1", "b", "swpfcda", 12 * HOUR},
};
static const struct {
    char letter;
    enum model_feature feature;
} features[] = {
    {'s', FEATURE_SENTENCE_TIMES}, {'w', FEATURE_WORD_TIMES}, {'p', FEATURE_SPEAKERS},
    {'e', FEATURE_EMOTION},        {'l', FEATURE_LANGUAGE},   {'h', FEATURE_LANGUAGE_HINT},
    {'v', FEATURE_HOTWORDS},       {'x', FEATURE_CONTEXT},    {'f', FEATURE_WORD_FILTER},
    {'g', FEATURE_STREAMING},      {'c', FEATURE_CHANNELS},   {'i', FEATURE_ITN},
    {'d', FEATURE_DISFLUENCY},     {'a', FEATURE_ALIGNMENT},
};
enum { MODELS = sizeof documented / sizeof *documented, FEATURES = sizeof features / sizeof *features };

static struct route_needs plain(const char *model)
{
    return (struct route_needs){
        .model = model, .calls = CALL_ANY, .duration_ms = MINUTE, .bytes = 1 << 20, .channels = 1};
}

static const char *expected_code(size_t model, size_t feature, enum region region, int64_t duration)
{
    static const char letters[REGION_COUNT] = {'b', 's', 'u', 'f'};
    if (!strchr(documented[model].regions, letters[region]))
        return "route.region";
    if (!strchr(documented[model].features, features[feature].letter))
        return "route.feature";
    int64_t limit = features[feature].letter == 'p' ? 2 * HOUR : documented[model].max_ms;
    return duration > limit ? "media.too_long" : "";
}

static void every_model_feature_region_and_length(void **state)
{
    static const int64_t lengths[] = {0,         5 * MINUTE,   5 * MINUTE + 1, 2 * HOUR, 2 * HOUR + 1,
                                      12 * HOUR, 12 * HOUR + 1};
    (void)state;
    for (size_t m = 0; m < MODELS; m++)
        for (size_t f = 0; f < FEATURES; f++)
            for (enum region r = 0; r < REGION_COUNT; r++)
                for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
                    struct route_needs needs = plain(documented[m].name);
                    needs.features = features[f].feature;
                    needs.region = r;
                    needs.duration_ms = lengths[l];
                    struct route route;
                    struct error err = {0};
                    const char *expected = expected_code(m, f, r, lengths[l]);
                    int rc = route_choose(&needs, &route, &err);
                    if (strcmp(err.code, expected) != 0 || (rc == 0) != !*expected)
                        fail_msg("%s, %s, %s, %lld ms: \"%s\", not \"%s\"", documented[m].name,
                                 catalogue_feature_title(features[f].feature), catalogue_region(r)->name,
                                 (long long)lengths[l], err.code, expected);
                    if (rc == 0)
                        assert_string_equal(route.model->name, documented[m].name);
                    else
                        assert_true(err.class != ERROR_NONE && err.detail[0]);
                }
}

static void what_auto_takes(void **state)
{
    static const struct {
        const char *what;
        struct route_needs needs;
        const char *model;
        enum model_call call;
    } cases[] = {
        {"short, text only", {.duration_ms = MINUTE}, "qwen3-asr-flash", CALL_SYNC},
        {"short, in the US", {.duration_ms = MINUTE, .region = REGION_US}, "qwen3-asr-flash-us", CALL_SYNC},
        {"short, subtitles",
         {.duration_ms = MINUTE, .features = FEATURE_SENTENCE_TIMES},
         "fun-asr",
         CALL_TASK},
        {"short, subtitles, no place to publish",
         {.duration_ms = MINUTE, .features = FEATURE_SENTENCE_TIMES, .calls = CALL_SYNC | CALL_STREAM},
         "fun-asr-flash-2026-06-15",
         CALL_SYNC},
        {"long", {.duration_ms = HOUR}, "fun-asr", CALL_TASK},
        {"long, emotions",
         {.duration_ms = HOUR, .features = FEATURE_EMOTION},
         "qwen3-asr-flash-filetrans",
         CALL_TASK},
        {"long, emotions, Singapore",
         {.duration_ms = HOUR, .features = FEATURE_EMOTION, .region = REGION_SINGAPORE},
         "qwen3-asr-flash-filetrans",
         CALL_TASK},
        {"length unknown", {.duration_ms = -1}, "fun-asr", CALL_TASK},
        {"short, subtitles wanted",
         {.duration_ms = MINUTE, .wanted = FEATURE_SENTENCE_TIMES},
         "fun-asr",
         CALL_TASK},
        {"short, subtitles wanted, no place to publish",
         {.duration_ms = MINUTE, .wanted = FEATURE_SENTENCE_TIMES | FEATURE_WORD_TIMES, .calls = CALL_SYNC},
         "fun-asr-flash-2026-06-15",
         CALL_SYNC},
        {"subtitles wanted where no model has times",
         {.duration_ms = MINUTE, .wanted = FEATURE_SENTENCE_TIMES | FEATURE_WORD_TIMES, .region = REGION_US},
         "qwen3-asr-flash-us",
         CALL_SYNC},
        {"a model that has no times, by name",
         {.model = "qwen3-asr-flash", .duration_ms = MINUTE, .wanted = FEATURE_SENTENCE_TIMES},
         "qwen3-asr-flash",
         CALL_SYNC},
        {"word times wanted in a language without reliable ones",
         {.duration_ms = HOUR, .wanted = FEATURE_WORD_TIMES, .language = "uk"},
         "qwen3-asr-flash-filetrans",
         CALL_TASK},
        {"speakers", {.duration_ms = HOUR, .features = FEATURE_SPEAKERS}, "fun-asr", CALL_TASK},
        {"context",
         {.duration_ms = MINUTE, .features = FEATURE_CONTEXT},
         "fun-asr-flash-2026-06-15",
         CALL_SYNC},
        {"growing text",
         {.duration_ms = MINUTE, .features = FEATURE_STREAMING},
         "qwen3-asr-flash",
         CALL_STREAM},
        {"growing text and times",
         {.duration_ms = MINUTE, .features = FEATURE_STREAMING | FEATURE_SENTENCE_TIMES},
         "fun-asr-flash-2026-06-15",
         CALL_STREAM},
        {"no filler words",
         {.duration_ms = HOUR, .features = FEATURE_DISFLUENCY},
         "paraformer-v2",
         CALL_TASK},
        {"chat only", {.duration_ms = MINUTE, .calls = CALL_CHAT}, "qwen3-asr-flash", CALL_CHAT},
        {"a language of one model only",
         {.duration_ms = HOUR, .language = "uk"},
         "qwen3-asr-flash-filetrans",
         CALL_TASK},
        {"a language of the second only", {.duration_ms = HOUR, .language = "lt"}, "fun-asr-mtl", CALL_TASK},
        {"a language of none", {.duration_ms = HOUR, .language = "tlh"}, "fun-asr", CALL_TASK},
        {"could be cut, but another takes it whole",
         {.duration_ms = 6 * MINUTE, .can_split = true},
         "fun-asr",
         CALL_TASK},
        {"too long, may be cut", {.duration_ms = 13 * HOUR, .can_split = true}, "fun-asr", CALL_TASK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route_needs needs = cases[i].needs;
        needs.calls = needs.calls ? needs.calls : CALL_ANY;
        needs.bytes = 1 << 20;
        struct route route;
        struct error err = {0};
        if (route_choose(&needs, &route, &err) != 0)
            fail_msg("%s: %s", cases[i].what, err.detail);
        if (strcmp(route.model->name, cases[i].model) != 0 || route.call != cases[i].call)
            fail_msg("%s: %s called as %d", cases[i].what, route.model->name, route.call);
    }
}

static void why_auto_takes_none(void **state)
{
    static const struct {
        const char *what;
        struct route_needs needs;
        const char *code, *detail;
    } cases[] = {
        {"US, subtitles",
         {.region = REGION_US, .features = FEATURE_SENTENCE_TIMES, .calls = CALL_ANY},
         "route.feature",
         "qwen3-asr-flash-us does not offer sentence times"},
        {"Frankfurt",
         {.region = REGION_FRANKFURT, .calls = CALL_ANY},
         "route.region",
         "no speech model is offered in Germany (Frankfurt)"},
        {"speakers for 3 hours",
         {.duration_ms = 3 * HOUR, .features = FEATURE_SPEAKERS, .calls = CALL_ANY, .can_split = true},
         "media.too_long",
         "fun-asr takes at most 2 hours with speaker labels; this recording has 3 hours"},
        {"speakers in stereo",
         {.features = FEATURE_SPEAKERS, .channels = 2, .calls = CALL_ANY},
         "route.mono",
         "fun-asr can tell speakers apart in mono recordings only; this one has 2 channels"},
        {"speakers of each channel",
         {.features = FEATURE_SPEAKERS | FEATURE_CHANNELS,
          .channels = 2,
          .calls = CALL_ANY,
          .can_convert = true},
         "route.mono",
         "fun-asr cannot tell speakers apart and keep channels apart at once"},
        {"no place to publish",
         {.duration_ms = HOUR, .calls = CALL_SYNC},
         "media.too_long",
         "qwen3-asr-flash takes at most 5 minutes; this recording has 60 minutes"},
        {"too large",
         {.bytes = (INT64_C(2) << 30) + 1, .calls = CALL_TASK},
         "media.too_large",
         "fun-asr takes at most 2 GB; this recording is larger"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route route;
        struct error err = {0};
        assert_int_not_equal(route_choose(&cases[i].needs, &route, &err), 0);
        assert_string_equal(err.code, cases[i].code);
        assert_string_equal(err.detail, cases[i].detail);
    }
}

static void a_named_model_that_does_not_exist(void **state)
{
    (void)state;
    struct route_needs needs = plain("whisper-9");
    struct route route;
    struct error err = {0};
    assert_int_not_equal(route_choose(&needs, &route, &err), 0);
    assert_string_equal(err.code, "route.model");
    assert_int_equal(err.class, ERROR_PERSON);
}

static void what_is_done_to_the_audio_first(void **state)
{
    (void)state;
    struct route_needs needs = plain("fun-asr");
    struct route route;
    needs.channels = 2;
    needs.features = FEATURE_SPEAKERS;
    needs.can_convert = true;
    assert_int_equal(route_choose(&needs, &route, NULL), 0);
    assert_true(route.mix_down);
    assert_false(route.reduce);
    needs.features = 0;
    assert_int_equal(route_choose(&needs, &route, NULL), 0);
    assert_false(route.mix_down);
    needs.bytes = INT64_C(3) << 30;
    assert_int_equal(route_choose(&needs, &route, NULL), 0);
    assert_true(route.reduce);
    needs.duration_ms = 30 * HOUR;
    needs.can_split = true;
    assert_int_equal(route_choose(&needs, &route, NULL), 0);
    assert_int_equal(route.split_ms, 12 * HOUR);
    needs = plain("qwen3-asr-flash");
    needs.duration_ms = 11 * MINUTE;
    needs.can_split = true;
    assert_int_equal(route_choose(&needs, &route, NULL), 0);
    assert_int_equal(route.split_ms, 5 * MINUTE);
}

static void audio_inside_the_request_has_its_own_limit(void **state)
{
    (void)state;
    struct route_needs needs = plain("qwen3-asr-flash");
    struct route route;
    struct error err = {0};
    needs.bytes = CATALOGUE_INLINE_BYTES;
    needs.inlined = true;
    assert_int_equal(route_choose(&needs, &route, &err), 0);
    needs.bytes++;
    assert_int_not_equal(route_choose(&needs, &route, &err), 0);
    assert_string_equal(err.code, "media.too_large");
    needs.inlined = false;
    assert_int_equal(route_choose(&needs, &route, &err), 0);
    needs.bytes = (10 << 20) + 1;
    assert_int_not_equal(route_choose(&needs, &route, &err), 0);
    needs.can_convert = true;
    assert_int_equal(route_choose(&needs, &route, &err), 0);
    assert_true(route.reduce);
}

static void word_times_only_where_they_are_reliable(void **state)
{
    (void)state;
    struct route_needs needs = plain("qwen3-asr-flash-filetrans");
    struct route route;
    struct error err = {0};
    needs.features = FEATURE_WORD_TIMES;
    needs.language = "ru";
    assert_int_equal(route_choose(&needs, &route, &err), 0);
    needs.language = "ar";
    assert_int_not_equal(route_choose(&needs, &route, &err), 0);
    assert_string_equal(err.code, "route.feature");
    needs.features = FEATURE_SENTENCE_TIMES;
    assert_int_equal(route_choose(&needs, &route, &err), 0);
}

static void the_explanation_names_every_candidate(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct route_needs needs = plain(NULL);
    needs.region = REGION_SINGAPORE;
    needs.duration_ms = HOUR;
    needs.features = FEATURE_WORD_TIMES;
    route_explain(&needs, &text);
    assert_string_equal(text.data, "fun-asr: chosen\n"
                                   "fun-asr-mtl: possible\n"
                                   "fun-asr-flash-2026-06-15: fun-asr-flash-2026-06-15 takes at most 5 "
                                   "minutes; this recording has 60 minutes\n"
                                   "qwen3-asr-flash-filetrans: possible\n"
                                   "qwen3-asr-flash: qwen3-asr-flash does not offer word times\n"
                                   "qwen3-asr-flash-us: qwen3-asr-flash-us is not offered in Singapore\n"
                                   "paraformer-v2: paraformer-v2 is not offered in Singapore\n");
    buffer_clear(&text);
    needs.model = "paraformer-v1";
    route_explain(&needs, &text);
    assert_string_equal(text.data, "no model: paraformer-v1 is not offered in Singapore\n"
                                   "paraformer-v1: paraformer-v1 is not offered in Singapore\n");
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_feature_region_and_length),
        cmocka_unit_test(what_auto_takes),
        cmocka_unit_test(why_auto_takes_none),
        cmocka_unit_test(a_named_model_that_does_not_exist),
        cmocka_unit_test(what_is_done_to_the_audio_first),
        cmocka_unit_test(audio_inside_the_request_has_its_own_limit),
        cmocka_unit_test(word_times_only_where_they_are_reliable),
        cmocka_unit_test(the_explanation_names_every_candidate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
