/* What features do to a transcript: masked and removed words, filler words, speakers. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "tests/emulator/features.h"
#include "tests/emulator/memory.h"

enum edit { MASK, REMOVE };

static size_t characters(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* Every occurrence of `word` in *text, in whatever case: as many stars as it has characters, or gone with a
 * space. */
static void replace(char **text, const char *word, enum edit edit)
{
    struct buffer out = {0};
    size_t len = strlen(word);
    const char *rest = *text, *hit;
    buffer_puts(&out, "");
    while (len && (hit = strcasestr(rest, word))) {
        buffer_add(&out, rest, (size_t)(hit - rest));
        rest = hit + len;
        if (edit == MASK)
            buffer_fill(&out, '*', characters(word, len));
        else if (*rest == ' ')
            rest++;
    }
    buffer_puts(&out, rest);
    free(*text);
    *text = buffer_take(&out);
}

static void replace_everywhere(struct transcript *t, const char *word, enum edit edit)
{
    for (size_t i = 0; i < t->sentence_count; i++) {
        struct sentence *s = &t->sentences[i];
        replace(&s->text, word, edit);
        for (size_t k = 0; k < s->word_count; k++)
            replace(&s->words[k].text, word, edit);
    }
}

static void drop_empty_words(struct transcript *t)
{
    for (size_t i = 0; i < t->sentence_count; i++) {
        struct sentence *s = &t->sentences[i];
        size_t kept = 0;
        for (size_t k = 0; k < s->word_count; k++) {
            if (*s->words[k].text) {
                s->words[kept++] = s->words[k];
            } else {
                free(s->words[k].text);
                free(s->words[k].punctuation);
            }
        }
        s->word_count = kept;
    }
}

static void replace_list(struct transcript *t, const cJSON *list, enum edit edit)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        replace_everywhere(t, item->valuestring, edit);
    }
}

/* A whole word, so that "um" does not eat into "umbrella". */
static void remove_filler(struct transcript *t, const char *word)
{
    for (size_t i = 0; i < t->sentence_count; i++) {
        struct sentence *s = &t->sentences[i];
        cleanup_free char *padded = xprintf(" %s ", s->text), *target = xprintf(" %s ", word);
        char *hit;
        while ((hit = strcasestr(padded, target)))
            memmove(hit, hit + strlen(target) - 1, strlen(hit + strlen(target) - 1) + 1);
        size_t len = strlen(padded);
        free(s->text);
        s->text = len > 2 ? xstrndup(padded + 1, len - 2) : xstrdup("");
        for (size_t k = 0; k < s->word_count; k++)
            if (!strcasecmp(s->words[k].text, word))
                *s->words[k].text = '\0';
    }
}

void features_apply(const struct features *f, const char *reserved, struct transcript *t)
{
    static const char *const fillers[] = {"uh", "um", "er", "erm"};
    const cJSON *system = json_get(f->filter, "system_reserved_filter");
    cleanup_free char *list = xstrdup(reserved);
    char *save = NULL;
    if (!system || cJSON_IsTrue(system))
        for (char *word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save))
            replace_everywhere(t, word, MASK);
    replace_list(t, json_get(json_get(f->filter, "filter_with_signed"), "word_list"), MASK);
    replace_list(t, json_get(json_get(f->filter, "filter_with_empty"), "word_list"), REMOVE);
    for (size_t i = 0; f->disfluency && i < sizeof fillers / sizeof *fillers; i++)
        remove_filler(t, fillers[i]);
    drop_empty_words(t);
    /* The recogniser does not know speakers: without any they take turns, which is enough to see that they
     * arrive. */
    int speakers = f->speakers ? f->speakers : 2;
    for (size_t i = 0; i < t->sentence_count; i++) {
        if (!f->diarization)
            t->sentences[i].speaker = -1;
        else if (t->sentences[i].speaker < 0)
            t->sentences[i].speaker = (int)(i % (size_t)speakers);
    }
}
