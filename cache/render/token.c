/* A transcript as a stream of tokens. */
#include "cache/render/token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <unilbrk.h>

#include "backend/base/cleanup.h"
#include "backend/base/utf8.h"
#include "backend/transcript.h"
#include "cache/render/breaker.h"
#include "cache/render/cue_rules.h"
#include "cache/render/language.h"
#include "cache/render/loops.h"
#include "cache/render/text.h"
#include "cache/render/token_times.h"

#define PHRASE_SCORE 70  /* after a space in Thai, which stands for a comma or a full stop */
#define CUT_SCORE (-100) /* of a break inside a word that is too wide for a line */

struct builder {
    const struct transcript *transcript;
    const struct language *language;
    const struct token_limits *limits; /* NULL: none */
    struct tokens *out;
    struct breaker breaker;
    size_t first; /* token of the sentence at hand */
};

static const char *text_of(const struct builder *b, const struct token *t)
{
    return b->out->text.data + t->at;
}

static struct token *add_token(struct builder *b)
{
    struct tokens *out = b->out;
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 256;
        struct token *items = reallocarray(out->items, capacity, sizeof *items);
        if (!items)
            return NULL;
        out->items = items;
        out->capacity = capacity;
    }
    struct token *t = &out->items[out->count++];
    *t = (struct token){0};
    return t;
}

/* ---- cutting the text of a sentence ---- */

/* How much of a piece goes on one line: all of it, or up to where it is best cut, which is not before closing
 * nor after opening punctuation if that can be helped. */
static size_t cut(const char *text, size_t len, int columns)
{
    size_t widest = text_fit(text, len, columns);
    if (widest == len)
        return len;
    for (size_t n = widest; n > widest / 2; n--) { /* the joints of addresses and compounds */
        if (strchr("/-_?&=", text[n - 1]) && text[n - 1])
            return n;
    }
    for (size_t n = widest; n > 0;) {
        size_t end = n, rest = n;
        while (end > 0 && text[end - 1] == ' ')
            end--;
        while (rest < len && text[rest] == ' ')
            rest++;
        if (end > 0 && rest < len && !language_closes(text_first(text + rest, len - rest)) &&
            !language_opens(text_last(text, end)))
            return n;
        /* One grapheme cluster less: the longest beginning that is shorter. */
        size_t shorter = 0;
        for (size_t next = 0; next < n;) {
            shorter = next;
            next += text_fit(text + next, n - next, 1);
        }
        n = shorter;
    }
    return widest;
}

/* Adds text[at, at + len) as a token, or as several where it is wider than a line. */
static int add_pieces(struct builder *b, size_t at, size_t len, bool space)
{
    const char *text = b->out->text.data + at;
    while (len) {
        size_t n = b->limits ? cut(text, len, b->limits->columns) : len;
        size_t end = n;
        while (end > 0 && text[end - 1] == ' ')
            end--;
        if (text_is_visible(text, end)) {
            struct token *t = add_token(b);
            if (!t)
                return -ENOMEM;
            struct text_size size = text_measure(text, end);
            t->at = (size_t)(text - b->out->text.data);
            t->len = t->full_len = end;
            t->columns = size.columns;
            t->characters = size.characters;
            t->space = space;
            t->score = n < len ? CUT_SCORE : 0;
        }
        space = end < n;
        text += n;
        len -= n;
        while (len && text[0] == ' ') {
            space = true;
            text++;
            len--;
        }
    }
    return 0;
}

/* A Chinese subtitle has no comma and no full stop: a space, if anything, takes their place. */
static void drop_punctuation(struct builder *b)
{
    struct tokens *out = b->out;
    size_t kept = b->first;
    bool space = false;
    for (size_t i = b->first; i < out->count; i++) {
        struct token t = out->items[i];
        t.space = t.space || space;
        space = false;
        while (t.len) {
            uint32_t last = text_last(text_of(b, &t), t.len);
            if (last != U'，' && last != U'。' && last != U'；')
                break;
            t.len -= 3; /* their length in UTF-8 */
            space = true;
        }
        if (!t.len) { /* nothing but punctuation: it still ends what is before it */
            if (kept > b->first)
                out->items[kept - 1].full_len = t.at + t.full_len - out->items[kept - 1].at;
            continue;
        }
        if (t.len < t.full_len) {
            struct text_size size = text_measure(text_of(b, &t), t.len);
            t.columns = size.columns;
            t.characters = size.characters;
        }
        out->items[kept++] = t;
    }
    out->count = kept;
}

/* Written without spaces between words. */
static bool is_dense(uint32_t c)
{
    return text_is_cjk(c) || language_is_unspaced(c);
}

/* Whether a token that begins at `from` ends at `at`: at a space, and in scripts without spaces between words
 * where Unicode's rules (UAX #14) and the dictionary let a line break. A mark after or before a space ("mot
 * !", "( mot") stays with its word. */
static bool is_boundary(const char *text, size_t len, size_t from, size_t at, char rule)
{
    if (((unsigned char)text[at] & 0xC0) == 0x80)
        return false;
    if (text[at - 1] != ' ')
        return (rule == UC_BREAK_POSSIBLE || rule == BREAK_IN_WORD) &&
               (is_dense(text_last(text + from, at - from)) || is_dense(text_first(text + at, len - at)));
    size_t last = at - 1;
    while (last > from && text[last] == ' ')
        last--;
    return !language_closes(text_first(text + at, len - at)) &&
           !language_opens(text_last(text + from, last + 1 - from));
}

/* Some engines give each Chinese character as a word; others know what a word is, as well as the dictionary.
 */
static bool knows_words(const struct sentence *s)
{
    for (size_t i = 0; i < s->word_count; i++) {
        const char *text = s->words[i].text ? s->words[i].text : "";
        size_t len = strlen(text);
        if (len > 3 && text_is_cjk(text_first(text, len)) && text_is_cjk(text_last(text, len)))
            return true;
    }
    return false;
}

/* Punctuation that closes nothing at the beginning of a sentence, and opens nothing at its end, is left out
 * of subtitles: engines that cut their text anywhere leave it there. Dots that show an omission stay. */
static size_t trim_punctuation(struct buffer *text, size_t start)
{
    static const char kept[] = "%％…⋯";
    while (start < text->len) {
        const char *p = text->data + start;
        uint32_t c;
        size_t n = utf8_next(p, text->len - start, &c);
        if (c != ' ' && (text_is_spoken(c) || !language_closes(c) || strncmp(p, "..", 2) == 0 ||
                         memmem(kept, sizeof kept - 1, p, n)))
            break;
        start += n;
    }
    while (text->len > start) {
        uint32_t c = text_last(text->data + start, text->len - start);
        char bytes[4];
        if (c != ' ' && !language_opens(c))
            break;
        text->len -= utf8_put(c, bytes);
        text->data[text->len] = '\0';
    }
    return start;
}

/* Cuts the text from `start` on into tokens. */
static int add_tokens(struct builder *b, size_t start, bool own_words)
{
    const char *text = b->out->text.data + start;
    size_t len = b->out->text.len - start;
    cleanup_free char *breaks = malloc(len);
    if (!breaks)
        return -ENOMEM;
    u8_possible_linebreaks((const uint8_t *)text, len, "UTF-8", breaks);
    if (b->limits)
        breaker_refine(&b->breaker, text, len, breaks);

    bool space = false;
    if (b->first > 0) {
        const struct token *before = &b->out->items[b->first - 1];
        space = text_needs_space(text_last(text_of(b, before), before->full_len), text_first(text, len)) ||
                before->len < before->full_len;
    }
    for (size_t from = 0; from < len;) {
        size_t to = from + 1;
        while (to < len && !is_boundary(text, len, from, to, breaks[to]))
            to++;
        size_t end = to;
        while (end > from && text[end - 1] == ' ')
            end--;
        if (end > from) {
            int rc = add_pieces(b, start + from, end - from, space);
            if (rc)
                return rc;
            if (to < len && breaks[to] == BREAK_IN_WORD && !own_words && b->out->count > b->first)
                b->out->items[b->out->count - 1].glued = true;
        }
        space = end < to;
        from = to;
    }
    if (b->limits && b->limits->rules->drops_punctuation)
        drop_punctuation(b);
    return 0;
}

/* The text of a sentence, or its words where the engine gave no text. */
static void add_text(struct builder *b, const struct sentence *s)
{
    struct buffer *out = &b->out->text;
    void (*clean)(struct buffer *, const char *) =
        b->limits && b->limits->subrip ? text_clean_subtitle : text_clean;
    size_t start = out->len;
    clean(out, s->text);
    if (out->len > start || !s->word_count)
        return;
    struct buffer joined = {0};
    for (size_t i = 0; i < s->word_count; i++) {
        buffer_puts(&joined, i ? " " : "");
        buffer_puts(&joined, s->words[i].text ? s->words[i].text : "");
        buffer_puts(&joined, s->words[i].punctuation ? s->words[i].punctuation : "");
    }
    if (buffer_error(&joined))
        out->failed = true;
    else
        clean(out, joined.data);
    buffer_clear(&joined);
}

/* ---- what belongs together ---- */

static struct language_piece piece_of(const struct builder *b, const struct token *t)
{
    return (struct language_piece){text_of(b, t), t->full_len};
}

/* 《titles》 are not parted, if they fit on a line. */
static void glue_titles(struct builder *b)
{
    struct token *items = b->out->items;
    size_t open = b->out->count;
    int columns = 0;
    for (size_t i = b->first; i < b->out->count; i++) {
        const char *text = text_of(b, &items[i]);
        columns += items[i].columns + items[i].space;
        const char *opens = memmem(text, items[i].len, "《", 3),
                   *closes = memmem(text, items[i].len, "》", 3);
        if (closes && open < i && columns <= (b->limits ? b->limits->columns : b->language->columns)) {
            for (size_t k = open; k < i; k++)
                items[k].glued = true;
        }
        if (closes)
            open = b->out->count;
        if (opens && (!closes || opens > closes)) {
            open = i;
            columns = items[i].columns;
        }
    }
}

static void score_breaks(struct builder *b)
{
    struct token *items = b->out->items;
    for (size_t i = b->first; i < b->out->count; i++) {
        struct token *t = &items[i];
        if (i + 1 == b->out->count) {
            t->score = 100;
            t->sentence_end = true;
            break;
        }
        struct token *next = &items[i + 1];
        struct language_piece left = piece_of(b, t), right = piece_of(b, next);
        t->sentence_end = language_ends_sentence(left);
        if (t->score == CUT_SCORE)
            continue;
        t->score = language_break_score(b->language, left, right, next->begin_ms - t->end_ms);
        if (next->space && t->score < PHRASE_SCORE && language_is_unspaced(text_last(left.text, left.len)) &&
            language_is_unspaced(text_first(right.text, right.len)))
            t->score = PHRASE_SCORE;
        t->glued = t->glued || language_is_quantity(left, right) ||
                   language_closes(text_first(right.text, right.len)) ||
                   language_opens(text_last(left.text, left.len));
    }
}

static int add_sentence(struct builder *b, const struct sentence *s)
{
    struct tokens *out = b->out;
    size_t start = out->text.len;
    b->first = out->count;
    add_text(b, s);
    if (buffer_error(&out->text))
        return -ENOMEM;
    if (b->limits)
        start = trim_punctuation(&out->text, start);
    if (out->text.len == start)
        return 0;
    int rc = add_tokens(b, start, knows_words(s));
    if (!rc)
        rc = token_times(out->items + b->first, out->count - b->first, out->text.data, s,
                         b->limits ? b->limits->rules->token_ms : INT64_MAX / 2);
    if (rc)
        return rc;
    score_breaks(b);
    glue_titles(b);
    for (size_t i = b->first; i < out->count; i++) {
        out->items[i].sentence = (size_t)(s - b->transcript->sentences);
        out->items[i].channel = s->channel;
        out->items[i].speaker = s->speaker < 0 ? -1 : s->speaker;
        out->items[i].emotion = s->emotion;
    }
    return 0;
}

int tokens_of(const struct transcript *t, const struct language *language, const struct token_limits *limits,
              struct tokens *out)
{
    cleanup_loops struct loops loops = {0};
    int rc = limits ? loops_of(t, &loops) : 0;
    struct builder b = {.transcript = t, .language = language, .limits = limits, .out = out};
    for (size_t i = 0; i < t->sentence_count && !rc; i++) {
        if (loops_times(&loops, i))
            rc = add_sentence(&b, &t->sentences[i]);
    }
    breaker_close(&b.breaker);
    return rc;
}

void tokens_clear(struct tokens *tokens)
{
    free(tokens->items);
    buffer_clear(&tokens->text);
    *tokens = (struct tokens){0};
}

void tokens_put(const struct token *items, size_t count, const char *text, struct buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i && items[i].space)
            buffer_add(out, " ", 1);
        buffer_add(out, text + items[i].at, items[i].len);
    }
}
