/* The table of cloud models. */
#include "backend/catalogue.h"

#include <string.h>
#include <strings.h>

#define HOURS(n) ((int64_t)(n)*3600 * 1000)
#define MINUTES(n) ((int64_t)(n)*60 * 1000)
#define GIB(n) ((int64_t)(n) << 30)
#define MIB(n) ((int64_t)(n) << 20)

#define BEIJING REGION_BIT(REGION_BEIJING)
#define SINGAPORE REGION_BIT(REGION_SINGAPORE)
#define US REGION_BIT(REGION_US)

#define TIMES (FEATURE_SENTENCE_TIMES | FEATURE_WORD_TIMES)
#define HOTWORDS (FEATURE_HOTWORDS | FEATURE_VOCABULARY)
#define FUN_FEATURES                                                                                         \
    (TIMES | FEATURE_SPEAKERS | HOTWORDS | FEATURE_WORD_FILTER | FEATURE_LANGUAGE_HINT | FEATURE_CHANNELS)
#define PARAFORMER_FEATURES                                                                                  \
    (TIMES | FEATURE_SPEAKERS | FEATURE_VOCABULARY | FEATURE_WORD_FILTER | FEATURE_CHANNELS |                \
     FEATURE_DISFLUENCY | FEATURE_ALIGNMENT)
#define FILETRANS_FEATURES                                                                                   \
    (TIMES | FEATURE_EMOTION | FEATURE_LANGUAGE | FEATURE_LANGUAGE_HINT | FEATURE_CHANNELS | FEATURE_ITN)
#define QWEN_FLASH_FEATURES                                                                                  \
    (FEATURE_EMOTION | FEATURE_LANGUAGE | FEATURE_LANGUAGE_HINT | FEATURE_ITN | FEATURE_STREAMING)
#define FUN_FLASH_FEATURES                                                                                   \
    (TIMES | HOTWORDS | FEATURE_CONTEXT | FEATURE_LANGUAGE_HINT | FEATURE_STREAMING)

#define FUN_LANGUAGES                                                                                        \
    "zh en ja ko vi th id ms tl hi ar fr de es pt ru it nl sv da fi no el pl cs hu ro bg hr sk"
#define MTL_LANGUAGES FUN_LANGUAGES " et ga lv lt mt sl"
#define QWEN_LANGUAGES "zh yue en ja de ko ru fr pt ar it es hi id th tr uk vi cs da fil fi is ms no pl sv"
#define QWEN_WORD_LANGUAGES "zh en ja ko de fr es it pt ru"

#define TASK_FORMATS "aac amr avi flac flv m4a mkv mov mp3 mp4 mpeg ogg opus wav webm wma wmv"
#define FLASH_FORMATS "aac amr avi aiff flac flv mkv mp3 mpeg ogg opus wav webm wma wmv"

#define TASK_LIMITS                                                                                          \
    .max_ms = HOURS(12), .max_bytes = GIB(2), .speakers_max_ms = HOURS(2), .formats = TASK_FORMATS
#define FLASH_LIMITS .max_ms = MINUTES(5), .max_bytes = MIB(10)
#define FLASH_CALLS (CALL_SYNC | CALL_STREAM)

/* Order of the arrays: Beijing, Singapore, US, Frankfurt. */
#define FUN_ASR(model_name, stands_for, languages_, singapore_rpm, rank_)                                    \
    {                                                                                                        \
        .name = (model_name), .snapshot = (stands_for), .family = FAMILY_FUN_ASR,                            \
        .regions = BEIJING | SINGAPORE, .calls = CALL_TASK, .features = FUN_FEATURES, TASK_LIMITS,           \
        .languages = (languages_), .hotword_languages = "zh en ja", .per_minute = {600, (singapore_rpm)},    \
        .price = {220, 35}, .rank = (rank_)                                                                  \
    }
#define PARAFORMER(model_name, more_features, rate, least, languages_, rpm, rank_)                           \
    {                                                                                                        \
        .name = (model_name), .family = FAMILY_PARAFORMER, .regions = BEIJING, .calls = CALL_TASK,           \
        .features = PARAFORMER_FEATURES | (more_features), TASK_LIMITS, .sample_rate = (rate),               \
        .least_rate = (least),                                                                               \
        .languages = (languages_), .hotword_languages = "zh en ja yue ko de fr ru", .per_minute = {(rpm)},   \
        .price = {80}, .rank = (rank_)                                                                       \
    }
#define FILETRANS(model_name, stands_for, rank_)                                                             \
    {                                                                                                        \
        .name = (model_name), .snapshot = (stands_for), .family = FAMILY_QWEN_FILETRANS,                     \
        .regions = BEIJING | SINGAPORE, .calls = CALL_TASK, .features = FILETRANS_FEATURES, TASK_LIMITS,     \
        .languages = QWEN_LANGUAGES, .word_languages = QWEN_WORD_LANGUAGES, .per_minute = {100, 100},        \
        .price = {220, 35}, .rank = (rank_)                                                                  \
    }
#define QWEN_FLASH(model_name, stands_for, regions_, more_calls, rank_, ...)                                 \
    {                                                                                                        \
        .name = (model_name), .snapshot = (stands_for), .family = FAMILY_QWEN_ASR_FLASH,                     \
        .regions = (regions_), .calls = FLASH_CALLS | (more_calls), .features = QWEN_FLASH_FEATURES,         \
        FLASH_LIMITS, .formats = FLASH_FORMATS, .languages = QWEN_LANGUAGES,                                 \
        .per_minute = {100, 100, 100}, .rank = (rank_),                                                      \
        .price = {                                                                                           \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define CHATS (CALL_CHAT | CALL_CHAT_STREAM)

/* clang-format off */
static const struct model models[] = {
    FUN_ASR("fun-asr", "fun-asr-2025-11-07", FUN_LANGUAGES, 600, 80),
    FUN_ASR("fun-asr-2025-11-07", NULL, FUN_LANGUAGES, 600, 0),
    FUN_ASR("fun-asr-2025-08-25", NULL, "zh en", 600, 0),
    FUN_ASR("fun-asr-mtl", "fun-asr-mtl-2025-08-25", MTL_LANGUAGES, 100, 60),
    FUN_ASR("fun-asr-mtl-2025-08-25", NULL, MTL_LANGUAGES, 100, 0),

    {.name = "fun-asr-flash-2026-06-15", .family = FAMILY_FUN_ASR_FLASH, .regions = BEIJING | SINGAPORE,
     .calls = FLASH_CALLS, .features = FUN_FLASH_FEATURES, FLASH_LIMITS, .formats = TASK_FORMATS,
     .languages = FUN_LANGUAGES,
     .hotword_languages = "zh en ja", .per_minute = {600, 600}, .rank = 50},

    FILETRANS("qwen3-asr-flash-filetrans", "qwen3-asr-flash-filetrans-2025-11-17", 70),
    FILETRANS("qwen3-asr-flash-filetrans-2025-11-17", NULL, 0),

    QWEN_FLASH("qwen3-asr-flash", "qwen3-asr-flash-2025-09-08", BEIJING | SINGAPORE, CHATS, 90, 220, 35),
    QWEN_FLASH("qwen3-asr-flash-2026-02-10", NULL, BEIJING | SINGAPORE, CHATS, 0, 220, 35),
    QWEN_FLASH("qwen3-asr-flash-2025-09-08", NULL, BEIJING | SINGAPORE, CHATS, 0, 220, 35),
    QWEN_FLASH("qwen3-asr-flash-us", "qwen3-asr-flash-2025-09-08-us", US, 0, 90, 0, 0, 35),
    QWEN_FLASH("qwen3-asr-flash-2025-09-08-us", NULL, US, 0, 0, 0, 0, 35),

    PARAFORMER("paraformer-v2", FEATURE_HOTWORDS | FEATURE_LANGUAGE_HINT, 0, 0, "zh en ja yue ko de fr ru", 1200, 40),
    PARAFORMER("paraformer-8k-v2", FEATURE_HOTWORDS, 8000, 0, "zh", 1200, 0),
    PARAFORMER("paraformer-v1", 0, 0, 0, "zh en", 600, 0),
    PARAFORMER("paraformer-8k-v1", 0, 8000, 0, "zh", 600, 0),
    PARAFORMER("paraformer-mtl-v1", 0, 0, 16000, "zh en ja ko es id fr de it ms", 600, 0),

    {.name = NULL},
};

static const struct region_info regions[REGION_COUNT] = {
    [REGION_BEIJING] = {"beijing", "China (Beijing)", "cn-beijing", "dashscope.aliyuncs.com",
                        ".cn-beijing.maas.aliyuncs.com", "CNY"},
    [REGION_SINGAPORE] = {"singapore", "Singapore", "ap-southeast-1", "dashscope-intl.aliyuncs.com",
                          ".ap-southeast-1.maas.aliyuncs.com", "USD"},
    [REGION_US] = {"us", "US (Virginia)", "us-east-1", "dashscope-us.aliyuncs.com", NULL, "USD"},
    [REGION_FRANKFURT] = {"frankfurt", "Germany (Frankfurt)", "eu-central-1", NULL,
                          ".eu-central-1.maas.aliyuncs.com", "EUR"},
};
/* clang-format on */

static const struct {
    enum model_feature feature;
    const char *title;
} feature_titles[] = {
    {FEATURE_SENTENCE_TIMES, "sentence times"},
    {FEATURE_WORD_TIMES, "word times"},
    {FEATURE_SPEAKERS, "speaker labels"},
    {FEATURE_EMOTION, "emotions"},
    {FEATURE_LANGUAGE, "the detected language"},
    {FEATURE_LANGUAGE_HINT, "a given language"},
    {FEATURE_HOTWORDS, "hotwords"},
    {FEATURE_CONTEXT, "context text"},
    {FEATURE_WORD_FILTER, "a word filter"},
    {FEATURE_STREAMING, "text while it is recognised"},
    {FEATURE_CHANNELS, "separate channels"},
    {FEATURE_ITN, "numbers written as digits"},
    {FEATURE_DISFLUENCY, "removal of filler words"},
    {FEATURE_ALIGNMENT, "calibrated times"},
    {FEATURE_VOCABULARY, "a list of hotwords"},
};

const struct model *catalogue_all(void)
{
    return models;
}

const struct model *catalogue_find(const char *name)
{
    for (const struct model *m = models; m->name; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

unsigned catalogue_calls(const struct model *model, enum region region)
{
    return model->regions & REGION_BIT(region) ? model->calls : 0;
}

const struct region_info *catalogue_region(enum region region)
{
    return &regions[region];
}

enum region catalogue_region_find(const char *name)
{
    for (enum region r = 0; r < REGION_COUNT; r++)
        if (strcasecmp(regions[r].name, name) == 0 || strcasecmp(regions[r].id, name) == 0)
            return r;
    return REGION_COUNT;
}

int catalogue_language_in(const char *list, const char *language)
{
    size_t len = language ? strcspn(language, "-_") : 0;
    while (language && list && *list) {
        size_t code = strcspn(list, " ");
        if (len == code && strncasecmp(list, language, len) == 0)
            return 1;
        list += code + strspn(list + code, " ");
    }
    return 0;
}

/* What other extensions the same formats have. */
static const char *const synonyms[][2] = {
    {"aif", "aiff"}, {"m4b", "m4a"}, {"mka", "mkv"}, {"mpg", "mpeg"}, {"mpga", "mp3"}, {"oga", "ogg"},
};

const char *catalogue_format(const char *extension)
{
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++)
        if (strcmp(extension, synonyms[i][0]) == 0)
            return synonyms[i][1];
    return extension;
}

bool catalogue_takes_format(const struct model *model, const char *extension)
{
    if (!extension || !model->formats)
        return true;
    const char *format = catalogue_format(extension);
    size_t len = strlen(format);
    for (const char *at = model->formats; *at;) {
        size_t n = strcspn(at, " ");
        if (n == len && strncmp(at, format, n) == 0)
            return true;
        at += n + strspn(at + n, " ");
    }
    return false;
}

const char *catalogue_feature_title(enum model_feature feature)
{
    for (size_t i = 0; i < sizeof feature_titles / sizeof *feature_titles; i++)
        if (feature_titles[i].feature == feature)
            return feature_titles[i].title;
    return "?";
}
