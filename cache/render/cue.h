/* Subtitles: the words of a transcript cut into cues that people can read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backend/base/buffer.h"

struct language;
struct transcript;

struct cue {
    int64_t begin_ms, end_ms;
    int channel, speaker;
    size_t at, len;  /* its text, one or two lines separated by \n, in the text of the cues */
    int characters;  /* in it */
    size_t position; /* among the tokens: what keeps cues of the same time in order */
};

struct cues {
    struct cue *items;
    size_t count, capacity;
    struct buffer text;
};

/* Fills *out (zeroed). For every transcript, however odd its times and its text:
 *  - a cue has one or two lines, none wider than the language allows, none empty;
 *  - it lasts at most 7 s and ends after it begins; the next begins 83 ms later at the earliest;
 *  - it has one speaker and one channel, and no silence of more than 1.5 s inside;
 *  - no gap between two cues is longer than 83 ms and shorter than 500 ms;
 *  - words, numbers with their units, and 《titles》 stay whole unless they are wider than a line;
 *  - no line begins with closing or ends with opening punctuation.
 * With believable times, a cue begins with its first word (83 ms later where there is no pause) and ends with
 * its last word or up to 1.5 s after it. Where several people talk at once, their cues follow each other in
 * the order they were spoken.
 *
 * Where two or more speakers are known, a cue names its speaker when the one before was another's or 5 s ago;
 * where sentences come from several channels, it names the channel of a speaker who is not known.
 * 0 or -ENOMEM; clear it in any case. */
int cues_of(const struct transcript *t, const struct language *language, struct cues *out);
void cues_clear(struct cues *cues);
