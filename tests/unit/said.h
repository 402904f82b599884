/* Transcripts for tests of views, from files that people can read (tests/golden/subtitles/NAME.said).
 *
 * A line is "TIME SPEAKER TEXT": milliseconds, a number or - for nobody, and what is said; "[zh] " before the
 * text gives the sentence a language of its own. "language en" is that of the whole; # begins a comment.
 * Words are parted by spaces, or where there are none by |, which is left out. How long a word takes follows
 * from its letters. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/utf8.h"
#include "backend/transcript.h"
#include "cache/render/text.h"

enum { SAID_LETTER_MS = 62, SAID_WIDE_MS = 170, SAID_COMMA_MS = 150, SAID_STOP_MS = 350 };

/* Text without its punctuation at both ends. */
static void said_bare(const char **text, size_t *len)
{
    while (*len && !text_is_spoken(text_first(*text, *len))) {
        uint32_t c;
        size_t n = utf8_next(*text, *len, &c);
        *text += n;
        *len -= n;
    }
    while (*len && !text_is_spoken(text_last(*text, *len))) {
        char bytes[4];
        *len -= utf8_put(text_last(*text, *len), bytes);
    }
}

static void said_words(struct sentence *s, const char *text)
{
    int64_t now = s->begin_ms;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, " |");
        const char *bare = p;
        size_t bare_len = len;
        said_bare(&bare, &bare_len);
        if (bare_len) {
            struct word *w = sentence_add_word(s);
            int letters = 0;
            for (size_t at = 0; at < bare_len;) {
                uint32_t c;
                at += utf8_next(bare + at, bare_len - at, &c);
                letters += text_is_cjk(c) || (c >= 0xAC00 && c <= 0xD7A3) ? SAID_WIDE_MS : SAID_LETTER_MS;
            }
            w->text = strndup(bare, bare_len);
            w->begin_ms = now;
            w->end_ms = now = now + 40 + letters;
        }
        if (len) {
            uint32_t last = text_last(p, len);
            now += last == ',' || last == U'，' || last == U'、' ? SAID_COMMA_MS
                   : last == '.' || last == '?' || last == '!' || last == U'。' || last == U'？'
                       ? SAID_STOP_MS
                       : 0;
        }
        p += len;
        p += *p != '\0';
    }
    s->end_ms = s->word_count ? s->words[s->word_count - 1].end_ms : now;
}

static void said_line(struct transcript *t, char *line)
{
    char *text;
    if (strncmp(line, "language ", 9) == 0) {
        t->language = strdup(line + 9);
        return;
    }
    struct sentence *s = transcript_add_sentence(t);
    s->begin_ms = strtoll(line, &text, 10);
    s->speaker = text[1] == '-' ? -1 : atoi(text + 1);
    text = strchr(text + 1, ' ') + 1;
    char *end = *text == '[' ? strchr(text, ']') : NULL;
    if (end && end - text == 3) {
        s->language = strndup(text + 1, 2);
        text = end + 2;
    }
    said_words(s, text);
    s->text = strdup(text);
    char *to = s->text;
    for (const char *from = s->text; *from; from++)
        if (*from != '|')
            *to++ = *from;
    *to = '\0';
}

/* NULL if the file cannot be read. */
static struct transcript *said_read(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    struct transcript *t = transcript_new();
    char *line = NULL;
    size_t size = 0;
    for (ssize_t n; (n = getline(&line, &size, f)) > 0;) {
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        if (*line && *line != '#')
            said_line(t, line);
    }
    free(line);
    fclose(f);
    transcript_normalise(t);
    int64_t end = 0;
    for (size_t i = 0; i < t->sentence_count; i++)
        end = t->sentences[i].end_ms > end ? t->sentences[i].end_ms : end;
    t->duration_ms = end + 5000;
    t->engine = strdup("golden");
    t->model = strdup("by-hand");
    return t;
}
