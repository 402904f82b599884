/* What the steps of stitching share: where the seam lies, and who is who. */
#pragma once

#include "backend/stitch.h"

struct sentence;

struct span {
    int64_t begin_ms, end_ms;
};

/* A time of a part in the recording, kept inside the part. */
int64_t stitch_time(const struct stitch_part *part, int64_t ms);
struct span stitch_span(const struct stitch_part *part, int64_t begin_ms, int64_t end_ms);
/* How much of `span` lies within `bounds`: empty spans have an end before their begin. */
struct span span_within(struct span span, struct span bounds);

/* What two neighbours share; empty when they do not overlap. */
struct span stitch_overlap(const struct stitch_part *left, const struct stitch_part *right);
/* Where the transcript goes over from one to the other; they do overlap. 0 or -ENOMEM. */
int stitch_seam(const struct stitch_part *left, const struct stitch_part *right, int64_t *seam_ms);

/* The speakers of a part by its own numbers, and their numbers in the whole. */
struct voices {
    int *own, *whole;
    size_t count;
};

/* Fills *voices of `right`. `left` and its voices: the part before, or NULL; *next: the first number that is
 * free. 0 or -ENOMEM. Clear in any case. */
int voices_match(const struct stitch_part *left, const struct voices *left_voices,
                 const struct stitch_part *right, struct voices *voices, int *next);
int voices_find(const struct voices *voices, int own); /* the number in the whole; -1 stays -1 */
void voices_clear(struct voices *voices);
