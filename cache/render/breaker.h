/* Words of languages that are written without spaces, by the dictionaries of ICU: Chinese, Japanese, Thai,
 * Lao, Khmer, Burmese. */
#pragma once

#include <stddef.h>

struct breaker {
    void *words, *lines, *text; /* ICU's, opened when first needed */
};

/* Stands in `breaks` where a line may end by Unicode's rules, but inside a word of the dictionary. */
#define BREAK_IN_WORD 'w'

/* `breaks` has an entry for each byte of valid UTF-8: UC_BREAK_POSSIBLE where a line may end before it. Makes
 * the places inside Chinese and Japanese words BREAK_IN_WORD, and adds those between the words of the others.
 * Does nothing where ICU cannot help. */
void breaker_refine(struct breaker *b, const char *text, size_t len, char *breaks);
void breaker_close(struct breaker *b);
