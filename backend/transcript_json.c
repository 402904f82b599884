/* The transcript's canonical JSON form: one line, written by hand for equal bytes, read with cJSON. */
#include "backend/transcript.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/base/json_out.h"

#define SCHEMA "scribefs-transcript/1"
#define MAX_INTEGER 9007199254740992.0 /* 2^53: every integer up to here is exact as a double */

/* ---- writing ---- */

static void add_optional(struct buffer *b, const char *key, const char *text)
{
    if (!text)
        return;
    buffer_printf(b, ",\"%s\":", key);
    json_out_string(b, text);
}

static void add_confidence(struct buffer *b, double confidence)
{
    if (!(confidence >= 0))
        return;
    buffer_puts(b, ",\"confidence\":");
    json_out_fraction(b, confidence);
}

static void add_word(struct buffer *b, const struct word *w)
{
    buffer_printf(b, "{\"begin_ms\":%" PRId64 ",\"end_ms\":%" PRId64 ",\"text\":", w->begin_ms, w->end_ms);
    json_out_string(b, w->text ? w->text : "");
    add_optional(b, "punctuation", w->punctuation);
    add_confidence(b, w->confidence);
    buffer_puts(b, "}");
}

static void add_sentence(struct buffer *b, const struct sentence *s)
{
    buffer_printf(b, "{\"begin_ms\":%" PRId64 ",\"end_ms\":%" PRId64 ",\"channel\":%d", s->begin_ms,
                  s->end_ms, s->channel);
    if (s->speaker >= 0)
        buffer_printf(b, ",\"speaker\":%d", s->speaker);
    buffer_puts(b, ",\"text\":");
    json_out_string(b, s->text ? s->text : "");
    add_optional(b, "language", s->language);
    add_optional(b, "emotion", s->emotion);
    add_confidence(b, s->confidence);
    if (s->word_count) {
        buffer_puts(b, ",\"words\":[");
        for (size_t i = 0; i < s->word_count; i++) {
            if (i)
                buffer_puts(b, ",");
            add_word(b, &s->words[i]);
        }
        buffer_puts(b, "]");
    }
    buffer_puts(b, "}");
}

int transcript_to_json(const struct transcript *t, struct buffer *out)
{
    buffer_puts(out, "{\"schema\":\"" SCHEMA "\"");
    if (t->duration_ms >= 0)
        buffer_printf(out, ",\"duration_ms\":%" PRId64, t->duration_ms);
    add_optional(out, "language", t->language);
    add_optional(out, "provider", t->provider);
    add_optional(out, "engine", t->engine);
    add_optional(out, "model", t->model);
    add_optional(out, "why", t->why);
    add_optional(out, "task_id", t->task_id);
    add_optional(out, "request_id", t->request_id);
    if (t->billed_ms > 0)
        buffer_printf(out, ",\"billed_ms\":%" PRId64, t->billed_ms);
    if (t->billed_estimated)
        buffer_puts(out, ",\"billed_estimated\":true");
    if (t->currency[0]) {
        buffer_printf(out, ",\"cost_micro\":%" PRId64, t->cost_micro);
        add_optional(out, "currency", t->currency);
    }
    if (t->times_estimated)
        buffer_puts(out, ",\"times_estimated\":true");
    buffer_puts(out, ",\"sentences\":[");
    for (size_t i = 0; i < t->sentence_count; i++) {
        if (i)
            buffer_puts(out, ",");
        add_sentence(out, &t->sentences[i]);
    }
    buffer_puts(out, "]}");
    return buffer_error(out);
}

/* ---- reading ---- */

static void delete_json(cJSON **json)
{
    cJSON_Delete(*json);
}

static void free_transcript(struct transcript **t)
{
    transcript_free(*t);
}

static int invalid(struct error *err, const char *key, const char *what)
{
    return error_set(err, ERROR_PERMANENT, EBADMSG, "transcript.invalid", "\"%s\" %s", key, what);
}

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_TRANSIENT, ENOMEM, "transcript.invalid", "out of memory");
}

/* An integer in [low, high]; a missing one keeps the value unless it is required. */
static int read_integer(const cJSON *object, const char *key, bool required, int64_t low, int64_t high,
                        int64_t *value, struct error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!item)
        return required ? invalid(err, key, "is missing") : 0;
    if (!cJSON_IsNumber(item) || !(fabs(item->valuedouble) <= MAX_INTEGER) ||
        item->valuedouble != floor(item->valuedouble))
        return invalid(err, key, "is not an integer");
    int64_t n = (int64_t)item->valuedouble;
    if (n < low || n > high)
        return invalid(err, key, "is out of range");
    *value = n;
    return 0;
}

static int read_text(const cJSON *object, const char *key, bool required, char **value, struct error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!item || (cJSON_IsNull(item) && !required))
        return required ? invalid(err, key, "is missing") : 0;
    if (!cJSON_IsString(item))
        return invalid(err, key, "is not a string");
    *value = strdup(item->valuestring);
    return *value ? 0 : no_memory(err);
}

static int read_confidence(const cJSON *object, double *value, struct error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "confidence");
    if (!item)
        return 0;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= 1))
        return invalid(err, "confidence", "is not a number from 0 to 1");
    *value = item->valuedouble;
    return 0;
}

static int read_times(const cJSON *object, int64_t *begin, int64_t *end, struct error *err)
{
    int rc = read_integer(object, "begin_ms", true, 0, (int64_t)MAX_INTEGER, begin, err);
    if (!rc)
        rc = read_integer(object, "end_ms", true, 0, (int64_t)MAX_INTEGER, end, err);
    if (!rc && *end < *begin)
        rc = invalid(err, "end_ms", "is before begin_ms");
    return rc;
}

static int read_word(const cJSON *json, struct sentence *s, struct error *err)
{
    if (!cJSON_IsObject(json))
        return invalid(err, "words", "holds something that is not an object");
    struct word *w = sentence_add_word(s);
    if (!w)
        return no_memory(err);
    int rc = read_times(json, &w->begin_ms, &w->end_ms, err);
    if (!rc)
        rc = read_text(json, "text", true, &w->text, err);
    if (!rc)
        rc = read_text(json, "punctuation", false, &w->punctuation, err);
    return rc ? rc : read_confidence(json, &w->confidence, err);
}

static int read_sentence(const cJSON *json, struct transcript *t, struct error *err)
{
    if (!cJSON_IsObject(json))
        return invalid(err, "sentences", "holds something that is not an object");
    struct sentence *s = transcript_add_sentence(t);
    if (!s)
        return no_memory(err);
    int64_t channel = 0, speaker = -1;
    int rc = read_times(json, &s->begin_ms, &s->end_ms, err);
    if (!rc)
        rc = read_integer(json, "channel", false, 0, INT32_MAX, &channel, err);
    if (!rc)
        rc = read_integer(json, "speaker", false, -1, INT32_MAX, &speaker, err);
    if (!rc)
        rc = read_text(json, "text", true, &s->text, err);
    if (!rc)
        rc = read_text(json, "language", false, &s->language, err);
    if (!rc)
        rc = read_text(json, "emotion", false, &s->emotion, err);
    if (!rc)
        rc = read_confidence(json, &s->confidence, err);
    s->channel = (int)channel;
    s->speaker = (int)speaker;

    const cJSON *words = cJSON_GetObjectItemCaseSensitive(json, "words");
    if (!rc && words && !cJSON_IsArray(words))
        rc = invalid(err, "words", "is not an array");
    for (const cJSON *word = words ? words->child : NULL; word && !rc; word = word->next)
        rc = read_word(word, s, err);
    return rc;
}

static int read_switch(const cJSON *object, const char *key, bool *value, struct error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (item && !cJSON_IsBool(item))
        return invalid(err, key, "is not true or false");
    *value = cJSON_IsTrue(item);
    return 0;
}

/* An amount means nothing without its currency. */
static int read_cost(const cJSON *json, struct transcript *t, struct error *err)
{
    cleanup_free char *currency = NULL;
    int rc = read_text(json, "currency", false, &currency, err);
    if (rc || !currency)
        return rc;
    if (strlen(currency) != sizeof t->currency - 1)
        return invalid(err, "currency", "is not a code of three letters");
    memcpy(t->currency, currency, sizeof t->currency);
    return read_integer(json, "cost_micro", true, 0, (int64_t)MAX_INTEGER, &t->cost_micro, err);
}

static int read_transcript(const cJSON *json, struct transcript *t, struct error *err)
{
    if (!cJSON_IsObject(json))
        return error_set(err, ERROR_PERMANENT, EBADMSG, "transcript.invalid",
                         "the text is not a JSON object");
    const cJSON *schema = cJSON_GetObjectItemCaseSensitive(json, "schema");
    if (!cJSON_IsString(schema) || strcmp(schema->valuestring, SCHEMA) != 0)
        return invalid(err, "schema", "is not " SCHEMA);

    const struct {
        const char *key;
        char **value;
    } texts[] = {
        {"language", &t->language}, {"provider", &t->provider}, {"engine", &t->engine},
        {"model", &t->model},       {"why", &t->why},           {"task_id", &t->task_id},
        {"request_id", &t->request_id},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int rc = read_text(json, texts[i].key, false, texts[i].value, err);
        if (rc)
            return rc;
    }
    int rc = read_integer(json, "duration_ms", false, 0, (int64_t)MAX_INTEGER, &t->duration_ms, err);
    if (!rc)
        rc = read_integer(json, "billed_ms", false, 0, (int64_t)MAX_INTEGER, &t->billed_ms, err);
    if (!rc)
        rc = read_switch(json, "billed_estimated", &t->billed_estimated, err);
    if (!rc)
        rc = read_cost(json, t, err);
    if (!rc)
        rc = read_switch(json, "times_estimated", &t->times_estimated, err);
    if (rc)
        return rc;

    const cJSON *sentences = cJSON_GetObjectItemCaseSensitive(json, "sentences");
    if (!cJSON_IsArray(sentences))
        return invalid(err, "sentences", "is not an array");
    for (const cJSON *sentence = sentences->child; sentence && !rc; sentence = sentence->next)
        rc = read_sentence(sentence, t, err);
    return rc;
}

struct transcript *transcript_from_json(const char *text, size_t len, struct error *err)
{
    const char *end = NULL;
    cJSON *json __attribute__((cleanup(delete_json))) = cJSON_ParseWithLengthOpts(text, len, &end, false);
    if (!json) {
        error_set(err, ERROR_PERMANENT, EBADMSG, "transcript.invalid", "the text is not JSON (near byte %zu)",
                  end ? (size_t)(end - text) : 0);
        return NULL;
    }
    size_t rest = (size_t)(end - text);
    while (rest < len && memchr(" \t\r\n", text[rest], 4))
        rest++;
    if (rest < len) {
        error_set(err, ERROR_PERMANENT, EBADMSG, "transcript.invalid",
                  "something follows the JSON at byte %zu", rest);
        return NULL;
    }

    struct transcript *t __attribute__((cleanup(free_transcript))) = transcript_new();
    if (!t) {
        no_memory(err);
        return NULL;
    }
    if (read_transcript(json, t, err))
        return NULL;
    transcript_normalise(t); /* the order of sentences and words is promised to every reader */
    return steal_ptr(t);
}
