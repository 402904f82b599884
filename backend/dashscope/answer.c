/* Direct answers. Three shapes:
 *
 *   message   output.choices[0].message.content[].text, annotations with language and emotion; no times
 *   chunk     choices[0].delta.content or choices[0].message.content; the same otherwise
 *   sentence  [output.]text and [output.]sentence with times and words, sometimes [output.]sentences
 *
 * A growing answer is a row of these. Sentences of the third shape may come again, grown, under the same or a
 * new number. */
#include "backend/dashscope/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/dashscope/parse.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/faults.h"
#include "backend/transcript.h"
#include "backend/transcript_finish.h"

struct piece {
    cJSON *json; /* the newest form of a sentence */
    bool final;
};

struct answer {
    bool increments, complete, truncated, has_text;
    struct buffer text;   /* message and chunk; of sentences: joined anew each time */
    struct piece *pieces; /* sentence */
    size_t piece_count;
    char language[16], emotion[24];
    char *request_id;
    int64_t billed_ms;
};

struct answer *answer_new(bool increments)
{
    struct answer *a = calloc(1, sizeof *a);
    if (a)
        a->increments = increments;
    return a;
}

void answer_free(struct answer *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->piece_count; i++)
        cJSON_Delete(a->pieces[i].json);
    free(a->pieces);
    buffer_clear(&a->text);
    free(a->request_id);
    free(a);
}

/* ---- message and chunk ---- */

static void add_text(struct answer *a, const char *text, bool piece)
{
    a->has_text = true;
    if (!text || !*text)
        return;
    if (!piece)
        buffer_clear(&a->text);
    buffer_puts(&a->text, text);
}

/* A text, or an array of objects with texts. */
static void add_content(struct answer *a, const cJSON *content, bool piece)
{
    if (cJSON_IsString(content)) {
        add_text(a, content->valuestring, piece);
    } else if (cJSON_IsArray(content)) {
        struct buffer all cleanup_buffer = {0};
        const cJSON *item;
        cJSON_ArrayForEach(item, content)
        {
            const char *text = cJSON_IsString(item) ? item->valuestring : json_text(item, "text");
            if (text)
                buffer_puts(&all, text);
        }
        add_text(a, all.data, piece);
    }
}

static void copy(char *to, size_t size, const char *text)
{
    if (text && strlen(text) < size)
        strcpy(to, text);
}

static void add_annotations(struct answer *a, const cJSON *annotations)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, annotations)
    {
        copy(a->language, sizeof a->language, json_text(item, "language"));
        copy(a->emotion, sizeof a->emotion, json_text(item, "emotion"));
    }
}

/* In the middle of a stream the reason is null, or the word "null". */
static void add_finish(struct answer *a, const cJSON *choice)
{
    const char *reason = json_text(choice, "finish_reason");
    if (!reason || strcmp(reason, "null") == 0)
        return;
    a->complete = true;
    a->truncated = strcmp(reason, "length") == 0;
}

static void add_choice(struct answer *a, const cJSON *choice, bool whole_or_increments)
{
    const cJSON *delta = json_get(choice, "delta");
    const cJSON *message = delta ? delta : json_get(choice, "message");
    add_content(a, json_get(message, "content"), delta || whole_or_increments);
    add_annotations(a, json_get(message, "annotations"));
    add_finish(a, choice);
}

/* ---- sentence ---- */

static bool grows(const char *before, const char *now)
{
    return before && now && strncmp(before, now, strlen(before)) == 0;
}

/* Where a sentence goes: onto its earlier form, or to the end. */
static size_t place_of(const struct answer *a, const cJSON *sentence)
{
    int64_t id, begin, other;
    bool has_id = json_number(sentence, "sentence_id", &id),
         has_begin = json_number(sentence, "begin_time", &begin);
    for (size_t i = a->piece_count; i-- > 0;) {
        const cJSON *before = a->pieces[i].json;
        bool same_begin = has_begin && json_number(before, "begin_time", &other) && other == begin;
        bool same_id = has_id && json_number(before, "sentence_id", &other) && other == id;
        if ((same_id && (!a->pieces[i].final || same_begin || !has_begin)) ||
            (same_begin && grows(json_text(before, "text"), json_text(sentence, "text"))))
            return i;
    }
    return a->piece_count;
}

static int put_sentence(struct answer *a, const cJSON *sentence)
{
    size_t place = place_of(a, sentence);
    cJSON *copied = cJSON_Duplicate(sentence, true);
    if (!copied)
        return -ENOMEM;
    if (place == a->piece_count) {
        struct piece *pieces = reallocarray(a->pieces, place + 1, sizeof *pieces);
        if (!pieces) {
            cJSON_Delete(copied);
            return -ENOMEM;
        }
        a->pieces = pieces;
        a->piece_count++;
    } else {
        cJSON_Delete(a->pieces[place].json);
    }
    a->pieces[place] = (struct piece){copied, !cJSON_IsFalse(json_get(sentence, "sentence_end"))};
    return 0;
}

/* Chinese and Japanese need no space between sentences; a space elsewhere is better than none. */
static void join_text(struct answer *a)
{
    buffer_clear(&a->text);
    for (size_t i = 0; i < a->piece_count; i++) {
        const char *text = json_text(a->pieces[i].json, "text");
        if (!text)
            continue;
        if (a->text.len && (unsigned char)a->text.data[a->text.len - 1] < 0x80 &&
            a->text.data[a->text.len - 1] != ' ')
            buffer_add(&a->text, " ", 1);
        buffer_puts(&a->text, text);
    }
}

/* Each of the members is looked for in "output" first, then beside it. */
static const cJSON *either(const cJSON *output, const cJSON *root, const char *key)
{
    const cJSON *found = json_get(output, key);
    return found && !cJSON_IsNull(found) ? found : json_get(root, key);
}

static int add_sentences(struct answer *a, const cJSON *output, const cJSON *root, bool *found)
{
    const cJSON *list = either(output, root, "sentences"), *one = either(output, root, "sentence");
    const cJSON *text = either(output, root, "text"), *item;
    int rc = 0;
    *found = true;
    if (cJSON_GetArraySize(list) > 0) {
        cJSON_ArrayForEach(item, list)
        {
            rc = rc ? rc : put_sentence(a, item);
        }
    } else if (cJSON_IsObject(one) && one->child) {
        rc = put_sentence(a, one);
    } else if (cJSON_IsString(text)) {
        add_text(a, text->valuestring, false); /* nothing but a text; empty when nobody spoke */
        a->complete = true;
        return 0;
    } else {
        *found = false;
        return 0;
    }
    a->complete = a->piece_count && a->pieces[a->piece_count - 1].final;
    join_text(a);
    return rc;
}

/* ---- events ---- */

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.answer", "out of memory");
}

static int check_error(const cJSON *root, const char *json, size_t length, struct error *err)
{
    if (!json_get(root, "error") && (!json_get(root, "code") || json_get(root, "output")))
        return 0;
    struct fault_text words;
    parse_fault(json, length, &words);
    if (!words.code[0] && !words.message[0])
        return 0;
    fault_explain(
        &(struct fault){.code = words.code, .message = words.message, .request_id = words.request_id}, err);
    return -EREMOTEIO;
}

int answer_add(struct answer *a, const char *json, size_t length, struct error *err)
{
    cJSON *root cleanup_json = json_parse(json, length, err);
    if (!root)
        return -EBADMSG;
    int rc = check_error(root, json, length, err);
    if (rc)
        return rc;
    const cJSON *output = json_get(root, "output");
    const cJSON *choices = either(output, root, "choices");
    bool found = cJSON_IsArray(choices);
    if (found && choices->child)
        add_choice(a, choices->child, a->increments);
    else if (!found)
        rc = add_sentences(a, output, root, &found);
    const cJSON *usage = json_get(root, "usage");
    int64_t seconds;
    if (json_number(usage, "seconds", &seconds) || json_number(usage, "duration", &seconds))
        a->billed_ms = seconds * 1000;
    const char *id = json_text(root, "request_id");
    if (id && !a->request_id)
        a->request_id = strdup(id); /* without memory it stays unknown */
    if (rc || buffer_error(&a->text))
        return out_of_memory(err);
    if (!found && !usage)
        return error_set(err, ERROR_TRANSIENT, EBADMSG, "cloud.answer", "the service's answer holds no text");
    return 0;
}

const char *answer_text(const struct answer *a)
{
    return a->text.data ? a->text.data : "";
}

bool answer_complete(const struct answer *a)
{
    return a->complete;
}

/* ---- the transcript ---- */

static void free_transcript(struct transcript **t)
{
    transcript_free(*t);
}

static int whole_text(const struct answer *a, struct transcript *t, int64_t duration_ms)
{
    char *text cleanup_free = text_trimmed(answer_text(a));
    if (!text)
        return -ENOMEM;
    if (!text[0])
        return 0;
    struct sentence *s = transcript_add_sentence(t);
    if (!s)
        return -ENOMEM;
    s->text = steal_ptr(text);
    s->begin_ms = 0;
    s->end_ms = duration_ms >= 0 ? duration_ms : a->billed_ms;
    t->times_estimated = true;
    s->language = a->language[0] ? strdup(a->language) : NULL;
    s->emotion = a->emotion[0] ? strdup(a->emotion) : NULL;
    return (a->language[0] && !s->language) || (a->emotion[0] && !s->emotion) ? -ENOMEM : 0;
}

static int fill(const struct answer *a, struct transcript *t, int64_t duration_ms)
{
    int rc = 0;
    for (size_t i = 0; i < a->piece_count && !rc; i++)
        rc = add_split_sentence(t, a->pieces[i].json);
    if (!rc && !a->piece_count)
        rc = whole_text(a, t, duration_ms);
    return rc;
}

struct transcript *answer_take(struct answer *a, int64_t duration_ms, struct error *err)
{
    if (!a->complete || a->truncated) {
        /* One that is too long would be so, and be paid for, the next time as well. */
        error_set(err, a->truncated ? ERROR_PERMANENT : ERROR_TRANSIENT, EBADMSG, "cloud.answer",
                  "the service's answer %s", a->truncated ? "became too long" : "ended too early");
        return NULL;
    }
    struct transcript *t __attribute__((cleanup(free_transcript))) = transcript_new();
    if (!t || fill(a, t, duration_ms) != 0) {
        out_of_memory(err);
        return NULL;
    }
    t->duration_ms = duration_ms;
    t->billed_ms = a->billed_ms;
    t->request_id = steal_ptr(a->request_id);
    transcript_estimate_times(t, duration_ms);
    transcript_finish(t);
    return steal_ptr(t);
}
