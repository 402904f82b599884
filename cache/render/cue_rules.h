/* The numbers that a subtitle must keep: of its language, its profile, and the settings. */
#pragma once

#include <stdbool.h>

struct language;
struct render_look;

/* One picture of 24 a second. */
#define CUE_FRAME_MS 42
/* A subtitle that begins so late after the voice is not noticed. */
#define CUE_LATE_MS 100
/* How long it may stay after the last word where more time to read is needed (BBC guidelines). */
#define CUE_LINGER_MS 1500
/* What an utterance gets that others talk into. */
#define CUE_HURRIED_MS 500
/* No cue goes over a longer silence. */
#define CUE_SILENCE_MS 1500

struct cue_rules {
    const struct language *language;
    int columns;     /* of a line; a wide character takes 2 */
    int cell;        /* columns of one cell, as people count them: 2 in Chinese, Japanese and Korean */
    int lines;       /* of a cue: 1 or 2 */
    int reading_cps; /* characters a second aimed at, */
    int fastest_cps; /* and above which people cannot read it */
    int shortest_ms, longest_ms;
    int gap_ms;       /* between two cues; */
    int least_gap_ms; /* less than this is wrong */
    int wide_gap_ms;  /* a gap is gap_ms long or at least this: others flicker */
    int token_ms;     /* no word lasts longer, so that there is room to close the gap to the next */
    bool drops_punctuation;
};

/* Netflix by default: 2 pictures (83 ms) between cues or half a second, 7 s at most, and the numbers of the
 * language. BBC: lines of 37 characters, 160 to 180 words a minute (17 characters a second), cues that
 * follow each other at once or after a second. */
struct cue_rules cue_rules_of(const struct language *language, const struct render_look *look);
