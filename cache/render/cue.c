/* Subtitles: tokens, hard cuts, splitting, timing. */
#include "cache/render/cue.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "cache/render/cue_split.h"
#include "cache/render/cue_timing.h"
#include "cache/render/language.h"
#include "cache/render/text.h"
#include "cache/render/token.h"

#define SILENCE_MS 1500    /* no cue goes over a longer one */
#define NAMING_ROUNDS 16   /* against a transcript made to be slow */
#define NAME_AGAIN_MS 5000 /* after so long a silence the speaker is named again */

struct maker {
    const struct language *language;
    struct tokens tokens;
    bool *turns;        /* by token: a cue that names its speaker begins here */
    bool name_speakers; /* there is more than one */
    bool name_channels; /* there is more than one: who says it is known by that at least */
    struct cues *out;
    struct token *segment; /* scratch: the tokens of one segment and a name before them */
    size_t segment_capacity;
};

static void clear_maker(struct maker *m)
{
    tokens_clear(&m->tokens);
    free(m->turns);
    free(m->segment);
}

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

static bool same_voice(const struct token *a, const struct token *b)
{
    return a->speaker == b->speaker && a->channel == b->channel;
}

/* A cue must not hold the tokens before and after `at`. */
static bool is_hard_cut(const struct maker *m, size_t at)
{
    const struct token *before = &m->tokens.items[at - 1], *after = &m->tokens.items[at];
    return m->turns[at] || !same_voice(before, after) || after->begin_ms - before->end_ms > SILENCE_MS ||
           after->begin_ms < before->begin_ms; /* sentences that overlap */
}

/* ---- one segment: from a hard cut to the next ---- */

/* "Speaker 1:" as a token that cannot be parted from what is said. */
static int add_name(struct maker *m, const struct token *first, struct token *name)
{
    struct buffer *text = &m->tokens.text;
    size_t at = text->len;
    language_put_voice(m->language, first->speaker, first->channel, text);
    buffer_puts(text, m->language->speaker_after);
    if (buffer_error(text))
        return -ENOMEM;
    size_t len = text->len - at;
    bool space = text->data[at + len - 1] == ' ';
    if (space)
        len--;
    struct text_size size = text_measure(text->data + at, len);
    *name = (struct token){.at = at,
                           .len = len,
                           .full_len = len,
                           .columns = size.columns,
                           .characters = size.characters,
                           .begin_ms = first->begin_ms,
                           .end_ms = first->begin_ms,
                           .channel = first->channel,
                           .speaker = first->speaker,
                           .glued = true,
                           .tied = true,
                           .space = space}; /* for the token that follows */
    return 0;
}

static int add_cue(struct maker *m, const struct token *tokens, size_t line, size_t count, size_t position)
{
    struct cues *out = m->out;
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 64;
        struct cue *items = reallocarray(out->items, capacity, sizeof *items);
        if (!items)
            return -ENOMEM;
        out->items = items;
        out->capacity = capacity;
    }
    const char *text = m->tokens.text.data;
    size_t at = out->text.len;
    const struct token *parts[] = {tokens, tokens + line};
    size_t counts[] = {line, count - line};
    for (int i = 0; i < 2 && counts[i]; i++) {
        if (i)
            buffer_add(&out->text, "\n", 1);
        size_t start = out->text.len;
        tokens_put(parts[i], counts[i], text, &out->text);
        /* The comma between the items of a list goes at the end of a line, like the others. */
        if (m->language->drops_punctuation && !out->text.failed && out->text.len > start + 3 &&
            text_last(out->text.data + start, out->text.len - start) == U'、')
            out->text.data[out->text.len -= 3] = '\0';
    }
    if (buffer_error(&out->text))
        return -ENOMEM;
    int characters = 0;
    for (size_t i = 0; i < count; i++)
        characters += tokens[i].characters + (i && tokens[i].space ? 1 : 0);
    out->items[out->count++] = (struct cue){.begin_ms = tokens[0].begin_ms,
                                            .end_ms = tokens[count - 1].end_ms,
                                            .channel = tokens[0].channel,
                                            .speaker = tokens[0].speaker,
                                            .at = at,
                                            .len = out->text.len - at,
                                            .characters = characters,
                                            .position = position};
    return 0;
}

static int add_segment(struct maker *m, size_t from, size_t to)
{
    const struct token *source = m->tokens.items + from;
    size_t count = to - from, named = m->turns[from] ? 1 : 0;
    if (count + 1 > m->segment_capacity) {
        size_t capacity = 2 * (count + 1);
        struct token *segment = reallocarray(m->segment, capacity, sizeof *segment);
        if (!segment)
            return -ENOMEM;
        m->segment = segment;
        m->segment_capacity = capacity;
    }
    memcpy(m->segment + named, source, count * sizeof *source);
    if (named) {
        int rc = add_name(m, source, &m->segment[0]);
        if (rc)
            return rc;
        m->segment[1].space = m->segment[0].space;
        m->segment[0].space = false;
    }
    count += named;

    int64_t next = to < m->tokens.count && source[0].begin_ms <= m->tokens.items[to].begin_ms
                       ? m->tokens.items[to].begin_ms
                       : INT64_MAX;
    cleanup_free struct split *splits = NULL;
    size_t split_count;
    int rc = cue_split(m->segment, count, next, m->language, &splits, &split_count);
    size_t begin = 0;
    for (size_t i = 0; i < split_count && !rc; i++) {
        size_t position = from + (begin ? begin - named : 0);
        rc = add_cue(m, m->segment + begin, splits[i].line - begin, splits[i].end - begin, position);
        begin = splits[i].end;
    }
    return rc;
}

/* ---- all of them ---- */

static int by_time(const void *a, const void *b)
{
    const struct cue *x = a, *y = b;
    if (x->begin_ms != y->begin_ms)
        return x->begin_ms < y->begin_ms ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

static int make_cues(struct maker *m)
{
    m->out->count = 0;
    m->out->text.len = 0;
    size_t count = m->tokens.count;
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

/* Marks the cues that must name their speaker and do not; true if there were any. */
static bool mark_turns(struct maker *m)
{
    bool marked = false;
    for (size_t i = 0; i < m->out->count; i++) {
        const struct cue *c = &m->out->items[i], *before = i ? c - 1 : NULL;
        bool named = c->speaker >= 0 || m->name_channels;
        bool other = !before || before->speaker != c->speaker ||
                     (m->name_channels && before->channel != c->channel) ||
                     c->begin_ms - before->end_ms > NAME_AGAIN_MS;
        if (named && other && !m->turns[c->position]) {
            m->turns[c->position] = true;
            marked = true;
        }
    }
    return marked;
}

int cues_of(const struct transcript *t, const struct language *language, struct cues *out)
{
    struct maker m __attribute__((cleanup(clear_maker))) = {
        .language = language,
        .out = out,
        .name_speakers = several_speakers(t),
        .name_channels = language_names_channels(t)};
    bool names = m.name_speakers || m.name_channels;
    int rc = tokens_of(t, language, true, &m.tokens);
    if (rc)
        return rc;
    m.turns = calloc(m.tokens.count + 1, sizeof *m.turns);
    if (!m.turns)
        return -ENOMEM;
    rc = make_cues(&m);
    /* Names take room, so the cues are made again with them. Where people talk at once this can change who
     * follows whom, and other cues need a name; every round adds names, so it comes to an end, and mostly at
     * once. */
    for (int round = 0; round < NAMING_ROUNDS && !rc && names && mark_turns(&m); round++)
        rc = make_cues(&m);
    if (!rc)
        cue_time(out->items, out->count, language);
    return rc;
}

void cues_clear(struct cues *cues)
{
    free(cues->items);
    buffer_clear(&cues->text);
    *cues = (struct cues){0};
}
