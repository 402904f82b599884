/* Loops of a recogniser. */
#include "cache/render/loops.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/text.h"

/* Silence, or nothing but punctuation, is no loop. */
static bool says_the_same(const struct sentence *a, const struct sentence *b)
{
    if (a->speaker != b->speaker || a->channel != b->channel || !a->text || !b->text)
        return false;
    if (strcmp(a->text, b->text) != 0)
        return false;
    return !text_is_silent(a->text, strlen(a->text));
}

static int add(struct loops *out, size_t first, size_t count)
{
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 8;
        struct loop *items = reallocarray(out->items, capacity, sizeof *items);
        if (!items)
            return -ENOMEM;
        out->items = items;
        out->capacity = capacity;
    }
    out->items[out->count++] = (struct loop){first, count};
    return 0;
}

int loops_of(const struct transcript *t, struct loops *out)
{
    for (size_t first = 0; first < t->sentence_count;) {
        size_t next = first + 1;
        while (next < t->sentence_count && says_the_same(&t->sentences[first], &t->sentences[next]))
            next++;
        if (next - first >= LOOP_SENTENCES) {
            int rc = add(out, first, next - first);
            if (rc)
                return rc;
        }
        first = next;
    }
    return 0;
}

void loops_clear(struct loops *loops)
{
    free(loops->items);
    *loops = (struct loops){0};
}

size_t loops_times(const struct loops *loops, size_t i)
{
    size_t low = 0, high = loops->count; /* loops before `low` end before i */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (loops->items[middle].first + loops->items[middle].count <= i)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == loops->count || loops->items[low].first > i)
        return 1;
    return loops->items[low].first == i ? loops->items[low].count : 0;
}
