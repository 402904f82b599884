/* What the language of a transcript decides: limits of a subtitle, how a speaker is named, where a line may
 * well break. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct transcript;

struct language {
    const char *code; /* "zh", "ja", "ko"; "en" for all others */
    int columns;      /* per line of a subtitle; a wide character takes 2 (Netflix timed text guides: 42 Latin
                         characters,      16 Chinese or Korean, 13 Japanese) */
    int characters_per_second;                  /* that people can read (the same guides) */
    int shortest_ms;                            /* that a subtitle should stay: 5/6 s, Japanese 1/2 s */
    bool drops_punctuation;                     /* ，。； of a subtitle become a space or nothing */
    const char *speaker_before, *speaker_after; /* "Speaker " 1 ": " */
    const char *channel_before;                 /* "Channel " 1, and speaker_after */
};

/* From the transcript's language, or from the script most of its text is in. Never NULL. */
const struct language *language_of(const struct transcript *t);

/* True if sentences came from more than one channel: then those whose speaker is not known are named by theirs. */
bool language_names_channels(const struct transcript *t);
/* Appends who says something: "Speaker 1", or "Channel 1" when the speaker is negative; counted from 1. */
void language_put_voice(const struct language *language, int speaker, int channel, struct buffer *out);

/* One side of a possible break: valid UTF-8 without spaces at its ends. */
struct language_piece {
    const char *text;
    size_t len;
};

/* How good a break between two pieces is: 100 at the end of a sentence, 0 anywhere, down to -100 where one
 * should not be (after an article). `pause_ms` is the silence between them. */
int language_break_score(struct language_piece left, struct language_piece right, int64_t pause_ms);

/* A sentence ends with this piece, as far as punctuation tells. */
bool language_ends_sentence(struct language_piece piece);

/* The break would part a number and its unit. */
bool language_is_quantity(struct language_piece left, struct language_piece right);

/* May not stand at the beginning, or at the end, of a line. */
bool language_closes(uint32_t c);
bool language_opens(uint32_t c);
