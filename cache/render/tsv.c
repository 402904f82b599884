/* The .tsv view, as Whisper writes it: start and end in whole milliseconds, and what is said. */
#include "cache/render/render.h"

#include <inttypes.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/line_ends.h"
#include "cache/render/spoken.h"

int render_tsv(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    size_t start = out->len;
    buffer_puts(out, "start\tend\ttext\n");
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        cleanup_buffer struct buffer text = {0};
        spoken_put_sentence(s, &text);
        out->failed = out->failed || text.failed;
        if (text.len)
            buffer_printf(out, "%" PRId64 "\t%" PRId64 "\t%s\n", spoken_begin(s->begin_ms),
                          spoken_end(s->begin_ms, s->end_ms), text.data);
    }
    return line_ends_apply(out, start, source ? source->look : NULL);
}
