/* The last steps of a parser: what a service left out of a transcript. */
#pragma once

#include <stdint.h>

struct transcript;

/* Fills missing times from the neighbours; sets times_estimated when there was something to fill.
 * `duration_ms` negative: not known. */
void transcript_estimate_times(struct transcript *t, int64_t duration_ms);
/* The last step: order, speakers counted from 0 by first appearance, the language of the whole. */
void transcript_finish(struct transcript *t);
