/* Where paragraphs end. */
#include "cache/render/paragraph.h"

#include <string.h>

#include "cache/render/token.h"

#define PAUSE_MS 2000 /* begins a paragraph (as Buzz does) */
/* A paragraph this long ends with the sentence … */
#define LONG_MS 60000
#define LONG_CHARACTERS 600
/* … and one this long at the next comma or breath: some engines write no full stops. */
#define TOO_LONG_MS 90000
#define TOO_LONG_CHARACTERS 900
#define BREATH_SCORE 60

const char *paragraph_emotion(const struct token *t)
{
    return t->emotion && strcmp(t->emotion, "neutral") != 0 ? t->emotion : "";
}

static bool begins_paragraph(const struct token *first, const struct token *before, const struct token *t,
                             int characters, bool emotions)
{
    if (t->speaker != before->speaker || t->channel != before->channel ||
        t->begin_ms - before->end_ms >= PAUSE_MS)
        return true;
    if (emotions && strcmp(paragraph_emotion(t), paragraph_emotion(before)) != 0)
        return true;
    int64_t lasted = before->end_ms - first->begin_ms;
    if (before->sentence_end && (lasted >= LONG_MS || characters >= LONG_CHARACTERS))
        return true;
    return before->score >= BREATH_SCORE && (lasted >= TOO_LONG_MS || characters >= TOO_LONG_CHARACTERS);
}

size_t paragraph_end(const struct tokens *tokens, size_t from, bool emotions)
{
    const struct token *items = tokens->items;
    int characters = items[from].characters;
    size_t to = from + 1;
    while (to < tokens->count &&
           !begins_paragraph(&items[from], &items[to - 1], &items[to], characters, emotions)) {
        characters += items[to].characters + (items[to].space ? 1 : 0);
        to++;
    }
    return to;
}
