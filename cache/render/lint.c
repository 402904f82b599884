/* The rules of subtitles, checked from outside. */
#include "cache/render/lint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include "cache/render/cue_rules.h"
#include "cache/render/language.h"
#include "cache/render/lint_read.h"

#define LOOP 4       /* the same so often in a row */
#define SAME_MS 40   /* lengths that differ by less are the same */
#define LATE_MS 1500 /* after a longer pause a cue has nothing to do with the one before */
#define NOTE "\xE2\x99\xAA"
#define LEAN 3 /* one line so many times as long as the other */

struct checker {
    struct lint *lint;
    struct lint_file file;
    struct cue_rules rules;
    UBreakIterator *graphemes;
    UText *text;
    size_t cue; /* at hand, from 0 */
    bool failed;
};

#define PROBLEM(c, rule, hard, limit, ...)                                                                   \
    ((c)->failed = lint_add((c)->lint, (c)->cue + 1, rule, hard, limit, __VA_ARGS__) || (c)->failed)

/* ---- measuring ---- */

struct size {
    int halves;     /* cells, in halves where a cell is full-width */
    int characters; /* graphemes */
};

static bool is_wide(UChar32 c)
{
    int width = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
    return width == U_EA_WIDE || width == U_EA_FULLWIDTH;
}

static struct size measure(struct checker *c, const char *text, size_t len)
{
    struct size size = {0};
    UErrorCode error = U_ZERO_ERROR;
    c->text = utext_openUTF8(c->text, text, (int64_t)len, &error);
    if (!c->graphemes)
        c->graphemes = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &error);
    ubrk_setUText(c->graphemes, c->text, &error);
    if (U_FAILURE(error)) {
        c->failed = true;
        return size;
    }
    int32_t from = 0, to;
    while ((to = ubrk_next(c->graphemes)) != UBRK_DONE) {
        bool wide = false, seen = false;
        for (int32_t i = from; i < to;) {
            UChar32 code;
            U8_NEXT(text, i, (int32_t)len, code);
            wide = wide || (code >= 0 && is_wide(code));
            int8_t type = code < 0 ? U_OTHER_SYMBOL : u_charType(code);
            seen = seen || (type != U_NON_SPACING_MARK && type != U_ENCLOSING_MARK && type != U_FORMAT_CHAR &&
                            type != U_CONTROL_CHAR);
        }
        size.halves += !seen ? 0 : wide && c->rules.cell == 2 ? 2 : 1;
        size.characters += seen;
        from = to;
    }
    return size;
}

static const char *cells(const struct checker *c, int halves, char out[24])
{
    snprintf(out, 24, c->rules.cell == 2 && halves % 2 ? "%d.5" : "%d",
             c->rules.cell == 2 ? halves / 2 : halves);
    return out;
}

static const char *number(int64_t n, char out[24])
{
    snprintf(out, 24, "%lld", (long long)n);
    return out;
}

/* ---- what a cue is made of ---- */

static const char *line_text(const struct checker *c, const struct lint_cue *cue, size_t i, size_t *len)
{
    const struct lint_line *line = &c->file.lines[cue->first_line + i];
    *len = line->len;
    return c->file.text.data + line->at;
}

static UChar32 first_character(const char *text, size_t len)
{
    UChar32 code = 0;
    if (len)
        U8_GET((const uint8_t *)text, 0, 0, (int32_t)len, code);
    return code;
}

static UChar32 last_character(const char *text, size_t len)
{
    UChar32 code = 0;
    int32_t i = (int32_t)len;
    if (len)
        U8_PREV((const uint8_t *)text, 0, i, code);
    return code;
}

static bool is_dash(UChar32 c)
{
    return c == '-' || c == 0x2010 || c == 0x2013 || c == 0x2014;
}

static bool is_dialogue(const struct checker *c, const struct lint_cue *cue)
{
    size_t len;
    for (size_t i = 1; i < cue->line_count; i++) {
        const char *text = line_text(c, cue, i, &len);
        if (is_dash(first_character(text, len)))
            return true;
    }
    return false;
}

static bool among(UChar32 c, const char32_t *list)
{
    for (; *list; list++)
        if ((UChar32)*list == c)
            return true;
    return false;
}

static bool is_closing(UChar32 c)
{
    return among(c, U"，。！？、；：）》」』”’,.!?;:)]}") || u_charType(c) == U_END_PUNCTUATION;
}

/* „Quotes“ end with what elsewhere begins one. */
static bool is_opening(const struct checker *c, UChar32 code)
{
    if ((code == U'“' || code == U'‘') &&
        (strstr(c->file.text.data, "„") != NULL || strstr(c->file.text.data, "‚") != NULL))
        return false;
    return among(code, U"（《「『“‘([{") || u_charType(code) == U_START_PUNCTUATION;
}

static bool ends_sentence(const char *text, size_t len)
{
    return len && language_ends_sentence((struct language_piece){text, len});
}

/* The first or the last word of a text without those parted by spaces; in a script without spaces all of it.
 */
static struct language_piece end_word(const char *text, size_t len, bool last)
{
    while (len && text[len - 1] == ' ')
        len--;
    if (last) {
        const char *space = memrchr(text, ' ', len);
        size_t from = space ? (size_t)(space + 1 - text) : 0;
        return (struct language_piece){text + from, len - from};
    }
    const char *space = memchr(text, ' ', len);
    return (struct language_piece){text, space ? (size_t)(space - text) : len};
}

/* ---- rules of one cue ---- */

static void check_lines(struct checker *c, const struct lint_cue *cue)
{
    char have[24], limit[24];
    if (cue->line_count > (size_t)c->rules.lines)
        PROBLEM(c, "H1", true, number(c->rules.lines, limit), "%zu lines", cue->line_count);
    if (cue->voices_in_line)
        PROBLEM(c, "H11", true, NULL, "another voice begins inside a line");
    for (size_t i = 0; i < cue->line_count; i++) {
        size_t len;
        const char *text = line_text(c, cue, i, &len);
        struct size size = measure(c, text, len);
        if (size.halves > c->rules.columns)
            PROBLEM(c, "H2", true, cells(c, c->rules.columns, limit), "%s cells in line %zu",
                    cells(c, size.halves, have), i + 1);
        bool dots = len > 1 && text[0] == '.' && text[1] == '.';
        if (i == 0 || !is_dialogue(c, cue)) {
            if (is_closing(first_character(text, len)) && !dots)
                PROBLEM(c, "H12", true, NULL, "line %zu begins with closing punctuation", i + 1);
        }
        if (is_opening(c, last_character(text, len)))
            PROBLEM(c, "H12", true, NULL, "line %zu ends with opening punctuation", i + 1);
    }
}

static void check_times(struct checker *c, const struct lint_cue *cue)
{
    char limit[24];
    int64_t shown = cue->end_ms - cue->begin_ms;
    if (shown <= 0) {
        PROBLEM(c, "F4", true, NULL, "it ends before it begins");
        return;
    }
    if (shown > c->rules.longest_ms)
        PROBLEM(c, "H4", true, number(c->rules.longest_ms, limit), "shown for %lld ms", (long long)shown);
    if (shown < c->rules.shortest_ms)
        PROBLEM(c, "S5", false, number(c->rules.shortest_ms, limit), "shown for %lld ms", (long long)shown);
    int characters = 0;
    for (size_t i = 0; i < cue->line_count; i++) {
        size_t len;
        const char *text = line_text(c, cue, i, &len);
        characters += measure(c, text, len).characters;
    }
    if (characters * INT64_C(1000) > shown * c->rules.fastest_cps)
        PROBLEM(c, "S3", false, number(c->rules.fastest_cps, limit), "%.1f characters a second",
                characters * 1000.0 / (double)shown);
}

static void check_next(struct checker *c, const struct lint_cue *cue, const struct lint_cue *next)
{
    char limit[24];
    int64_t gap = next->begin_ms - cue->end_ms;
    if (next->begin_ms < cue->begin_ms)
        PROBLEM(c, "F4", true, NULL, "the next one begins earlier");
    else if (gap < c->rules.least_gap_ms)
        PROBLEM(c, "H6", true, number(c->rules.least_gap_ms, limit), "a gap of %lld ms to the next",
                (long long)gap);
    else if (gap > c->rules.gap_ms && gap < c->rules.wide_gap_ms && !c->rules.language->touches) {
        snprintf(limit, sizeof limit, "%d or %d", c->rules.gap_ms, c->rules.wide_gap_ms);
        PROBLEM(c, "H7", true, limit, "a gap of %lld ms to the next", (long long)gap);
    }
}

static bool same_text(const struct checker *c, const struct lint_cue *a, const struct lint_cue *b)
{
    if (a->line_count != b->line_count)
        return false;
    for (size_t i = 0; i < a->line_count; i++) {
        size_t m, n;
        const char *x = line_text(c, a, i, &m), *y = line_text(c, b, i, &n);
        if (m != n || memcmp(x, y, m) != 0)
            return false;
    }
    return true;
}

/* Once for each run, where it begins; returns where it ends. */
static size_t check_loop(struct checker *c, size_t from)
{
    const struct lint_cue *first = &c->file.cues[from];
    size_t to = from + 1;
    while (to < c->file.count && same_text(c, first, &c->file.cues[to]) &&
           llabs((first->end_ms - first->begin_ms) - (c->file.cues[to].end_ms - c->file.cues[to].begin_ms)) <=
               SAME_MS)
        to++;
    char limit[24];
    c->cue = from;
    if (to - from >= LOOP)
        PROBLEM(c, "H18", true, number(LOOP - 1, limit), "the same %zu times in a row", to - from);
    return to;
}

/* ---- rules of taste ---- */

static void check_layout(struct checker *c, const struct lint_cue *cue)
{
    if (cue->line_count != 2 || is_dialogue(c, cue))
        return;
    size_t m, n;
    const char *upper = line_text(c, cue, 0, &m), *lower = line_text(c, cue, 1, &n);
    struct size a = measure(c, upper, m), b = measure(c, lower, n);
    bool space = !is_wide(last_character(upper, m)) || !is_wide(first_character(lower, n));
    char limit[24];
    UChar32 last = last_character(upper, m);
    if (a.halves + space + b.halves <= c->rules.columns)
        PROBLEM(c, "S13", false, NULL, "two lines, though one would do");
    else if ((a.halves > LEAN * b.halves || b.halves > LEAN * a.halves) && !u_ispunct(last))
        PROBLEM(c, "S14", false, NULL, "lines of %d and %d characters", a.characters, b.characters);
    struct language_piece left = end_word(upper, m, true), right = end_word(lower, n, false);
    if (left.len && right.len && language_is_quantity(left, right))
        PROBLEM(c, "S17", false, NULL, "a number is parted from its unit"); /* or another sentence begins */
    else if (left.len && right.len && language_break_score(c->rules.language, left, right, 0) <= -100)
        PROBLEM(c, "S17", false, number(-99, limit), "a line ends after “%.*s”",
                (int)(left.len > 40 ? 40 : left.len), left.text);
}

/* ♪ at the ends of what is sung. */
static bool begins_note(const char *text, size_t len)
{
    return len >= sizeof NOTE - 1 && memcmp(text, NOTE, sizeof NOTE - 1) == 0;
}

static void check_sentences(struct checker *c, const struct lint_cue *cue)
{
    if (is_dialogue(c, cue))
        return;
    size_t parts = 0;
    bool long_part = false;
    for (size_t i = 0; i < cue->line_count; i++) {
        size_t len, from = 0;
        const char *text = line_text(c, cue, i, &len);
        for (size_t at = 0; at < len; at++) {
            bool end = at + 1 == len || text[at + 1] == ' ';
            if (!end || !ends_sentence(text + from, at + 1 - from))
                continue;
            parts++;
            from = at + 1;
        }
        while (from < len && (text[from] == ' ' || begins_note(text + from, len - from)))
            from += text[from] == ' ' ? 1 : sizeof NOTE - 1;
        bool rest = from < len;
        long_part = long_part || (rest && i + 1 == cue->line_count && parts > 0);
    }
    if (parts > 2 || (parts && long_part))
        PROBLEM(c, "S16", false, NULL, "a sentence ends inside it");
}

static size_t count_words(const struct checker *c, const struct lint_cue *cue)
{
    size_t words = 0;
    for (size_t i = 0; i < cue->line_count; i++) {
        size_t len;
        const char *text = line_text(c, cue, i, &len);
        words += len > 0;
        for (size_t at = 0; at < len; at++)
            words += text[at] == ' ';
    }
    return words;
}

/* So little that it might stand with a neighbour. */
static bool is_lonely(struct checker *c, const struct lint_cue *cue)
{
    int halves = 0;
    for (size_t i = 0; i < cue->line_count; i++) {
        size_t len;
        const char *text = line_text(c, cue, i, &len);
        halves += measure(c, text, len).halves;
    }
    return halves < 5 * c->rules.cell ||
           (c->rules.cell == 1 && !c->rules.language->unspaced && count_words(c, cue) < 3);
}

static void check_neighbours(struct checker *c, const struct lint_cue *cue, const struct lint_cue *next)
{
    if (!cue->line_count || !next->line_count || is_dialogue(c, cue) || is_dialogue(c, next))
        return;
    size_t m, n;
    const char *end = line_text(c, cue, cue->line_count - 1, &m), *begin = line_text(c, next, 0, &n);
    bool sentence = ends_sentence(end, m),
         named = memchr(begin, ':', n) != NULL || strstr(begin, "：") != NULL;
    int64_t gap = next->begin_ms - cue->end_ms;
    if (sentence || named || gap >= LATE_MS)
        return;
    struct language_piece left = end_word(end, m, true), right = end_word(begin, n, false);
    if (gap < c->rules.wide_gap_ms && left.len && right.len &&
        language_break_score(c->rules.language, left, right, 0) <= -100)
        PROBLEM(c, "S17", false, NULL, "it ends after “%.*s”", (int)(left.len > 40 ? 40 : left.len),
                left.text);
    bool lonely = is_lonely(c, cue), next_lonely = is_lonely(c, next);
    size_t lines = cue->line_count + next->line_count;
    if ((lonely || next_lonely) && gap < c->rules.wide_gap_ms && lines <= (size_t)c->rules.lines &&
        next->end_ms - cue->begin_ms <= c->rules.longest_ms) {
        c->cue += lonely ? 0 : 1;
        PROBLEM(c, "S15", false, NULL, "a word or two alone, though a neighbour has room");
        c->cue -= lonely ? 0 : 1;
    }
}

/* ---- */

static int by_cue(const void *a, const void *b)
{
    const struct lint_problem *x = a, *y = b;
    return x->cue != y->cue ? (x->cue < y->cue ? -1 : 1) : strcmp(x->rule, y->rule);
}

static int check(struct checker *c)
{
    const struct lint_file *file = &c->file;
    for (c->cue = 0; c->cue < file->count; c->cue++) {
        const struct lint_cue *cue = &file->cues[c->cue];
        check_lines(c, cue);
        check_times(c, cue);
        check_layout(c, cue);
        check_sentences(c, cue);
        if (c->cue + 1 < file->count) {
            check_next(c, cue, cue + 1);
            check_neighbours(c, cue, cue + 1);
        }
    }
    for (size_t at = 0; at < file->count;)
        at = check_loop(c, at);
    return c->failed ? -ENOMEM : 0;
}

int lint_check(const char *file, size_t len, const char *language, const struct render_look *look,
               struct lint *out)
{
    struct checker c = {.lint = out};
    int rc = lint_read(file, len, out, &c.file);
    if (!rc) {
        struct language_count count = {0};
        language_count(&count, c.file.text.data ? c.file.text.data : "", c.file.text.len);
        out->language = language_find(language);
        if (!out->language)
            out->language = language_guess(&count);
        c.rules = cue_rules_of(out->language, look);
        out->cues = c.file.count;
        rc = check(&c);
    }
    if (!rc && out->count)
        qsort(out->items, out->count, sizeof *out->items, by_cue);
    utext_close(c.text);
    ubrk_close(c.graphemes);
    lint_file_clear(&c.file);
    return rc;
}

void lint_clear(struct lint *lint)
{
    free(lint->items);
    *lint = (struct lint){0};
}
