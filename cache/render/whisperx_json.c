/* The .whisperx.json view: what whisperX writes, with speakers, and words without spaces around them. A
 * segment has words only where the engine gave their times. */
#include "cache/render/render.h"

#include <stdbool.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/transcript.h"
#include "cache/render/json_parts.h"
#include "cache/render/language.h"
#include "cache/render/spoken.h"
#include "cache/render/voices.h"

struct writer {
    const struct transcript *transcript;
    const struct language *language;
    struct voices voices;
    struct spoken_words words; /* of the sentence at hand */
    struct buffer speaker;     /* its, as a member, or empty */
};

static void writer_clear(struct writer *w)
{
    spoken_words_clear(&w->words);
    buffer_clear(&w->speaker);
}

static int begin_sentence(struct writer *w, size_t i)
{
    const struct sentence *s = &w->transcript->sentences[i];
    cleanup_buffer struct buffer name = {0};
    w->speaker.len = 0;
    if (voices_put(&w->voices, s->speaker, s->channel, &name)) {
        buffer_puts(&w->speaker, ",\"speaker\":");
        json_put_text(&w->speaker, &name);
    }
    int rc = spoken_words_of(w->transcript, w->language, i, &w->words);
    if (w->words.estimated)
        w->words.count = 0;
    return rc ? rc : buffer_error(&w->speaker);
}

/* The words of the sentence, after `first` what is between two of them. */
static void put_words(struct buffer *out, const struct writer *w, const char *first)
{
    for (size_t k = 0; k < w->words.count; k++) {
        const struct spoken_word *word = &w->words.items[k];
        buffer_puts(out, k ? "," : first);
        buffer_puts(out, "{\"word\":");
        json_put_word(out, &w->words, word, false);
        buffer_puts(out, ",");
        json_put_times(out, word->begin_ms, word->end_ms);
        if (word->confidence >= 0) {
            buffer_puts(out, ",\"score\":");
            json_out_fraction(out, word->confidence);
        }
        buffer_add(out, w->speaker.data, w->speaker.len);
        buffer_puts(out, "}");
    }
}

int render_whisperx_json(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    struct writer w __attribute__((cleanup(writer_clear))) = {
        .transcript = t, .language = language_of(t), .voices = voices_of(t, source ? source->look : NULL)};
    buffer_puts(out, "{\"segments\":[");
    for (size_t i = 0; i < t->sentence_count; i++) {
        int rc = begin_sentence(&w, i);
        if (rc)
            return rc;
        buffer_puts(out, i ? ",\n{" : "\n{");
        json_put_times(out, t->sentences[i].begin_ms, t->sentences[i].end_ms);
        buffer_puts(out, ",\"text\":");
        json_put_sentence(out, &t->sentences[i]);
        buffer_puts(out, ",\"words\":[");
        put_words(out, &w, "");
        buffer_puts(out, "]");
        buffer_add(out, w.speaker.data, w.speaker.len);
        buffer_puts(out, "}");
    }
    buffer_puts(out, "\n],\"word_segments\":[");
    bool any = false;
    for (size_t i = 0; i < t->sentence_count; i++) {
        int rc = begin_sentence(&w, i);
        if (rc)
            return rc;
        put_words(out, &w, any ? ",\n" : "\n");
        any = any || w.words.count;
    }
    buffer_puts(out, "\n],\"language\":");
    json_out_string(out, t->language ? t->language : "und");
    buffer_puts(out, "}\n");
    return buffer_error(out);
}
