/* The .podcast.json view: the transcript format of Podcasting 2.0, version 1.0.0. A segment is a sentence. */
#include "cache/render/render.h"

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/json_parts.h"
#include "cache/render/spoken.h"
#include "cache/render/voices.h"

int render_podcast_json(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    struct voices voices = voices_of(t, source ? source->look : NULL);
    bool any = false;
    buffer_puts(out, "{\"version\":\"1.0.0\",\"segments\":[");
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        cleanup_buffer struct buffer text = {0}, voice = {0};
        spoken_put_sentence(s, &text);
        if (!text.len && !text.failed)
            continue;
        buffer_puts(out, any ? ",\n{" : "\n{");
        any = true;
        if (voices_put(&voices, s->speaker, s->channel, &voice)) {
            buffer_puts(out, "\"speaker\":");
            json_put_text(out, &voice);
            buffer_puts(out, ",");
        }
        buffer_puts(out, "\"startTime\":");
        json_put_seconds(out, spoken_begin(s->begin_ms));
        buffer_puts(out, ",\"endTime\":");
        json_put_seconds(out, spoken_end(s->begin_ms, s->end_ms));
        buffer_puts(out, ",\"body\":");
        json_put_text(out, &text);
        buffer_puts(out, "}");
    }
    buffer_puts(out, any ? "\n]}\n" : "]}\n");
    return buffer_error(out);
}
