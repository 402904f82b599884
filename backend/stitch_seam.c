/* Where two parts that overlap are joined: in a pause both of them agree on. */
#include "backend/stitch_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"

#define PAUSE_MS 100  /* shorter ones lie between the words of one breath */
#define MARGIN_MS 200 /* the seam keeps away from words: two recognisers do not agree to the millisecond */

int64_t stitch_time(const struct stitch_part *part, int64_t ms)
{
    int64_t length = part->end_ms - part->begin_ms;
    return part->begin_ms + (ms < 0 ? 0 : ms > length ? length : ms);
}

struct span stitch_span(const struct stitch_part *part, int64_t begin_ms, int64_t end_ms)
{
    return (struct span){stitch_time(part, begin_ms), stitch_time(part, end_ms)};
}

struct span span_within(struct span span, struct span bounds)
{
    return (struct span){span.begin_ms > bounds.begin_ms ? span.begin_ms : bounds.begin_ms,
                         span.end_ms < bounds.end_ms ? span.end_ms : bounds.end_ms};
}

struct span stitch_overlap(const struct stitch_part *left, const struct stitch_part *right)
{
    return (struct span){right->begin_ms, left->end_ms};
}

/* ---- what is spoken in the overlap ---- */

struct spans {
    struct span *span;
    size_t count;
};

static size_t most_spans(const struct transcript *t)
{
    size_t count = t->sentence_count;
    for (size_t i = 0; i < t->sentence_count; i++)
        count += t->sentences[i].word_count;
    return count;
}

static void add(struct spans *spans, struct span span, struct span bounds)
{
    struct span inside = span_within(span, bounds);
    if (inside.end_ms > inside.begin_ms)
        spans->span[spans->count++] = inside;
}

/* Sentences, or words where there are some. */
static void collect(struct spans *spans, const struct stitch_part *part, struct span bounds, bool words)
{
    for (size_t i = 0; i < part->transcript->sentence_count; i++) {
        const struct sentence *s = &part->transcript->sentences[i];
        if (!words || !s->word_count)
            add(spans, stitch_span(part, s->begin_ms, s->end_ms), bounds);
        for (size_t j = 0; words && j < s->word_count; j++)
            add(spans, stitch_span(part, s->words[j].begin_ms, s->words[j].end_ms), bounds);
    }
}

static int by_begin(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return (x->begin_ms > y->begin_ms) - (x->begin_ms < y->begin_ms);
}

/* ---- pauses ---- */

/* The place in the pause that is nearest to the middle. */
static int64_t place_in(struct span pause, int64_t middle)
{
    int64_t half = (pause.end_ms - pause.begin_ms) / 2, margin = half < MARGIN_MS ? half : MARGIN_MS;
    if (middle < pause.begin_ms + margin)
        return pause.begin_ms + margin;
    return middle > pause.end_ms - margin ? pause.end_ms - margin : middle;
}

/* `spans` in order of their begins. */
static bool nearest_pause(const struct spans *spans, struct span bounds, int64_t shortest_ms,
                          int64_t *seam_ms)
{
    int64_t middle = bounds.begin_ms + (bounds.end_ms - bounds.begin_ms) / 2;
    int64_t at = bounds.begin_ms, nearest = -1;
    for (size_t i = 0; i <= spans->count; i++) {
        int64_t begin = i < spans->count ? spans->span[i].begin_ms : bounds.end_ms;
        if (begin - at >= shortest_ms) {
            int64_t place = place_in((struct span){at, begin}, middle), away = llabs(place - middle);
            if (nearest < 0 || away < nearest) {
                nearest = away;
                *seam_ms = place;
            }
        }
        if (i < spans->count && spans->span[i].end_ms > at)
            at = spans->span[i].end_ms;
    }
    return nearest >= 0;
}

/* Between sentences rather than between words; where somebody always speaks, in the middle. */
int stitch_seam(const struct stitch_part *left, const struct stitch_part *right, int64_t *seam_ms)
{
    static const struct {
        bool words;
        int64_t shortest_ms;
    } tries[] = {{false, PAUSE_MS}, {true, PAUSE_MS}, {true, 1}};
    struct span bounds = stitch_overlap(left, right);
    size_t most = most_spans(left->transcript) + most_spans(right->transcript);
    struct span *room cleanup_free = reallocarray(NULL, most + 1, sizeof *room);
    if (!room)
        return -ENOMEM;
    *seam_ms = bounds.begin_ms + (bounds.end_ms - bounds.begin_ms) / 2;
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct spans spans = {.span = room};
        collect(&spans, left, bounds, tries[i].words);
        collect(&spans, right, bounds, tries[i].words);
        qsort(room, spans.count, sizeof *room, by_begin);
        if (nearest_pause(&spans, bounds, tries[i].shortest_ms, seam_ms))
            return 0;
    }
    return 0;
}
