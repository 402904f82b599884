/* Answers. One object:
 *
 *   json           text
 *   verbose_json   text, language, duration, segments[], words[] (or words in each segment)
 *   diarized_json  text, duration, segments[] with speakers
 *
 * Events, when the answer is streamed:
 *
 *   OpenAI, speaches     transcript.text.delta, transcript.text.segment, transcript.text.done
 *   vLLM                 transcription.chunk with choices[].delta.content, then [DONE]
 *   faster-whisper       one of the objects above for each piece of the recording */
#include "backend/openai/answer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/json_in.h"
#include "backend/openai/language.h"
#include "backend/openai/refusal.h"
#include "backend/openai/subtitles.h"
#include "backend/openai/words.h"
#include "backend/transcript.h"
#include "backend/transcript_finish.h"

#define WORD_PAUSE 0.7 /* seconds: a sentence of bare words ends here */

struct openai_answer {
    struct buffer text;
    cJSON *segments, *words; /* arrays */
    struct transcript *cues; /* of subtitles, or NULL */
    bool has_deltas, complete;
    double duration, billed, reached; /* seconds as the server says them; negative: not known */
    char language[8];
};

struct openai_answer *openai_answer_new(void)
{
    struct openai_answer *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    *a = (struct openai_answer){.duration = -1, .billed = -1, .reached = -1};
    a->segments = cJSON_CreateArray();
    a->words = cJSON_CreateArray();
    if (a->segments && a->words)
        return a;
    openai_answer_free(a);
    return NULL;
}

void openai_answer_free(struct openai_answer *a)
{
    if (!a)
        return;
    buffer_clear(&a->text);
    cJSON_Delete(a->segments);
    cJSON_Delete(a->words);
    transcript_free(a->cues);
    free(a);
}

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.answer", "out of memory");
}

/* ---- taking in ---- */

static bool append_copy(cJSON *array, const cJSON *item)
{
    cJSON *copy = cJSON_Duplicate(item, true);
    if (copy && cJSON_AddItemToArray(array, copy))
        return true;
    cJSON_Delete(copy);
    return false;
}

static bool append_all(cJSON *array, const cJSON *list)
{
    const cJSON *item;
    bool good = true;
    cJSON_ArrayForEach(item, list)
    {
        good = good && append_copy(array, item);
    }
    return good;
}

static void take_usage(struct openai_answer *a, const cJSON *root)
{
    double seconds = openai_number(json_get(root, "usage"), "seconds", -1);
    if (seconds >= 0)
        a->billed = seconds;
}

/* A piece of the text that says nothing of the space before it: none where Chinese or Japanese goes on. */
static void add_piece(struct openai_answer *a, const char *text)
{
    unsigned char last = a->text.len ? (unsigned char)a->text.data[a->text.len - 1] : ' ';
    if (last != ' ' && last < 0x80 && text[0] != ' ')
        buffer_add(&a->text, " ", 1);
    buffer_puts(&a->text, text);
}

static bool add_segment(struct openai_answer *a, const cJSON *segment)
{
    const char *text = json_text(segment, "text");
    if (!a->has_deltas && text)
        add_piece(a, text);
    a->reached = fmax(a->reached, openai_number(segment, "end", -1));
    return append_copy(a->segments, segment);
}

/* An object with everything, or one piece of it. */
static bool add_object(struct openai_answer *a, const cJSON *root, bool piece)
{
    const cJSON *segments = json_get(root, "segments");
    const char *text = json_text(root, "text"), *language = json_text(root, "language");
    const char *code = openai_language_code(language);
    if (text)
        add_piece(a, text);
    if (code)
        strncpy(a->language, code, sizeof a->language - 1);
    if (!piece)
        a->duration = openai_number(root, "duration", -1);
    const cJSON *last = cJSON_GetArrayItem(segments, cJSON_GetArraySize(segments) - 1);
    a->reached = fmax(a->reached, openai_number(last, "end", -1));
    a->complete = true;
    return append_all(a->segments, segments) && append_all(a->words, json_get(root, "words"));
}

static bool add_choice(struct openai_answer *a, const cJSON *choice)
{
    const char *text = json_text(json_get(choice, "delta"), "content");
    if (text)
        buffer_puts(&a->text, text);
    a->has_deltas = true;
    if (json_text(choice, "finish_reason"))
        a->complete = true;
    return true;
}

static bool add_event(struct openai_answer *a, const cJSON *root)
{
    const char *type = json_text(root, "type"), *text;
    const cJSON *choices = json_get(root, "choices");
    if (cJSON_IsArray(choices))
        return !choices->child || add_choice(a, choices->child);
    if (!type)
        return add_object(a, root, true);
    if (strcmp(type, "transcript.text.delta") == 0) {
        if (!a->has_deltas)
            buffer_clear(&a->text); /* segments were taken for it until now */
        a->has_deltas = true;
        if ((text = json_text(root, "delta")))
            buffer_puts(&a->text, text);
    } else if (strcmp(type, "transcript.text.segment") == 0) {
        return add_segment(a, root);
    } else if (strcmp(type, "transcript.text.done") == 0) {
        a->complete = true;
        if ((text = json_text(root, "text"))) {
            buffer_clear(&a->text);
            buffer_puts(&a->text, text);
        }
    }
    return true;
}

static int check_refusal(const cJSON *root, struct error *err)
{
    struct openai_refusal refusal = {.status = 200};
    if (!openai_refusal_of(root, &refusal))
        return 0;
    openai_refusal_explain(&refusal, NULL, err);
    return -EREMOTEIO;
}

int openai_answer_event(struct openai_answer *a, const char *data, size_t length, struct error *err)
{
    if (length == 6 && memcmp(data, "[DONE]", 6) == 0) {
        a->complete = true;
        return 0;
    }
    cJSON *root cleanup_json = json_parse(data, length, err);
    if (!root)
        return -EBADMSG;
    int rc = check_refusal(root, err);
    if (rc)
        return rc;
    take_usage(a, root);
    return add_event(a, root) && !buffer_error(&a->text) ? 0 : out_of_memory(err);
}

static int add_json(struct openai_answer *a, const char *body, size_t length, struct error *err)
{
    cJSON *root cleanup_json = json_parse(body, length, err);
    if (!root)
        return -EBADMSG;
    int rc = check_refusal(root, err);
    if (rc)
        return rc;
    if (!cJSON_IsString(json_get(root, "text")) && !cJSON_IsArray(json_get(root, "segments")))
        return error_set(err, ERROR_TRANSIENT, EBADMSG, "cloud.answer", "the server's answer holds no text");
    take_usage(a, root);
    return add_object(a, root, false) && !buffer_error(&a->text) ? 0 : out_of_memory(err);
}

int openai_answer_body(struct openai_answer *a, const char *body, size_t length, bool text_is_fine,
                       struct error *err)
{
    const char *start = body + strspn(body, " \t\r\n");
    if (*start == '{')
        return add_json(a, start, length - (size_t)(start - body), err);
    if (openai_is_subtitles(start)) {
        a->cues = transcript_new();
        a->complete = true;
        return a->cues && openai_add_subtitles(a->cues, start) == 0 ? 0 : out_of_memory(err);
    }
    if (strncasecmp(start, "<!doctype", 9) == 0 || strncasecmp(start, "<html", 5) == 0)
        return error_set(err, ERROR_PERSON, EBADMSG, "cloud.address",
                         "the server answered with a web page instead of a transcript");
    if (!text_is_fine)
        return error_set(err, ERROR_TRANSIENT, EBADMSG, "cloud.answer",
                         "the server sent %zu bytes that are no transcript", length);
    buffer_puts(&a->text, start);
    a->complete = true;
    return buffer_error(&a->text) ? out_of_memory(err) : 0;
}

const char *openai_answer_text(const struct openai_answer *a)
{
    return a->text.data ? a->text.data : "";
}

int64_t openai_answer_reached_ms(const struct openai_answer *a)
{
    return a->reached > 0 && a->reached < 1e6 ? llround(a->reached * 1000) : 0;
}

/* ---- the transcript ---- */

/* Milliseconds in one unit of the answer's times. Seconds, but builds of LocalAI gave nanoseconds, and others
 * milliseconds. */
static double scale_of(const struct openai_answer *a, int64_t duration_ms)
{
    double last = 0;
    const cJSON *lists[] = {a->segments, a->words}, *item;
    for (size_t i = 0; i < 2; i++)
        cJSON_ArrayForEach(item, lists[i])
        {
            last = fmax(last, openai_number(item, "end", 0));
        }
    if (last > 1e8)
        return 1e-6;
    if (duration_ms > 0 && last > 60 + (double)duration_ms / 1000 * 20)
        return 1;
    return 1000;
}

/* Labels ("A", "SPEAKER_00", a name, a number) become numbers. */
struct speakers {
    char names[64][64];
    int count;
};

static int speaker_number(struct speakers *speakers, const cJSON *segment)
{
    const cJSON *label = json_get(segment, "speaker");
    char name[64];
    if (cJSON_IsNumber(label))
        snprintf(name, sizeof name, "%d", label->valueint);
    else if (cJSON_IsString(label) && label->valuestring[0])
        snprintf(name, sizeof name, "%s", label->valuestring);
    else
        return -1;
    int n = 0;
    while (n < speakers->count && strcmp(speakers->names[n], name) != 0)
        n++;
    if (n == (int)(sizeof speakers->names / sizeof *speakers->names))
        return -1;
    if (n == speakers->count)
        strcpy(speakers->names[speakers->count++], name);
    return n;
}

/* What whisper.cpp writes where nobody speaks. */
static bool is_silence(const char *text)
{
    return !*text || strcmp(text, "[BLANK_AUDIO]") == 0;
}

static int64_t to_ms(double time, double scale)
{
    double ms = time * scale;
    return time >= 0 && ms < 1e15 ? llround(ms) : -1;
}

/* The words of a segment are its own, or those of the common list up to the beginning of the next. */
static int add_sentence(struct transcript *t, const cJSON *segment, const cJSON **words, double scale,
                        struct speakers *speakers)
{
    const char *raw = json_text(segment, "text");
    char *text cleanup_free = text_trimmed(raw ? raw : "");
    const cJSON *own = json_get(segment, "words");
    const cJSON *next = segment->next;
    double until = next ? openai_number(next, "start", INFINITY) : INFINITY;
    if (!text)
        return -ENOMEM;
    struct sentence nobody = {0}, *s = is_silence(text) ? NULL : transcript_add_sentence(t);
    if (!s && !is_silence(text))
        return -ENOMEM;
    if (!s) { /* its words go with it */
        int rc = *words ? openai_add_words(&nobody, NULL, words, until, scale) : 0;
        for (size_t i = 0; i < nobody.word_count; i++) {
            free(nobody.words[i].text);
            free(nobody.words[i].punctuation);
        }
        free(nobody.words);
        return rc;
    }
    s->text = steal_ptr(text);
    s->begin_ms = to_ms(openai_number(segment, "start", -1), scale);
    s->end_ms = to_ms(openai_number(segment, "end", -1), scale);
    if (s->end_ms < s->begin_ms)
        s->end_ms = -1;
    s->speaker = speaker_number(speakers, segment);
    double log_probability = openai_number(segment, "avg_logprob", 1);
    s->confidence = log_probability <= 0 ? exp(log_probability) : -1;
    if (cJSON_GetArraySize(own) > 0)
        return openai_add_words(s, own, NULL, INFINITY, scale);
    return *words ? openai_add_words(s, NULL, words, until, scale) : 0;
}

static int add_segments(const struct openai_answer *a, struct transcript *t, double scale)
{
    struct speakers speakers = {.count = 0};
    const cJSON *words = a->words->child, *segment;
    int rc = 0;
    cJSON_ArrayForEach(segment, a->segments)
    {
        rc = rc ? rc : add_sentence(t, segment, &words, scale, &speakers);
    }
    return rc;
}

/* Where the word stands in the text, from `at` on; NULL: not near. */
static const char *find_word(const char *at, const cJSON *word)
{
    const char *raw = json_text(word, "word");
    char *text cleanup_free = text_trimmed(raw ? raw : "");
    const char *found = text && text[0] ? strstr(at, text) : NULL;
    return found && found - at < 80 ? found : NULL;
}

static int add_slice(struct transcript *t, const char *from, const char *to, const cJSON *first,
                     const cJSON *end, double scale)
{
    char *slice cleanup_free = strndup(from, (size_t)(to - from));
    char *text cleanup_free = slice ? text_trimmed(slice) : NULL;
    double until = end ? openai_number(end, "start", INFINITY) : INFINITY;
    struct sentence *s = text && text[0] ? transcript_add_sentence(t) : NULL;
    if (!s)
        return text && !text[0] ? 0 : -ENOMEM;
    s->text = steal_ptr(text);
    s->begin_ms = s->end_ms = -1;
    int rc = openai_add_words(s, NULL, &first, until, scale);
    if (s->word_count) {
        s->begin_ms = s->words[0].begin_ms;
        s->end_ms = s->words[s->word_count - 1].end_ms;
    }
    return rc;
}

/* Words without segments: the text is cut where there is a pause. */
static int add_bare_words(const struct openai_answer *a, struct transcript *t, double scale)
{
    const char *text = openai_answer_text(a), *from = text, *at = text;
    const cJSON *first = a->words->child, *word;
    double before = -1;
    int rc = 0;
    cJSON_ArrayForEach(word, a->words)
    {
        const char *found = find_word(at, word);
        double begin = openai_number(word, "start", -1);
        if (found && before >= 0 && (begin - before) * scale >= WORD_PAUSE * 1000 && found > from) {
            rc = rc ? rc : add_slice(t, from, found, first, word, scale);
            from = found;
            first = word;
        }
        at = found ? found + 1 : at;
        before = openai_number(word, "end", begin);
    }
    return rc ? rc : add_slice(t, from, from + strlen(from), first, NULL, scale);
}

static int add_whole_text(const struct openai_answer *a, struct transcript *t, int64_t duration_ms)
{
    char *text cleanup_free = text_trimmed(openai_answer_text(a));
    struct sentence *s = text && !is_silence(text) ? transcript_add_sentence(t) : NULL;
    if (!s)
        return text && is_silence(text) ? 0 : -ENOMEM;
    s->text = steal_ptr(text);
    s->end_ms = duration_ms >= 0 ? duration_ms : -1;
    t->times_estimated = true;
    return 0;
}

/* Whisper pads a recording with silence and may end in that. */
static void keep_within(struct transcript *t, int64_t duration_ms)
{
    for (size_t i = 0; duration_ms > 0 && i < t->sentence_count; i++) {
        struct sentence *s = &t->sentences[i];
        if (s->begin_ms > duration_ms)
            s->begin_ms = duration_ms;
        if (s->end_ms > duration_ms)
            s->end_ms = duration_ms;
    }
}

static int fill(struct openai_answer *a, struct transcript **t, int64_t duration_ms)
{
    double scale = scale_of(a, duration_ms);
    if (a->cues) {
        transcript_free(*t);
        *t = steal_ptr(a->cues);
        return 0;
    }
    if (a->segments->child)
        return add_segments(a, *t, scale);
    if (a->words->child && openai_answer_text(a)[0])
        return add_bare_words(a, *t, scale);
    return add_whole_text(a, *t, duration_ms);
}

static void free_transcript(struct transcript **t)
{
    transcript_free(*t);
}

struct transcript *openai_answer_take(struct openai_answer *a, int64_t duration_ms, struct error *err)
{
    if (!a->complete) {
        error_set(err, ERROR_TRANSIENT, EBADMSG, "cloud.answer", "the server's answer ended too early");
        return NULL;
    }
    if (duration_ms < 0 && a->duration >= 0 && a->duration < 1e9)
        duration_ms = llround(a->duration * 1000);
    struct transcript *t __attribute__((cleanup(free_transcript))) = transcript_new();
    if (!t || fill(a, &t, duration_ms) != 0) {
        out_of_memory(err);
        return NULL;
    }
    t->duration_ms = duration_ms;
    t->billed_ms = a->billed > 0 && a->billed < 1e9 ? llround(a->billed * 1000) : 0;
    if (a->language[0])
        t->language = strdup(a->language); /* without memory it stays unknown */
    transcript_estimate_times(t, duration_ms);
    keep_within(t, duration_ms);
    transcript_finish(t);
    return steal_ptr(t);
}
