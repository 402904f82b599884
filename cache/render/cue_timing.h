/* When a subtitle appears and disappears. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cue;
struct language;

/* One picture of 24 a second. */
#define CUE_FRAME_MS 42
/* Between two subtitles: two pictures, or half a second and more (Netflix timed text guide). */
#define CUE_GAP_MS 83
#define CUE_WIDE_GAP_MS 500
/* A subtitle that begins so late after the voice is not noticed. */
#define CUE_LATE_MS 100
/* What a subtitle may stay (the same guide). */
#define CUE_LONGEST_MS 7000
/* How long it may stay after the last word where more time to read is needed (BBC guidelines); else up to
 * half a second. */
#define CUE_LINGER_MS 1500
/* What an utterance gets that others talk into. */
#define CUE_HURRIED_MS 500

/* The time that so many characters should stay. */
int64_t cue_reading_ms(int characters, const struct language *language);

/* Sets begin_ms and end_ms from begin_ms and end_ms of the speech; the cues are in order of speech.
 * Afterwards each ends after it begins, and at least CUE_GAP_MS before the next begins. */
void cue_time(struct cue *cues, size_t count, const struct language *language);
