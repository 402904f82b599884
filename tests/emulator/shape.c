/* The shapes in which the service tells a transcript. */
#include "tests/emulator/shape.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "tests/emulator/memory.h"

static bool ascii_end(const char *text)
{
    size_t len = strlen(text);
    return len && (unsigned char)text[len - 1] < 0x80;
}

/* English words carry their space behind them: in the punctuation where there is one, else in the text. */
static cJSON *word_json(const struct word *w, bool last)
{
    cJSON *json = cJSON_CreateObject();
    bool space = !last && ascii_end(w->punctuation && *w->punctuation ? w->punctuation : w->text);
    bool marked = w->punctuation && *w->punctuation;
    cleanup_free char *text = xprintf("%s%s", w->text, space && !marked ? " " : "");
    cleanup_free char *punctuation =
        xprintf("%s%s", marked ? w->punctuation : "", space && marked ? " " : "");
    cJSON_AddNumberToObject(json, "begin_time", (double)w->begin_ms);
    cJSON_AddNumberToObject(json, "end_time", (double)w->end_ms);
    cJSON_AddStringToObject(json, "text", text);
    cJSON_AddStringToObject(json, "punctuation", punctuation);
    return json;
}

static void add_words(cJSON *object, const struct sentence *s)
{
    cJSON *words = cJSON_AddArrayToObject(object, "words");
    for (size_t i = 0; i < s->word_count; i++)
        cJSON_AddItemToArray(words, word_json(&s->words[i], i + 1 == s->word_count));
}

char *shape_text(const struct transcript *t, int channel)
{
    struct buffer b = {0};
    buffer_puts(&b, "");
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        if (channel >= 0 && s->channel != channel)
            continue;
        if (b.len && ascii_end(b.data))
            buffer_puts(&b, " ");
        buffer_puts(&b, s->text);
    }
    return buffer_take(&b);
}

int64_t shape_speech_ms(const struct transcript *t, int channel)
{
    int64_t ms = 0;
    for (size_t i = 0; i < t->sentence_count; i++)
        if (t->sentences[i].channel == channel)
            ms += t->sentences[i].end_ms - t->sentences[i].begin_ms;
    return ms;
}

/* ---- result files ---- */

static cJSON *sentence_fun(const struct sentence *s, int id)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "begin_time", (double)s->begin_ms);
    cJSON_AddNumberToObject(json, "end_time", (double)s->end_ms);
    cJSON_AddStringToObject(json, "text", s->text);
    cJSON_AddNumberToObject(json, "sentence_id", id + 1);
    if (s->speaker >= 0)
        cJSON_AddNumberToObject(json, "speaker_id", s->speaker);
    add_words(json, s);
    return json;
}

static const char *or_else(const char *text, const char *other)
{
    return text && *text ? text : other;
}

static cJSON *sentence_filetrans(const struct sentence *s, int id, const struct features *f)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "sentence_id", id);
    cJSON_AddNumberToObject(json, "begin_time", (double)s->begin_ms);
    cJSON_AddNumberToObject(json, "end_time", (double)s->end_ms);
    cJSON_AddStringToObject(json, "language", or_else(s->language, or_else(f->language, "en")));
    cJSON_AddStringToObject(json, "emotion", or_else(s->emotion, "neutral"));
    cJSON_AddStringToObject(json, "text", s->text);
    if (f->words)
        add_words(json, s);
    return json;
}

static void add_properties(cJSON *json, const struct audio_info *info)
{
    cJSON *p = cJSON_AddObjectToObject(json, "properties");
    cJSON_AddStringToObject(p, "audio_format", info->codec);
    cJSON *channels = cJSON_AddArrayToObject(p, "channels");
    for (int i = 0; i < info->channels; i++)
        cJSON_AddItemToArray(channels, cJSON_CreateNumber(i));
    cJSON_AddNumberToObject(p, "original_sampling_rate", info->rate);
    cJSON_AddNumberToObject(p, "original_duration_in_milliseconds", (double)info->duration_ms);
}

static void add_audio_info(cJSON *json, const struct audio_info *info)
{
    cJSON *p = cJSON_AddObjectToObject(json, "audio_info");
    cJSON_AddStringToObject(p, "format", info->format);
    cJSON_AddNumberToObject(p, "sample_rate", info->rate);
}

static cJSON *channel_json(const struct heard *h, const struct features *f, bool filetrans, int channel)
{
    const struct transcript *t = h->transcript;
    cleanup_free char *text = shape_text(t, channel);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "channel_id", channel);
    if (!filetrans)
        cJSON_AddNumberToObject(json, "content_duration_in_milliseconds",
                                (double)shape_speech_ms(t, channel));
    cJSON_AddStringToObject(json, "text", text);
    cJSON *sentences = cJSON_AddArrayToObject(json, "sentences");
    int id = 0;
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        if (s->channel != channel)
            continue;
        cJSON_AddItemToArray(sentences, filetrans ? sentence_filetrans(s, id, f) : sentence_fun(s, id));
        id++;
    }
    return json;
}

cJSON *shape_result(const struct heard *h, const struct features *f, const struct model *m, const char *url)
{
    bool filetrans = m->family == FAMILY_FILETRANS;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "file_url", url);
    if (filetrans)
        add_audio_info(json, &h->info);
    else
        add_properties(json, &h->info);
    cJSON *transcripts = cJSON_AddArrayToObject(json, "transcripts");
    for (size_t i = 0; i < f->channel_count; i++)
        cJSON_AddItemToArray(transcripts, channel_json(h, f, filetrans, f->channels[i]));
    return json;
}

/* ---- synchronous ---- */

/* Spaces stand before the words here. */
static void add_flash_words(cJSON *words, const struct sentence *s)
{
    for (size_t i = 0; i < s->word_count; i++) {
        const struct word *w = &s->words[i];
        bool space = cJSON_GetArraySize(words) && (unsigned char)*w->text < 0x80;
        cleanup_free char *text = xprintf("%s%s", space ? " " : "", w->text);
        cJSON *json = cJSON_CreateObject();
        cJSON_AddNumberToObject(json, "begin_time", (double)w->begin_ms);
        cJSON_AddNumberToObject(json, "end_time", (double)w->end_ms);
        cJSON_AddTrueToObject(json, "fixed");
        cJSON_AddStringToObject(json, "punctuation", w->punctuation ? w->punctuation : "");
        cJSON_AddStringToObject(json, "text", text);
        cJSON_AddItemToArray(words, json);
    }
}

static cJSON *flash(int64_t begin, int64_t end, int id, const char *text)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "begin_time", (double)begin);
    cJSON_AddNumberToObject(json, "channel_id", 0);
    cJSON_AddNumberToObject(json, "end_time", (double)end);
    cJSON_AddTrueToObject(json, "sentence_end");
    cJSON_AddNumberToObject(json, "sentence_id", id);
    cJSON_AddStringToObject(json, "text", text);
    return json;
}

cJSON *shape_flash_sentence(const struct sentence *s, int id)
{
    cJSON *json = flash(s->begin_ms, s->end_ms, id, s->text);
    add_flash_words(cJSON_AddArrayToObject(json, "words"), s);
    return json;
}

cJSON *shape_flash_whole(const struct transcript *t)
{
    if (!t->sentence_count)
        return NULL;
    cleanup_free char *text = shape_text(t, -1);
    cJSON *json = flash(t->sentences[0].begin_ms, t->sentences[t->sentence_count - 1].end_ms, 1, text);
    cJSON *words = cJSON_AddArrayToObject(json, "words");
    for (size_t i = 0; i < t->sentence_count; i++)
        add_flash_words(words, &t->sentences[i]);
    return json;
}

cJSON *shape_annotation(const struct transcript *t, const char *language)
{
    const struct sentence *s = t->sentence_count ? t->sentences : NULL;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "type", "audio_info");
    cJSON_AddStringToObject(json, "language", or_else(language, or_else(s ? s->language : NULL, "en")));
    cJSON_AddStringToObject(json, "emotion", or_else(s ? s->emotion : NULL, "neutral"));
    return json;
}
