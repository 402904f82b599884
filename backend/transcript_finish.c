/* Missing times, numbers of speakers, the language of the whole. */
#include "backend/transcript_finish.h"

#include <stdbool.h>
#include <string.h>

#include "backend/transcript.h"

/* What speech takes when nothing is known: 15 bytes of text a second, the pace of English. */
static int64_t guess_ms(const struct sentence *s)
{
    return (int64_t)strlen(s->text) * 1000 / 15 + 1;
}

void transcript_estimate_times(struct transcript *t, int64_t duration_ms)
{
    for (size_t i = 0; i < t->sentence_count; i++) {
        struct sentence *s = &t->sentences[i];
        if (s->begin_ms >= 0 && s->end_ms >= 0)
            continue;
        t->times_estimated = true;
        const struct sentence *before =
            i && t->sentences[i - 1].channel == s->channel ? &t->sentences[i - 1] : NULL;
        if (s->begin_ms < 0)
            s->begin_ms = before ? before->end_ms : 0;
        if (s->end_ms >= s->begin_ms)
            continue;
        bool last = i + 1 == t->sentence_count || t->sentences[i + 1].channel != s->channel;
        if (!last && t->sentences[i + 1].begin_ms >= s->begin_ms)
            s->end_ms = t->sentences[i + 1].begin_ms;
        else if (last && duration_ms > s->begin_ms)
            s->end_ms = duration_ms;
        else
            s->end_ms = s->begin_ms + guess_ms(s);
    }
}

/* The service's numbers may begin anywhere and have gaps. */
static void number_speakers(struct transcript *t)
{
    enum { MOST = 1024 };
    int seen[MOST], count = 0;
    for (size_t i = 0; i < t->sentence_count; i++) {
        struct sentence *s = &t->sentences[i];
        int n = 0;
        if (s->speaker < 0)
            continue;
        while (n < count && seen[n] != s->speaker)
            n++;
        if (n == count && count < MOST)
            seen[count++] = s->speaker;
        s->speaker = n < MOST ? n : -1;
    }
}

/* The language most of the text is in; without memory it stays unknown. */
static void name_language(struct transcript *t)
{
    enum { MOST = 32 };
    struct {
        const char *code;
        size_t bytes;
    } languages[MOST];
    size_t count = 0, best = 0;
    for (size_t i = 0; i < t->sentence_count; i++) {
        const char *code = t->sentences[i].language;
        size_t n = 0;
        if (!code)
            continue;
        while (n < count && strcmp(languages[n].code, code) != 0)
            n++;
        if (n == MOST)
            continue;
        if (n == count) {
            languages[n].code = code;
            languages[count++].bytes = 0;
        }
        languages[n].bytes += strlen(t->sentences[i].text);
    }
    for (size_t n = 1; n < count; n++)
        if (languages[n].bytes > languages[best].bytes)
            best = n;
    if (count && !t->language)
        t->language = strdup(languages[best].code);
}

void transcript_finish(struct transcript *t)
{
    transcript_normalise(t);
    number_speakers(t);
    name_language(t);
}
