/* The .txt view: a few lines about the recording, then paragraphs to read, each with the time it begins at.
 * The .plain.txt view: nothing but the words, a paragraph to a line. */
#include "cache/render/render.h"

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/header.h"
#include "cache/render/line_ends.h"
#include "cache/render/look.h"
#include "cache/render/turns.h"

static int add_header(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    cleanup_header struct header header = {0};
    int rc = header_of(t, source, &header);
    if (rc)
        return rc;
    if (header.title.len)
        buffer_printf(out, "%s\n", header.title.data);
    for (size_t i = 0; i < header.count; i++)
        buffer_printf(out, "%s%s%s\n", header.lines[i].label, phrases_of(t)->after,
                      header.lines[i].value.data);
    if (header.title.len || header.count)
        buffer_puts(out, "\n");
    return buffer_error(out);
}

/* "[00:00:04] Speaker 1 (happy): " */
static void add_heading(const struct turns *turns, size_t i, bool timestamp, struct buffer *out)
{
    if (timestamp) {
        buffer_puts(out, "[");
        turns_put_time(turns->items[i].begin_ms, out);
        buffer_puts(out, "] ");
    }
    size_t start = out->len;
    bool named = turns_put_voice(turns, i, out);
    if (out->len > start)
        buffer_puts(out, named ? turns->voices.phrases->after : " ");
}

int render_txt(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    const struct render_look *look = source ? source->look : NULL;
    cleanup_turns struct turns turns = {0};
    size_t start = out->len;
    int rc = turns_of(t, look, &turns);
    if (!rc && !(look && look->no_header))
        rc = add_header(t, source, out);
    if (rc)
        return rc;
    for (size_t i = 0; i < turns.count; i++) {
        buffer_puts(out, i ? "\n" : "");
        add_heading(&turns, i, !(look && look->no_timestamps), out);
        turns_put_text(&turns, i, false, NULL, out);
        buffer_puts(out, "\n");
    }
    if (!turns.count)
        buffer_printf(out, "[%s]\n", turns.voices.phrases->nothing);
    return line_ends_apply(out, start, look);
}

int render_plain_txt(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    const struct render_look *look = source ? source->look : NULL;
    cleanup_turns struct turns turns = {0};
    size_t start = out->len;
    int rc = turns_of(t, look, &turns);
    if (rc)
        return rc;
    for (size_t i = 0; i < turns.count; i++) {
        turns_put_text(&turns, i, true, NULL, out);
        buffer_puts(out, "\n");
    }
    return line_ends_apply(out, start, look);
}
