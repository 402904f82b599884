/* Stitching: of each part what lies between its two seams is copied, with the times and the speakers of the
 * whole. */
#include "backend/stitch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/base/utf8.h"
#include "backend/stitch_internal.h"
#include "backend/transcript.h"

#define CJK_FIRST 0x2E80u    /* from here on scripts write without spaces between words … */
#define CJK_END 0xAC00u      /* … up to Hangul, which does not */
#define MOST_BETWEEN_WORDS 8 /* bytes of marks and spaces; more: words and text do not belong together */

static void free_transcript(struct transcript **t)
{
    transcript_free(*t);
}

static int copy_text(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return text && !*to ? -ENOMEM : 0;
}

/* ---- the text of some words of a sentence ---- */

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
    return true;
}

static bool is_cjk(uint32_t c)
{
    return c >= CJK_FIRST && c < CJK_END;
}

static uint32_t last_character(const char *text, size_t length)
{
    size_t at = length;
    uint32_t c = 0;
    while (at > 0 && length - at < 4 && ((unsigned char)text[--at] & 0xC0) == 0x80)
        ;
    if (length)
        utf8_next(text + at, length - at, &c);
    return c;
}

/* Without the text: from the words alone. */
static void join_words(const struct sentence *s, size_t first, size_t end, struct buffer *out)
{
    for (size_t i = first; i < end; i++) {
        const struct word *w = &s->words[i];
        uint32_t begin = 0;
        if (*w->text)
            utf8_next(w->text, strlen(w->text), &begin);
        if (out->len && !(is_cjk(begin) && is_cjk(last_character(out->data, out->len))))
            buffer_puts(out, " ");
        buffer_puts(out, w->text);
        buffer_puts(out, w->punctuation ? w->punctuation : "");
    }
}

/* malloc'ed; NULL when out of memory. */
static char *text_of(const struct sentence *s, size_t first, size_t end)
{
    if (first == 0 && end == s->word_count)
        return strdup(s->text);
    const char **at cleanup_free = reallocarray(NULL, s->word_count + 1, sizeof *at);
    struct buffer text = {0};
    if (!at)
        return NULL;
    if (find_words(s, at)) {
        const char *from = first ? at[first] : s->text;
        const char *to = end < s->word_count ? at[end] : s->text + strlen(s->text);
        while (to > from && (to[-1] == ' ' || to[-1] == '\n' || to[-1] == '\t'))
            to--;
        buffer_add(&text, from, (size_t)(to - from));
    } else {
        join_words(s, first, end, &text);
    }
    return buffer_take(&text);
}

/* ---- one part ---- */

/* What is taken of a part: words whose middle lies in [from, until). */
struct share {
    const struct stitch_part *part;
    const struct voices *voices;
    const char *language; /* of the whole */
    struct span bounds;
};

static bool takes(const struct share *share, int64_t begin_ms, int64_t end_ms)
{
    struct span span = stitch_span(share->part, begin_ms, end_ms);
    int64_t middle = span.begin_ms + (span.end_ms - span.begin_ms) / 2;
    return middle >= share->bounds.begin_ms && middle < share->bounds.end_ms;
}

static int copy_words(struct sentence *to, const struct sentence *from, size_t first, size_t end,
                      const struct stitch_part *part)
{
    for (size_t i = first; i < end; i++) {
        const struct word *w = &from->words[i];
        struct word *copy = sentence_add_word(to);
        if (!copy)
            return -ENOMEM;
        copy->begin_ms = stitch_time(part, w->begin_ms);
        copy->end_ms = stitch_time(part, w->end_ms);
        copy->confidence = w->confidence;
        if (copy_text(&copy->text, w->text) || copy_text(&copy->punctuation, w->punctuation))
            return -ENOMEM;
    }
    return 0;
}

/* A sentence without a language of its own has that of its part, which may not be that of the whole. */
static const char *language_of(const struct share *share, const struct sentence *s)
{
    const char *of_part = share->part->transcript->language;
    if (s->language || !of_part || (share->language && strcmp(of_part, share->language) == 0))
        return s->language;
    return of_part;
}

static int copy_sentence(struct transcript *whole, const struct share *share, const struct sentence *s,
                         size_t first, size_t end)
{
    struct sentence *copy = transcript_add_sentence(whole);
    if (!copy)
        return -ENOMEM;
    bool from_begin = first == 0, to_end = end == s->word_count;
    copy->begin_ms = stitch_time(share->part, from_begin ? s->begin_ms : s->words[first].begin_ms);
    copy->end_ms = stitch_time(share->part, to_end ? s->end_ms : s->words[end - 1].end_ms);
    copy->channel = s->channel;
    copy->speaker = s->speaker < 0 ? -1 : voices_find(share->voices, s->speaker);
    copy->confidence = s->confidence;
    copy->text = text_of(s, first, end);
    if (!copy->text || copy_text(&copy->language, language_of(share, s)) ||
        copy_text(&copy->emotion, s->emotion))
        return -ENOMEM;
    return copy_words(copy, s, first, end, share->part);
}

static int copy_share(struct transcript *whole, const struct share *share)
{
    const struct transcript *t = share->part->transcript;
    int rc = 0;
    for (size_t i = 0; i < t->sentence_count && !rc; i++) {
        const struct sentence *s = &t->sentences[i];
        size_t first = 0, end;
        if (!s->word_count) {
            if (takes(share, s->begin_ms, s->end_ms))
                rc = copy_sentence(whole, share, s, 0, 0);
            continue;
        }
        while (first < s->word_count && !takes(share, s->words[first].begin_ms, s->words[first].end_ms))
            first++;
        for (end = first; end < s->word_count && takes(share, s->words[end].begin_ms, s->words[end].end_ms);)
            end++;
        if (end > first)
            rc = copy_sentence(whole, share, s, first, end);
    }
    return rc;
}

/* ---- the whole ---- */

static int64_t spoken_ms(const struct transcript *t)
{
    int64_t sum = 0;
    for (size_t i = 0; i < t->sentence_count; i++)
        sum += t->sentences[i].end_ms - t->sentences[i].begin_ms;
    return sum;
}

/* The one that is spoken longest. */
static const char *language_of_all(const struct stitch_part *parts, size_t count)
{
    const char *best = NULL;
    int64_t longest = -1;
    for (size_t i = 0; i < count; i++) {
        const char *language = parts[i].transcript->language;
        int64_t sum = 0;
        for (size_t j = i; language && j < count; j++)
            if (parts[j].transcript->language && strcmp(parts[j].transcript->language, language) == 0)
                sum += spoken_ms(parts[j].transcript);
        if (language && sum > longest) {
            longest = sum;
            best = language;
        }
    }
    return best;
}

static int append_id(char **to, const char *id)
{
    char *longer = NULL;
    if (!id || !*id)
        return 0;
    if (!*to)
        return copy_text(to, id);
    size_t length = strlen(*to);
    longer = realloc(*to, length + strlen(id) + 2);
    if (!longer)
        return -ENOMEM;
    *to = longer;
    longer[length] = ' ';
    strcpy(longer + length + 1, id);
    return 0;
}

static int copy_first(char **to, const char *text)
{
    return *to ? 0 : copy_text(to, text);
}

static bool has_one_currency(const struct stitch_part *parts, size_t count, const char *currency)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].transcript->currency[0] && strcmp(parts[i].transcript->currency, currency) != 0)
            return false;
    return true;
}

static int add_provenance(struct transcript *whole, const struct stitch_part *parts, size_t count)
{
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        const struct transcript *t = parts[i].transcript;
        rc = copy_first(&whole->provider, t->provider);
        rc = rc ? rc : copy_first(&whole->engine, t->engine);
        rc = rc ? rc : copy_first(&whole->model, t->model);
        rc = rc ? rc : copy_first(&whole->why, t->why);
        rc = rc ? rc : append_id(&whole->task_id, t->task_id);
        rc = rc ? rc : append_id(&whole->request_id, t->request_id);
        whole->times_estimated |= t->times_estimated;
        whole->billed_estimated |= t->billed_estimated;
        whole->billed_ms += t->billed_ms;
        whole->cost_micro += t->cost_micro;
        if (!whole->currency[0])
            memcpy(whole->currency, t->currency, sizeof whole->currency);
    }
    /* Costs in two currencies have no sum. */
    if (!has_one_currency(parts, count, whole->currency)) {
        whole->cost_micro = 0;
        whole->currency[0] = '\0';
    }
    return rc;
}

/* By first appearance, from 0. */
static int number_speakers(struct transcript *t, int numbers)
{
    int *number cleanup_free = reallocarray(NULL, (size_t)numbers + 1, sizeof *number), next = 0;
    if (!number)
        return -ENOMEM;
    for (int i = 0; i < numbers; i++)
        number[i] = -1;
    for (size_t i = 0; i < t->sentence_count; i++) {
        struct sentence *s = &t->sentences[i];
        if (s->speaker < 0)
            continue;
        if (number[s->speaker] < 0)
            number[s->speaker] = next++;
        s->speaker = number[s->speaker];
    }
    return 0;
}

/* The bounds of each part's share, and its voices; then the copy. */
static int copy_parts(struct transcript *whole, const struct stitch_part *parts, size_t count, int *numbers)
{
    struct voices voices = {0}, before = {0};
    int64_t from = INT64_MIN;
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        const struct stitch_part *left = i ? &parts[i - 1] : NULL;
        const struct stitch_part *right = i + 1 < count ? &parts[i + 1] : NULL;
        int64_t until = INT64_MAX;
        bool overlaps = right && right->begin_ms < parts[i].end_ms;
        rc = voices_match(left, &before, &parts[i], &voices, numbers);
        if (!rc && overlaps)
            rc = stitch_seam(&parts[i], right, &until);
        if (!rc)
            rc = copy_share(whole, &(struct share){.part = &parts[i],
                                                   .voices = &voices,
                                                   .language = whole->language,
                                                   .bounds = {from, until}});
        from = overlaps ? until : INT64_MIN;
        voices_clear(&before);
        before = voices;
        voices = (struct voices){0};
    }
    voices_clear(&before);
    return rc;
}

struct transcript *stitch(const struct stitch_part *parts, size_t count, struct error *err)
{
    struct transcript *whole __attribute__((cleanup(free_transcript))) = transcript_new();
    int numbers = 0;
    int rc = whole ? copy_text(&whole->language, language_of_all(parts, count)) : -ENOMEM;
    rc = rc ? rc : add_provenance(whole, parts, count);
    rc = rc ? rc : copy_parts(whole, parts, count, &numbers);
    if (!rc) {
        whole->duration_ms = count ? parts[count - 1].end_ms : -1;
        transcript_normalise(whole);
        rc = number_speakers(whole, numbers);
    }
    if (!rc)
        return steal_ptr(whole);
    error_set(err, ERROR_TRANSIENT, -rc, "cloud.memory", "out of memory");
    return NULL;
}
