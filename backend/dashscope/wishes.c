/* Wishes to JSON and back. Only what differs from the default is written, in a fixed order: equal wishes give
 * equal bytes. */
#include "backend/dashscope/wishes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/dashscope/hotwords.h"
#include "backend/dashscope/parse_internal.h"

/* ---- checks ---- */

static int wrong(struct error *err, const char *what)
{
    return error_set(err, ERROR_PERSON, EINVAL, "cloud.settings", "%s", what);
}

static bool is_channel_list(const char *text)
{
    if (strcmp(text, "all") == 0)
        return true;
    bool digit = false;
    for (; *text; text++) {
        if (*text >= '0' && *text <= '9')
            digit = true;
        else if (*text == ',' && digit)
            digit = false;
        else
            return false;
    }
    return digit;
}

static bool is_word_list(const cJSON *list)
{
    const cJSON *word;
    cJSON_ArrayForEach(word, list)
    {
        if (!cJSON_IsString(word))
            return false;
    }
    return cJSON_IsArray(list);
}

/* The three members the service knows, and no other: it would pass over a misspelt one in silence. */
static const char *filter_wrong(const char *text)
{
    cJSON *json cleanup_json = cJSON_Parse(text);
    const cJSON *item;
    if (!cJSON_IsObject(json))
        return "word_filter is not a JSON object";
    cJSON_ArrayForEach(item, json)
    {
        bool reserved = strcmp(item->string, "system_reserved_filter") == 0;
        bool words = strcmp(item->string, "filter_with_signed") == 0 ||
                     strcmp(item->string, "filter_with_empty") == 0;
        bool only = words && cJSON_GetArraySize(item) == 1;
        if (!(reserved && cJSON_IsBool(item)) && !(only && is_word_list(json_get(item, "word_list"))))
            return "word_filter has filter_with_signed and filter_with_empty, each with a word_list of texts, and "
                   "system_reserved_filter, true or false";
    }
    return NULL;
}

const char *wishes_text_wrong(const char *key, const char *value)
{
    if (strcmp(key, "channels") == 0 && !is_channel_list(value))
        return "\"all\" or numbers with commas between are needed, from 0";
    if (strcmp(key, "special_word_filter") == 0)
        return filter_wrong(value);
    return strcmp(key, "hotwords") == 0 ? hotwords_wrong(value) : NULL;
}

static int check(const struct dashscope_wishes *w, struct error *err)
{
    if (w->speaker_count && (!w->speakers || w->speaker_count < 2 || w->speaker_count > 100))
        return wrong(err, "speaker_count is a number from 2 to 100, with speakers switched on");
    if (w->channels && !is_channel_list(w->channels))
        return wrong(err, "channels are \"all\" or numbers with commas between, from 0");
    if (w->channels && w->speakers && (strchr(w->channels, ',') || strcmp(w->channels, "all") == 0))
        return wrong(err, "speakers are told apart in one channel only");
    if (w->vocabulary_id && w->hotwords)
        return wrong(err, "either hotwords or vocabulary_id can be set");
    if (w->word_filter && filter_wrong(w->word_filter))
        return wrong(err, filter_wrong(w->word_filter));
    if (w->hotwords && hotwords_wrong(w->hotwords))
        return wrong(err, hotwords_wrong(w->hotwords));
    return 0;
}

/* ---- writing ---- */

struct member {
    const char *key;
    enum { FLAG, TEXT } kind;
    size_t offset;
};

/* The order is that of the JSON: never change it, results are found by these bytes. */
#define MEMBER(kind, name)                                                                                   \
    {                                                                                                        \
#name, kind, offsetof(struct dashscope_wishes, name)                                                 \
    }
static const struct member members[] = {
    MEMBER(TEXT, language), MEMBER(FLAG, no_times),    MEMBER(FLAG, words),
    MEMBER(FLAG, speakers), MEMBER(TEXT, channels),    MEMBER(FLAG, emotion),
    MEMBER(FLAG, itn),      MEMBER(FLAG, disfluency),  MEMBER(FLAG, alignment),
    MEMBER(FLAG, stream),   MEMBER(FLAG, chat),        MEMBER(TEXT, vocabulary_id),
    MEMBER(TEXT, hotwords), MEMBER(TEXT, word_filter), MEMBER(FLAG, word_filter_object),
    MEMBER(TEXT, context),
};
#define MEMBERS (sizeof members / sizeof *members)

static const char **text_of(const struct dashscope_wishes *w, const struct member *m)
{
    return (const char **)((uintptr_t)w + m->offset);
}

static bool *flag_of(const struct dashscope_wishes *w, const struct member *m)
{
    return (bool *)((uintptr_t)w + m->offset);
}

int wishes_write(const struct dashscope_wishes *w, enum region region, struct buffer *out, struct error *err)
{
    int rc = check(w, err);
    if (rc)
        return rc;
    buffer_puts(out, "{\"backend\":\"dashscope\",\"region\":");
    json_out_string(out, catalogue_region(region)->name);
    buffer_puts(out, ",\"model\":");
    json_out_string(out, w->model ? w->model : "auto");
    if (w->speaker_count)
        buffer_printf(out, ",\"speaker_count\":%d", w->speaker_count);
    for (size_t i = 0; i < MEMBERS; i++) {
        const char *text = members[i].kind == TEXT ? *text_of(w, &members[i]) : NULL;
        if (members[i].kind == FLAG && *flag_of(w, &members[i])) {
            buffer_printf(out, ",\"%s\":true", members[i].key);
        } else if (text) {
            buffer_printf(out, ",\"%s\":", members[i].key);
            json_out_string(out, text);
        }
    }
    buffer_puts(out, "}");
    return buffer_error(out) ? error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.settings", "out of memory") : 0;
}

/* ---- reading ---- */

static int take_text(const cJSON *json, const char *key, const char **to)
{
    const char *text = json_text(json, key);
    *to = text ? strdup(text) : NULL;
    return text && !*to ? -ENOMEM : 0;
}

int wishes_read(const char *text, struct wishes *out, struct error *err)
{
    *out = (struct wishes){.region = REGION_COUNT};
    cJSON *json cleanup_json = json_parse(text, strlen(text), err);
    const char *region = json_text(json, "region");
    int64_t speakers;
    if (!region || (out->region = catalogue_region_find(region)) == REGION_COUNT)
        return error_set(err, ERROR_PERMANENT, EBADMSG, "cloud.settings",
                         "the frozen settings of this job cannot be read");
    if (json_number(json, "speaker_count", &speakers))
        out->is.speaker_count = (int)speakers;
    int rc = take_text(json, "model", &out->is.model);
    for (size_t i = 0; i < MEMBERS && !rc; i++) {
        if (members[i].kind == FLAG)
            *flag_of(&out->is, &members[i]) = cJSON_IsTrue(json_get(json, members[i].key));
        else
            rc = take_text(json, members[i].key, text_of(&out->is, &members[i]));
    }
    return rc ? error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.settings", "out of memory") : 0;
}

void wishes_clear(struct wishes *wishes)
{
    free((void *)(uintptr_t)wishes->is.model);
    for (size_t i = 0; i < MEMBERS; i++)
        if (members[i].kind == TEXT)
            free((void *)(uintptr_t)*text_of(&wishes->is, &members[i]));
    *wishes = (struct wishes){.region = REGION_COUNT};
}

/* ---- needs ---- */

unsigned wishes_features(const struct dashscope_wishes *w)
{
    unsigned features = w->speakers ? FEATURE_SPEAKERS : 0;
    features |= w->emotion ? FEATURE_EMOTION : 0;
    features |= w->language ? FEATURE_LANGUAGE_HINT : 0;
    features |= w->hotwords ? FEATURE_HOTWORDS : 0;
    features |= w->vocabulary_id ? FEATURE_VOCABULARY : 0;
    features |= w->context ? FEATURE_CONTEXT : 0;
    features |= w->word_filter ? FEATURE_WORD_FILTER : 0;
    features |= w->stream ? FEATURE_STREAMING : 0;
    features |= w->channels && strcmp(w->channels, "0") != 0 ? FEATURE_CHANNELS : 0;
    features |= w->itn ? FEATURE_ITN : 0;
    features |= w->disfluency ? FEATURE_DISFLUENCY : 0;
    return features | (w->alignment ? FEATURE_ALIGNMENT : 0);
}

unsigned wishes_wanted(const struct dashscope_wishes *w)
{
    return (w->no_times ? 0 : FEATURE_SENTENCE_TIMES) | (w->words ? FEATURE_WORD_TIMES : 0);
}
