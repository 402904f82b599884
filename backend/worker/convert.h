/* A reduced copy of a recording: its sound alone, fewer channels, a lower rate, below a size. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;
struct media_facts;
struct report;

struct conversion {
    bool mix_down;         /* to one channel; else as many as there are, 8 at most */
    int rate;              /* Hz; 0: the recording's own */
    int64_t max_bytes;     /* the copy has to stay below this; 0: no limit */
    int64_t max_ms;        /* longest recording */
    struct report *report; /* gets the progress */
    const char *stage;     /* of the progress */
};

/* Reads `recording`, a regular file, to its end and writes the copy to `copy`, an open file: FLAC, which
 * loses nothing, or Opus when that would not fit. *facts and *codec ("flac", "opus"; a constant) tell what
 * the copy is; Opus knows only some rates, and the next higher one is taken. Errors: those of media.h and
 * encode.h; media.too_large also when Opus would have to go below 16 kbit/s for a channel. */
int convert(const struct conversion *c, int recording, int copy, struct media_facts *facts,
            const char **codec, struct error *err);
