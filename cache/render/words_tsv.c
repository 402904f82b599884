/* The .words.tsv view: milliseconds, each word with its punctuation, and where its times are from. */
#include "cache/render/render.h"

#include <inttypes.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/transcript.h"
#include "cache/render/language.h"
#include "cache/render/line_ends.h"
#include "cache/render/spoken.h"
#include "cache/render/voices.h"

int render_words_tsv(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    struct voices voices = voices_of(t, source ? source->look : NULL);
    const struct language *language = language_of(t);
    cleanup_spoken_words struct spoken_words words = {0};
    size_t start = out->len;
    buffer_puts(out, "start\tend\tword\tconfidence\tspeaker\tchannel\ttiming\n");
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        cleanup_buffer struct buffer speaker = {0}, channel = {0};
        int rc = spoken_words_of(t, language, i, &words);
        if (rc)
            return rc;
        if (s->speaker >= 0)
            voices_put(&voices, s->speaker, s->channel, &speaker);
        voices_put_channel(&voices, s->channel, &channel);
        for (size_t k = 0; k < words.count; k++) {
            const struct spoken_word *w = &words.items[k];
            buffer_printf(out, "%" PRId64 "\t%" PRId64 "\t", w->begin_ms, w->end_ms);
            buffer_add(out, words.text.data + w->at, w->len);
            buffer_puts(out, "\t");
            if (w->confidence >= 0)
                json_out_fraction(out, w->confidence);
            buffer_printf(out, "\t%s\t%s\t%s\n", speaker.len ? speaker.data : "", channel.data,
                          words.estimated ? "estimated" : "word");
        }
        out->failed = out->failed || speaker.failed || channel.failed;
    }
    return line_ends_apply(out, start, source ? source->look : NULL);
}
