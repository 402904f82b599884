/* What a recogniser says again and again is shown once. */
#include "cache/render/cue_collapse.h"

#include <stdlib.h>
#include <string.h>

#include "cache/render/cue.h"
#include "cache/render/loops.h"

#define SAME_MS 40 /* of one another's length */

static bool same_line(const struct tokens *tokens, const struct cue_line *a, const struct cue_line *b)
{
    if (a->count != b->count || a->speaker != b->speaker || a->channel != b->channel)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct token *x = &tokens->items[a->first + i], *y = &tokens->items[b->first + i];
        if (x->len != y->len || memcmp(tokens->text.data + x->at, tokens->text.data + y->at, x->len) != 0)
            return false;
    }
    return true;
}

static bool repeats(const struct cues *cues, const struct cue *a, const struct cue *b)
{
    if (a->line_count != b->line_count ||
        llabs((a->end_ms - a->begin_ms) - (b->end_ms - b->begin_ms)) > SAME_MS)
        return false;
    for (int i = 0; i < a->line_count; i++)
        if (!same_line(&cues->tokens, &a->lines[i], &b->lines[i]))
            return false;
    return true;
}

bool cue_collapse(struct cues *cues)
{
    size_t kept = 0, count = cues->count;
    for (size_t from = 0; from < count;) {
        size_t to = from + 1;
        while (to < count && repeats(cues, &cues->items[from], &cues->items[to]))
            to++;
        bool loop = to - from >= LOOP_SENTENCES;
        for (size_t i = from; i < (loop ? from + 1 : to); i++)
            cues->items[kept++] = cues->items[i];
        if (loop)
            cues->items[kept - 1].collapsed = true;
        from = to;
    }
    cues->count = kept;
    return kept < count;
}
