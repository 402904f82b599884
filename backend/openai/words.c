/* Words. OpenAI and faster-whisper give whole words, the latter with a space before each; whisper.cpp gives
 * tokens, of which a space begins a new word. */
#include "backend/openai/words.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/base/utf8.h"
#include "backend/json_in.h"
#include "backend/transcript.h"

double openai_number(const cJSON *object, const char *key, double otherwise)
{
    const cJSON *item = json_get(object, key);
    double number = otherwise;
    if (cJSON_IsNumber(item)) {
        number = item->valuedouble;
    } else if (cJSON_IsString(item)) {
        char *end;
        number = strtod(item->valuestring, &end);
        if (end == item->valuestring || *end)
            return otherwise;
    }
    return isfinite(number) ? number : otherwise;
}

static const char *text_of(const cJSON *word)
{
    const char *text = json_text(word, "word");
    return text ? text : json_text(word, "text"); /* LocalAI */
}

static uint32_t first_character(const char *text)
{
    uint32_t c = 0;
    if (*text)
        utf8_next(text, strlen(text), &c);
    return c;
}

/* Written without spaces: each such token is a word of its own. */
static bool is_unspaced(uint32_t c)
{
    return c >= 0x2E80 && c < 0xFF66 && !(c >= 0xAC00 && c <= 0xD7AF);
}

static bool is_mark(uint32_t c)
{
    return (c < 0x80 && c && strchr(".,!?;:", (int)c)) || c == 0x3001 || c == 0x3002 || c == 0xFF01 ||
           c == 0xFF0C || c == 0xFF1A || c == 0xFF1B || c == 0xFF1F || c == 0x2026;
}

static bool has_replacement(const char *text)
{
    return strstr(text, "\xEF\xBF\xBD") != NULL;
}

/* Where the range ends, whether all words in it can be used, and whether spaces begin them. */
static const cJSON *look(const cJSON *from, double until, bool *good, bool *spaced)
{
    const cJSON *w = from;
    *good = true;
    *spaced = false;
    for (; w; w = w->next) {
        double begin = openai_number(w, "start", -1), end = openai_number(w, "end", -1);
        if (begin >= 0 && end >= begin && (begin + end) / 2 >= until)
            break;
        const char *text = text_of(w);
        *good = *good && begin >= 0 && end >= begin && (!text || !has_replacement(text));
        *spaced = *spaced || (text && text[0] == ' ');
    }
    return w;
}

/* Onto the end of a text of its own. */
static int append(char **to, const char *more)
{
    size_t had = *to ? strlen(*to) : 0, len = strlen(more);
    char *longer = realloc(*to, had + len + 1);
    if (!longer)
        return -ENOMEM;
    memcpy(longer + had, more, len + 1);
    *to = longer;
    return 0;
}

/* "Hello," is the word "Hello" and a comma. A word of nothing but marks stays as it is. */
static int part_marks(struct word *w)
{
    size_t len = strlen(w->text), keep = 0;
    for (size_t i = 0; i < len;) {
        uint32_t c;
        i += utf8_next(w->text + i, len - i, &c);
        if (!is_mark(c))
            keep = i;
    }
    if (!keep || keep == len)
        return 0;
    w->punctuation = strdup(w->text + keep);
    if (!w->punctuation)
        return -ENOMEM;
    w->text[keep] = '\0';
    return 0;
}

static int add_word(struct sentence *s, const cJSON *json, bool spaced, double scale)
{
    const char *raw = text_of(json);
    char *text cleanup_free = text_trimmed(raw ? raw : "");
    if (!text)
        return -ENOMEM;
    if (!text[0])
        return 0;
    uint32_t c = first_character(text);
    int64_t begin = llround(openai_number(json, "start", 0) * scale),
            end = llround(openai_number(json, "end", 0) * scale);
    struct word *before = s->word_count ? &s->words[s->word_count - 1] : NULL;
    if (before && raw[0] != ' ' && (is_mark(c) || (spaced && !is_unspaced(c)))) {
        before->end_ms = end;
        return append(&before->text, text);
    }
    struct word *w = sentence_add_word(s);
    if (!w)
        return -ENOMEM;
    w->begin_ms = begin;
    w->end_ms = end;
    w->confidence = openai_number(json, "probability", -1);
    w->text = steal_ptr(text);
    return 0;
}

int openai_add_words(struct sentence *s, const cJSON *list, const cJSON **at, double until, double scale)
{
    bool good, spaced;
    const cJSON *w = at ? *at : list ? list->child : NULL;
    const cJSON *end = look(w, until, &good, &spaced);
    if (at)
        *at = end;
    int rc = 0;
    for (; good && !rc && w != end; w = w->next)
        rc = add_word(s, w, spaced, scale);
    for (size_t i = 0; !rc && i < s->word_count; i++)
        rc = part_marks(&s->words[i]);
    return rc;
}
