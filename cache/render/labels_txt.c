/* The .labels.txt view: labels as Audacity imports them, in seconds. */
#include "cache/render/render.h"

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/transcript.h"
#include "cache/render/spoken.h"
#include "cache/render/voices.h"

int render_labels_txt(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    struct voices voices = voices_of(t, source ? source->look : NULL);
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        cleanup_buffer struct buffer text = {0};
        spoken_put_sentence(s, &text);
        out->failed = out->failed || text.failed;
        if (!text.len)
            continue;
        json_out_decimal(out, spoken_begin(s->begin_ms), 3);
        buffer_puts(out, "\t");
        json_out_decimal(out, spoken_end(s->begin_ms, s->end_ms), 3);
        buffer_puts(out, "\t");
        if (voices_put(&voices, s->speaker, s->channel, out))
            buffer_puts(out, voices.phrases->after);
        buffer_printf(out, "%s\n", text.data);
    }
    return buffer_error(out);
}
