/* Cuts an utterance into sentences at its pauses. */
#include "backend/worker/sentences.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/transcript.h"

/* Appends the words to the sentence and works out its text, end and confidence anew. */
static int extend(struct sentence *s, const struct heard_word *words, size_t count)
{
    cleanup_buffer struct buffer text = {0};
    double sum = s->confidence * (double)s->word_count;
    if (s->text)
        buffer_puts(&text, s->text);
    for (size_t i = 0; i < count; i++) {
        struct word *w = sentence_add_word(s);
        if (w)
            w->text = strdup(words[i].text);
        if (!w || !w->text)
            return -ENOMEM;
        w->begin_ms = words[i].begin_ms;
        w->end_ms = words[i].end_ms;
        w->confidence = words[i].confidence;
        sum += words[i].confidence;
        buffer_printf(&text, "%s%s", text.len ? " " : "", words[i].text);
    }
    free(s->text);
    s->text = buffer_take(&text);
    s->end_ms = words[count - 1].end_ms;
    s->confidence = sum / (double)s->word_count;
    return s->text ? 0 : -ENOMEM;
}

/* The sentence that was going on when the engine ended its last utterance, without a pause between: engines
 * stop at their own limits as well as at pauses. */
static struct sentence *going_on(struct transcript *t, const struct heard_word *words, size_t count)
{
    if (!t->sentence_count)
        return NULL;
    struct sentence *last = &t->sentences[t->sentence_count - 1];
    bool paused = words[0].begin_ms - last->end_ms >= SENTENCE_PAUSE_MS;
    bool too_long = words[count - 1].end_ms - last->begin_ms > SENTENCE_MAX_MS;
    return paused || too_long ? NULL : last;
}

static int add_run(struct transcript *t, const struct heard_word *words, size_t count)
{
    if (count == 1 && words[0].end_ms - words[0].begin_ms > LONE_WORD_MAX_MS)
        return 0;
    struct sentence *s = going_on(t, words, count);
    if (!s) {
        s = transcript_add_sentence(t);
        if (!s)
            return -ENOMEM;
        s->begin_ms = words[0].begin_ms;
    }
    return extend(s, words, count);
}

int sentences_add(struct transcript *t, const struct heard_word *words, size_t count)
{
    for (size_t begin = 0, end; begin < count; begin = end) {
        end = begin + 1;
        while (end < count && words[end].begin_ms - words[end - 1].end_ms < SENTENCE_PAUSE_MS)
            end++;
        int rc = add_run(t, words + begin, end - begin);
        if (rc)
            return rc;
    }
    return 0;
}
