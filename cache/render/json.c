/* The .json view: what OpenAI's API calls verbose_json, with everything it requires, and beside it what else
 * is known: scribefs-json(5), man/scribefs-1.schema.json. One segment is one line. */
#include "cache/render/render.h"

#include <inttypes.h>
#include <stdbool.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/transcript.h"
#include "cache/render/json_parts.h"
#include "cache/render/language.h"
#include "cache/render/loops.h"
#include "cache/render/spoken.h"
#include "cache/render/text.h"
#include "cache/render/voices.h"

#define SCHEMA "scribefs/1"

/* In a segment a word carries its punctuation and the space before it, as Whisper's and stable-ts' do: their
 * writers put words together as they are. In the list of all words it has neither, as in OpenAI's. */
static void add_segment_words(struct buffer *out, const struct spoken_words *words)
{
    buffer_puts(out, ",\"words\":[");
    for (size_t i = 0; i < words->count; i++) {
        const struct spoken_word *w = &words->items[i];
        buffer_puts(out, i ? ",{\"word\":" : "{\"word\":");
        json_put_word(out, words, w, true);
        buffer_puts(out, ",");
        json_put_times(out, w->begin_ms, w->end_ms);
        if (w->confidence >= 0) {
            buffer_puts(out, ",\"score\":");
            json_out_fraction(out, w->confidence);
            buffer_puts(out, ",\"probability\":");
            json_out_fraction(out, w->confidence);
        }
        buffer_puts(out, "}");
    }
    buffer_puts(out, words->estimated ? "],\"timing\":\"estimated\"" : "]");
}

static void add_segment(struct buffer *out, const struct sentence *s, size_t id)
{
    json_put_segment(out, s, id);
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
}

/* Readers look for words in the first segment and then want them in all: either each has them, with times
 * estimated where the engine gave none, or none has. */
static int add_segments(struct buffer *out, const struct transcript *t)
{
    const struct language *language = language_of(t);
    cleanup_spoken_words struct spoken_words words = {0};
    bool timed = spoken_has_words(t);
    for (size_t i = 0; i < t->sentence_count; i++) {
        buffer_puts(out, i ? ",\n    {" : "\n    {");
        add_segment(out, &t->sentences[i], i);
        int rc = timed ? spoken_words_of(t, language, i, &words) : 0;
        if (rc)
            return rc;
        if (timed)
            add_segment_words(out, &words);
        buffer_puts(out, "}");
    }
    buffer_puts(out, t->sentence_count ? "\n  ]" : "]");
    return 0;
}

static void add_all_words(struct buffer *out, const struct transcript *t)
{
    bool any = false;
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        for (size_t j = 0; j < s->word_count; j++) {
            cleanup_buffer struct buffer text = {0};
            text_clean(&text, s->words[j].text);
            buffer_puts(out, !any ? "\n    " : j ? "," : ",\n    ");
            any = true;
            buffer_puts(out, "{\"word\":");
            json_put_text(out, &text);
            buffer_puts(out, ",");
            json_put_times(out, s->words[j].begin_ms, s->words[j].end_ms);
            buffer_puts(out, "}");
        }
    }
    buffer_puts(out, any ? "\n  ]" : "]");
}

/* "speaker" of a segment refers to these, and "channel" where there are several. */
static void add_voices(struct buffer *out, const struct transcript *t, const struct render_source *source)
{
    struct voices voices = voices_of(t, source ? source->look : NULL);
    for (int channels = 0; channels <= voices.channels; channels++) {
        int (*next)(const struct transcript *, int) = channels ? voices_next_channel : voices_next_speaker;
        buffer_puts(out, channels ? ",\n  \"channels\": {" : ",\n  \"speakers\": {");
        for (int first = next(t, -1), n = first; n >= 0; n = next(t, n)) {
            cleanup_buffer struct buffer name = {0};
            voices_put(&voices, channels ? -1 : n, n, &name);
            buffer_printf(out, "%s\"%d\":{\"name\":", n == first ? "" : ",", n);
            json_put_text(out, &name);
            buffer_puts(out, "}");
        }
        buffer_puts(out, "}");
    }
}

/* What the texts and subtitles show once: "count" segments from "segment" on say the same. */
static int add_collapsed(struct buffer *out, const struct transcript *t)
{
    cleanup_loops struct loops loops = {0};
    int rc = loops_of(t, &loops);
    buffer_puts(out, ",\n  \"collapsed\": [");
    for (size_t i = 0; i < loops.count; i++)
        buffer_printf(out, "%s{\"segment\":%zu,\"count\":%zu}", i ? "," : "", loops.items[i].first,
                      loops.items[i].count);
    buffer_puts(out, "]");
    return rc;
}

/* A wall clock in UTC; null when it is not known. */
static void add_wall_time(struct buffer *out, int64_t ms)
{
    struct tm utc;
    time_t seconds = (time_t)(ms / 1000);
    char text[64] = "";
    if (ms > 0 && gmtime_r(&seconds, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_out_string(out, text[0] ? text : NULL);
}

static void add_source(struct buffer *out, const struct render_source *source, const struct transcript *t)
{
    buffer_puts(out, "{\"name\":");
    json_out_string(out, source ? source->name : NULL);
    buffer_puts(out, ",\"size\":");
    if (source && source->size >= 0)
        buffer_printf(out, "%" PRId64, source->size);
    else
        buffer_puts(out, "null");
    buffer_puts(out, ",\"sha256\":");
    json_out_string(out, source ? source->sha256 : NULL);
    buffer_puts(out, ",\"duration\":");
    json_put_seconds(out, spoken_duration(t));
    buffer_puts(out, ",\"recorded\":");
    add_wall_time(out, source ? source->recorded_ms : 0);
    buffer_puts(out, "}");
}

static void add_engine(struct buffer *out, const struct render_source *source, const struct transcript *t)
{
    const struct {
        const char *key, *value;
    } fields[] = {
        {"{\"provider\":", t->provider},
        {",\"name\":", t->engine},
        {",\"model\":", t->model},
        {",\"why\":", t->why},
        {",\"task_id\":", t->task_id},
        {",\"request_id\":", t->request_id},
        {",\"settings_hash\":", source ? source->settings_hash : NULL},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        buffer_puts(out, fields[i].key);
        json_out_string(out, fields[i].value);
    }
    buffer_puts(out, ",\"finished\":");
    add_wall_time(out, source ? source->finished_ms : 0);
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
    json_put_seconds(out, t->billed_ms < 0 ? 0 : t->billed_ms);
    buffer_printf(out, ",\"estimated\":%s}", t->billed_estimated ? "true" : "false");
}

int render_json(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    buffer_puts(out, "{\n  \"schema\": \"" SCHEMA "\",\n  \"task\": \"transcribe\",\n  \"language\": ");
    json_out_string(out,
                    t->language ? t->language : "und"); /* BCP 47: undetermined; readers require a string */
    buffer_puts(out, ",\n  \"duration\": ");
    json_put_seconds(out, spoken_duration(t));
    buffer_puts(out, ",\n  \"source\": ");
    add_source(out, source, t);
    buffer_puts(out, ",\n  \"engine\": ");
    add_engine(out, source, t);
    add_cost(out, t);
    /* An edited view is a file of its own, which is not made here. */
    buffer_printf(out, ",\n  \"timing\": \"%s\",\n  \"edited\": false", spoken_timing(t));
    int rc = add_collapsed(out, t);
    add_voices(out, t, source);
    buffer_puts(out, ",\n  \"text\": ");
    json_put_all(out, t);
    buffer_puts(out, ",\n  \"segments\": [");
    rc = rc ? rc : add_segments(out, t);
    if (rc)
        return rc;
    buffer_puts(out, ",\n  \"words\": [");
    add_all_words(out, t);
    buffer_puts(out, "\n}\n");
    return buffer_error(out);
}
