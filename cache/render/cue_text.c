/* What a cue says. */
#include "cache/render/cue.h"

#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "cache/render/language.h"
#include "cache/render/text.h"

const struct token *cue_tokens(const struct cues *cues, const struct cue *c, int line, size_t *count,
                               size_t *last_len)
{
    const struct cue_line *l = &c->lines[line];
    const struct token *tokens = cues->tokens.items + l->first;
    *count = l->count;
    if (!l->count)
        return tokens;
    const struct token *last = &tokens[l->count - 1];
    const char *text = cues->tokens.text.data + last->at;
    *last_len = last->len;
    /* The comma between the items of a list goes at the end of a line, like the others. */
    if (cues->rules.drops_punctuation && last->len > 3 && text_last(text, last->len) == U'、')
        *last_len -= 3;
    /* What is sung ends without a full stop. */
    if (cues->lyrics && line == c->line_count - 1 && last->len > 1 && text[last->len - 1] == '.' &&
        text[last->len - 2] != '.')
        *last_len -= 1;
    return tokens;
}

void cue_put_before(const struct cues *cues, const struct cue *c, int line, struct buffer *out)
{
    enum language_dash style = cues->rules.language->dash;
    if (c->dashes && (line == 1 || style == DASH_BOTH || style == DASH_BOTH_SPACED)) {
        buffer_puts(out, cues->rules.language->dash_mark);
        if (style == DASH_BOTH_SPACED || style == DASH_SECOND_SPACED)
            buffer_puts(out, " ");
    }
    bool first = line == 0 || !c->lines[0].count;
    if (cues->lyrics && first && c->lines[line].count)
        buffer_puts(out, "♪ ");
}

void cue_put_after(const struct cues *cues, const struct cue *c, int line, struct buffer *out)
{
    if (cues->lyrics && line == c->line_count - 1)
        buffer_puts(out, " ♪");
}

void cue_put_line(const struct cues *cues, const struct cue *c, int line, struct buffer *out)
{
    size_t count, last_len;
    const struct token *tokens = cue_tokens(cues, c, line, &count, &last_len);
    cue_put_before(cues, c, line, out);
    for (size_t i = 0; i < count; i++) {
        if (i && tokens[i].space)
            buffer_puts(out, " ");
        buffer_add(out, cues->tokens.text.data + tokens[i].at, i + 1 == count ? last_len : tokens[i].len);
    }
    cue_put_after(cues, c, line, out);
}

/* The length of a name that is shortened to whole words that fit, or else to letters; *cut if letters are
 * missing. */
static size_t shorten(const char *name, size_t len, int columns, bool *cut)
{
    *cut = false;
    if (text_measure(name, len).columns <= columns)
        return len;
    for (size_t i = len; i-- > 1;)
        if (name[i] == ' ' && text_measure(name, i).columns <= columns)
            return i;
    *cut = columns > 2;
    return text_fit(name, len, columns > 2 ? columns - 1 : 1);
}

void cue_put_name(const struct cues *cues, const struct cue_line *line, struct buffer *out)
{
    cleanup_buffer struct buffer name = {0}, safe = {0};
    voices_put(&cues->voices, line->speaker, line->channel, &name);
    text_clean_subtitle(&safe, name.data);
    if (buffer_error(&name) || buffer_error(&safe)) {
        out->failed = true;
        return;
    }
    const char *after = cues->voices.phrases->after;
    int most = cues->rules.lines == 1 ? cues->rules.columns / 2 : cues->rules.columns * 2 / 3;
    most -= text_measure(after, strlen(after)).columns;
    bool cut;
    size_t n = shorten(safe.data, safe.len, most > 1 ? most : 1, &cut);
    buffer_add(out, safe.data, n);
    buffer_puts(out, cut ? "…" : "");
}

void cue_put(const struct cues *cues, const struct cue *c, struct buffer *out)
{
    if (c->named) {
        cue_put_name(cues, &c->lines[0], out);
        buffer_puts(out, cues->voices.phrases->after);
        if (!c->lines[0].count && out->len && out->data[out->len - 1] == ' ')
            out->data[--out->len] = '\0';
    }
    for (int i = 0; i < c->line_count; i++) {
        if (i)
            buffer_puts(out, "\n");
        cue_put_line(cues, c, i, out);
    }
}
