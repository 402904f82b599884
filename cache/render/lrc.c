/* The .lrc and .elrc views: the words as lines of lyrics, each with its time; in .elrc each word has one too
 * (the A2 extension, which plain players would print). */
#include "cache/render/render.h"

#include <inttypes.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/cue.h"
#include "cache/render/line_ends.h"
#include "cache/render/look.h"
#include "cache/render/text.h"

#define SILENT_MS 3000 /* before the next line: an empty one takes the last one away */

/* Minutes may exceed 59: there are no hours. */
static void add_time(struct buffer *out, int64_t ms, const char *brackets)
{
    buffer_printf(out, "%c%02" PRId64 ":%02d.%02d%c", brackets[0], ms / 60000, (int)(ms / 1000 % 60),
                  (int)(ms % 1000 / 10), brackets[1]);
}

/* Square brackets would be read as tags. */
static void add_text(struct buffer *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i] == '[' ? '(' : text[i] == ']' ? ')' : text[i];
        buffer_add(out, &c, 1);
    }
}

static void add_title(struct buffer *out, const char *name)
{
    cleanup_buffer struct buffer stem = {0}, title = {0};
    const char *dot = name ? strrchr(name, '.') : NULL;
    buffer_add(&stem, name ? name : "", !name ? 0 : dot && dot > name ? (size_t)(dot - name) : strlen(name));
    text_clean_subtitle(&title, stem.data);
    if (title.len) {
        buffer_puts(out, "[ti:");
        add_text(out, title.data, title.len);
        buffer_puts(out, "]\n");
    }
    if (stem.failed || title.failed)
        out->failed = true;
}

static void add_words(struct buffer *out, const struct cues *cues, const struct cue *c, bool enhanced)
{
    size_t count, last_len;
    const struct token *tokens = cue_tokens(cues, c, 0, &count, &last_len);
    int64_t last = c->begin_ms;
    for (size_t i = 0; i < count; i++) {
        const struct token *token = &tokens[i];
        if (i && token->space)
            buffer_puts(out, " ");
        if (enhanced && token->timed) {
            last = token->begin_ms > last ? token->begin_ms : last;
            add_time(out, last, "<>");
        }
        add_text(out, cues->tokens.text.data + token->at, i + 1 == count ? last_len : token->len);
    }
}

static void add_line(struct buffer *out, const struct cues *cues, const struct cue *c, bool enhanced)
{
    add_time(out, c->begin_ms, "[]");
    if (c->named) {
        cleanup_buffer struct buffer name = {0};
        cue_put_name(cues, &c->lines[0], &name);
        if (buffer_error(&name))
            out->failed = true;
        else
            add_text(out, name.data, name.len);
        buffer_puts(out, cues->voices.phrases->after);
    }
    add_words(out, cues, c, enhanced);
}

static int render(const struct transcript *t, const struct render_source *source, bool enhanced,
                  struct buffer *out)
{
    const struct render_look *look = source ? source->look : NULL;
    size_t start = out->len;
    struct cues cues __attribute__((cleanup(cues_clear))) = {0};
    int rc = cues_of(t, &(struct cue_wishes){.look = look, .subrip = true, .single = true}, &cues);
    if (rc)
        return rc;
    add_title(out, source ? source->name : NULL);
    if (t->duration_ms >= 0)
        buffer_printf(out, "[length:%02" PRId64 ":%02d]\n", t->duration_ms / 60000,
                      (int)(t->duration_ms / 1000 % 60));
    buffer_puts(out, "[re:scribefs]\n");
    for (size_t i = 0; i < cues.count; i++) {
        const struct cue *c = &cues.items[i];
        int64_t next = i + 1 < cues.count ? c[1].begin_ms : t->duration_ms;
        add_line(out, &cues, c, enhanced);
        buffer_puts(out, "\n");
        if (next - c->end_ms > SILENT_MS) {
            add_time(out, c->end_ms, "[]");
            buffer_puts(out, "\n");
        }
    }
    if (!cues.count && !(look && look->no_empty_cue)) {
        const char *text = cues.voices.phrases->nothing;
        add_time(out, 0, "[]");
        buffer_printf(out, "(%s)", text);
        buffer_puts(out, "\n");
    }
    return line_ends_apply(out, start, look);
}

int render_lrc(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    return render(t, source, false, out);
}

int render_elrc(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    return render(t, source, true, out);
}
