/* Text as people see it: cleaning what an engine wrote, joining pieces, measuring columns. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

/* Appends `raw` (NULL: nothing) cleaned: valid UTF-8 (U+FFFD for what is broken), engine tags such as <|zh|>
 * and invisible format characters gone, control characters and white space made single spaces, none at the
 * ends and none between Chinese or Japanese characters. Text of which nothing can be seen is left out. */
void text_clean(struct buffer *out, const char *raw);

/* Appends cleaned `raw` with the characters replaced that mean something to readers of SubRip files: <i>,
 * {\an8}, \N, -->. There is no escaping in that format. */
void text_clean_subtitle(struct buffer *out, const char *raw);

/* Appends a file's name as one line that can be shown: bytes that are no UTF-8 become U+FFFD, control
 * characters and odd spaces a space; what would turn the reading direction is left out. */
void text_put_name(struct buffer *out, const char *name, size_t len);

/* Han, kana, bopomofo and the punctuation that goes with them: written without spaces. */
bool text_is_cjk(uint32_t c);

/* Neither white space nor punctuation: takes time to say. */
bool text_is_spoken(uint32_t c);
/* Nothing in it is spoken. */
bool text_is_silent(const char *text, size_t len);

/* The character that begins or ends a text of len > 0 bytes of valid UTF-8. */
uint32_t text_first(const char *text, size_t len);
uint32_t text_last(const char *text, size_t len);

/* Whether a space belongs between two sentences, of which the first ends with `last` and the second begins
 * with `first`. */
bool text_needs_space(uint32_t last, uint32_t first);

struct text_size {
    int columns; /* of a terminal: 2 for a wide or full-width character, 0 for a combining mark (UAX #11) */
    int characters; /* grapheme clusters */
};
/* Of valid UTF-8. A cluster is never counted as more than 2 columns nor less than 1. */
struct text_size text_measure(const char *text, size_t len);

/* How many bytes of the text (len > 0) fit in `columns` (> 1) without cutting a grapheme cluster; at least
 * one cluster. */
size_t text_fit(const char *text, size_t len, int columns);

/* Something in it takes room on the screen. */
bool text_is_visible(const char *text, size_t len);
