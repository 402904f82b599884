/* Who is who: each part numbers its speakers anew. Two numbers stand for one person when they speak at the
 * same time in what two parts share. */
#include "backend/stitch_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"

#define LEAST_MS 300 /* a short "yes" */

void voices_clear(struct voices *voices)
{
    free(voices->own);
    free(voices->whole);
    *voices = (struct voices){0};
}

static size_t index_of(const struct voices *voices, int own)
{
    size_t i = 0;
    while (i < voices->count && voices->own[i] != own)
        i++;
    return i;
}

int voices_find(const struct voices *voices, int own)
{
    size_t i = index_of(voices, own);
    return i < voices->count ? voices->whole[i] : -1;
}

/* The numbers of a part; none has a number in the whole yet. */
static int list(const struct transcript *t, struct voices *voices)
{
    for (size_t i = 0; i < t->sentence_count; i++) {
        int own = t->sentences[i].speaker;
        if (own < 0 || index_of(voices, own) < voices->count)
            continue;
        int *more = reallocarray(voices->own, voices->count + 1, sizeof *more);
        if (more)
            voices->own = more;
        int *more_whole = reallocarray(voices->whole, voices->count + 1, sizeof *more);
        if (more_whole)
            voices->whole = more_whole;
        if (!more || !more_whole)
            return -ENOMEM;
        voices->own[voices->count] = own;
        voices->whole[voices->count++] = -1;
    }
    return 0;
}

/* ---- the overlap ---- */

/* How long who speaks there, and how long together: milliseconds. */
struct shared {
    int64_t *left, *right, *both; /* both[l * rights + r] */
    size_t rights;
};

static int64_t length(struct span span)
{
    return span.end_ms > span.begin_ms ? span.end_ms - span.begin_ms : 0;
}

static void measure_alone(const struct stitch_part *part, const struct voices *voices, struct span overlap,
                          int64_t *ms)
{
    for (size_t i = 0; i < part->transcript->sentence_count; i++) {
        const struct sentence *s = &part->transcript->sentences[i];
        size_t who = index_of(voices, s->speaker);
        if (who < voices->count)
            ms[who] += length(span_within(stitch_span(part, s->begin_ms, s->end_ms), overlap));
    }
}

static void measure_together(const struct stitch_part *left, const struct voices *lefts,
                             const struct stitch_part *right, const struct voices *rights,
                             struct span overlap, struct shared *shared)
{
    for (size_t i = 0; i < left->transcript->sentence_count; i++) {
        const struct sentence *s = &left->transcript->sentences[i];
        struct span span = span_within(stitch_span(left, s->begin_ms, s->end_ms), overlap);
        size_t l = index_of(lefts, s->speaker);
        for (size_t j = 0; length(span) && l < lefts->count && j < right->transcript->sentence_count; j++) {
            const struct sentence *other = &right->transcript->sentences[j];
            size_t r = index_of(rights, other->speaker);
            if (r < rights->count)
                shared->both[l * shared->rights + r] +=
                    length(span_within(stitch_span(right, other->begin_ms, other->end_ms), span));
        }
    }
}

/* A few words at the same time say nothing: it has to be half of what one of them says there, and some time.
 */
static bool is_likely(const struct shared *shared, size_t l, size_t r)
{
    int64_t less = shared->left[l] < shared->right[r] ? shared->left[l] : shared->right[r];
    int64_t both = shared->both[l * shared->rights + r];
    return both >= LEAST_MS && both * 2 >= less;
}

/* The longest time together first; each only once. */
static void pair(const struct voices *lefts, struct voices *rights, struct shared *shared)
{
    for (;;) {
        size_t best_l = 0, best_r = 0;
        int64_t best = 0;
        for (size_t l = 0; l < lefts->count; l++)
            for (size_t r = 0; r < rights->count; r++)
                if (shared->both[l * shared->rights + r] > best && is_likely(shared, l, r)) {
                    best = shared->both[l * shared->rights + r];
                    best_l = l;
                    best_r = r;
                }
        if (!best)
            return;
        rights->whole[best_r] = lefts->whole[best_l];
        for (size_t r = 0; r < rights->count; r++)
            shared->both[best_l * shared->rights + r] = 0;
        for (size_t l = 0; l < lefts->count; l++)
            shared->both[l * shared->rights + best_r] = 0;
    }
}

static int match(const struct stitch_part *left, const struct voices *lefts, const struct stitch_part *right,
                 struct voices *rights)
{
    struct span overlap = stitch_overlap(left, right);
    if (!length(overlap) || !lefts->count || !rights->count)
        return 0;
    int64_t *alone_left cleanup_free = calloc(lefts->count, sizeof *alone_left);
    int64_t *alone_right cleanup_free = calloc(rights->count, sizeof *alone_right);
    int64_t *both cleanup_free = calloc(lefts->count * rights->count, sizeof *both);
    if (!alone_left || !alone_right || !both)
        return -ENOMEM;
    struct shared shared = {alone_left, alone_right, both, rights->count};
    measure_alone(left, lefts, overlap, alone_left);
    measure_alone(right, rights, overlap, alone_right);
    measure_together(left, lefts, right, rights, overlap, &shared);
    pair(lefts, rights, &shared);
    return 0;
}

int voices_match(const struct stitch_part *left, const struct voices *left_voices,
                 const struct stitch_part *right, struct voices *voices, int *next)
{
    *voices = (struct voices){0};
    int rc = list(right->transcript, voices);
    rc = rc || !left ? rc : match(left, left_voices, right, voices);
    for (size_t i = 0; i < voices->count && !rc; i++)
        if (voices->whole[i] < 0)
            voices->whole[i] = (*next)++;
    return rc;
}
