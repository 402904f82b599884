/* What a recogniser says again and again is shown once. */
#pragma once

#include <stdbool.h>

struct cues;

/* Of each run of LOOP_SENTENCES or more cues in a row with the same text and the same length only the first is
 * kept. True if any were: what is left wants new times then. */
bool cue_collapse(struct cues *cues);
