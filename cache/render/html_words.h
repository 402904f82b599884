/* The words of a transcript's page beside the transcript itself: buttons, hints, notes. */
#pragma once

#include <stddef.h>

struct buffer;
struct phrases;
struct transcript;

/* A language that the page speaks. */
struct html_language;

/* That of the transcript where the page speaks it, else English. Never NULL. */
const struct html_language *html_language_of(const struct transcript *t);
/* Its code (BCP 47), "en". */
const char *html_language_code(const struct html_language *language);
/* The words for a key as in transcript.html, or NULL. Plain text. */
const char *html_word(const struct html_language *language, const char *key, size_t len);
/* Appends those that the script says, as a JSON object; what stands between names is from `phrases`. */
void html_put_words(const struct html_language *language, const struct phrases *phrases, struct buffer *out);
