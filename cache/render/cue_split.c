/* Which tokens make a subtitle: dynamic programming over all places where one could end. */
#include "cache/render/cue_split.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "backend/base/cleanup.h"
#include "cache/render/cue_rules.h"
#include "cache/render/cue_timing.h"
#include "cache/render/language.h"
#include "cache/render/token.h"

#define IMPOSSIBLE INT64_MAX
/* A subtitle of fewer words, or fewer cells in a script without spaces, is lonely. */
#define LONELY_WORDS 3
#define LONELY_CELLS 5

#define QUIET_MS 500

/* What is weighed against what, in the unit of break scores (0..100). */
enum {
    COST_CUE = 35, /* each subtitle: fewer are calmer */
    COST_EMPTY =
        20, /* one that leaves its lines empty; grows with the square, so that neighbours are alike */
    COST_SENTENCES = 30,     /* two short sentences in one subtitle */
    COST_SENTENCE_CUT = 250, /* a sentence that ends inside one with longer parts */
    COST_PAUSE = 300,        /* a second of silence inside, beyond half a second */
    COST_LONELY = 120,       /* a subtitle of one short word */
    COST_UNBALANCED = 32,    /* a line as good as empty */
    COST_LOWER_SHORTER = 4,  /* a first line longer than the second */
    COST_TOO_FAST = 200,     /* twice the reading speed */
    COST_TOO_FAST_MOST = 400,
    COST_FLASH = 300,      /* shown for no time at all, where the rules ask for the shortest */
    COST_NAME_ALONE = 200, /* the name on a line of its own */
};

/* One place of the dynamic programme: the best way to split everything before it. */
struct state {
    int64_t cost;
    size_t from; /* the last subtitle begins here … */
    size_t line; /* … and its second line here */
};

struct splitter {
    const struct token *tokens;
    size_t count;
    int64_t next_ms;
    const struct cue_rules *rules;
    const struct split_extra *extra;
    /* Sums over the tokens before a place, one more entry than tokens. */
    int *columns, *characters, *sentence_ends;
    bool dense; /* words are not parted by spaces */
};

static int width(const struct splitter *s, size_t from, size_t to)
{
    return s->columns[to] - s->columns[from] - (s->tokens[from].space ? 1 : 0);
}

/* Grows faster than the score falls: one good and one bad break are worse than two fair ones. */
static int64_t break_cost(const struct splitter *s, size_t before)
{
    int64_t worse = 100 - s->tokens[before - 1].score;
    return worse * worse / 100;
}

/* Columns of the name before the words of a subtitle that begins there. */
static int name_width(const struct splitter *s, size_t from)
{
    return from == 0 || s->extra->each ? s->extra->name : 0;
}

/* The best place for the second line to begin, or `to` when one line is enough; IMPOSSIBLE when the lines
 * there are are not enough. */
static int64_t layout(const struct splitter *s, size_t from, size_t to, size_t *line)
{
    *line = to;
    int limit = s->rules->columns, name = name_width(s, from), mark = s->extra->mark;
    int all = name + mark + width(s, from, to) + mark;
    if (all <= limit)
        return 0;
    if (s->rules->lines == 1)
        return to - from == 1 ? 0 : IMPOSSIBLE;
    int64_t best = IMPOSSIBLE;
    if (name && width(s, from, to) + 2 * mark <= limit) {
        best = COST_NAME_ALONE;
        *line = from;
    }
    for (size_t at = from + 1; at < to; at++) {
        int upper = name + mark + width(s, from, at), lower = width(s, at, to) + mark;
        if (upper > limit)
            break;
        if (lower > limit || s->tokens[at - 1].glued)
            continue;
        int64_t cost = break_cost(s, at) + abs(upper - lower) * COST_UNBALANCED / s->rules->columns +
                       (upper > lower ? COST_LOWER_SHORTER : 0);
        if (cost < best) {
            best = cost;
            *line = at;
        }
    }
    return best;
}

/* How long a subtitle can be shown without getting into the way of the next. */
static int64_t longest_show(const struct splitter *s, size_t from, size_t to)
{
    const struct token *first = &s->tokens[from], *last = &s->tokens[to - 1];
    int64_t next = to < s->count ? s->tokens[to].begin_ms : s->next_ms;
    int64_t end = last->end_ms + CUE_LINGER_MS;
    if (next - s->rules->gap_ms < end)
        end = next - s->rules->gap_ms;
    if (end < last->end_ms)
        end = last->end_ms;
    return end - first->begin_ms;
}

static int64_t reading_cost(const struct splitter *s, size_t from, size_t to)
{
    int64_t shown = longest_show(s, from, to);
    int64_t needed = cue_reading_ms(s->characters[to] - s->characters[from] + name_width(s, from),
                                    s->rules->fastest_cps, s->rules);
    if (shown >= needed)
        return 0;
    int64_t cost = COST_TOO_FAST * (needed - shown) / (shown + 1);
    int64_t short_by = s->rules->shortest_ms - (shown > 0 ? shown : 0);
    return (cost < COST_TOO_FAST_MOST ? cost : COST_TOO_FAST_MOST) +
           (short_by > 0 ? COST_FLASH * short_by / s->rules->shortest_ms : 0);
}

static int64_t pause_before(const struct splitter *s, size_t at)
{
    return s->tokens[at].begin_ms - s->tokens[at - 1].end_ms;
}

/* Few words alone, though a neighbour is near. */
static bool is_lonely(const struct splitter *s, size_t from, size_t to)
{
    bool near = (from > 0 && pause_before(s, from) < s->rules->wide_gap_ms) ||
                (to < s->count && pause_before(s, to) < s->rules->wide_gap_ms);
    bool sentence = (from == 0 || s->tokens[from - 1].sentence_end) && s->tokens[to - 1].sentence_end;
    if (!near || sentence || to - from >= LONELY_CELLS * 2)
        return false;
    if (width(s, from, to) < LONELY_CELLS * s->rules->cell)
        return true;
    size_t words = 1;
    for (size_t i = from + 1; i < to; i++)
        words += s->tokens[i].space;
    return s->rules->cell == 1 && !s->dense && words < LONELY_WORDS;
}

static int64_t pause_cost(const struct splitter *s, size_t from, size_t to)
{
    int64_t longest = 0;
    for (size_t i = from + 1; i < to; i++) {
        int64_t pause = pause_before(s, i);
        longest = pause > longest ? pause : longest;
    }
    return longest > QUIET_MS ? COST_PAUSE * (longest - QUIET_MS) / 1000 : 0;
}

static int64_t sentence_cost(const struct splitter *s, size_t from, size_t to)
{
    int inside = s->sentence_ends[to - 1] - s->sentence_ends[from];
    if (!inside)
        return 0;
    size_t end = from;
    while (!s->tokens[end].sentence_end)
        end++;
    bool whole = (from == 0 || s->tokens[from - 1].sentence_end) && s->tokens[to - 1].sentence_end;
    bool both_short = inside == 1 && whole && width(s, from, end + 1) <= s->rules->columns &&
                      width(s, end + 1, to) <= s->rules->columns;
    return both_short ? COST_SENTENCES : COST_SENTENCE_CUT * inside;
}

static int64_t cue_cost(const struct splitter *s, size_t from, size_t to, size_t *line)
{
    int64_t lines = layout(s, from, to, line);
    if (lines == IMPOSSIBLE)
        return IMPOSSIBLE;
    int64_t room = s->rules->lines * s->rules->columns, empty = room - width(s, from, to);
    if (empty < 0)
        empty = 0;
    int64_t cost = COST_CUE + lines + COST_EMPTY * empty * empty / (room * room);
    if (to < s->count)
        cost += break_cost(s, to) * 3 / 2;
    if (is_lonely(s, from, to))
        cost += COST_LONELY;
    return cost + reading_cost(s, from, to) + pause_cost(s, from, to) + sentence_cost(s, from, to);
}

/* Keeps a run of glued tokens only as far as it fits on a line and into the time of a subtitle. */
static void loosen(struct token *tokens, size_t count, int limit, int64_t longest)
{
    int columns = 0;
    size_t first = 0;
    for (size_t i = 0; i < count; i++) {
        bool joined = i > 0 && tokens[i - 1].glued;
        int more = columns + tokens[i].columns + (tokens[i].space ? 1 : 0);
        if (joined && (more > limit || tokens[i].end_ms - tokens[first].begin_ms > longest)) {
            tokens[i - 1].glued = false;
            joined = false;
        }
        if (!joined)
            first = i;
        columns = joined ? more : tokens[i].columns;
    }
}

static void find_best(const struct splitter *s, struct state *states)
{
    states[0] = (struct state){0};
    for (size_t to = 1; to <= s->count; to++) {
        states[to].cost = IMPOSSIBLE;
        if (to < s->count && s->tokens[to - 1].glued)
            continue;
        for (size_t from = to; from-- > 0;) {
            if (width(s, from, to) > s->rules->lines * s->rules->columns + 1 ||
                s->tokens[to - 1].end_ms - s->tokens[from].begin_ms > s->rules->token_ms)
                break;
            if (states[from].cost == IMPOSSIBLE)
                continue;
            size_t line;
            int64_t cost = cue_cost(s, from, to, &line);
            if (cost != IMPOSSIBLE && states[from].cost + cost < states[to].cost)
                states[to] = (struct state){states[from].cost + cost, from, line};
        }
    }
}

int cue_split(struct token *tokens, size_t count, int64_t next_ms, const struct cue_rules *rules,
              const struct split_extra *extra, struct split **splits, size_t *split_count)
{
    *splits = NULL;
    *split_count = 0;
    cleanup_free int *sums = reallocarray(NULL, count + 1, 3 * sizeof *sums);
    cleanup_free struct state *states = reallocarray(NULL, count + 1, sizeof *states);
    if (!sums || !states)
        return -ENOMEM;
    /* With one line, what stays together must fit behind the name. */
    loosen(tokens, count, rules->columns - 2 * extra->mark - (rules->lines == 1 ? extra->name : 0),
           rules->token_ms);
    struct splitter s = {.tokens = tokens,
                         .count = count,
                         .next_ms = next_ms,
                         .rules = rules,
                         .extra = extra,
                         .dense = rules->language->unspaced,
                         .columns = sums,
                         .characters = sums + count + 1,
                         .sentence_ends = sums + 2 * (count + 1)};
    s.columns[0] = s.characters[0] = s.sentence_ends[0] = 0;
    for (size_t i = 0; i < count; i++) {
        int space = tokens[i].space ? 1 : 0;
        s.columns[i + 1] = s.columns[i] + tokens[i].columns + space;
        s.characters[i + 1] = s.characters[i] + tokens[i].characters + space;
        s.sentence_ends[i + 1] = s.sentence_ends[i] + (tokens[i].sentence_end ? 1 : 0);
    }
    find_best(&s, states);

    size_t n = 0;
    for (size_t at = count; at > 0; at = states[at].from)
        n++;
    struct split *list = reallocarray(NULL, n, sizeof *list);
    if (!list)
        return -ENOMEM;
    *splits = list;
    *split_count = n;
    for (size_t at = count; at > 0; at = states[at].from)
        list[--n] = (struct split){states[at].line, at};
    return 0;
}
