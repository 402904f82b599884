/* Puts the transcripts of a recording's parts together again. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct error;
struct transcript;

/* The parts are in order and leave no gap; each may overlap the one before it. */
struct stitch_part {
    const struct transcript *transcript; /* its times count from begin_ms */
    int64_t begin_ms, end_ms;            /* in the recording */
};

/* A new transcript with the times of the whole. Where two parts overlap, each word is taken from one of them:
 * the seam lies in the pause between sentences nearest to the middle, or between words where there is none.
 * Speakers are matched by who speaks at the same time in the overlap; one who is not heard there, or parts
 * that do not overlap, get new numbers. Billing and costs are summed up, task and request ids joined with a
 * space. NULL and *err when out of memory. */
struct transcript *stitch(const struct stitch_part *parts, size_t count, struct error *err);
