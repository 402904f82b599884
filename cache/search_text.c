/* A transcript as it is searched. Marks are pairs of numbers, the difference to the pair before: bytes, and milliseconds
 * (folded so that small negative ones are small), seven bits to a byte, the lowest first, the top bit says that more follow. */
#include "cache/search_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "cache/search_token.h"

/* ---- Marks ---- */

struct marker {
    struct buffer *out;
    size_t at;
    int64_t ms;
};

static void put_number(struct buffer *out, uint64_t n)
{
    do {
        unsigned char byte = (unsigned char)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
        buffer_add(out, &byte, 1);
        n >>= 7;
    } while (n);
}

static bool get_number(const unsigned char **p, const unsigned char *end, uint64_t *n)
{
    *n = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        unsigned char byte = *(*p)++;
        *n |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static void put_mark(struct marker *m, size_t at, int64_t ms)
{
    int64_t step = ms - m->ms;
    put_number(m->out, at - m->at);
    put_number(m->out, step < 0 ? (uint64_t)(-step) * 2 - 1 : (uint64_t)step * 2);
    m->at = at;
    m->ms = ms;
}

int64_t search_text_time(const void *marks, size_t size, size_t at)
{
    const unsigned char *p = marks, *end = p + size;
    uint64_t where = 0, offset, step;
    int64_t ms = 0;
    while (p < end && get_number(&p, end, &offset) && get_number(&p, end, &step) && where + offset <= at) {
        where += offset;
        ms += step & 1 ? -(int64_t)(step / 2) - 1 : (int64_t)(step / 2);
    }
    return ms;
}

/* ---- Making ---- */

static int add_sentence(const struct sentence *s, struct search_text *out, struct marker *marker)
{
    cleanup_free char *text = search_normalise(s->text);
    if (!text)
        return -ENOMEM;
    for (char *p = text; *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    size_t base = out->text.len, from = 0;
    put_mark(marker, base, s->begin_ms);
    for (size_t i = 0; i < s->word_count; i++) {
        cleanup_free char *word = search_normalise(s->words[i].text);
        const char *found = word && *word ? strstr(text + from, word) : NULL;
        if (!found)
            continue; /* the sentence is written otherwise (numbers): the word before tells the time */
        put_mark(marker, base + (size_t)(found - text), s->words[i].begin_ms);
        from = (size_t)(found - text) + strlen(word);
    }
    buffer_puts(&out->text, text);
    buffer_puts(&out->text, "\n");
    return 0;
}

int search_text_make(const struct transcript *t, struct search_text *out)
{
    *out = (struct search_text){0};
    struct marker marker = {.out = &out->marks};
    int rc = 0;
    buffer_puts(&out->text, "");
    for (size_t i = 0; i < t->sentence_count && rc == 0; i++)
        rc = add_sentence(&t->sentences[i], out, &marker);
    int error = buffer_error(&out->text);
    return rc ? rc : error ? error : buffer_error(&out->marks);
}

/* ---- Excerpts ---- */

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

/* Back from `from`, not before `least`: to a space if one is near, else to the beginning of a character. */
static const char *cut_before(const char *least, const char *from)
{
    const char *p = least;
    while (p < from && *p != ' ')
        p++;
    if (p < from && p - least < 24)
        return p + 1;
    for (p = least; p < from && !begins_character(*p);)
        p++;
    return p;
}

static const char *cut_after(const char *from, const char *most)
{
    const char *p = most;
    while (p > from && *p != ' ')
        p--;
    if (p > from && most - p < 24)
        return p;
    for (p = most; p > from && !begins_character(*p);)
        p--;
    return p;
}

void search_text_excerpt(const char *text, size_t begin, size_t end, size_t most, struct buffer *out, size_t *at,
                         size_t *length)
{
    const char *first = text + begin, *last = text + end;
    while (first > text && first[-1] != '\n')
        first--;
    size_t rest = strcspn(last, "\n");
    last += rest;
    const char *hit = text + begin, *hit_end = text + end;
    size_t around = most > end - begin ? (most - (end - begin)) / 2 : 0;
    bool before = (size_t)(hit - first) > around, after = (size_t)(last - hit_end) > around;
    if (before)
        first = cut_before(hit - around, hit);
    if (after)
        last = cut_after(hit_end, hit_end + around);
    if (before)
        buffer_puts(out, "…");
    *at = out->len + (size_t)(hit - first);
    *length = end - begin;
    size_t start = out->len;
    buffer_add(out, first, (size_t)(last - first));
    /* A phrase may go on in the next sentence. */
    for (size_t i = start; i < out->len; i++)
        if (out->data[i] == '\n')
            out->data[i] = ' ';
    if (after)
        buffer_puts(out, "…");
}
