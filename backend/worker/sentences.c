/* Cuts an utterance into sentences at its pauses. */
#include "backend/worker/sentences.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"

static int add_sentence(struct transcript *t, const struct heard_word *words, size_t count)
{
    if (count == 1 && words[0].end_ms - words[0].begin_ms > LONE_WORD_MAX_MS)
        return 0;
    struct sentence *s = transcript_add_sentence(t);
    if (!s)
        return -ENOMEM;
    s->begin_ms = words[0].begin_ms;
    s->end_ms = words[count - 1].end_ms;
    struct buffer text = {0};
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        struct word *w = sentence_add_word(s);
        if (w)
            w->text = strdup(words[i].text);
        if (!w || !w->text) {
            buffer_clear(&text);
            return -ENOMEM;
        }
        w->begin_ms = words[i].begin_ms;
        w->end_ms = words[i].end_ms;
        w->confidence = words[i].confidence;
        sum += words[i].confidence;
        buffer_printf(&text, "%s%s", i ? " " : "", words[i].text);
    }
    s->confidence = sum / (double)count;
    s->text = buffer_take(&text);
    return s->text ? 0 : -ENOMEM;
}

int sentences_add(struct transcript *t, const struct heard_word *words, size_t count)
{
    for (size_t begin = 0, end; begin < count; begin = end) {
        end = begin + 1;
        while (end < count && words[end].begin_ms - words[end - 1].end_ms < SENTENCE_PAUSE_MS)
            end++;
        int rc = add_sentence(t, words + begin, end - begin);
        if (rc)
            return rc;
    }
    return 0;
}
