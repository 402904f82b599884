/* What the language of a transcript decides: limits of a subtitle, where a line may
 * well break. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct language_words;
struct transcript;

/* How two people who share a subtitle are told apart (SubtitleEdit's table of Netflix's guides). */
enum language_dash {
    DASH_BOTH,         /* -Yes. / -No. */
    DASH_BOTH_SPACED,  /* - Oui. / - Non. */
    DASH_SECOND,       /* Ja. / -Nee. */
    DASH_SECOND_SPACED /* Da. / - Ne. */
};

/* Limits of subtitles are those of Netflix's timed text guides. */
struct language {
    const char *code; /* ISO 639-1; "und" for all that the table does not have */
    int columns;      /* per line of a subtitle; a wide character takes 2: 42 Latin characters, 16 Chinese or
                         Korean, 13 Japanese, 35 Thai */
    int characters_per_second; /* that people can read */
    int fastest_cps;           /* more than this is worth a warning: the same but in Japanese */
    int shortest_ms;           /* that a subtitle should stay: 5/6 s, Japanese 1/2 s */
    bool wide;                 /* its cells are full-width: two columns each */
    bool drops_punctuation;    /* ，。； of a subtitle become a space or nothing */
    bool unspaced;             /* no spaces between words, and cells of one column: Thai */
    bool touches;              /* one subtitle may follow another without a gap */
    bool capital_nouns;        /* two words with a capital are no name */
    enum language_dash dash;
    const char *dash_mark;
    const struct language_words *words;
};

/* From the transcript's language, or guessed from its text. Never NULL. */
const struct language *language_of(const struct transcript *t);
/* Of a BCP-47 code; NULL for none, "" and "und". */
const struct language *language_find(const char *code);

/* The same guess for any text, piece by piece: the script most of it is in, and the small words in it. Zeroed
 * to begin with. */
enum { LANGUAGE_SCRIPTS = 8, LANGUAGE_GUESSED = 12 };
struct language_count {
    size_t scripts[LANGUAGE_SCRIPTS];
    size_t words[LANGUAGE_GUESSED], looked_at;
};
void language_count(struct language_count *count, const char *text, size_t len);
const struct language *language_guess(const struct language_count *count);

/* True if sentences came from more than one channel: then those whose speaker is not known are named by
 * theirs. */
bool language_names_channels(const struct transcript *t);
/* One side of a possible break: valid UTF-8 without spaces at its ends. */
struct language_piece {
    const char *text;
    size_t len;
};

/* How good a break between two pieces is: 100 at the end of a sentence, 0 anywhere, down to -100 where one
 * should not be (after an article). `pause_ms` is the silence between them. */
int language_break_score(const struct language *language, struct language_piece left,
                         struct language_piece right, int64_t pause_ms);

/* A sentence ends with this piece, as far as punctuation tells. */
bool language_ends_sentence(struct language_piece piece);

/* The break would part a number and its unit. */
bool language_is_quantity(struct language_piece left, struct language_piece right);

/* May not stand at the beginning, or at the end, of a line. */
bool language_closes(uint32_t c);
bool language_opens(uint32_t c);
/* Thai, Lao, Khmer and Burmese: written without spaces between words, and with them between phrases. */
bool language_is_unspaced(uint32_t c);
