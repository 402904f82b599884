/* When a subtitle appears and disappears. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cue;
struct cue_rules;

/* The time that so many characters should stay. */
int64_t cue_reading_ms(int characters, int per_second, const struct cue_rules *rules);

/* Sets begin_ms and end_ms from when the speech begins and ends; the cues are in order of speech. Afterwards
 * each ends after it begins, and at least the gap before the next begins. */
void cue_time(struct cue *cues, size_t count, const struct cue_rules *rules);
