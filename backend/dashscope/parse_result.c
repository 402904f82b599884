/* Sentences of the service become sentences of a transcript; the result file of a task. */
#include "backend/dashscope/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/transcript.h"
#include "backend/transcript_finish.h"

static void free_transcript(struct transcript **t)
{
    transcript_free(*t);
}

/* ---- words ---- */

/* Word times are worth something only if every word has them. */
static bool words_have_times(const cJSON *words)
{
    const cJSON *item;
    int64_t begin, end;
    cJSON_ArrayForEach(item, words)
    {
        if (!json_number(item, "begin_time", &begin) || !json_number(item, "end_time", &end) || begin < 0 ||
            end < begin)
            return false;
    }
    return true;
}

/* A mark that stands alone belongs to the word before it. */
static int join_punctuation(struct word *before, const char *mark)
{
    size_t had = before->punctuation ? strlen(before->punctuation) : 0;
    char *joined = realloc(before->punctuation, had + strlen(mark) + 1);
    if (!joined)
        return -ENOMEM;
    strcpy(joined + had, mark);
    before->punctuation = joined;
    return 0;
}

/* Spaces are part of `text` in some models' words (before or after), marks may carry one: neither is kept. */
static int add_word(struct sentence *s, const cJSON *json)
{
    const char *text = json_text(json, "text"), *mark = json_text(json, "punctuation");
    char *word cleanup_free = text_trimmed(text ? text : "");
    char *punctuation cleanup_free = text_trimmed(mark ? mark : "");
    if (!word || !punctuation)
        return -ENOMEM;
    if (!word[0]) {
        bool joins = punctuation[0] && s->word_count;
        return joins ? join_punctuation(&s->words[s->word_count - 1], punctuation) : 0;
    }
    struct word *w = sentence_add_word(s);
    if (!w)
        return -ENOMEM;
    json_number(json, "begin_time", &w->begin_ms);
    json_number(json, "end_time", &w->end_ms);
    w->text = steal_ptr(word);
    if (punctuation[0])
        w->punctuation = steal_ptr(punctuation);
    return 0;
}

/* ---- sentences ---- */

static int copy_text(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return text && !*to ? -ENOMEM : 0;
}

static int number_or(const cJSON *json, const char *key, int otherwise)
{
    int64_t value;
    return json_number(json, key, &value) && value >= 0 && value <= 10000 ? (int)value : otherwise;
}

int add_sentence(struct transcript *t, const cJSON *json, int channel)
{
    const char *text = json_text(json, "text");
    char *trimmed cleanup_free = text_trimmed(text ? text : "");
    if (!trimmed)
        return -ENOMEM;
    const cJSON *words = json_get(json, "words");
    if (!trimmed[0])
        return 0;
    struct sentence *s = transcript_add_sentence(t);
    if (!s)
        return -ENOMEM;
    s->text = steal_ptr(trimmed);
    s->channel = number_or(json, "channel_id", channel);
    s->speaker = number_or(json, "speaker_id", -1);
    s->begin_ms = s->end_ms = -1;
    if (!json_number(json, "begin_time", &s->begin_ms) || s->begin_ms < 0)
        s->begin_ms = -1;
    if (!json_number(json, "end_time", &s->end_ms) || s->end_ms < s->begin_ms)
        s->end_ms = -1;
    int rc = copy_text(&s->language, json_text(json, "language"));
    rc = rc ? rc : copy_text(&s->emotion, json_text(json, "emotion"));
    if (rc || !words_have_times(words))
        return rc;
    const cJSON *item;
    cJSON_ArrayForEach(item, words)
    {
        rc = add_word(s, item);
        if (rc)
            return rc;
    }
    if (s->word_count && s->begin_ms < 0)
        s->begin_ms = s->words[0].begin_ms;
    if (s->word_count && s->end_ms < s->begin_ms)
        s->end_ms = s->words[s->word_count - 1].end_ms;
    return 0;
}

/* One entry of "transcripts": a channel. Some answers have a text but no sentences. */
static int add_channel(struct transcript *t, const cJSON *json)
{
    int channel = number_or(json, "channel_id", 0);
    const cJSON *sentences = json_get(json, "sentences"), *item;
    int64_t speech_ms;
    if (json_number(json, "content_duration_in_milliseconds", &speech_ms) && speech_ms > 0)
        t->billed_ms += speech_ms;
    if (cJSON_GetArraySize(sentences) == 0)
        return add_sentence(t, json, channel);
    int rc = 0;
    cJSON_ArrayForEach(item, sentences)
    {
        rc = rc ? rc : add_sentence(t, item, channel);
    }
    return rc;
}

struct transcript *parse_result(const char *json, size_t length, struct error *err)
{
    cJSON *root cleanup_json = json_parse(json, length, err);
    if (!root)
        return NULL;
    const cJSON *channels = json_get(root, "transcripts"), *item;
    if (!cJSON_IsArray(channels)) {
        error_set(err, ERROR_TRANSIENT, EBADMSG, "cloud.answer", "the result has no \"transcripts\"");
        return NULL;
    }
    struct transcript *t __attribute__((cleanup(free_transcript))) = transcript_new();
    int rc = t ? 0 : -ENOMEM;
    cJSON_ArrayForEach(item, channels)
    {
        rc = rc ? rc : add_channel(t, item);
    }
    if (rc) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.answer", "out of memory");
        return NULL;
    }
    int64_t duration_ms;
    if (json_number(json_get(root, "properties"), "original_duration_in_milliseconds", &duration_ms) &&
        duration_ms >= 0)
        t->duration_ms = duration_ms;
    transcript_estimate_times(t, t->duration_ms);
    transcript_finish(t);
    return steal_ptr(t);
}
