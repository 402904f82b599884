/* A recording that is too long, as several files: its sound in parts, cut where nobody speaks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;
struct media_facts;
struct report;

struct splitting {
    bool mix_down;         /* to one channel; else as many as there are */
    int rate;              /* Hz; 0: the recording's own */
    int64_t part_ms;       /* no part is longer; 0: no limit */
    int64_t part_bytes;    /* nor larger; 0: no limit */
    int64_t overlap_ms;    /* each part begins that much before the end of the one before it; 0: none */
    int64_t max_ms;        /* longest recording */
    struct report *report; /* gets each part and the progress */
    const char *stage;     /* of the progress */
};

/* What all parts together cannot exceed, in bytes; 0: not known beforehand. */
int64_t split_most_bytes(const struct splitting *s);

/* Reads `recording`, a regular file, once to its end and writes the parts to `parts`, an open file that is
 * emptied first: complete FLAC files, one after the other. *facts tells of all of them together. Each is cut
 * in the last fifth of what a part may have, or in the last ten minutes of that, at a whole millisecond,
 * whose sample is rounded down. Memory is bounded: ten minutes and the
 * overlap. Errors: those of media.h and encode.h; media.too_large when a part would have to be shorter than a
 * second or than twice the overlap. */
int split(const struct splitting *s, int recording, int parts, struct media_facts *facts, struct error *err);
