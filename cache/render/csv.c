/* The .csv view: a table of sentences for spreadsheets (RFC 4180). */
#include "cache/render/render.h"

#include <inttypes.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/transcript.h"
#include "cache/render/line_ends.h"
#include "cache/render/spoken.h"
#include "cache/render/text.h"
#include "cache/render/voices.h"

/* RFC 4180; and what a spreadsheet would take for a formula begins with an apostrophe. */
static void put_field(struct buffer *out, const struct buffer *text)
{
    out->failed = out->failed || text->failed;
    buffer_puts(out, "\"");
    if (text->len && strchr("=+-@", text->data[0]))
        buffer_puts(out, "'");
    for (size_t i = 0; i < text->len; i++)
        buffer_add(out, text->data[i] == '"' ? "\"\"" : text->data + i, text->data[i] == '"' ? 2 : 1);
    buffer_puts(out, "\"");
}

static void put_clean_field(struct buffer *out, const char *raw)
{
    cleanup_buffer struct buffer text = {0};
    text_clean(&text, raw);
    put_field(out, &text);
}

/* hh:mm:ss.mmm: a spreadsheet takes it for a time of day, in whatever language it counts. */
static void put_clock(struct buffer *out, int64_t ms)
{
    buffer_printf(out, "%02" PRId64 ":%02d:%02d.%03d,", ms / 3600000, (int)(ms / 60000 % 60),
                  (int)(ms / 1000 % 60), (int)(ms % 1000));
}

int render_csv(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    struct voices voices = voices_of(t, source ? source->look : NULL);
    size_t start = out->len;
    buffer_puts(out, "start,end,speaker,channel,text,language,emotion,confidence\r\n");
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        cleanup_buffer struct buffer text = {0}, speaker = {0}, channel = {0};
        spoken_put_sentence(s, &text);
        if (!text.len && !text.failed)
            continue;
        put_clock(out, spoken_begin(s->begin_ms));
        put_clock(out, spoken_end(s->begin_ms, s->end_ms));
        if (s->speaker >= 0)
            voices_put(&voices, s->speaker, s->channel, &speaker);
        put_field(out, &speaker);
        buffer_puts(out, ",");
        voices_put_channel(&voices, s->channel, &channel);
        put_field(out, &channel);
        buffer_puts(out, ",");
        put_field(out, &text);
        buffer_puts(out, ",");
        put_clean_field(out, s->language ? s->language : t->language);
        buffer_puts(out, ",");
        put_clean_field(out, s->emotion);
        buffer_puts(out, ",");
        if (s->confidence >= 0)
            json_out_fraction(out, s->confidence);
        buffer_puts(out, "\r\n");
    }
    return line_ends_apply(out, start, source ? source->look : NULL);
}
