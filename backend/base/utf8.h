/* Reading UTF-8 that may be broken: text from providers is never trusted to be well formed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xFFFDu

/* Decodes the character at s (len > 0 bytes are there) into *c and returns how many bytes it takes, 1..4. A
 * byte sequence that is not UTF-8 gives U+FFFD and the length of its longest well-formed beginning (Unicode
 * 15, section 3.9: "maximal subpart"), so that every decoder that follows the standard shows the same number
 * of replacement characters. */
size_t utf8_next(const char *s, size_t len, uint32_t *c);

/* Encodes c (a Unicode scalar value) and returns the number of bytes, 1..4. */
size_t utf8_put(uint32_t c, char out[4]);
