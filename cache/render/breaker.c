/* Words of languages that are written without spaces. */
#include "cache/render/breaker.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <unilbrk.h>

#include "backend/base/cleanup.h"
#include "backend/base/utf8.h"
#include "cache/render/language.h"
#include "cache/render/text.h"

/* The iterator over this text, or NULL. */
static UBreakIterator *iterate(void **iterator, void **held, UBreakIteratorType type, const char *text,
                               size_t len)
{
    UErrorCode error = U_ZERO_ERROR;
    if (!*iterator)
        *iterator = ubrk_open(type, "", NULL, 0, &error);
    *held = utext_openUTF8(*held, text, (int64_t)len, &error);
    if (U_SUCCESS(error))
        ubrk_setUText(*iterator, *held, &error);
    return U_SUCCESS(error) ? *iterator : NULL;
}

/* Goes through the places between two characters that `of` is true for: those where the iterator stops get
 * `stop`, the others `inside`, unless that is 0 or, with `possible`, no break was possible there. */
static void mark(UBreakIterator *i, const char *text, size_t len, bool (*of)(uint32_t), bool possible,
                 char stop, char inside, char *breaks)
{
    size_t at = 0, next = 0;
    uint32_t before = 0;
    while (at < len) {
        uint32_t c;
        size_t n = utf8_next(text + at, len - at, &c);
        while (next < at) {
            int32_t place = ubrk_next(i);
            next = place == UBRK_DONE ? len + 1 : (size_t)place;
        }
        if (at && of(before) && of(c) && (!possible || breaks[at] == UC_BREAK_POSSIBLE)) {
            char value = next == at ? stop : inside;
            breaks[at] = value ? value : breaks[at];
        }
        before = c;
        at += n;
    }
}

void breaker_refine(struct breaker *b, const char *text, size_t len, char *breaks)
{
    bool cjk = false, unspaced = false;
    for (size_t at = 0; at < len;) {
        uint32_t c;
        at += utf8_next(text + at, len - at, &c);
        cjk = cjk || text_is_cjk(c);
        unspaced = unspaced || language_is_unspaced(c);
    }
    UBreakIterator *i = cjk ? iterate(&b->words, &b->text, UBRK_WORD, text, len) : NULL;
    if (i)
        mark(i, text, len, text_is_cjk, true, 0, BREAK_IN_WORD, breaks);
    i = unspaced ? iterate(&b->lines, &b->text, UBRK_LINE, text, len) : NULL;
    if (i)
        mark(i, text, len, language_is_unspaced, false, UC_BREAK_POSSIBLE, UC_BREAK_PROHIBITED, breaks);
}

void breaker_close(struct breaker *b)
{
    utext_close(b->text);
    ubrk_close(b->words);
    ubrk_close(b->lines);
    *b = (struct breaker){0};
}
