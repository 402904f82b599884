/* A transcript written down short, to be compared. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "backend/dashscope/answer.h"
#include "backend/dashscope/parse.h"
#include "backend/sse.h"
#include "backend/transcript.h"

/* ---- transcripts, written down short ---- */

/* "begin-end channel/speaker language emotion: text {word+mark begin-end …}" a line */
static inline char *dump(const struct transcript *t)
{
    struct buffer b = {0};
    buffer_add(&b, "", 0);
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        buffer_printf(&b, "%d-%d %d/%d", (int)s->begin_ms, (int)s->end_ms, s->channel, s->speaker);
        if (s->language)
            buffer_printf(&b, " %s", s->language);
        if (s->emotion)
            buffer_printf(&b, " %s", s->emotion);
        buffer_printf(&b, ": %s", s->text);
        for (size_t j = 0; j < s->word_count; j++)
            buffer_printf(&b, " {%s%s%s %d-%d}", s->words[j].text, s->words[j].punctuation ? "+" : "",
                          s->words[j].punctuation ? s->words[j].punctuation : "", (int)s->words[j].begin_ms,
                          (int)s->words[j].end_ms);
        buffer_puts(&b, "\n");
    }
    return buffer_take(&b);
}

static inline void check_dump(const char *name, struct transcript *t, const char *expected)
{
    char *text = dump(t);
    if (strcmp(text, expected) != 0)
        fail_msg("%s:\n%s", name, text);
    free(text);
}
