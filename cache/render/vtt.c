/* The .vtt and .karaoke.vtt views: WebVTT (w3c/webvtt), with voices, and with the time of each word where
 * asked. */
#include "cache/render/render.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/cue.h"
#include "cache/render/language.h"
#include "cache/render/look.h"
#include "cache/render/text.h"

#define EMPTY_MS 2000

struct writer {
    const struct transcript *t;
    const struct render_look *look;
    const struct cues *cues;
    struct buffer *out;
    bool karaoke;
    const char *open; /* code of the <lang> that is open; NULL: none */
};

static void add_time(struct buffer *out, int64_t ms)
{
    buffer_printf(out, "%02" PRId64 ":%02d:%02d.%03d", ms / 3600000, (int)(ms / 60000 % 60),
                  (int)(ms / 1000 % 60), (int)(ms % 1000));
}

/* Text, or the name of a voice: the same characters matter in both. */
static void add_escaped(struct buffer *out, const char *text, size_t len)
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

static void add_escaped_buffer(struct buffer *out, const struct buffer *text)
{
    if (text->failed)
        out->failed = true;
    else if (text->len)
        add_escaped(out, text->data, text->len);
}

/* "<v Alice>"; true if there is one. */
static bool add_voice(const struct writer *w, const struct cue_line *line)
{
    bool none = w->look && w->look->speakers == LOOK_SPEAKERS_NONE;
    bool known = line->speaker >= 0 &&
                 (w->cues->several || (w->look && look_find_name(&w->look->speaker_names, line->speaker)));
    if (none || !(known || w->cues->voices.channels))
        return false;
    cleanup_buffer struct buffer name = {0};
    voices_put(&w->cues->voices, line->speaker, line->channel, &name);
    buffer_puts(w->out, "<v ");
    add_escaped_buffer(w->out, &name);
    buffer_puts(w->out, ">");
    return true;
}

/* ---- words in another language ---- */

static size_t primary(const char *code)
{
    size_t n = 0;
    while (code && isalnum((unsigned char)code[n]))
        n++;
    return n;
}

static void close_language(struct writer *w)
{
    if (w->open)
        buffer_puts(w->out, "</lang>");
    w->open = NULL;
}

static bool same_language(const char *a, const char *b)
{
    size_t n = primary(a);
    return n == primary(b) && (!n || strncasecmp(a, b, n) == 0);
}

static const char *foreign(const struct writer *w, const struct token *token)
{
    const char *code = w->t->sentences[token->sentence].language;
    const char *whole = w->t->language && *w->t->language ? w->t->language : w->t->sentences[0].language;
    return code && primary(code) && whole && !same_language(code, whole) ? code : NULL;
}

static void set_language(struct writer *w, const char *code)
{
    if (w->open == code || (w->open && code && same_language(w->open, code)))
        return;
    close_language(w);
    if (code) {
        buffer_puts(w->out, "<lang ");
        for (size_t i = 0; isalnum((unsigned char)code[i]) || code[i] == '-'; i++)
            buffer_add(w->out, code + i, 1);
        buffer_puts(w->out, ">");
    }
    w->open = code;
}

/* ---- cues ---- */

/* The time of a word, strictly between those of the words before and the end of the cue. */
static void add_word_time(struct writer *w, const struct cue *c, const struct token *token, int64_t *last)
{
    if (!w->karaoke || !token->timed || token->begin_ms <= *last || token->begin_ms >= c->end_ms)
        return;
    buffer_puts(w->out, "<");
    add_time(w->out, token->begin_ms);
    buffer_puts(w->out, ">");
    *last = token->begin_ms;
}

static void add_line(struct writer *w, const struct cue *c, int line, int64_t *last)
{
    cleanup_buffer struct buffer before = {0}, after = {0};
    size_t count, last_len;
    const struct token *tokens = cue_tokens(w->cues, c, line, &count, &last_len);
    const char *text = w->cues->tokens.text.data;
    cue_put_before(w->cues, c, line, &before);
    cue_put_after(w->cues, c, line, &after);
    add_escaped_buffer(w->out, &before);
    for (size_t i = 0; i < count; i++) {
        const char *code = foreign(w, &tokens[i]);
        if (w->open && !(code && same_language(code, w->open)))
            close_language(w);
        if (i && tokens[i].space)
            buffer_puts(w->out, " ");
        set_language(w, code);
        add_word_time(w, c, &tokens[i], last);
        add_escaped(w->out, text + tokens[i].at, i + 1 == count ? last_len : tokens[i].len);
    }
    close_language(w);
    add_escaped_buffer(w->out, &after);
}

static void add_times(struct buffer *out, int64_t begin_ms, int64_t end_ms)
{
    add_time(out, begin_ms);
    buffer_puts(out, " --> ");
    add_time(out, end_ms);
    buffer_puts(out, "\n");
}

static void add_cue(struct writer *w, const struct cue *c)
{
    int64_t last = c->begin_ms;
    bool voice = false;
    add_times(w->out, c->begin_ms, c->end_ms);
    for (int i = 0; i < c->line_count; i++) {
        if (i)
            buffer_puts(w->out, "\n");
        if (i == 0 || c->dashes)
            voice = add_voice(w, &c->lines[i]);
        add_line(w, c, i, &last);
        if (voice && c->dashes)
            buffer_puts(w->out, "</v>");
    }
    buffer_puts(w->out, "\n\n");
}

/* ---- where it comes from ---- */

static void add_fact(struct buffer *out, const char *what, const char *value)
{
    cleanup_buffer struct buffer clean = {0};
    text_clean(&clean, value);
    if (!clean.len)
        return;
    buffer_printf(out, "%s: ", what);
    add_escaped_buffer(out, &clean); /* which also takes care of an arrow */
    buffer_puts(out, "\n");
}

static void add_note(struct buffer *out, const struct transcript *t)
{
    buffer_puts(out, "NOTE\nMade by scribefs\n");
    add_fact(out, "Language", t->language);
    add_fact(out, "Engine", t->engine);
    add_fact(out, "Model", t->model);
    add_fact(out, "Task", t->task_id);
    if (t->times_estimated)
        add_fact(out, "Times", "estimated");
    buffer_puts(out, "\n");
}

static int render(const struct transcript *t, const struct render_source *source, bool karaoke,
                  struct buffer *out)
{
    const struct render_look *look = source ? source->look : NULL;
    struct cues cues __attribute__((cleanup(cues_clear))) = {0};
    int rc = cues_of(t, &(struct cue_wishes){.look = look}, &cues);
    if (rc)
        return rc;
    struct writer w = {.t = t, .look = look, .cues = &cues, .out = out, .karaoke = karaoke};
    buffer_puts(out, "WEBVTT\n\n");
    add_note(out, t);
    for (size_t i = 0; i < cues.count; i++)
        add_cue(&w, &cues.items[i]);
    if (!cues.count && !(look && look->no_empty_cue)) {
        add_times(out, 0, EMPTY_MS);
        buffer_printf(out, "[%s]\n\n", cues.voices.phrases->nothing);
    }
    return buffer_error(out);
}

int render_vtt(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    return render(t, source, false, out);
}

int render_karaoke_vtt(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    return render(t, source, true, out);
}
