/* Subtitles: the words of a transcript cut into cues that people can read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/buffer.h"
#include "cache/render/cue_rules.h"
#include "cache/render/token.h"
#include "cache/render/voices.h"

struct render_look;
struct transcript;

struct cue_line {
    size_t first, count; /* among the tokens; none: a name alone, which had no room before the words */
    int channel, speaker;
};

struct cue {
    int64_t begin_ms, end_ms;               /* when it is shown */
    int64_t speech_begin_ms, speech_end_ms; /* when its words are spoken */
    struct cue_line lines[2];
    int line_count;
    int characters; /* in it, with what stands before the words */
    bool named;     /* begins with the name of who speaks */
    bool dashes;    /* two people share it: a line each */
    bool collapsed; /* stands for a loop of the recogniser: the same again and again */
};

/* What a format makes of it. */
struct cue_wishes {
    const struct render_look *look; /* NULL: the default */
    bool subrip;                    /* no markup: names stand in the text, and characters are replaced */
    bool single;                    /* one line to a cue, whatever the look says */
};

struct cues {
    struct cue *items; /* by time */
    size_t count, capacity;
    struct tokens tokens;
    struct cue_rules rules;
    struct voices voices;
    bool several; /* people speak: who it is matters */
    bool lyrics;
};

/* Fills *out (zeroed). For every transcript, however odd its times and its text, and all numbers of the rules
 * (`out->rules`, cue_rules.h):
 *  - a cue has at most as many lines as allowed, none wider than allowed, none empty;
 *  - it lasts no longer than allowed and ends after it begins; the next begins after the gap at the earliest;
 *  - a line has one speaker and one channel, and so has a cue without dashes; it holds no silence of more
 *    than 1.5 s;
 *  - no gap between two cues is longer than the gap and shorter than the wide one;
 *  - words, numbers with their units, and 《titles》 stay whole unless they are wider than a line;
 *  - no line begins with closing or ends with opening punctuation;
 *  - no four cues in a row have the same text and the same length.
 * With believable times, a cue begins with its first word (up to 100 ms later where there is no pause) and
 * ends with its last word or up to 1.5 s after it. Where several people talk at once, their cues follow each
 * other in the order they were spoken.
 *
 * Where two or more speakers are known, a cue names its speaker as the look says: by default when the one
 * before was another's or 5 s ago; where sentences come from several channels, the channel of a speaker who
 * is not known. 0 or -ENOMEM; clear it in any case. */
int cues_of(const struct transcript *t, const struct cue_wishes *wishes, struct cues *out);
void cues_clear(struct cues *cues);

/* Appends a line as people read it, with dash and ♪, but without the name. */
void cue_put_line(const struct cues *cues, const struct cue *c, int line, struct buffer *out);
/* Appends what comes before the first token of the line, and after its last. */
void cue_put_before(const struct cues *cues, const struct cue *c, int line, struct buffer *out);
void cue_put_after(const struct cues *cues, const struct cue *c, int line, struct buffer *out);
/* The tokens of a line; *len is how much of the last one counts: a comma of a list is dropped there. */
const struct token *cue_tokens(const struct cues *cues, const struct cue *c, int line, size_t *count,
                               size_t *last_len);
/* Appends who speaks a line, shortened to what fits, without anything after it. */
void cue_put_name(const struct cues *cues, const struct cue_line *line, struct buffer *out);
/* Appends the whole cue as plain text: the name, and its lines, \n between them. */
void cue_put(const struct cues *cues, const struct cue *c, struct buffer *out);
