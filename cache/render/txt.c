/* The .txt view: paragraphs to read, each with the time it begins at. */
#include "cache/render/txt.h"

#include <inttypes.h>
#include <stdbool.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/language.h"
#include "cache/render/look.h"
#include "cache/render/paragraph.h"
#include "cache/render/render.h"
#include "cache/render/text.h"
#include "cache/render/token.h"

/* What stands before the words of a paragraph. */
struct heading {
    const struct language *language;
    bool channels, emotions;
};

/* "Speaker 1 (happy): ", "Channel 2: ", "(happy) " */
static void add_heading(struct buffer *out, const struct heading *h, const struct token *first)
{
    cleanup_buffer struct buffer emotion = {0};
    bool voice = first->speaker >= 0 || h->channels;
    if (h->emotions)
        text_clean(&emotion, paragraph_emotion(first));
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
        size_t to = paragraph_end(&tokens, from, heading.emotions);
        if (from)
            buffer_puts(out, "\n");
        add_paragraph(out, &heading, &tokens.items[from], to - from, tokens.text.data);
        from = to;
    }
    if (!tokens.count)
        buffer_puts(out, NO_SPEECH "\n");
    return buffer_error(out);
}
