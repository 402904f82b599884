/* The .whisper.json view: exactly what OpenAI's whisper writes, for programs that take nothing else:
 * stable-ts refuses members that it does not know. No segment has words unless the engine gave word times;
 * then all have them, as its writers insist, estimated where they are not known. */
#include "cache/render/render.h"

#include <stdbool.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/transcript.h"
#include "cache/render/json_parts.h"
#include "cache/render/language.h"
#include "cache/render/spoken.h"

static void put_confidence(struct buffer *out, const char *member, const struct spoken_word *w)
{
    if (w->confidence < 0)
        return;
    buffer_printf(out, ",\"%s\":", member);
    json_out_fraction(out, w->confidence);
}

int render_whisper_json(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    const struct language *language = language_of(t);
    cleanup_spoken_words struct spoken_words words = {0};
    bool timed = spoken_has_words(t);
    (void)source;
    buffer_puts(out, "{\"text\":");
    json_put_all(out, t);
    buffer_puts(out, ",\"segments\":[");
    for (size_t i = 0; i < t->sentence_count; i++) {
        buffer_puts(out, i ? ",\n{" : "\n{");
        json_put_segment(out, &t->sentences[i], i);
        int rc = timed ? spoken_words_of(t, language, i, &words) : 0;
        if (rc)
            return rc;
        for (size_t k = 0; k < words.count && timed; k++) {
            const struct spoken_word *w = &words.items[k];
            buffer_puts(out, k ? ",{\"word\":" : ",\"words\":[{\"word\":");
            json_put_word(out, &words, w, true);
            buffer_puts(out, ",");
            json_put_times(out, w->begin_ms, w->end_ms);
            put_confidence(out, "probability", w);
            buffer_puts(out, "}");
        }
        if (timed)
            buffer_puts(out, words.count ? "]" : ",\"words\":[]");
        buffer_puts(out, "}");
    }
    buffer_puts(out, t->sentence_count ? "\n],\"language\":" : "],\"language\":");
    json_out_string(out, t->language ? t->language : "und");
    buffer_puts(out, "}\n");
    return buffer_error(out);
}
