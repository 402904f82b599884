/* Subtitles: tokens, hard cuts, splitting, names, pairs, timing. */
#include "cache/render/cue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "cache/render/cue_collapse.h"
#include "cache/render/cue_split.h"
#include "cache/render/cue_timing.h"
#include "cache/render/language.h"
#include "cache/render/look.h"
#include "cache/render/text.h"

#define NAMING_ROUNDS 16   /* against a transcript made to be slow */
#define NAME_AGAIN_MS 5000 /* after so long a silence the speaker is named again */
#define MARK_COLUMNS 2     /* ♪ and a space */

struct maker {
    struct cues *out;
    enum look_speakers names; /* in the text of cues */
    bool *turns;              /* by token: a cue that names its speaker begins here */
};

static bool several_speakers(const struct transcript *t)
{
    int first = -1;
    for (size_t i = 0; i < t->sentence_count; i++) {
        int speaker = t->sentences[i].speaker;
        if (speaker < 0)
            continue;
        if (first >= 0 && speaker != first)
            return true;
        first = speaker;
    }
    return false;
}

/* ---- one segment: from a hard cut to the next ---- */

/* A cue must not hold the tokens before and after `at`. */
static bool is_hard_cut(const struct maker *m, size_t at)
{
    const struct token *before = &m->out->tokens.items[at - 1], *after = &m->out->tokens.items[at];
    return m->turns[at] || before->speaker != after->speaker || before->channel != after->channel ||
           after->begin_ms - before->end_ms > CUE_SILENCE_MS ||
           after->begin_ms < before->begin_ms; /* sentences that overlap */
}

static int add_cue(struct cues *out, const struct split *split, size_t first, struct text_size name)
{
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 64;
        struct cue *items = reallocarray(out->items, capacity, sizeof *items);
        if (!items)
            return -ENOMEM;
        out->items = items;
        out->capacity = capacity;
    }
    const struct token *tokens = out->tokens.items;
    struct cue *c = &out->items[out->count++];
    *c = (struct cue){.speech_begin_ms = tokens[first].begin_ms,
                      .speech_end_ms = tokens[split->end - 1].end_ms,
                      .line_count = split->line < split->end ? 2 : 1};
    size_t begins[] = {first, split->line, split->end};
    for (int i = 0; i < c->line_count; i++)
        c->lines[i] = (struct cue_line){begins[i], begins[i + 1] - begins[i], tokens[first].channel,
                                        tokens[first].speaker};
    int columns = 0;
    for (size_t i = first; i < split->end; i++) {
        bool space = i > first && tokens[i].space;
        c->characters += tokens[i].characters + space;
        columns += tokens[i].columns + space;
    }
    int marks = out->lyrics ? 2 * MARK_COLUMNS : 0;
    c->named = name.columns && (out->rules.lines > 1 || name.columns + marks + columns <= out->rules.columns);
    c->characters += (c->named ? name.characters : 0) + marks;
    return 0;
}

static int add_segment(struct maker *m, size_t from, size_t to)
{
    struct cues *out = m->out;
    struct token *tokens = out->tokens.items;
    struct text_size name = {0};
    if (m->turns[from]) {
        cleanup_buffer struct buffer text = {0};
        cue_put_name(
            out, &(struct cue_line){.channel = tokens[from].channel, .speaker = tokens[from].speaker}, &text);
        buffer_puts(&text, out->voices.phrases->after);
        if (buffer_error(&text))
            return -ENOMEM;
        name = text_measure(text.data, text.len);
    }
    int64_t next = to < out->tokens.count && tokens[from].begin_ms <= tokens[to].begin_ms
                       ? tokens[to].begin_ms
                       : INT64_MAX;
    struct split_extra extra = {
        .name = name.columns, .each = m->names == LOOK_SPEAKERS_ALL, .mark = out->lyrics ? MARK_COLUMNS : 0};
    cleanup_free struct split *splits = NULL;
    size_t count;
    int rc = cue_split(tokens + from, to - from, next, &out->rules, &extra, &splits, &count);
    size_t begin = from;
    for (size_t i = 0; i < count && !rc; i++) {
        struct split absolute = {from + splits[i].line, from + splits[i].end};
        rc = add_cue(out, &absolute, begin, i == 0 || extra.each ? name : (struct text_size){0});
        begin = absolute.end;
    }
    return rc;
}

/* ---- all of them ---- */

static int by_time(const void *a, const void *b)
{
    const struct cue *x = a, *y = b;
    if (x->speech_begin_ms != y->speech_begin_ms)
        return x->speech_begin_ms < y->speech_begin_ms ? -1 : 1;
    return x->lines[0].first < y->lines[0].first ? -1 : x->lines[0].first > y->lines[0].first;
}

static int make_cues(struct maker *m)
{
    m->out->count = 0;
    size_t count = m->out->tokens.count;
    for (size_t from = 0; from < count;) {
        size_t to = from + 1;
        while (to < count && !is_hard_cut(m, to))
            to++;
        int rc = add_segment(m, from, to);
        if (rc)
            return rc;
        from = to;
    }
    if (m->out->count)
        qsort(m->out->items, m->out->count, sizeof *m->out->items, by_time);
    return 0;
}

static bool other_voice(const struct cues *cues, const struct cue_line *a, const struct cue_line *b)
{
    return a->speaker != b->speaker || (cues->voices.channels && a->channel != b->channel);
}

/* Marks the cues that must name their speaker and do not; true if there were any. */
static bool mark_turns(struct maker *m)
{
    bool marked = false;
    for (size_t i = 0; i < m->out->count; i++) {
        const struct cue *c = &m->out->items[i], *before = i ? c - 1 : NULL;
        bool known = c->lines[0].speaker >= 0 || m->out->voices.channels;
        bool names = m->names == LOOK_SPEAKERS_ALL || !before ||
                     other_voice(m->out, &before->lines[0], &c->lines[0]) ||
                     c->speech_begin_ms - before->speech_end_ms > NAME_AGAIN_MS;
        if (known && names && !m->turns[c->lines[0].first]) {
            m->turns[c->lines[0].first] = true;
            marked = true;
        }
    }
    return marked;
}

/* ---- two people in one cue ---- */

static int line_width(const struct cues *cues, const struct cue_line *line)
{
    int columns = 0;
    for (size_t i = line->first; i < line->first + line->count; i++)
        columns += cues->tokens.items[i].columns + (i > line->first && cues->tokens.items[i].space);
    return columns;
}

static bool can_pair(const struct cues *cues, const struct cue *a, const struct cue *b)
{
    const struct cue_rules *r = &cues->rules;
    const int dash = 2;
    int64_t end = a->speech_end_ms > b->speech_end_ms ? a->speech_end_ms : b->speech_end_ms;
    return a->line_count == 1 && b->line_count == 1 && other_voice(cues, &a->lines[0], &b->lines[0]) &&
           line_width(cues, &a->lines[0]) + dash <= r->columns &&
           line_width(cues, &b->lines[0]) + dash <= r->columns &&
           b->speech_begin_ms - a->speech_end_ms < r->wide_gap_ms && end - a->speech_begin_ms <= r->token_ms;
}

static void pair_cues(struct cues *cues)
{
    size_t kept = 0;
    for (size_t i = 0; i < cues->count; i++) {
        struct cue *c = &cues->items[kept++];
        *c = cues->items[i];
        if (i + 1 == cues->count || !can_pair(cues, c, &cues->items[i + 1]))
            continue;
        const struct cue *other = &cues->items[++i];
        c->lines[1] = other->lines[0];
        c->line_count = 2;
        c->dashes = true;
        c->characters += other->characters + 2;
        if (other->speech_end_ms > c->speech_end_ms)
            c->speech_end_ms = other->speech_end_ms;
    }
    cues->count = kept;
}

/* ---- */

int cues_of(const struct transcript *t, const struct cue_wishes *wishes, struct cues *out)
{
    const struct render_look *look = wishes->look;
    struct maker m = {.out = out, .names = look ? look->speakers : LOOK_SPEAKERS_CHANGE};
    out->voices = voices_of(t, look);
    out->rules = cue_rules_of(language_of(t), look);
    if (wishes->single)
        out->rules.lines = 1;
    out->lyrics = look && look->lyrics && !wishes->single;
    out->several = several_speakers(t);
    if (m.names == LOOK_SPEAKERS_DASH && (out->rules.lines == 1 || out->lyrics))
        m.names = LOOK_SPEAKERS_CHANGE;
    bool named = wishes->subrip && (out->several || out->voices.channels) &&
                 (m.names == LOOK_SPEAKERS_CHANGE || m.names == LOOK_SPEAKERS_ALL);

    struct token_limits limits = {&out->rules, out->rules.columns - (out->lyrics ? 2 * MARK_COLUMNS : 0),
                                  wishes->subrip};
    int rc = tokens_of(t, out->rules.language, &limits, &out->tokens);
    if (rc)
        return rc;
    cleanup_free bool *turns = calloc(out->tokens.count + 1, sizeof *turns);
    if (!turns)
        return -ENOMEM;
    m.turns = turns;
    rc = make_cues(&m);
    /* Names take room, so the cues are made again with them. Where people talk at once this can change who
     * follows whom, and other cues need a name; every round adds names, so it comes to an end, and mostly at
     * once. */
    for (int round = 0; round < NAMING_ROUNDS && !rc && named && mark_turns(&m); round++)
        rc = make_cues(&m);
    if (rc)
        return rc;
    if (m.names == LOOK_SPEAKERS_DASH)
        pair_cues(out);
    do
        cue_time(out->items, out->count, &out->rules);
    while (cue_collapse(out));
    return 0;
}

void cues_clear(struct cues *cues)
{
    free(cues->items);
    tokens_clear(&cues->tokens);
    *cues = (struct cues){0};
}
