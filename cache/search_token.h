/* What counts as a word when transcripts are searched. Pure.
 *
 * A token is a run of letters and digits, case folded (Unicode's full case folding), in compatibility form (NFKC),
 * Latin and Greek without accents. Scripts that put no spaces between words, and Korean, whose words carry endings,
 * give a token for each character: what is searched for is then a row of them, and found exactly wherever it
 * stands, whatever its length. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct search_token {
    const char *folded; /* valid during the call; not NUL-terminated */
    size_t length;
    size_t begin, end; /* bytes of the text it stands for */
};

/* Calls fn for each token, until it returns non-zero, which is returned. Otherwise 0 or -ENOMEM. The text is UTF-8
 * in NFC (search_normalise); what is not UTF-8 separates. */
int search_tokens(const char *text, size_t length, int (*fn)(void *arg, const struct search_token *token), void *arg);
/* The text in NFC, malloc'ed; NULL when out of memory. Broken bytes become U+FFFD. */
char *search_normalise(const char *text);
