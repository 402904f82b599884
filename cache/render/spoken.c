/* What sentences and words say. */
#include "cache/render/spoken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/transcript.h"
#include "cache/render/language.h"
#include "cache/render/text.h"
#include "cache/render/token.h"

void spoken_put_sentence(const struct sentence *s, struct buffer *out)
{
    size_t start = out->len;
    text_clean(out, s->text);
    if (out->len > start || !s->word_count)
        return;
    cleanup_buffer struct buffer joined = {0};
    for (size_t i = 0; i < s->word_count; i++) {
        buffer_puts(&joined, i ? " " : "");
        buffer_puts(&joined, s->words[i].text ? s->words[i].text : "");
        buffer_puts(&joined, s->words[i].punctuation ? s->words[i].punctuation : "");
    }
    text_clean(out, joined.data);
    out->failed = out->failed || joined.failed;
}

void spoken_put_all(const struct transcript *t, struct buffer *out)
{
    size_t start = out->len;
    for (size_t i = 0; i < t->sentence_count; i++) {
        cleanup_buffer struct buffer text = {0};
        spoken_put_sentence(&t->sentences[i], &text);
        if (text.len && out->len > start &&
            text_needs_space(text_last(out->data + start, out->len - start), text_first(text.data, text.len)))
            buffer_add(out, " ", 1);
        buffer_add(out, text.data, text.len);
        out->failed = out->failed || text.failed;
    }
}

int64_t spoken_begin(int64_t begin_ms)
{
    return begin_ms < 0 ? 0 : begin_ms;
}

int64_t spoken_end(int64_t begin_ms, int64_t end_ms)
{
    return end_ms < spoken_begin(begin_ms) ? spoken_begin(begin_ms) : end_ms;
}

int64_t spoken_duration(const struct transcript *t)
{
    if (t->duration_ms >= 0)
        return t->duration_ms;
    int64_t ms = 0;
    for (size_t i = 0; i < t->sentence_count; i++) {
        int64_t end = spoken_end(t->sentences[i].begin_ms, t->sentences[i].end_ms);
        ms = end > ms ? end : ms;
    }
    return ms;
}

const char *spoken_timing(const struct transcript *t)
{
    if (t->times_estimated)
        return "estimated";
    for (size_t i = 0; i < t->sentence_count; i++) {
        if (!t->sentences[i].word_count)
            return "segment";
    }
    return "word";
}

bool spoken_has_words(const struct transcript *t)
{
    for (size_t i = 0; i < t->sentence_count; i++) {
        if (t->sentences[i].word_count)
            return true;
    }
    return false;
}

/* ---- words ---- */

static struct spoken_word *add_word(struct spoken_words *out)
{
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 32;
        struct spoken_word *items = reallocarray(out->items, capacity, sizeof *items);
        if (!items)
            return NULL;
        out->items = items;
        out->capacity = capacity;
    }
    struct spoken_word *w = &out->items[out->count++];
    *w = (struct spoken_word){.at = out->text.len, .confidence = -1};
    return w;
}

/* Where a word stands in the text of its sentence. Words may differ from it: "twenty five" is 25 there. */
struct place {
    const char *text;
    size_t len, at;
};

/* Whether a space comes before the word: as in the text, if it is found where the one before ended or not far
 * behind. */
static bool has_space(struct place *p, const char *word, size_t len, const struct spoken_words *words)
{
    size_t from = p->at, reach = p->len - from < 64 ? p->len - from : 64;
    const char *found = len ? memmem(p->text + from, reach, word, len) : NULL;
    /* A short word may be a piece of any other: only silence may come before it. */
    if (found && (len > 3 || text_is_silent(p->text + from, (size_t)(found - p->text) - from))) {
        size_t at = (size_t)(found - p->text);
        p->at = at + len;
        return at > 0 && memchr(p->text + (from < at ? from : at - 1), ' ', at - (from < at ? from : at - 1));
    }
    if (!words->text.len)
        return true;
    return text_needs_space(text_last(words->text.data, words->text.len), text_first(word, len));
}

static int from_engine(const struct sentence *s, struct spoken_words *out)
{
    cleanup_buffer struct buffer sentence = {0};
    text_clean(&sentence, s->text);
    struct place place = {sentence.data ? sentence.data : "", sentence.len, 0};
    for (size_t i = 0; i < s->word_count; i++) {
        const struct word *w = &s->words[i];
        cleanup_buffer struct buffer text = {0};
        text_clean(&text, w->text);
        size_t bare = text.len;
        text_clean(&text, w->punctuation);
        if (buffer_error(&text))
            return -ENOMEM;
        if (!text.len)
            continue;
        bool space = has_space(&place, text.data, bare ? bare : text.len, out);
        struct spoken_word *word = add_word(out);
        if (!word)
            return -ENOMEM;
        word->len = text.len;
        word->space = space;
        word->begin_ms = spoken_begin(w->begin_ms);
        word->end_ms = spoken_end(w->begin_ms, w->end_ms);
        word->confidence = w->confidence >= 0 ? w->confidence : -1;
        buffer_add(&out->text, text.data, text.len);
    }
    return buffer_error(&sentence);
}

static int from_tokens(const struct transcript *t, const struct language *language, size_t i,
                       struct spoken_words *out)
{
    struct transcript one = *t;
    struct tokens tokens __attribute__((cleanup(tokens_clear))) = {0};
    one.sentences = &t->sentences[i];
    one.sentence_count = 1;
    int rc = tokens_of(&one, language, NULL, &tokens);
    for (size_t k = 0; k < tokens.count && rc == 0; k++) {
        const struct token *token = &tokens.items[k];
        struct spoken_word *word = add_word(out);
        if (!word)
            return -ENOMEM;
        word->len = token->len;
        word->space = token->space;
        word->begin_ms = spoken_begin(token->begin_ms);
        word->end_ms = spoken_end(token->begin_ms, token->end_ms);
        buffer_add(&out->text, tokens.text.data + token->at, token->len);
    }
    return rc;
}

int spoken_words_of(const struct transcript *t, const struct language *language, size_t i,
                    struct spoken_words *out)
{
    const struct sentence *s = &t->sentences[i];
    out->text.len = 0;
    out->count = 0;
    out->estimated = !s->word_count || t->times_estimated;
    int rc = s->word_count ? from_engine(s, out) : from_tokens(t, language, i, out);
    if (rc || buffer_error(&out->text))
        return -ENOMEM;
    if (out->count)
        out->items[0].space = !text_is_cjk(text_first(out->text.data, out->items[0].len));
    return 0;
}

void spoken_words_clear(struct spoken_words *words)
{
    buffer_clear(&words->text);
    free(words->items);
    *words = (struct spoken_words){0};
}
