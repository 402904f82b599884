/* The .json view: what OpenAI's API calls verbose_json, with everything it requires, and beside it what else
 * is known ("schema", "source", "engine", "cost", "speakers", "timing", speakers and words of segments). One segment
 * is one line. */
#include "cache/render/render.h"

#include <inttypes.h>
#include <stdbool.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/transcript.h"
#include "cache/render/language.h"
#include "cache/render/text.h"

#define SCHEMA "scribefs/1"

/* A transcript that was put in order has no such times; one that was not must still give readable JSON. */
static int64_t sane_begin(int64_t begin_ms)
{
    return begin_ms < 0 ? 0 : begin_ms;
}

static int64_t sane_end(int64_t begin_ms, int64_t end_ms)
{
    return end_ms < sane_begin(begin_ms) ? sane_begin(begin_ms) : end_ms;
}

static void add_seconds(struct buffer *out, int64_t ms)
{
    json_out_decimal(out, ms, 3);
}

static void add_clean(struct buffer *out, const char *text)
{
    struct buffer clean = {0};
    text_clean(&clean, text);
    out->failed = out->failed || clean.failed;
    json_out_text(out, clean.len ? clean.data : "", clean.len);
    buffer_clear(&clean);
}

/* The sentences as one text. */
static void add_whole_text(struct buffer *out, const struct transcript *t)
{
    struct buffer whole = {0};
    for (size_t i = 0; i < t->sentence_count; i++) {
        struct buffer clean = {0};
        text_clean(&clean, t->sentences[i].text);
        if (clean.len && whole.len &&
            text_needs_space(text_last(whole.data, whole.len), text_first(clean.data, clean.len)))
            buffer_add(&whole, " ", 1);
        buffer_add(&whole, clean.data, clean.len);
        whole.failed = whole.failed || clean.failed;
        buffer_clear(&clean);
    }
    out->failed = out->failed || whole.failed;
    json_out_text(out, whole.len ? whole.data : "", whole.len);
    buffer_clear(&whole);
}

static void add_times(struct buffer *out, int64_t begin_ms, int64_t end_ms)
{
    buffer_puts(out, "\"start\":");
    add_seconds(out, sane_begin(begin_ms));
    buffer_puts(out, ",\"end\":");
    add_seconds(out, sane_end(begin_ms, end_ms));
}

/* In a segment a word carries its punctuation, as whisperX and stable-ts expect; in the list of all words it
 * does not, as in OpenAI's. */
static void add_segment_word(struct buffer *out, const struct word *w)
{
    struct buffer clean = {0};
    text_clean(&clean, w->text);
    text_clean(&clean, w->punctuation);
    out->failed = out->failed || clean.failed;
    buffer_puts(out, "{\"word\":");
    json_out_text(out, clean.len ? clean.data : "", clean.len);
    buffer_clear(&clean);
    buffer_puts(out, ",");
    add_times(out, w->begin_ms, w->end_ms);
    if (w->confidence >= 0) {
        buffer_puts(out, ",\"score\":");
        json_out_fraction(out, w->confidence);
        buffer_puts(out, ",\"probability\":");
        json_out_fraction(out, w->confidence);
    }
    buffer_puts(out, "}");
}

static void add_segment(struct buffer *out, const struct sentence *s, size_t id)
{
    buffer_printf(out, "{\"id\":%zu,\"seek\":0,", id);
    add_times(out, s->begin_ms, s->end_ms);
    buffer_puts(out, ",\"text\":");
    add_clean(out, s->text);
    buffer_puts(
        out,
        ",\"tokens\":[],\"temperature\":0,\"avg_logprob\":0,\"compression_ratio\":0,\"no_speech_prob\":0");
    if (s->speaker >= 0)
        buffer_printf(out, ",\"speaker\":\"%d\"", s->speaker);
    buffer_printf(out, ",\"channel\":%d", s->channel < 0 ? 0 : s->channel);
    if (s->language) {
        buffer_puts(out, ",\"language\":");
        json_out_string(out, s->language);
    }
    if (s->emotion) {
        buffer_puts(out, ",\"emotion\":");
        json_out_string(out, s->emotion);
    }
    if (s->confidence >= 0) {
        buffer_puts(out, ",\"confidence\":");
        json_out_fraction(out, s->confidence);
    }
    buffer_puts(out, ",\"words\":[");
    for (size_t i = 0; i < s->word_count; i++) {
        buffer_puts(out, i ? "," : "");
        add_segment_word(out, &s->words[i]);
    }
    buffer_puts(out, "]}");
}

static void add_all_words(struct buffer *out, const struct transcript *t)
{
    bool any = false;
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        for (size_t j = 0; j < s->word_count; j++) {
            buffer_puts(out, !any ? "\n    " : j ? "," : ",\n    ");
            any = true;
            buffer_puts(out, "{\"word\":");
            add_clean(out, s->words[j].text);
            buffer_puts(out, ",");
            add_times(out, s->words[j].begin_ms, s->words[j].end_ms);
            buffer_puts(out, "}");
        }
    }
    buffer_puts(out, any ? "\n  " : "");
}

/* Speakers by number, in order; "speaker" of a segment refers to them. */
static void add_speakers(struct buffer *out, const struct transcript *t)
{
    const char *word = language_of(t)->speaker_before;
    int last = -1;
    for (;;) {
        int next = -1;
        for (size_t i = 0; i < t->sentence_count; i++) {
            int speaker = t->sentences[i].speaker;
            if (speaker > last && (next < 0 || speaker < next))
                next = speaker;
        }
        if (next < 0)
            return;
        buffer_printf(out, "%s\"%d\":{\"name\":\"%s%" PRId64 "\"}", last < 0 ? "" : ",", next, word,
                      (int64_t)next + 1);
        last = next;
    }
}

static const char *timing(const struct transcript *t)
{
    if (t->times_estimated)
        return "estimated";
    for (size_t i = 0; i < t->sentence_count; i++) {
        if (!t->sentences[i].word_count)
            return "segment";
    }
    return "word";
}

static int64_t duration(const struct transcript *t)
{
    int64_t ms = t->duration_ms;
    for (size_t i = 0; i < t->sentence_count && t->duration_ms < 0; i++) {
        int64_t end = sane_end(t->sentences[i].begin_ms, t->sentences[i].end_ms);
        ms = end > ms ? end : ms;
    }
    return ms < 0 ? 0 : ms;
}

static void add_source(struct buffer *out, const struct render_source *source, const struct transcript *t)
{
    buffer_puts(out, "{\"size\":");
    if (source && source->size >= 0)
        buffer_printf(out, "%" PRId64, source->size);
    else
        buffer_puts(out, "null");
    buffer_puts(out, ",\"sha256\":");
    json_out_string(out, source ? source->sha256 : NULL);
    buffer_puts(out, ",\"duration\":");
    add_seconds(out, duration(t));
    buffer_puts(out, "}");
}

static void add_engine(struct buffer *out, const struct render_source *source, const struct transcript *t)
{
    const struct {
        const char *key, *value;
    } fields[] = {
        {"{\"provider\":", t->provider},     {",\"name\":", t->engine},
        {",\"model\":", t->model},           {",\"task_id\":", t->task_id},
        {",\"request_id\":", t->request_id}, {",\"settings_hash\":", source ? source->settings_hash : NULL},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        buffer_puts(out, fields[i].key);
        json_out_string(out, fields[i].value);
    }
    struct tm utc;
    time_t finished = source ? (time_t)(source->finished_ms / 1000) : 0;
    char text[64];
    if (finished > 0 && gmtime_r(&finished, &utc) &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)) {
        buffer_puts(out, ",\"finished\":");
        json_out_string(out, text);
    }
    buffer_puts(out, "}");
}

/* What a paid service billed for it. "amount" is null where the price is not known. */
static void add_cost(struct buffer *out, const struct transcript *t)
{
    if (!t->currency[0] && t->billed_ms <= 0)
        return;
    buffer_puts(out, ",\n  \"cost\": {\"amount\":");
    if (t->currency[0])
        json_out_decimal(out, t->cost_micro, 6);
    else
        buffer_puts(out, "null");
    buffer_puts(out, ",\"currency\":");
    json_out_string(out, t->currency[0] ? t->currency : NULL);
    buffer_puts(out, ",\"billed_seconds\":");
    add_seconds(out, t->billed_ms < 0 ? 0 : t->billed_ms);
    buffer_printf(out, ",\"estimated\":%s}", t->billed_estimated ? "true" : "false");
}

int render_json(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    buffer_puts(out, "{\n  \"schema\": \"" SCHEMA "\",\n  \"task\": \"transcribe\",\n  \"language\": ");
    json_out_string(out,
                    t->language ? t->language : "und"); /* BCP 47: undetermined; readers require a string */
    buffer_puts(out, ",\n  \"duration\": ");
    add_seconds(out, duration(t));
    buffer_puts(out, ",\n  \"source\": ");
    add_source(out, source, t);
    buffer_puts(out, ",\n  \"engine\": ");
    add_engine(out, source, t);
    add_cost(out, t);
    buffer_printf(out, ",\n  \"timing\": \"%s\",\n  \"speakers\": {", timing(t));
    add_speakers(out, t);
    buffer_puts(out, "},\n  \"text\": ");
    add_whole_text(out, t);
    buffer_puts(out, ",\n  \"segments\": [");
    for (size_t i = 0; i < t->sentence_count; i++) {
        buffer_puts(out, i ? ",\n    " : "\n    ");
        add_segment(out, &t->sentences[i], i);
    }
    buffer_puts(out, t->sentence_count ? "\n  ],\n  \"words\": [" : "],\n  \"words\": [");
    add_all_words(out, t);
    buffer_puts(out, "]\n}\n");
    return buffer_error(out);
}
