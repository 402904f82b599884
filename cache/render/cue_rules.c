/* The numbers that a subtitle must keep. */
#include "cache/render/cue_rules.h"

#include <stddef.h>

#include "cache/render/language.h"
#include "cache/render/look.h"

enum { BBC_COLUMNS = 37, BBC_CPS = 17, BBC_SHORTEST_MS = 1000, BBC_WIDE_GAP_MS = 1000 };

static int max(int a, int b)
{
    return a > b ? a : b;
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

struct cue_rules cue_rules_of(const struct language *language, const struct render_look *look)
{
    struct cue_rules r = {.language = language,
                          .columns = language->columns,
                          .cell = language->wide ? 2 : 1,
                          .lines = 2,
                          .reading_cps = language->characters_per_second,
                          .fastest_cps = language->fastest_cps,
                          .shortest_ms = language->shortest_ms,
                          .longest_ms = 7000,
                          .gap_ms = 83,
                          .wide_gap_ms = 500,
                          .drops_punctuation = language->drops_punctuation};
    if (look && look->profile == LOOK_BBC) {
        r.columns = min(r.columns, BBC_COLUMNS);
        r.reading_cps = min(r.reading_cps, BBC_CPS);
        r.fastest_cps = min(r.fastest_cps, BBC_CPS);
        r.shortest_ms = BBC_SHORTEST_MS;
        r.gap_ms = 0;
        r.wide_gap_ms = BBC_WIDE_GAP_MS;
    }
    r.least_gap_ms = language->touches ? 0 : r.gap_ms;
    if (look) {
        if (look->line_cells)
            r.columns = look->line_cells * r.cell;
        if (look->lines)
            r.lines = look->lines;
        if (look->reading_cps)
            r.reading_cps = r.fastest_cps = look->reading_cps;
        if (look->shortest_ms)
            r.shortest_ms = look->shortest_ms;
        if (look->longest_ms)
            r.longest_ms = look->longest_ms;
        if (look->gap_ms)
            r.gap_ms = r.least_gap_ms = look->gap_ms;
        r.drops_punctuation = r.drops_punctuation && look->punctuation != LOOK_PUNCTUATION_KEEP;
    }
    r.wide_gap_ms = max(r.wide_gap_ms, r.gap_ms);
    r.shortest_ms = min(r.shortest_ms, r.longest_ms);
    r.token_ms = r.longest_ms - r.wide_gap_ms;
    return r;
}
