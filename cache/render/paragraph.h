/* Paragraphs to read: what the text, Markdown, Word and HTML views are made of. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct token;
struct tokens;

/* The end (one more than the last token) of the paragraph that begins with token `from`, which is there. A
 * paragraph ends where another person speaks, where nobody does for two seconds, and at the end of a sentence
 * when it is long. With `emotions`, also where the way of speaking changes. */
size_t paragraph_end(const struct tokens *tokens, size_t from, bool emotions);

/* How a token is said, "" when that is neutral or not known: most of what is said is neutral, that is not worth
 * a word. */
const char *paragraph_emotion(const struct token *t);
