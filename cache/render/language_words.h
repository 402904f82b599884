/* Small words of the larger languages that decide where a line may break. Data only. */
#pragma once

/* Lower case, each list ends with NULL. */
struct language_words {
    const char *const *determiners; /* articles and the like: never parted from their noun */
    const char *const *leaning;     /* pronouns, auxiliaries, negations: never parted from what follows */
    const char *const *prepositions;
    const char *const *conjunctions;
};

extern const struct language_words words_en, words_de, words_fr, words_es, words_it, words_pt, words_nl,
    words_ru, words_pl, words_sv, words_id, words_ar, words_hi, words_none;
