/* When each token of a sentence is spoken: the text aligned with the engine's words. */
#include "cache/render/token_times.h"

#include <errno.h>
#include <string.h>

#include <unicase.h>

#include "backend/base/cleanup.h"
#include "backend/base/utf8.h"
#include "backend/transcript.h"
#include "cache/render/language.h"
#include "cache/render/text.h"
#include "cache/render/token.h"

#define LATEST_MS (INT64_C(1) << 50) /* keeps sums far from overflow */
#define RESYNC_REACH 64   /* characters looked ahead after a difference: a spelled-out number is shorter */
#define RESYNC_RUN 4      /* characters that must agree to go on */
#define MS_PER_COLUMN 100 /* slow speech: bounds what a token without a word may take of a pause */

/* A character that is spoken. */
struct atom {
    uint32_t c;
    size_t owner; /* token or word */
    int64_t begin_ms, end_ms;
};

static size_t add_atoms(struct atom *atoms, size_t count, const char *text, size_t len, size_t owner)
{
    for (size_t i = 0; i < len;) {
        uint32_t c;
        i += utf8_next(text + i, len - i, &c);
        if (text_is_spoken(c))
            atoms[count++] = (struct atom){.c = uc_tolower(c), .owner = owner};
    }
    return count;
}

/* The atoms of the words with their times, which are put in order where they are not. */
static size_t add_words(struct atom *atoms, const struct sentence *s)
{
    size_t count = 0;
    int64_t last = 0;
    for (size_t i = 0; i < s->word_count; i++) {
        const struct word *w = &s->words[i];
        int64_t begin = w->begin_ms < last ? last : w->begin_ms > LATEST_MS ? LATEST_MS : w->begin_ms;
        int64_t end = w->end_ms < begin ? begin : w->end_ms > LATEST_MS ? LATEST_MS : w->end_ms;
        last = begin;
        size_t first = count;
        count = add_atoms(atoms, count, w->text ? w->text : "", w->text ? strlen(w->text) : 0, i);
        int64_t parts = (int64_t)(count - first);
        for (int64_t k = 0; k < parts; k++) {
            atoms[first + (size_t)k].begin_ms = begin + (end - begin) * k / parts;
            atoms[first + (size_t)k].end_ms = begin + (end - begin) * (k + 1) / parts;
        }
    }
    return count;
}

static bool agree(const struct atom *a, size_t a_left, const struct atom *b, size_t b_left)
{
    if (!a_left || !b_left)
        return false;
    for (size_t i = 0; i < RESYNC_RUN && (i < a_left || i < b_left); i++) {
        if (i >= a_left || i >= b_left || a[i].c != b[i].c)
            return false;
    }
    return true;
}

/* The nearest place, counted in characters left out on both sides, from which both agree again. */
static bool resync(const struct atom *a, size_t a_left, const struct atom *b, size_t b_left, size_t *skip_a,
                   size_t *skip_b)
{
    for (size_t skipped = 1; skipped <= 2 * RESYNC_REACH; skipped++) {
        size_t from = skipped > RESYNC_REACH ? skipped - RESYNC_REACH : 0;
        for (size_t i = from; i <= skipped && i <= RESYNC_REACH && i < a_left; i++) {
            size_t j = skipped - i;
            if (j < b_left && agree(a + i, a_left - i, b + j, b_left - j)) {
                *skip_a = i;
                *skip_b = j;
                return true;
            }
        }
    }
    return false;
}

#define NONE ((size_t)-1)

/* For every character of the text the character of the words it is, or NONE. */
static void align(const struct atom *text, size_t text_count, const struct atom *words, size_t word_count,
                  size_t *match)
{
    size_t i = 0, j = 0;
    for (size_t k = 0; k < text_count; k++)
        match[k] = NONE;
    while (i < text_count && j < word_count) {
        if (text[i].c == words[j].c) {
            match[i++] = j++;
            continue;
        }
        size_t skip_i, skip_j;
        if (!resync(text + i, text_count - i, words + j, word_count - j, &skip_i, &skip_j))
            return;
        i += skip_i;
        j += skip_j;
    }
}

/* Shares [begin, end] out by columns. */
static void distribute(struct token *tokens, size_t count, int64_t begin, int64_t end)
{
    int64_t columns = 0, passed = 0;
    for (size_t i = 0; i < count; i++)
        columns += tokens[i].columns;
    if (begin < 0)
        begin = 0;
    if (end < begin)
        end = begin;
    /* Divided first where the product could overflow; a nanosecond does not matter then. */
    int64_t span = end - begin;
    for (size_t i = 0; i < count; i++) {
        tokens[i].begin_ms = begin + span / columns * passed + span % columns * passed / columns;
        passed += tokens[i].columns;
        tokens[i].end_ms = begin + span / columns * passed + span % columns * passed / columns;
    }
}

/* The first and last matched character of a token. */
struct extent {
    size_t first, last; /* in the words; NONE if nothing matched */
};

static void place(struct token *tokens, size_t count, const struct extent *extents, const struct atom *words,
                  size_t word_count)
{
    for (size_t i = 0; i < count;) {
        if (extents[i].first != NONE) {
            tokens[i].begin_ms = words[extents[i].first].begin_ms;
            tokens[i].end_ms = words[extents[i].last].end_ms;
            tokens[i].timed = true;
            i++;
            continue;
        }
        size_t next = i;
        while (next < count && extents[next].first == NONE)
            next++;
        /* The words nobody claimed; if there are none, a little of the pause. */
        size_t from = i ? extents[i - 1].last + 1 : 0;
        size_t to = next < count ? extents[next].first : word_count;
        if (from < to) {
            distribute(tokens + i, next - i, words[from].begin_ms, words[to - 1].end_ms);
        } else {
            int64_t columns = 0;
            for (size_t k = i; k < next; k++)
                columns += tokens[k].columns;
            int64_t begin = i ? words[from - 1].end_ms : words[to].begin_ms;
            int64_t end = next < count ? words[to].begin_ms : begin;
            if (end > begin + columns * MS_PER_COLUMN)
                end = begin + columns * MS_PER_COLUMN;
            distribute(tokens + i, next - i, begin, end);
        }
        i = next;
    }
}

static size_t word_bytes(const struct sentence *s)
{
    size_t bytes = 0;
    for (size_t i = 0; i < s->word_count; i++)
        bytes += s->words[i].text ? strlen(s->words[i].text) : 0;
    return bytes;
}

/* Order within the sentence; no token longer than `longest`. */
static void put_in_order(struct token *tokens, size_t count, int64_t longest)
{
    for (size_t i = 0; i < count; i++) {
        struct token *t = &tokens[i];
        int64_t low = i ? t[-1].begin_ms : 0;
        t->begin_ms = t->begin_ms < low ? low : t->begin_ms > LATEST_MS ? LATEST_MS : t->begin_ms;
        if (t->end_ms < t->begin_ms)
            t->end_ms = t->begin_ms;
        if (t->end_ms > t->begin_ms + longest)
            t->end_ms = t->begin_ms + longest;
        if (i && t[-1].end_ms > t->begin_ms)
            t[-1].end_ms = t->begin_ms;
    }
}

/* Punctuation that stands alone takes no time: what closes comes at the end of the token before, all else at
 * the beginning of the next, so that no pause gets between them. */
static void attach_punctuation(struct token *tokens, size_t count, const char *text)
{
    for (size_t i = count; i-- > 0;) {
        struct token *t = &tokens[i];
        if (i + 1 < count && text_is_silent(text + t->at, t->full_len) &&
            !language_closes(text_first(text + t->at, t->full_len)))
            t->begin_ms = t->end_ms = t[1].begin_ms;
    }
    for (size_t i = 1; i < count; i++) {
        struct token *t = &tokens[i];
        if (text_is_silent(text + t->at, t->full_len) &&
            (i + 1 == count || language_closes(text_first(text + t->at, t->full_len))))
            t->begin_ms = t->end_ms = t[-1].end_ms;
    }
}

static void finish(struct token *tokens, size_t count, const char *text, int64_t longest)
{
    put_in_order(tokens, count, longest);
    attach_punctuation(tokens, count, text);
}

int token_times(struct token *tokens, size_t count, const char *text, const struct sentence *s,
                int64_t longest_ms)
{
    if (!count)
        return 0;
    int64_t latest_end = s->end_ms < LATEST_MS ? s->end_ms : LATEST_MS;
    size_t most_words = word_bytes(s), most_text = 0;
    for (size_t i = 0; i < count; i++)
        most_text += tokens[i].full_len;
    cleanup_free struct atom *words = reallocarray(NULL, most_words + 1, sizeof *words);
    cleanup_free struct atom *atoms = reallocarray(NULL, most_text + 1, sizeof *atoms);
    cleanup_free size_t *match = reallocarray(NULL, most_text + 1, sizeof *match);
    cleanup_free struct extent *extents = reallocarray(NULL, count, sizeof *extents);
    if (!words || !atoms || !match || !extents)
        return -ENOMEM;

    size_t word_count = add_words(words, s);
    if (!word_count || words[word_count - 1].end_ms <= words[0].begin_ms) {
        distribute(tokens, count, s->begin_ms, latest_end);
        finish(tokens, count, text, longest_ms);
        return 0;
    }

    size_t atom_count = 0;
    for (size_t i = 0; i < count; i++) {
        atom_count = add_atoms(atoms, atom_count, text + tokens[i].at, tokens[i].full_len, i);
        extents[i] = (struct extent){NONE, NONE};
    }
    align(atoms, atom_count, words, word_count, match);
    for (size_t k = 0; k < atom_count; k++) {
        struct extent *e = &extents[atoms[k].owner];
        if (match[k] == NONE)
            continue;
        if (e->first == NONE)
            e->first = match[k];
        e->last = match[k];
    }
    place(tokens, count, extents, words, word_count);
    for (size_t i = 0; i + 1 < count; i++) {
        if (extents[i].first != NONE && extents[i + 1].first != NONE &&
            words[extents[i].last].owner == words[extents[i + 1].first].owner)
            tokens[i].glued = true;
    }
    finish(tokens, count, text, longest_ms);
    return 0;
}
