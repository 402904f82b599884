/* What the JSON formats have in common. */
#include "cache/render/json_parts.h"

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/transcript.h"
#include "cache/render/spoken.h"

void json_put_seconds(struct buffer *out, int64_t ms)
{
    json_out_decimal(out, ms, 3);
}

void json_put_times(struct buffer *out, int64_t begin_ms, int64_t end_ms)
{
    buffer_puts(out, "\"start\":");
    json_put_seconds(out, spoken_begin(begin_ms));
    buffer_puts(out, ",\"end\":");
    json_put_seconds(out, spoken_end(begin_ms, end_ms));
}

void json_put_text(struct buffer *out, const struct buffer *text)
{
    out->failed = out->failed || text->failed;
    json_out_text(out, text->len ? text->data : "", text->len);
}

void json_put_sentence(struct buffer *out, const struct sentence *s)
{
    cleanup_buffer struct buffer text = {0};
    spoken_put_sentence(s, &text);
    json_put_text(out, &text);
}

void json_put_all(struct buffer *out, const struct transcript *t)
{
    cleanup_buffer struct buffer text = {0};
    spoken_put_all(t, &text);
    json_put_text(out, &text);
}

void json_put_word(struct buffer *out, const struct spoken_words *words, const struct spoken_word *word,
                   bool spaces)
{
    cleanup_buffer struct buffer text = {0};
    if (spaces && word->space)
        buffer_add(&text, " ", 1);
    buffer_add(&text, words->text.data + word->at, word->len);
    json_put_text(out, &text);
}

void json_put_segment(struct buffer *out, const struct sentence *s, size_t id)
{
    buffer_printf(out, "\"id\":%zu,\"seek\":0,", id);
    json_put_times(out, s->begin_ms, s->end_ms);
    buffer_puts(out, ",\"text\":");
    json_put_sentence(out, s);
    buffer_puts(
        out,
        ",\"tokens\":[],\"temperature\":0,\"avg_logprob\":0,\"compression_ratio\":0,\"no_speech_prob\":0");
}
