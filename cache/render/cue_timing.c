/* When a subtitle appears and disappears. */
#include "cache/render/cue_timing.h"

#include <stdbool.h>

#include "cache/render/cue.h"
#include "cache/render/cue_rules.h"

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t cue_reading_ms(int characters, int per_second, const struct cue_rules *rules)
{
    return max(rules->shortest_ms, ((int64_t)characters * 1000 + per_second - 1) / per_second);
}

/* The end of a subtitle that begins at `start`, whose speech ends at `spoken` before the next one's begins at
 * `next`. */
static int64_t end_in_order(int64_t start, int64_t spoken, int64_t next, int64_t needed,
                            const struct cue_rules *rules)
{
    int64_t end = spoken;
    if (end - start < needed)
        end = min(min(start + needed, spoken + CUE_LINGER_MS), start + rules->longest_ms);
    int64_t room = next - rules->gap_ms;
    if (end >= room) {
        /* Without a pause the next one begins late by the gap, as far as nobody notices. */
        int64_t unnoticed = min(rules->gap_ms, CUE_LATE_MS);
        return max(min(spoken, next - rules->gap_ms + unnoticed), max(room, start + CUE_FRAME_MS));
    }
    if (next - end >= rules->wide_gap_ms)
        return end;
    /* A gap that only flickers: closed, or, where that would linger too long, opened. */
    bool reading = end > spoken;
    if (room - spoken <= (reading ? CUE_LINGER_MS : rules->wide_gap_ms) && room - start <= rules->longest_ms)
        return room;
    return max(spoken, next - rules->wide_gap_ms);
}

/* The same when the next one speaks into this one: the earlier gives way, but not at once. */
static int64_t end_interrupted(int64_t start, int64_t spoken, int64_t next, const struct cue_rules *rules)
{
    return max(next - rules->gap_ms, min(spoken, start + CUE_HURRIED_MS));
}

/* What a subtitle gets at least, though the next one then begins late too. One that had to wait for others is
 * shown for a moment, unless all are so far behind that only haste helps. */
static int64_t least_shown(int64_t late)
{
    return late > CUE_LATE_MS && late <= CUE_LINGER_MS ? CUE_HURRIED_MS : CUE_FRAME_MS;
}

void cue_time(struct cue *cues, size_t count, const struct cue_rules *rules)
{
    int64_t free_from = 0;
    for (size_t i = 0; i < count; i++) {
        struct cue *c = &cues[i];
        int64_t start = max(c->speech_begin_ms, free_from);
        int64_t spoken = max(c->speech_end_ms, start + least_shown(start - c->speech_begin_ms));
        int64_t next = i + 1 < count ? cues[i + 1].speech_begin_ms : INT64_MAX;
        if (next >= spoken)
            c->end_ms = end_in_order(start, spoken, next,
                                     cue_reading_ms(c->characters, rules->reading_cps, rules), rules);
        else
            c->end_ms = end_interrupted(start, spoken, next, rules);
        c->begin_ms = start;
        free_from = c->end_ms + rules->gap_ms;
    }
}
