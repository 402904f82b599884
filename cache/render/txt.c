/* The .txt view: paragraphs to read, each with the time it begins at. */
#include "cache/render/txt.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/language.h"
#include "cache/render/look.h"
#include "cache/render/render.h"
#include "cache/render/text.h"
#include "cache/render/token.h"

#define PAUSE_MS 2000 /* begins a paragraph (as Buzz does) */
/* A paragraph this long ends with the sentence … */
#define LONG_MS 60000
#define LONG_CHARACTERS 600
/* … and one this long at the next comma or breath: some engines write no full stops. */
#define TOO_LONG_MS 90000
#define TOO_LONG_CHARACTERS 900
#define BREATH_SCORE 60

/* What stands before the words of a paragraph. */
struct heading {
    const struct language *language;
    bool channels, emotions;
};

/* Most of what is said is neutral: that is not worth a word. */
static const char *emotion_of(const struct heading *h, const struct token *t)
{
    return h->emotions && t->emotion && strcmp(t->emotion, "neutral") != 0 ? t->emotion : "";
}

static bool begins_paragraph(const struct heading *h, const struct token *first, const struct token *before,
                             const struct token *t, int characters)
{
    if (t->speaker != before->speaker || t->channel != before->channel ||
        strcmp(emotion_of(h, t), emotion_of(h, before)) != 0 ||
        t->begin_ms - before->end_ms >= PAUSE_MS)
        return true;
    int64_t lasted = before->end_ms - first->begin_ms;
    if (before->sentence_end && (lasted >= LONG_MS || characters >= LONG_CHARACTERS))
        return true;
    return before->score >= BREATH_SCORE && (lasted >= TOO_LONG_MS || characters >= TOO_LONG_CHARACTERS);
}

/* "Speaker 1 (happy): ", "Channel 2: ", "(happy) " */
static void add_heading(struct buffer *out, const struct heading *h, const struct token *first)
{
    cleanup_buffer struct buffer emotion = {0};
    bool voice = first->speaker >= 0 || h->channels;
    text_clean(&emotion, emotion_of(h, first));
    if (voice)
        language_put_voice(h->language, first->speaker, first->channel, out);
    if (emotion.len)
        buffer_printf(out, "%s(%s)%s", voice ? " " : "", emotion.data, voice ? "" : " ");
    if (voice)
        buffer_puts(out, h->language->speaker_after);
}

static void add_paragraph(struct buffer *out, const struct heading *h, const struct token *tokens,
                          size_t count, const char *text)
{
    int64_t seconds = tokens[0].begin_ms / 1000;
    buffer_printf(out, "[%02" PRId64 ":%02d:%02d] ", seconds / 3600, (int)(seconds / 60 % 60),
                  (int)(seconds % 60));
    add_heading(out, h, &tokens[0]);
    tokens_put(tokens, count, text, out);
    buffer_puts(out, "\n");
}

int render_txt(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    const struct language *language = language_of(t);
    struct heading heading = {language, language_names_channels(t), source && source->look && source->look->emotions};
    struct tokens tokens __attribute__((cleanup(tokens_clear))) = {0};
    int rc = tokens_of(t, language, false, &tokens);
    if (rc)
        return rc;
    for (size_t from = 0; from < tokens.count;) {
        const struct token *first = &tokens.items[from];
        size_t to = from + 1;
        int characters = first->characters;
        while (to < tokens.count &&
               !begins_paragraph(&heading, first, &tokens.items[to - 1], &tokens.items[to], characters)) {
            characters += tokens.items[to].characters + (tokens.items[to].space ? 1 : 0);
            to++;
        }
        if (from)
            buffer_puts(out, "\n");
        add_paragraph(out, &heading, first, to - from, tokens.text.data);
        from = to;
    }
    if (!tokens.count)
        buffer_puts(out, NO_SPEECH "\n");
    return buffer_error(out);
}
