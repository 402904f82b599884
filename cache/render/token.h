/* A transcript as a stream of tokens: the smallest pieces of text that stay together, each with its time.
 * Paragraphs and subtitles are made of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/buffer.h"

struct cue_rules;
struct language;
struct transcript;

struct token {
    size_t at, len;  /* in the text of the tokens */
    size_t full_len; /* the same with the punctuation that a Chinese subtitle drops */
    int columns, characters;
    int64_t begin_ms, end_ms; /* ordered within a sentence, never overlapping there */
    size_t sentence;          /* index of the one it is in */
    int channel, speaker;
    const char *emotion; /* of its sentence, or NULL; the transcript's */
    int score;           /* of a break after it: see language_break_score() */
    bool space;          /* a space comes before it, unless it begins a line */
    bool glued;          /* no line and no subtitle ends after it */
    bool sentence_end;
    bool timed; /* its times are those of the engine's words, not shared out */
};

struct tokens {
    struct token *items;
    size_t count, capacity;
    struct buffer text;
};

/* What subtitles need: tokens at most `columns` wide, none longer than the rules say, no punctuation that the
 * language drops, and sentences that are loops of the recogniser once (loops.h). With `subrip`, characters
 * with a meaning in subtitle files are replaced. */
struct token_limits {
    const struct cue_rules *rules;
    int columns;
    bool subrip;
};

/* Fills *out (zeroed); without limits (NULL) with the whole text. 0 or -ENOMEM; clear it in any case. */
int tokens_of(const struct transcript *t, const struct language *language, const struct token_limits *limits,
              struct tokens *out);
void tokens_clear(struct tokens *tokens);

/* Appends the tokens as one line of text. */
void tokens_put(const struct token *items, size_t count, const char *text, struct buffer *out);
