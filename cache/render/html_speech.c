/* Paragraphs, words and voices of a transcript's page. */
#include "cache/render/html_speech.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <unictype.h>

#include "backend/base/cleanup.h"
#include "backend/base/utf8.h"
#include "backend/transcript.h"
#include "cache/render/html_out.h"
#include "cache/render/text.h"
#include "cache/render/turns.h"

#define UNSURE 0.6 /* confidence of a word below which it is marked */
#define HOUR_MS 3600000

/* Who says something: a speaker, or else a channel, where there are several. */
struct voice {
    char kind;  /* 's' or 'c'; 0: nobody is known */
    int number; /* zero-based */
};

struct writer {
    const struct transcript *transcript;
    const struct turns *turns;
    struct html_speech *out;
    bool hours, from_right;
    struct voice last; /* of the paragraph before */
    const char *last_emotion;
    size_t sentence, word; /* whose confidence was looked at last */
};

void html_put_clock(struct buffer *out, int64_t ms, bool hours)
{
    int64_t seconds = ms / 1000;
    if (hours)
        buffer_printf(out, "%" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
                      (int)(seconds % 60));
    else
        buffer_printf(out, "%" PRId64 ":%02d", seconds / 60, (int)(seconds % 60));
}

bool html_from_right(const struct transcript *t)
{
    static const char *const codes[] = {"ar", "arc", "ckb", "dv", "fa", "he", "iw",
                                        "ku", "ps",  "sd",  "ug", "ur", "yi"};
    size_t len = t->language ? strcspn(t->language, "-_") : 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strlen(codes[i]) == len && strncasecmp(codes[i], t->language, len) == 0)
            return true;
    return false;
}

/* ---- voices ---- */

static struct voice voice_of(const struct writer *w, int speaker, int channel)
{
    if (speaker >= 0)
        return (struct voice){'s', speaker};
    if (w->turns->voices.channels)
        return (struct voice){'c', channel < 0 ? 0 : channel};
    return (struct voice){0, 0};
}

/* As the look calls it, or "Speaker 1". */
static void put_name(const struct voices *voices, struct voice v, struct buffer *out)
{
    voices_put(voices, v.kind == 's' ? v.number : -1, v.number, out);
}

static int compare_voices(const void *a, const void *b)
{
    const struct voice *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind == 's' ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void add_voice(struct writer *w, struct voice v)
{
    struct buffer *out = &w->out->voices;
    struct voices unnamed = w->turns->voices;
    cleanup_buffer struct buffer plain = {0}, name = {0};
    unnamed.look = NULL;
    put_name(&unnamed, v, &plain);
    put_name(&w->turns->voices, v, &name);
    if (buffer_error(&plain) || buffer_error(&name)) {
        out->failed = true;
        return;
    }
    buffer_printf(out, "%s{\"id\":\"%c%d\",\"key\":\"%s%" PRId64 "\",\"style\":\"v%d\",\"plain\":",
                  w->out->voice_count ? "," : "", v.kind, v.number, v.kind == 's' ? "" : "channel ",
                  (int64_t)v.number + 1, v.number % HTML_PALETTE);
    html_put_json(out, plain.data);
    buffer_puts(out, ",\"name\":");
    html_put_json(out, strcmp(name.data, plain.data) == 0 ? NULL : name.data);
    buffer_puts(out, "}");
    w->out->voice_count++;
}

static int add_voices(struct writer *w)
{
    const struct transcript *t = w->transcript;
    cleanup_free struct voice *all = calloc(t->sentence_count + 1, sizeof *all);
    if (!all)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < t->sentence_count; i++) {
        struct voice v = voice_of(w, t->sentences[i].speaker, t->sentences[i].channel);
        if (v.kind)
            all[count++] = v;
    }
    qsort(all, count, sizeof *all, compare_voices);
    buffer_puts(&w->out->voices, "[");
    for (size_t i = 0; i < count; i++)
        if (!i || compare_voices(&all[i - 1], &all[i]) != 0)
            add_voice(w, all[i]);
    buffer_puts(&w->out->voices, "]");
    return 0;
}

/* ---- words ---- */

/* The recogniser's confidence in what is said during a token, at least of one of its words; negative when
 * unknown. Tokens come in the order of their sentences and times. */
static double confidence_of(struct writer *w, const struct token *token)
{
    const struct sentence *s = &w->transcript->sentences[token->sentence];
    if (w->sentence != token->sentence) {
        w->sentence = token->sentence;
        w->word = 0;
    }
    while (w->word < s->word_count && s->words[w->word].end_ms <= token->begin_ms)
        w->word++;
    double least = -1;
    for (size_t i = w->word; i < s->word_count && s->words[i].begin_ms < token->end_ms; i++) {
        double confidence = s->words[i].confidence;
        if (confidence >= 0 && (least < 0 || confidence < least))
            least = confidence;
    }
    return least;
}

/* In UTF-16 units, as scripts count. */
static long length_of(const char *text, size_t len)
{
    long units = 0;
    for (size_t i = 0; i < len;) {
        uint32_t c;
        i += utf8_next(text + i, len - i, &c);
        units += c >= 0x10000 ? 2 : 1;
    }
    return units;
}

static void add_words(struct writer *w, const struct turn *turn)
{
    const struct tokens *tokens = &w->turns->tokens;
    struct buffer *out = &w->out->words;
    buffer_printf(out, "%s[%" PRId64, w->out->paragraphs ? ",\n" : "", turn->begin_ms);
    for (size_t i = turn->first; i < turn->first + turn->count; i++) {
        const struct token *t = &tokens->items[i];
        cleanup_buffer struct buffer note = {0};
        turns_put_note(w->turns, i, &note);
        double confidence = confidence_of(w, t);
        bool unsure = confidence >= 0 && confidence < UNSURE;
        w->out->unsure = w->out->unsure || unsure;
        out->failed = out->failed || note.failed;
        buffer_printf(out, ",%s%ld,%" PRId64, unsure ? "-" : "",
                      length_of(tokens->text.data + t->at, t->len) +
                          (note.data ? length_of(note.data, note.len) : 0),
                      t->end_ms - t->begin_ms);
        if (i + 1 < turn->first + turn->count)
            buffer_printf(out, ",%" PRId64, tokens->items[i + 1].begin_ms - t->end_ms);
    }
    buffer_puts(out, "]");
}

/* ---- paragraphs ---- */

/* Who speaks, and how, where that changes. */
static void add_heading(struct writer *w, struct voice v, const char *emotion)
{
    struct buffer *out = &w->out->turns;
    cleanup_buffer struct buffer manner = {0}, name = {0};
    if (v.kind == w->last.kind && v.number == w->last.number && strcmp(emotion, w->last_emotion) == 0)
        return;
    w->last = v;
    w->last_emotion = emotion;
    text_clean(&manner, emotion);
    out->failed = out->failed || manner.failed;
    if (!v.kind && !manner.len)
        return;
    buffer_puts(out, "<h2>");
    if (v.kind) {
        put_name(&w->turns->voices, v, &name);
        buffer_printf(out, "<cite data-voice=\"%c%d\">", v.kind, v.number);
        html_put(out, name.data, name.len);
        buffer_puts(out, manner.len ? "</cite> " : "</cite>");
        out->failed = out->failed || name.failed;
    }
    if (manner.len) {
        buffer_puts(out, "<small>(");
        html_put(out, manner.data, manner.len);
        buffer_puts(out, ")</small>");
    }
    buffer_puts(out, "</h2>");
}

/* A code that may stand in an attribute. */
static bool is_code(const char *language)
{
    return language && *language &&
           language[strspn(language, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")] == 0;
}

/* 1 when the text begins from the right (UAX #9, P2), -1 from the left, 0 when nothing tells. */
static int direction_of(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t c;
        i += utf8_next(text + i, len - i, &c);
        int class = uc_bidi_class(c);
        if (class == UC_BIDI_R || class == UC_BIDI_AL)
            return 1;
        if (class == UC_BIDI_L)
            return -1;
    }
    return 0;
}

static void add_direction(struct writer *w, const struct turn *turn)
{
    const struct token *first = &w->turns->tokens.items[turn->first], *last = first + turn->count - 1;
    int direction = direction_of(w->turns->tokens.text.data + first->at, last->at + last->len - first->at);
    if (direction && (direction > 0) != w->from_right)
        buffer_puts(&w->out->turns, direction > 0 ? " dir=\"rtl\"" : " dir=\"ltr\"");
}

static void add_paragraph(struct writer *w, size_t i)
{
    struct buffer *out = &w->out->turns;
    const struct turn *turn = &w->turns->items[i];
    const struct transcript *t = w->transcript;
    struct voice v = voice_of(w, turn->speaker, turn->channel);
    const char *language = t->sentences[w->turns->tokens.items[turn->first].sentence].language;
    buffer_printf(out, v.kind ? "<div class=\"turn v%d\">" : "<div class=\"turn\">", v.number % HTML_PALETTE);
    add_heading(w, v, turn->emotion);
    buffer_puts(out, "<time>");
    html_put_clock(out, turn->begin_ms, w->hours);
    buffer_puts(out, "</time><p");
    if (is_code(language) && !(t->language && strcmp(language, t->language) == 0))
        buffer_printf(out, " lang=\"%s\"", language);
    add_direction(w, turn);
    buffer_puts(out, ">");
    turns_put_text(w->turns, i, false, html_put, out);
    buffer_puts(out, "</p></div>\n");
}

int html_speech_of(const struct transcript *t, const struct render_look *look, struct html_speech *out)
{
    cleanup_turns struct turns turns = {0};
    struct writer w = {
        .transcript = t, .turns = &turns, .out = out, .last_emotion = "", .from_right = html_from_right(t)};
    int rc = turns_of(t, look, &turns);
    if (!rc)
        rc = add_voices(&w);
    if (rc)
        return rc;
    w.hours = t->duration_ms >= HOUR_MS;
    for (size_t i = 0; i < turns.count && !w.hours; i++)
        w.hours = turns.items[i].end_ms >= HOUR_MS;
    buffer_puts(&out->words, "[");
    for (size_t i = 0; i < turns.count; i++) {
        add_paragraph(&w, i);
        add_words(&w, &turns.items[i]);
        out->paragraphs++;
    }
    buffer_puts(&out->words, "]");
    return buffer_error(&out->turns) || buffer_error(&out->words) || buffer_error(&out->voices) ? -ENOMEM : 0;
}

void html_speech_clear(struct html_speech *speech)
{
    buffer_clear(&speech->turns);
    buffer_clear(&speech->words);
    buffer_clear(&speech->voices);
    *speech = (struct html_speech){0};
}
