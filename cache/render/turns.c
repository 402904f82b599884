/* A transcript as turns to read. */
#include "cache/render/turns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "cache/render/language.h"
#include "cache/render/look.h"
#include "cache/render/loops.h"
#include "cache/render/paragraph.h"
#include "cache/render/text.h"

/* The same transcript with each loop cut down to its first sentence, which lasts to the end of it. *kept
 * (freed by the caller; NULL when there is no loop) holds its sentences, whose words and texts are t's;
 * *times, by sentence of the result, how often it was said. */
static int cut_loops(const struct transcript *t, struct transcript *cut, struct sentence **kept,
                     size_t **times)
{
    cleanup_loops struct loops loops = {0};
    int rc = loops_of(t, &loops);
    *cut = *t;
    if (rc || !loops.count)
        return rc;
    *kept = calloc(t->sentence_count, sizeof **kept);
    *times = calloc(t->sentence_count, sizeof **times);
    if (!*kept || !*times)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < t->sentence_count; i++) {
        size_t said = loops_times(&loops, i);
        if (!said)
            continue;
        (*kept)[count] = t->sentences[i];
        (*kept)[count].end_ms = t->sentences[i + said - 1].end_ms;
        (*times)[count++] = said;
    }
    cut->sentences = *kept;
    cut->sentence_count = count;
    return 0;
}

/* From times by sentence to times by token, and from the sentences that are left to those of the transcript. */
static int note_loops(struct turns *out, const size_t *by_sentence)
{
    size_t left = 0, first = 0; /* the same sentence in both */
    if (!by_sentence || !out->tokens.count)
        return 0;
    out->times = calloc(out->tokens.count, sizeof *out->times);
    if (!out->times)
        return -ENOMEM;
    for (size_t i = 0; i < out->tokens.count; i++) {
        size_t sentence = out->tokens.items[i].sentence;
        bool last = i + 1 == out->tokens.count || out->tokens.items[i + 1].sentence != sentence;
        if (last && by_sentence[sentence] > 1)
            out->times[i] = by_sentence[sentence];
        while (left < sentence)
            first += by_sentence[left++];
        out->tokens.items[i].sentence = first;
    }
    return 0;
}

static struct turn *add_turn(struct turns *out)
{
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 64;
        struct turn *items = reallocarray(out->items, capacity, sizeof *items);
        if (!items)
            return NULL;
        out->items = items;
        out->capacity = capacity;
    }
    return &out->items[out->count++];
}

int turns_of(const struct transcript *t, const struct render_look *look, struct turns *out)
{
    struct transcript cut;
    cleanup_free struct sentence *kept = NULL;
    cleanup_free size_t *times = NULL;
    bool emotions = look && look->emotions;
    out->voices = voices_of(t, look);
    int rc = cut_loops(t, &cut, &kept, &times);
    if (!rc)
        rc = tokens_of(&cut, language_of(t), NULL, &out->tokens);
    if (!rc)
        rc = note_loops(out, times);
    if (rc)
        return rc;
    const struct token *tokens = out->tokens.items;
    for (size_t from = 0; from < out->tokens.count;) {
        size_t to = paragraph_end(&out->tokens, from, emotions);
        struct turn *turn = add_turn(out);
        if (!turn)
            return -ENOMEM;
        *turn = (struct turn){.first = from,
                              .count = to - from,
                              .begin_ms = tokens[from].begin_ms,
                              .end_ms = tokens[to - 1].end_ms,
                              .channel = tokens[from].channel,
                              .speaker = tokens[from].speaker,
                              .emotion = emotions ? paragraph_emotion(&tokens[from]) : ""};
        from = to;
    }
    return 0;
}

void turns_clear(struct turns *turns)
{
    tokens_clear(&turns->tokens);
    free(turns->times);
    free(turns->items);
    *turns = (struct turns){0};
}

void turns_put_note(const struct turns *turns, size_t token, struct buffer *out)
{
    if (turns->times && turns->times[token])
        buffer_printf(out, " [%s%zu%s]", turns->voices.phrases->repeated, turns->times[token],
                      turns->voices.phrases->times);
}

void turns_put_text(const struct turns *turns, size_t i, bool words_only,
                    void (*escape)(struct buffer *out, const char *text, size_t len), struct buffer *out)
{
    const struct turn *turn = &turns->items[i];
    const struct token *tokens = turns->tokens.items + turn->first;
    cleanup_buffer struct buffer text = {0};
    for (size_t k = 0; k < turn->count; k++) {
        if (k && tokens[k].space)
            buffer_add(&text, " ", 1);
        buffer_add(&text, turns->tokens.text.data + tokens[k].at, tokens[k].len);
        if (!words_only)
            turns_put_note(turns, turn->first + k, &text);
    }
    out->failed = out->failed || text.failed;
    if (text.len && escape)
        escape(out, text.data, text.len);
    else if (text.len)
        buffer_add(out, text.data, text.len);
}

bool turns_put_voice(const struct turns *turns, size_t i, struct buffer *out)
{
    const struct turn *turn = &turns->items[i];
    cleanup_buffer struct buffer emotion = {0};
    bool named = voices_put(&turns->voices, turn->speaker, turn->channel, out);
    text_clean(&emotion, turn->emotion);
    out->failed = out->failed || emotion.failed;
    if (emotion.len)
        buffer_printf(out, "%s(%s)", named ? " " : "", emotion.data);
    return named;
}

void turns_put_time(int64_t ms, struct buffer *out)
{
    int64_t seconds = ms < 0 ? 0 : ms / 1000;
    buffer_printf(out, "%02" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
                  (int)(seconds % 60));
}
