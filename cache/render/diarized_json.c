/* The .diarized.json view: what OpenAI's API calls diarized_json. Speakers are its letters, unless they have
 * names. */
#include "cache/render/render.h"

#include <stdbool.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/json_parts.h"
#include "cache/render/look.h"
#include "cache/render/spoken.h"
#include "cache/render/text.h"
#include "cache/render/voices.h"

/* A, B … Z, AA, AB … */
static void put_letters(struct buffer *out, int number)
{
    char letters[8];
    size_t at = sizeof letters;
    for (int64_t rest = number; rest >= 0 && at > 0; rest = rest / 26 - 1)
        letters[--at] = (char)('A' + rest % 26);
    buffer_add(out, letters + at, sizeof letters - at);
}

/* The schema requires a speaker: one who is not known is called by his channel, or "unknown". */
static void put_speaker(struct buffer *out, const struct voices *v, const struct sentence *s)
{
    const char *given =
        s->speaker >= 0 && v->look ? look_find_name(&v->look->speaker_names, s->speaker) : NULL;
    if (s->speaker >= 0 && !given)
        put_letters(out, s->speaker);
    else if (!voices_put(v, s->speaker, s->channel, out))
        buffer_puts(out, "unknown");
}

int render_diarized_json(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    struct voices voices = voices_of(t, source ? source->look : NULL);
    bool any = false;
    buffer_puts(out, "{\"task\":\"transcribe\",\"duration\":");
    json_put_seconds(out, spoken_duration(t));
    buffer_puts(out, ",\"text\":");
    json_put_all(out, t);
    buffer_puts(out, ",\"segments\":[");
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        cleanup_buffer struct buffer text = {0}, speaker = {0};
        spoken_put_sentence(s, &text);
        if (!text.len && !text.failed)
            continue;
        put_speaker(&speaker, &voices, s);
        buffer_printf(out, "%s\n{\"type\":\"transcript.text.segment\",\"id\":\"seg_%03zu\",", any ? "," : "",
                      i + 1);
        any = true;
        json_put_times(out, s->begin_ms, s->end_ms);
        buffer_puts(out, ",\"text\":");
        json_put_text(out, &text);
        buffer_puts(out, ",\"speaker\":");
        json_put_text(out, &speaker);
        buffer_puts(out, "}");
    }
    buffer_puts(out, any ? "\n]" : "]");
    if (t->billed_ms > 0) {
        buffer_puts(out, ",\"usage\":{\"type\":\"duration\",\"seconds\":");
        json_put_seconds(out, t->billed_ms);
        buffer_puts(out, "}");
    }
    buffer_puts(out, "}\n");
    return buffer_error(out);
}
