/* What sentences and words say, cleaned, for the formats that list them one by one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/buffer.h"

struct language;
struct sentence;
struct transcript;

/* Appends the text of a sentence, or its words where the engine gave no text. */
void spoken_put_sentence(const struct sentence *s, struct buffer *out);
/* Appends all sentences as one text. */
void spoken_put_all(const struct transcript *t, struct buffer *out);

/* Times that a transcript that was not put in order may have wrong: begin is never negative, end never before
 * it. */
int64_t spoken_begin(int64_t begin_ms);
int64_t spoken_end(int64_t begin_ms, int64_t end_ms);
/* Of the recording, or to the end of what is said. */
int64_t spoken_duration(const struct transcript *t);

/* "word": every word has its time from the engine; "segment": not all of them, but sentences have;
 * "estimated": times were distributed over the text. */
const char *spoken_timing(const struct transcript *t);
/* At least one word has its time from the engine. */
bool spoken_has_words(const struct transcript *t);

struct spoken_word {
    size_t at, len; /* in `text`, with its punctuation */
    bool space;     /* one comes before it, also at the beginning of a sentence, if the script has spaces */
    int64_t begin_ms, end_ms;
    double confidence; /* negative when unknown */
};

struct spoken_words {
    struct buffer text;
    struct spoken_word *items;
    size_t count, capacity;
    bool estimated; /* the engine gave no word times: these were distributed over the sentence */
};

/* The words of sentence i, in place of what is in *out (zeroed at first). `language` is language_of(t). 0 or
 * -ENOMEM; clear it after the last use in any case. */
int spoken_words_of(const struct transcript *t, const struct language *language, size_t i,
                    struct spoken_words *out);
void spoken_words_clear(struct spoken_words *words);
#define cleanup_spoken_words __attribute__((cleanup(spoken_words_clear)))
