/* The transcript in memory: growing it, putting it in order, freeing it. */
#include "backend/transcript.h"

#include <stdlib.h>
#include <string.h>

/* Times above this are nonsense; the bound keeps later sums far from overflow and every time exact as a JSON
 * number. */
#define MAX_MS (INT64_C(1) << 50)

struct transcript *transcript_new(void)
{
    struct transcript *t = calloc(1, sizeof *t);
    if (t)
        t->duration_ms = -1;
    return t;
}

void transcript_free(struct transcript *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->sentence_count; i++) {
        struct sentence *s = &t->sentences[i];
        for (size_t j = 0; j < s->word_count; j++) {
            free(s->words[j].text);
            free(s->words[j].punctuation);
        }
        free(s->words);
        free(s->text);
        free(s->language);
        free(s->emotion);
    }
    free(t->sentences);
    free(t->language);
    free(t->provider);
    free(t->engine);
    free(t->model);
    free(t->why);
    free(t->task_id);
    free(t->request_id);
    free(t);
}

/* Room for one more element. The capacity is not stored: it is the next power of two, at least 8, so an array
 * is full exactly when its count is such a number (or it is empty). */
static void *grow(void *array, size_t count, size_t size)
{
    if (count && (count < 8 || (count & (count - 1))))
        return array;
    size_t capacity = count ? count * 2 : 8;
    return reallocarray(array, capacity, size);
}

struct sentence *transcript_add_sentence(struct transcript *t)
{
    struct sentence *grown = grow(t->sentences, t->sentence_count, sizeof *grown);
    if (!grown)
        return NULL;
    t->sentences = grown;
    struct sentence *s = &grown[t->sentence_count++];
    *s = (struct sentence){.speaker = -1, .confidence = -1};
    return s;
}

struct word *sentence_add_word(struct sentence *s)
{
    struct word *grown = grow(s->words, s->word_count, sizeof *grown);
    if (!grown)
        return NULL;
    s->words = grown;
    struct word *w = &grown[s->word_count++];
    *w = (struct word){.confidence = -1};
    return w;
}

static int64_t clamp_time(int64_t ms, int64_t low, int64_t high)
{
    return ms < low ? low : ms > high ? high : ms;
}

static double clean_confidence(double c)
{
    return c >= 0 ? (c > 1 ? 1 : c) : -1; /* NaN is unknown too */
}

/* A sentence without usable times of its own takes those of its words. */
static void span_words(struct sentence *s)
{
    int64_t begin = MAX_MS, end = -1;
    for (size_t i = 0; i < s->word_count; i++) {
        const struct word *w = &s->words[i];
        if (w->begin_ms < 0 || w->end_ms < w->begin_ms || w->end_ms > MAX_MS)
            continue;
        begin = w->begin_ms < begin ? w->begin_ms : begin;
        end = w->end_ms > end ? w->end_ms : end;
    }
    if (end >= begin) {
        s->begin_ms = begin;
        s->end_ms = end;
    }
}

static void normalise_sentence(struct sentence *s)
{
    if (s->begin_ms < 0 || s->end_ms <= s->begin_ms)
        span_words(s);
    s->begin_ms = clamp_time(s->begin_ms, 0, MAX_MS);
    s->end_ms = clamp_time(s->end_ms, s->begin_ms, MAX_MS);
    s->confidence = clean_confidence(s->confidence);
    if (s->channel < 0)
        s->channel = 0;
    if (s->speaker < 0)
        s->speaker = -1;

    /* The order of the words is the order of the text, so it stays; their times follow it. A word that claims
     * to begin inside the one before cuts that one short. */
    for (size_t i = 0; i < s->word_count; i++) {
        struct word *w = &s->words[i];
        struct word *before = i ? w - 1 : NULL;
        int64_t low = before ? before->begin_ms : s->begin_ms;
        if (before && w->begin_ms < low)
            low = before->end_ms;
        w->begin_ms = clamp_time(w->begin_ms, low, s->end_ms);
        w->end_ms = clamp_time(w->end_ms, w->begin_ms, s->end_ms);
        if (before && before->end_ms > w->begin_ms)
            before->end_ms = w->begin_ms;
        w->confidence = clean_confidence(w->confidence);
    }
}

static bool comes_after(const struct sentence *a, const struct sentence *b)
{
    if (a->begin_ms != b->begin_ms)
        return a->begin_ms > b->begin_ms;
    return a->channel > b->channel;
}

/* qsort() is not stable, and equal sentences must keep their order for the same input to give the same bytes.
 * Each pass merges neighbouring runs of `from` into `to`. */
static void merge_sort(struct sentence *array, struct sentence *spare, size_t count)
{
    struct sentence *from = array, *to = spare;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * run) {
            size_t middle = begin + run < count ? begin + run : count;
            size_t end = middle + run < count ? middle + run : count;
            size_t left = begin, right = middle;
            for (size_t i = begin; i < end; i++) {
                bool take_left = left < middle && (right == end || !comes_after(&from[left], &from[right]));
                to[i] = from[take_left ? left++ : right++];
            }
        }
        struct sentence *swap = from;
        from = to;
        to = swap;
    }
    if (from != array)
        memcpy(array, from, count * sizeof *array);
}

static void insertion_sort(struct sentence *array, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct sentence s = array[i];
        size_t j = i;
        for (; j > 0 && comes_after(&array[j - 1], &s); j--)
            array[j] = array[j - 1];
        array[j] = s;
    }
}

void transcript_normalise(struct transcript *t)
{
    if (t->duration_ms < 0)
        t->duration_ms = -1;
    else if (t->duration_ms > MAX_MS)
        t->duration_ms = MAX_MS;
    if (t->billed_ms < 0)
        t->billed_ms = 0;
    if (t->cost_micro < 0)
        t->cost_micro = 0;

    bool ordered = true;
    for (size_t i = 0; i < t->sentence_count; i++) {
        normalise_sentence(&t->sentences[i]);
        if (i && comes_after(&t->sentences[i - 1], &t->sentences[i]))
            ordered = false;
    }
    if (ordered)
        return;
    struct sentence *spare = reallocarray(NULL, t->sentence_count, sizeof *spare);
    if (spare)
        merge_sort(t->sentences, spare, t->sentence_count);
    else
        insertion_sort(t->sentences, t->sentence_count); /* slow, but needs no memory */
    free(spare);
}
