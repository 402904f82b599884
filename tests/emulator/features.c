/* What a request's parameters ask for: names, types, ranges. */
#include "tests/emulator/features.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

enum kind { BOOL, INTEGER, NUMBER, TEXT, INTEGERS, TEXTS, OBJECT, FILTER };

static const char *const kind_names[] = {"a boolean",
                                         "an integer",
                                         "a number",
                                         "a string",
                                         "an array of integers",
                                         "an array of strings",
                                         "an object",
                                         "a JSON object or a string that holds one"};

enum { TASKS = FAMILIES_FILE_URLS, FUNS = FAMILY_FUN | FAMILY_AUDIO_FILETRANS };

static const struct rule {
    const char *name;
    unsigned families;
    enum kind kind;
    double low, high;
} rules[] = {
    {"vocabulary_id", TASKS | FAMILY_FUN_FLASH, TEXT, 0, 0},
    {"channel_id", FAMILIES_TASK, INTEGERS, 0, HEAR_CHANNELS - 1},
    {"special_word_filter", TASKS, FILTER, 0, 0},
    {"diarization_enabled", TASKS, BOOL, 0, 0},
    {"speaker_count", TASKS, INTEGER, 2, 100},
    {"language_hints", TASKS | FAMILY_FUN_FLASH, TEXTS, 0, 0},
    {"disfluency_removal_enabled", FAMILY_PARAFORMER, BOOL, 0, 0},
    {"timestamp_alignment_enabled", FAMILY_PARAFORMER, BOOL, 0, 0},
    {"audio_event_detection_enabled", TASKS, BOOL, 0, 0},
    {"speech_noise_threshold", FUNS, NUMBER, -1, 1},
    {"vocabulary", FAMILY_AUDIO_FILETRANS | FAMILY_FUN_FLASH, OBJECT, 0, 0},
    {"language", FAMILY_FILETRANS, TEXT, 0, 0},
    {"enable_itn", FAMILY_FILETRANS, BOOL, 0, 0},
    {"enable_words", FAMILY_FILETRANS, BOOL, 0, 0},
    {"corpus", FAMILY_FILETRANS, OBJECT, 0, 0},
    {"result_format", FAMILIES_SYNC, TEXT, 0, 0},
    {"incremental_output", FAMILIES_SYNC, BOOL, 0, 0},
    {"asr_options", FAMILY_QWEN_FLASH, OBJECT, 0, 0},
    {"format", FAMILY_FUN_FLASH, TEXT, 0, 0},
    {"sample_rate", FAMILY_FUN_FLASH, TEXT, 0, 0},
    {"speaker_diarization_enabled", FAMILY_FUN_FLASH, BOOL, 0, 0},
};

static bool whole(const cJSON *item, const struct rule *rule)
{
    return cJSON_IsNumber(item) && item->valuedouble == floor(item->valuedouble) &&
           item->valuedouble >= rule->low && item->valuedouble <= rule->high;
}

static bool all_texts(const cJSON *array)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsString(item))
            return false;
    }
    return cJSON_IsArray(array);
}

static bool all_whole(const cJSON *array, const struct rule *rule)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (!whole(item, rule))
            return false;
    }
    return cJSON_IsArray(array) && cJSON_GetArraySize(array) > 0 &&
           cJSON_GetArraySize(array) <= HEAR_CHANNELS;
}

/* The object, whichever way it was sent; the caller frees. NULL when it is neither, or has a wrong form. */
static cJSON *filter_of(const cJSON *item)
{
    cJSON *filter = cJSON_IsString(item) ? cJSON_Parse(item->valuestring) : cJSON_Duplicate(item, true);
    const cJSON *signs = json_get(json_get(filter, "filter_with_signed"), "word_list");
    const cJSON *empty = json_get(json_get(filter, "filter_with_empty"), "word_list");
    const cJSON *reserved = json_get(filter, "system_reserved_filter");
    bool good = cJSON_IsObject(filter) && (!signs || all_texts(signs)) && (!empty || all_texts(empty)) &&
                (!reserved || cJSON_IsBool(reserved));
    if (!good) {
        cJSON_Delete(filter);
        return NULL;
    }
    return filter;
}

static bool fits(const struct rule *rule, const cJSON *item)
{
    switch (rule->kind) {
    case BOOL:
        return cJSON_IsBool(item);
    case INTEGER:
        return whole(item, rule);
    case NUMBER:
        return cJSON_IsNumber(item) && item->valuedouble >= rule->low && item->valuedouble <= rule->high;
    case TEXT:
        return cJSON_IsString(item);
    case INTEGERS:
        return all_whole(item, rule);
    case TEXTS:
        return all_texts(item);
    case OBJECT:
        return cJSON_IsObject(item);
    case FILTER: {
        cleanup_json cJSON *filter = filter_of(item);
        return filter;
    }
    }
    return false;
}

static const struct rule *find(const char *name, enum family family)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(rules[i].name, name) && rules[i].families & family)
            return &rules[i];
    return NULL;
}

static bool refuse_value(const struct request *r, struct reply *a, const struct rule *rule)
{
    if (rule->high > rule->low)
        refuse_with(r, a, REFUSE_PARAMETER, "Parameter %s should be %s between %g and %g.", rule->name,
                    kind_names[rule->kind], rule->low, rule->high);
    else
        refuse_with(r, a, REFUSE_PARAMETER, "Parameter %s should be %s.", rule->name, kind_names[rule->kind]);
    return false;
}

bool features_check(const struct request *r, struct reply *a, const struct model *m, const cJSON *parameters)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, parameters)
    {
        const struct rule *rule = find(item->string, m->family);
        if (!rule) {
            record_violation(r->emu, r, "unknown_parameter", item->string);
            if (!r->config.strict)
                continue;
            refuse_with(r, a, REFUSE_PARAMETER, "Invalid backend response received (missing status name)");
            return false;
        }
        if (!fits(rule, item))
            return refuse_value(r, a, rule);
    }
    const char *vocabulary = json_text(parameters, "vocabulary_id");
    if (json_get(parameters, "speaker_count") && !json_true(parameters, "diarization_enabled"))
        record_violation(r->emu, r, "speaker_count_without_diarization", NULL);
    if (vocabulary && !m->hotwords)
        record_violation(r->emu, r, "vocabulary_not_supported", m->name);
    return !vocabulary || !m->hotwords || vocabulary_fits(r, a, vocabulary, m->name);
}

void features_read(struct features *f, const cJSON *parameters)
{
    *f = (struct features){
        .diarization = json_true(parameters, "diarization_enabled"),
        .words = json_true(parameters, "enable_words"),
        .disfluency = json_true(parameters, "disfluency_removal_enabled"),
        .speakers = (int)json_number(parameters, "speaker_count", 0),
    };
    const cJSON *channels = json_get(parameters, "channel_id"),
                *filter = json_get(parameters, "special_word_filter");
    const char *hint = cJSON_GetStringValue(cJSON_GetArrayItem(json_get(parameters, "language_hints"), 0));
    const char *language = json_text(parameters, "language");
    const cJSON *item;
    cJSON_ArrayForEach(item, channels)
    {
        if (f->channel_count < HEAR_CHANNELS)
            f->channels[f->channel_count++] = item->valueint;
    }
    if (!f->channel_count)
        f->channels[f->channel_count++] = 0;
    snprintf(f->language, sizeof f->language, "%s", language ? language : hint ? hint : "");
    f->filter = filter ? filter_of(filter) : NULL;
}

void features_free(struct features *f)
{
    cJSON_Delete(f->filter);
}
