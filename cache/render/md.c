/* The .md view: Markdown (CommonMark) to read as it is and on GitHub. What is said is text, whatever
 * characters are in it. */
#include "cache/render/render.h"

#include <stdbool.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/header.h"
#include "cache/render/look.h"
#include "cache/render/turns.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether text[i] would be markup there. `digits`: how many the text begins with. */
static bool means_something(const char *text, size_t len, size_t i, size_t digits)
{
    char c = text[i], before = i ? text[i - 1] : ' ', after = i + 1 < len ? text[i + 1] : ' ';
    if (strchr("\\`*[]<~$", c)) /* $ is mathematics on GitHub */
        return true;
    if (c == '_') /* inside a word it is a letter */
        return !(is_letter(before) || is_digit(before)) || !(is_letter(after) || is_digit(after));
    if (c == '&')
        return is_letter(after) || after == '#';
    if (i == 0 && strchr("+-=:#>|", c)) /* lists, headings, lines, quotations, tables */
        return true;
    return i > 0 && i == digits && (c == '.' || c == ')'); /* numbered lists */
}

/* A backslash takes the meaning from any ASCII punctuation (CommonMark 0.31, 2.4). */
static void escape(struct buffer *out, const char *text, size_t len)
{
    size_t digits = 0;
    while (digits < len && is_digit(text[digits]))
        digits++;
    for (size_t i = 0; i < len; i++) {
        if (text[i] && means_something(text, len, i, digits))
            buffer_add(out, "\\", 1);
        buffer_add(out, text + i, 1);
    }
}

static void put_escaped(struct buffer *out, const struct buffer *text)
{
    if (text->len)
        escape(out, text->data, text->len);
    out->failed = out->failed || text->failed;
}

static int add_header(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    cleanup_header struct header header = {0};
    int rc = header_of(t, source, &header);
    if (rc)
        return rc;
    if (header.title.len) {
        buffer_puts(out, "# ");
        put_escaped(out, &header.title);
        buffer_puts(out, "\n\n");
    }
    for (size_t i = 0; i < header.count; i++) {
        buffer_printf(out, "- **%s**%s", header.lines[i].label, phrases_of(t)->after);
        put_escaped(out, &header.lines[i].value);
        buffer_puts(out, "\n");
    }
    if (header.count)
        buffer_puts(out, "\n");
    return buffer_error(out);
}

int render_md(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    const struct render_look *look = source ? source->look : NULL;
    cleanup_turns struct turns turns = {0};
    int rc = turns_of(t, look, &turns);
    if (!rc && !(look && look->no_header))
        rc = add_header(t, source, out);
    if (rc)
        return rc;
    for (size_t i = 0; i < turns.count; i++) {
        buffer_puts(out, i ? "\n" : "");
        if (!(look && look->no_timestamps)) {
            buffer_puts(out, "`");
            turns_put_time(turns.items[i].begin_ms, out);
            buffer_puts(out, "` ");
        }
        cleanup_buffer struct buffer voice = {0};
        bool named = turns_put_voice(&turns, i, &voice);
        if (voice.len) {
            buffer_puts(out, "**");
            put_escaped(out, &voice);
            buffer_puts(out, "**");
            buffer_puts(out, named ? turns.voices.phrases->after : " ");
        }
        turns_put_text(&turns, i, false, escape, out);
        buffer_puts(out, "\n");
    }
    if (!turns.count)
        buffer_printf(out, "*%s*\n", turns.voices.phrases->nothing);
    return buffer_error(out);
}
