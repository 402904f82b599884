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
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

/* The documentation once more, by family: regions, then one letter for each feature it has:
 * s sentence times, w word times, p speakers, e emotion, l language said, h language hint, v hotwords, x
 * context, f word filter, g growing text, c channels, i inverse text normalisation, d disfluency, a alignment,
 * y a list made at the service. Then how it is called (t task, d direct, g growing, c chat), how large a file it
 * takes, and the rate it is made for (negative: at least that, Hz). */
static const struct {
    const char *name, *regions, *features;
    int64_t max_ms;
    const char *calls;
    int64_t max_bytes;
    int rate;
} documented[] = {
    {"fun-asr", "bs", "swphvfcy", 12 * HOUR, "t", 2 * GIB, 0},
    {"fun-asr-2025-11-07", "bs", "swphvfcy", 12 * HOUR, "t", 2 * GIB, 0},
    {"fun-asr-2025-08-25", "bs", "swphvfcy", 12 * HOUR, "t", 2 * GIB, 0},
    {"fun-asr-mtl", "bs", "swphvfcy", 12 * HOUR, "t", 2 * GIB, 0},
    {"fun-asr-mtl-2025-08-25", "bs", "swphvfcy", 12 * HOUR, "t", 2 * GIB, 0},
    {"fun-asr-flash-2026-06-15", "bs", "swhvxgy", 5 * MINUTE, "dg", 10 * MIB, 0},
    {"qwen3-asr-flash-filetrans", "bs", "swelhci", 12 * HOUR, "t", 2 * GIB, 0},
    {"qwen3-asr-flash-filetrans-2025-11-17", "bs", "swelhci", 12 * HOUR, "t", 2 * GIB, 0},
    {"qwen3-asr-flash", "bs", "elhgi", 5 * MINUTE, "dgc", 10 * MIB, 0},
    {"qwen3-asr-flash-2026-02-10", "bs", "elhgi", 5 * MINUTE, "dgc", 10 * MIB, 0},
    {"qwen3-asr-flash-2025-09-08", "bs", "elhgi", 5 * MINUTE, "dgc", 10 * MIB, 0},
    {"qwen3-asr-flash-us", "u", "elhgi", 5 * MINUTE, "dg", 10 * MIB, 0},
    {"qwen3-asr-flash-2025-09-08-us", "u", "elhgi", 5 * MINUTE, "dg", 10 * MIB, 0},
    {"paraformer-v2", "b", "swphvfcday", 12 * HOUR, "t", 2 * GIB, 0},
    {"paraformer-8k-v2", "b", "swpvfcday", 12 * HOUR, "t", 2 * GIB, 8000},
    {"paraformer-v1", "b", "swpfcday", 12 * HOUR, "t", 2 * GIB, 0},
    {"paraformer-8k-v1", "b", "swpfcday", 12 * HOUR, "t", 2 * GIB, 8000},
    {"paraformer-mtl-v1", "b", "swpfcday", 12 * HOUR, "t", 2 * GIB, -16000},
};
static const struct {
    char letter;
    enum model_feature feature;
} features[] = {
    {'s', FEATURE_SENTENCE_TIMES}, {'w', FEATURE_WORD_TIMES}, {'p', FEATURE_SPEAKERS},
    {'e', FEATURE_EMOTION},        {'l', FEATURE_LANGUAGE},   {'h', FEATURE_LANGUAGE_HINT},
    {'v', FEATURE_HOTWORDS},       {'x', FEATURE_CONTEXT},    {'f', FEATURE_WORD_FILTER},
    {'g', FEATURE_STREAMING},      {'c', FEATURE_CHANNELS},   {'i', FEATURE_ITN},
    {'d', FEATURE_DISFLUENCY},     {'a', FEATURE_ALIGNMENT},  {'y', FEATURE_VOCABULARY},
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

/* Two features at once, for each model: both are there or the first that is missing is named. */
static void every_model_with_every_two_features(void **state)
{
    (void)state;
    for (size_t m = 0; m < MODELS; m++)
        for (size_t f = 0; f < FEATURES; f++)
            for (size_t g = 0; g < FEATURES; g++) {
                char two[] = {features[f].letter, features[g].letter, '\0'};
                struct route_needs needs = plain(documented[m].name);
                needs.features = features[f].feature | features[g].feature;
                needs.region = *documented[m].regions == 'u' ? REGION_US : REGION_BEIJING;
                bool has = strchr(documented[m].features, two[0]) && strchr(documented[m].features, two[1]);
                bool mono = strchr(two, 'p') && strchr(two, 'c');
                const char *expected = !has ? "route.feature" : mono ? "route.mono" : "";
                struct route route;
                struct error err = {0};
                route_choose(&needs, &route, &err);
                if (strcmp(err.code, expected) != 0)
                    fail_msg("%s, \"%s\": \"%s\", not \"%s\"", documented[m].name, two, err.code, expected);
            }
}

static void every_model_is_called_in_every_documented_way(void **state)
{
    static const struct {
        enum model_call call;
        char letter;
        bool growing;
    } calls[] = {{CALL_TASK, 't', false},
                 {CALL_SYNC, 'd', false},
                 {CALL_STREAM, 'g', true},
                 {CALL_CHAT, 'c', false},
                 {CALL_CHAT_STREAM, 'c', true}};
    (void)state;
    for (size_t m = 0; m < MODELS; m++)
        for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
            struct route_needs needs = plain(documented[m].name);
            needs.calls = calls[c].call;
            needs.region = *documented[m].regions == 'u' ? REGION_US : REGION_BEIJING;
            needs.features = calls[c].growing ? FEATURE_STREAMING : 0;
            bool has = strchr(documented[m].calls, calls[c].letter) != NULL;
            struct route route;
            int rc = route_choose(&needs, &route, NULL);
            if ((rc == 0) != has || (has && route.call != calls[c].call))
                fail_msg("%s called as %d", documented[m].name, (int)calls[c].call);
        }
}

static void every_model_takes_files_up_to_its_documented_size(void **state)
{
    (void)state;
    for (size_t m = 0; m < MODELS; m++)
        for (int more = 0; more < 2; more++) {
            struct route_needs needs = plain(documented[m].name);
            struct route route;
            struct error err = {0};
            needs.region = *documented[m].regions == 'u' ? REGION_US : REGION_BEIJING;
            needs.bytes = documented[m].max_bytes + more;
            route_choose(&needs, &route, &err);
            if (strcmp(err.code, more ? "media.too_large" : "") != 0)
                fail_msg("%s, %d byte more: %s", documented[m].name, more, err.code);
        }
}

/* Sound of another rate than the model's is brought to it; where that cannot be done, nothing is sent. */
static void every_model_gets_the_rate_it_is_made_for(void **state)
{
    static const int rates[] = {0, 8000, 11025, 15999, 16000, 22050, 44100, 48000};
    (void)state;
    for (size_t m = 0; m < MODELS; m++)
        for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
            for (int can = 0; can < 2; can++) {
                struct route_needs needs = plain(documented[m].name);
                struct route route;
                struct error err = {0};
                needs.region = *documented[m].regions == 'u' ? REGION_US : REGION_BEIJING;
                needs.sample_rate = rates[r];
                needs.can_convert = can;
                int only = documented[m].rate > 0 ? documented[m].rate : 0;
                bool wrong = rates[r] && ((only && rates[r] != only) || rates[r] < -documented[m].rate);
                int rc = route_choose(&needs, &route, &err);
                if (strcmp(err.code, wrong && !can ? "route.form" : "") != 0)
                    fail_msg("%s, %d Hz: \"%s\"", documented[m].name, rates[r], err.detail);
                if (rc)
                    continue;
                assert_int_equal(route.convert, wrong);
                assert_int_equal(route.sample_rate, only ? only : 16000);
            }
}

static void files_of_a_format_a_model_does_not_take_are_converted(void **state)
{
    static const struct {
        const char *model, *taken, *not_taken;
    } cases[] = {
        {"fun-asr", "aac amr avi flac flv m4a m4b mkv mka mov mp3 mpga mp4 mpeg mpg ogg oga opus wav webm wma wmv",
         "3gp aiff aif pcm"},
        {"qwen3-asr-flash-filetrans", "m4a wav mp4", "3gp aiff"},
        {"paraformer-8k-v1", "mp3 wav mov", "3gp aif"},
        {"fun-asr-flash-2026-06-15", "wav mp3 opus", "3gp"},
        {"qwen3-asr-flash", "aac amr avi aiff aif flac flv mkv mp3 mpeg ogg opus wav webm wma wmv",
         "m4a m4b mp4 mov 3gp"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int taken = 0; taken < 2; taken++) {
            char list[200], *rest = list;
            snprintf(list, sizeof list, "%s", taken ? cases[i].taken : cases[i].not_taken);
            for (char *format; (format = strsep(&rest, " "));) {
                struct route_needs needs = plain(cases[i].model);
                struct route route;
                struct error err = {0};
                needs.format = format;
                int rc = route_choose(&needs, &route, &err);
                if ((rc == 0) != taken || strcmp(err.code, taken ? "" : "route.form") != 0)
                    fail_msg("%s, %s: %s", cases[i].model, format, err.code);
                needs.can_convert = true;
                assert_int_equal(route_choose(&needs, &route, NULL), 0);
                assert_int_equal(route.convert, !taken);
            }
        }
}

static void channels_that_nobody_asked_about_are_mixed(void **state)
{
    static const struct {
        const char *name;
        struct route_needs needs;
        bool mixed;
    } cases[] = {
        {"stereo", {.channels = 2, .can_convert = true}, true},
        {"mono", {.channels = 1, .can_convert = true}, false},
        {"not known", {.can_convert = true}, false},
        {"nothing can be converted", {.channels = 2}, false},
        {"channels apart", {.channels = 2, .can_convert = true, .features = FEATURE_CHANNELS}, false},
        {"the first by name", {.channels = 2, .can_convert = true, .named_channel = true}, false},
        {"speakers", {.channels = 6, .can_convert = true, .features = FEATURE_SPEAKERS}, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route_needs needs = cases[i].needs;
        struct route route;
        needs.calls = CALL_ANY;
        assert_int_equal(route_choose(&needs, &route, NULL), 0);
        if (route.mix_down != cases[i].mixed)
            fail_msg("%s", cases[i].name);
    }
}

/* Telephone models spoil wide sound, and are taken by name only. */
static void auto_never_takes_a_telephone_model(void **state)
{
    static const int rates[] = {0, 8000, 16000, 44100};
    (void)state;
    for (size_t f = 0; f < FEATURES; f++)
        for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
            struct route_needs needs = plain("auto");
            struct route route;
            needs.features = features[f].feature;
            needs.sample_rate = rates[r];
            needs.language = "zh";
            if (route_choose(&needs, &route, NULL) == 0)
                assert_null(strstr(route.model->name, "8k"));
        }
}

static void the_only_language_of_a_model_need_not_be_told(void **state)
{
    (void)state;
    struct route_needs needs = plain("paraformer-8k-v2");
    struct route route;
    struct error err = {0};
    needs.features = FEATURE_LANGUAGE_HINT;
    needs.language = "zh-CN";
    assert_int_equal(route_choose(&needs, &route, &err), 0);
    needs.language = "en";
    assert_int_not_equal(route_choose(&needs, &route, &err), 0);
    assert_string_equal(err.code, "route.feature");
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
        {"too long, and what could be done about it",
         {.model = "qwen3-asr-flash",
          .duration_ms = HOUR,
          .calls = CALL_SYNC,
          .why_whole = "it could be cut if it were blue"},
         "media.too_long",
         "qwen3-asr-flash takes at most 5 minutes; this recording has 60 minutes; it could be cut if it were "
         "blue"},
        {"Frankfurt",
         {.region = REGION_FRANKFURT, .calls = CALL_ANY},
         "route.region",
         "no speech model is offered in Germany (Frankfurt)"},
        {"speakers for 3 hours",
         {.duration_ms = 3 * HOUR, .features = FEATURE_SPEAKERS, .calls = CALL_ANY},
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
    assert_int_equal(route.overlap_ms, 0);
    needs.bytes = 3 * GIB;
    assert_int_equal(route_choose(&needs, &route, NULL), 0);
    assert_false(route.reduce);
}

/* They are known again by what two parts have in common. */
static void long_recordings_with_speakers_are_cut_with_an_overlap(void **state)
{
    (void)state;
    struct route_needs needs = plain(NULL);
    struct route route;
    needs.features = FEATURE_SPEAKERS;
    needs.can_split = needs.can_convert = true;
    needs.duration_ms = 2 * HOUR;
    assert_int_equal(route_choose(&needs, &route, NULL), 0);
    assert_int_equal(route.split_ms, 0);
    assert_int_equal(route.overlap_ms, 0);
    needs.duration_ms++;
    assert_int_equal(route_choose(&needs, &route, NULL), 0);
    assert_string_equal(route.model->name, "fun-asr");
    assert_int_equal(route.split_ms, 2 * HOUR);
    assert_int_equal(route.overlap_ms, 3 * MINUTE);
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
    needs = plain("qwen3-asr-flash");
    needs.duration_ms = HOUR;
    needs.can_split = true;
    route_explain(&needs, &text);
    assert_string_equal(text.data, "qwen3-asr-flash: chosen, cut into parts of at most 5 minutes\n");
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_feature_region_and_length),
        cmocka_unit_test(every_model_with_every_two_features),
        cmocka_unit_test(every_model_is_called_in_every_documented_way),
        cmocka_unit_test(every_model_takes_files_up_to_its_documented_size),
        cmocka_unit_test(every_model_gets_the_rate_it_is_made_for),
        cmocka_unit_test(files_of_a_format_a_model_does_not_take_are_converted),
        cmocka_unit_test(channels_that_nobody_asked_about_are_mixed),
        cmocka_unit_test(auto_never_takes_a_telephone_model),
        cmocka_unit_test(the_only_language_of_a_model_need_not_be_told),
        cmocka_unit_test(what_auto_takes),
        cmocka_unit_test(why_auto_takes_none),
        cmocka_unit_test(a_named_model_that_does_not_exist),
        cmocka_unit_test(what_is_done_to_the_audio_first),
        cmocka_unit_test(long_recordings_with_speakers_are_cut_with_an_overlap),
        cmocka_unit_test(audio_inside_the_request_has_its_own_limit),
        cmocka_unit_test(word_times_only_where_they_are_reliable),
        cmocka_unit_test(the_explanation_names_every_candidate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
