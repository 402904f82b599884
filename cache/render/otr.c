/* The .otr view: a document of oTranscribe, for those who go on typing while they listen. JSON with the
 * transcript as HTML in it; a click on a time plays the recording from there. */
#include "cache/render/render.h"

#include <inttypes.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/transcript.h"
#include "cache/render/json_parts.h"
#include "cache/render/turns.h"

static void escape(struct buffer *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '&')
            buffer_puts(out, "&amp;");
        else if (text[i] == '<')
            buffer_puts(out, "&lt;");
        else if (text[i] == '>')
            buffer_puts(out, "&gt;");
        else
            buffer_add(out, text + i, 1);
    }
}

/* As oTranscribe writes it: 0:04, 1:02:03. */
static void put_time(struct buffer *html, int64_t ms)
{
    int64_t seconds = ms / 1000;
    if (seconds >= 3600)
        buffer_printf(html, "%" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
                      (int)(seconds % 60));
    else
        buffer_printf(html, "%d:%02d", (int)(seconds / 60), (int)(seconds % 60));
}

static void put_turn(const struct turns *turns, size_t i, struct buffer *html)
{
    cleanup_buffer struct buffer voice = {0};
    buffer_puts(html, "<p><span class=\"timestamp\" data-timestamp=\"");
    json_put_seconds(html, turns->items[i].begin_ms);
    buffer_puts(html, "\">");
    put_time(html, turns->items[i].begin_ms);
    buffer_puts(html, "</span> ");
    bool named = turns_put_voice(turns, i, &voice);
    if (voice.len) {
        buffer_puts(html, "<b>");
        escape(html, voice.data, voice.len);
        buffer_puts(html, "</b>");
        buffer_puts(html, named ? turns->voices.phrases->after : " ");
    }
    turns_put_text(turns, i, false, escape, html);
    buffer_puts(html, "</p>");
    html->failed = html->failed || voice.failed;
}

int render_otr(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    cleanup_turns struct turns turns = {0};
    cleanup_buffer struct buffer html = {0};
    int rc = turns_of(t, source ? source->look : NULL, &turns);
    if (rc)
        return rc;
    for (size_t i = 0; i < turns.count; i++)
        put_turn(&turns, i, &html);
    if (!turns.count)
        buffer_printf(&html, "<p>[%s]</p>", turns.voices.phrases->nothing);
    buffer_puts(out, "{\"text\":");
    json_put_text(out, &html);
    buffer_puts(out, ",\"media\":");
    json_out_string(out, source && source->name ? source->name : "");
    buffer_puts(out, ",\"media-source\":\"\",\"media-time\":0}\n");
    return buffer_error(out);
}
