/* Some models answer with a single "sentence" for minutes of speech. Its words and their marks show where the
 * real ones end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/transcript.h"

#define MOST_BETWEEN_WORDS                                                                                   \
    8 /* bytes of marks and spaces; more means that words and text do not belong together */

static bool ends_sentence(const char *mark)
{
    static const char *const marks[] = {".", "!", "?", "…", "。", "！", "？", "؟", "।"};
    for (size_t i = 0; mark && i < sizeof marks / sizeof *marks; i++)
        if (strstr(mark, marks[i]))
            return true;
    return false;
}

/* Finds each word in the text; false if they do not follow each other there. */
static bool find_words(const struct sentence *s, const char **at)
{
    const char *from = s->text;
    for (size_t i = 0; i < s->word_count; i++) {
        at[i] = strstr(from, s->words[i].text);
        if (!at[i] || at[i] - from > MOST_BETWEEN_WORDS)
            return false;
        from = at[i] + strlen(s->words[i].text);
    }
    return strlen(from) <= MOST_BETWEEN_WORDS;
}

/* "3.5" and "e.g. so" go on: a full stop ends a sentence only before something that is not in lower case. */
static bool ends_at(const struct sentence *s, size_t word)
{
    char next = s->words[word + 1].text[0];
    return ends_sentence(s->words[word].punctuation) && !(next >= 'a' && next <= 'z');
}

static int copy_optional(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return text && !*to ? -ENOMEM : 0;
}

/* The words [first, end) of `whole` as a sentence of their own; they move. */
static int add_part(struct transcript *t, const struct sentence *whole, size_t first, size_t end,
                    const char *text, size_t text_length)
{
    char *part cleanup_free = strndup(text, text_length);
    struct sentence *s = part ? transcript_add_sentence(t) : NULL;
    if (!s)
        return -ENOMEM;
    s->text = text_trimmed(part);
    s->channel = whole->channel;
    s->speaker = whole->speaker;
    s->begin_ms = whole->words[first].begin_ms;
    s->end_ms = whole->words[end - 1].end_ms;
    int rc = s->text ? copy_optional(&s->language, whole->language) : -ENOMEM;
    rc = rc ? rc : copy_optional(&s->emotion, whole->emotion);
    for (size_t i = first; i < end && !rc; i++) {
        struct word *w = sentence_add_word(s);
        if (!w)
            return -ENOMEM;
        *w = whole->words[i];
        whole->words[i].text = whole->words[i].punctuation = NULL;
    }
    return rc;
}

static int split(struct transcript *t, const struct sentence *whole)
{
    const char **at cleanup_free = reallocarray(NULL, whole->word_count + 1, sizeof *at);
    bool found = at && find_words(whole, at);
    size_t first = 0;
    if (!at)
        return -ENOMEM;
    if (!found)
        return 0;
    at[0] = whole->text;
    at[whole->word_count] = whole->text + strlen(whole->text);
    for (size_t i = 0; i < whole->word_count; i++) {
        bool last = i + 1 == whole->word_count;
        if (!last && !ends_at(whole, i))
            continue;
        int rc = add_part(t, whole, first, i + 1, at[first], (size_t)(at[i + 1] - at[first]));
        if (rc)
            return rc;
        first = i + 1;
    }
    return 1;
}

static void free_transcript(struct transcript **t)
{
    transcript_free(*t);
}

int add_split_sentence(struct transcript *t, const cJSON *json)
{
    struct transcript *one __attribute__((cleanup(free_transcript))) = transcript_new();
    int rc = one ? add_sentence(one, json, 0) : -ENOMEM;
    if (rc || !one->sentence_count)
        return rc;
    rc = one->sentences[0].word_count ? split(t, &one->sentences[0]) : 0;
    if (rc)
        return rc < 0 ? rc : 0;
    struct sentence *s = transcript_add_sentence(t);
    if (!s)
        return -ENOMEM;
    *s = one->sentences[0];
    one->sentence_count = 0; /* it has moved */
    return 0;
}
