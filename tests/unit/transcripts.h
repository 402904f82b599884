/* Transcripts to render in tests, made by hand. Include it after cmocka.h. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/render.h"

typedef int renderer(const struct transcript *t, const struct render_source *source, struct buffer *out);

/* Freed by the caller; "" when nothing was written. */
static inline char *rendering(renderer *view, const struct transcript *t, const struct render_source *source)
{
    struct buffer out = {0};
    assert_int_equal(view(t, source, &out), 0);
    return out.data ? buffer_take(&out) : strdup("");
}

static inline struct transcript *transcript_in(const char *language)
{
    struct transcript *t = transcript_new();
    assert_non_null(t);
    t->language = language ? strdup(language) : NULL;
    return t;
}

static inline struct sentence *say(struct transcript *t, int speaker, int64_t begin, int64_t end,
                                   const char *text)
{
    struct sentence *s = transcript_add_sentence(t);
    assert_non_null(s);
    s->speaker = speaker;
    s->begin_ms = begin;
    s->end_ms = end;
    s->text = strdup(text);
    return s;
}

static inline void say_word(struct sentence *s, int64_t begin, int64_t end, const char *text,
                            const char *punctuation, double confidence)
{
    struct word *w = sentence_add_word(s);
    assert_non_null(w);
    w->begin_ms = begin;
    w->end_ms = end;
    w->text = strdup(text);
    w->punctuation = punctuation ? strdup(punctuation) : NULL;
    w->confidence = confidence;
}
