/* Words as an engine heard them become sentences, cut where the speaker paused. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct transcript;

struct heard_word {
    int64_t begin_ms, end_ms;
    const char *text;
    double confidence; /* 0..1 */
};

enum {
    SENTENCE_PAUSE_MS = 500, /* Vosk's own endpoint rule for a finished phrase */
    SENTENCE_MAX_MS = 30000, /* words of the next utterance are not added beyond this */
    LONE_WORD_MAX_MS = 2000, /* a single longer "word" is noise: music, a chair, a breath */
};

/* Adds the words of one utterance, in order of time, to the transcript as one or more sentences. 0 or
 * -ENOMEM. */
int sentences_add(struct transcript *t, const struct heard_word *words, size_t count);
