/* Endpoint: synchronous recognition in DashScope's layout, qwen3-asr-flash and fun-asr-flash. */
#include "tests/emulator/sync.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/base/utf8.h"
#include "backend/transcript.h"
#include "tests/emulator/call.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/features.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/shape.h"
#include "tests/emulator/sse.h"

enum { CONTEXT_ROUNDS = 5, CONTEXT_CHARACTERS = 400 };

static const char *refuse_messages(const struct request *r, struct reply *a, const char *why)
{
    refuse_with(r, a, REFUSE_PARAMETER, "%s", why);
    return NULL;
}

/* ---- qwen3-asr-flash: messages ---- */

static const char *audio_of(const cJSON *content)
{
    const char *audio = NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, content)
    {
        if (!json_get(item, "audio"))
            continue;
        if (audio || !json_text(item, "audio"))
            return NULL;
        audio = json_text(item, "audio");
    }
    return audio;
}

/* [system] user, the user's with exactly one audio. The audio, or NULL after refusing. */
static const char *qwen_audio(const struct request *r, struct reply *a, const cJSON *messages)
{
    const char *audio = NULL;
    const cJSON *message;
    int index = 0;
    cJSON_ArrayForEach(message, messages)
    {
        const char *role = json_text(message, "role");
        const cJSON *content = json_get(message, "content");
        bool system = role && !strcmp(role, "system"), user = role && !strcmp(role, "user");
        if (!cJSON_IsArray(content) && !(system && cJSON_IsString(content)))
            return refuse_messages(r, a, "Input should be a valid list: messages.content");
        if (system && index)
            return refuse_messages(r, a, "The system message must be the first one.");
        if (!system && (!user || audio))
            return refuse_messages(
                r, a,
                "The dialogue must consist of one user message, with an optional system message "
                "before it.");
        if (user && !(audio = audio_of(content)))
            return refuse_messages(r, a, "The user message must contain exactly one audio.");
        index++;
    }
    return audio ? audio : refuse_messages(r, a, "The dialogue must contain a user message.");
}

/* ---- qwen3-asr-flash: answers ---- */

static cJSON *qwen_json(const struct request *r, const struct heard *h, const char *language,
                        const char *text, size_t len, const char *finish, int tokens)
{
    cJSON *json = cJSON_CreateObject(), *output = cJSON_AddObjectToObject(json, "output");
    cJSON *choice = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(output, "choices"), choice);
    cJSON_AddStringToObject(choice, "finish_reason", finish);
    cJSON *message = cJSON_AddObjectToObject(choice, "message");
    cJSON_AddStringToObject(message, "role", "assistant");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(message, "annotations"),
                         shape_annotation(h->transcript, language));
    cJSON *content = cJSON_AddArrayToObject(message, "content");
    if (h->transcript->sentence_count) {
        cleanup_free char *part = xstrndup(text, len);
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "text", part);
        cJSON_AddItemToArray(content, item);
    }
    cJSON *usage = cJSON_AddObjectToObject(json, "usage");
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(usage, "input_tokens_details"), "text_tokens", 0);
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(usage, "output_tokens_details"), "text_tokens", tokens);
    cJSON_AddNumberToObject(usage, "seconds", call_seconds(h));
    cJSON_AddStringToObject(json, "request_id", r->id);
    return json;
}

static void qwen_stream(const struct request *r, struct reply *a, const struct heard *h, const char *language,
                        const char *text, bool incremental)
{
    struct sse s;
    size_t done = 0;
    int tokens = 0;
    sse_begin(&s, r, a, false);
    while (text[done]) {
        size_t n = call_piece(text + done);
        cleanup_free char *piece = xstrndup(text + done, n);
        tokens += call_tokens(piece);
        size_t from = incremental ? done : 0;
        done += n;
        sse_event(&s, qwen_json(r, h, language, text + from, done - from, "null", tokens));
    }
    sse_event(&s, qwen_json(r, h, language, text, incremental ? 0 : done, "stop", tokens));
    sse_end(&s);
}

static void serve_qwen(struct request *r, struct reply *a, const struct model *m, const cJSON *input,
                       const cJSON *parameters)
{
    const char *audio = qwen_audio(r, a, json_get(input, "messages"));
    const cJSON *options = json_get(parameters, "asr_options");
    const char *language = json_text(options, "language");
    if (!audio || !features_check(r, a, m, parameters) || !limits_submit(r, a, m))
        return;
    if (json_get(options, "language") && !language) {
        refuse_messages(r, a, "asr_options.language should be a string.");
        return;
    }
    struct heard h;
    if (call_hear(r, a, m, audio, &h) && !call_scripted(r, a, &h, r->sse, false)) {
        cleanup_free char *text = shape_text(h.transcript, -1);
        if (r->sse)
            qwen_stream(r, a, &h, language, text, json_true(parameters, "incremental_output"));
        else
            reply_json(a, 200, qwen_json(r, &h, language, text, strlen(text), "stop", call_tokens(text)));
    }
    heard_free(&h);
}

/* ---- fun-asr-flash: messages ---- */

static size_t characters(const char *text)
{
    size_t n = 0, len = strlen(text);
    for (size_t i = 0; i < len; n++) {
        uint32_t c;
        i += utf8_next(text + i, len - i, &c);
    }
    return n;
}

/* Text of a context message, "" when it has an unknown form. */
static const char *context_text(const cJSON *message, const char *type)
{
    const cJSON *item = cJSON_GetArrayItem(json_get(message, "content"), 0);
    const char *kind = json_text(item, "type"), *text = json_text(item, "text");
    return kind && !strcmp(kind, type) && text ? text : "";
}

/* Context is cut, not refused; what is cut is recorded. In strict mode a reply must follow its turn. */
static bool context_good(const struct request *r, struct reply *a, const cJSON *messages, int count)
{
    int users = 0, assistants = 0;
    size_t round = 0;
    const char *before = "assistant";
    for (int i = 0; i < count; i++) {
        const cJSON *message = cJSON_GetArrayItem(messages, i);
        const char *role = json_text(message, "role");
        bool user = role && !strcmp(role, "user"), assistant = role && !strcmp(role, "assistant");
        if (!user && !assistant)
            return refuse_messages(r, a, "Context messages must be of the user or the assistant.");
        if (r->config.strict && assistant && strcmp(before, "user"))
            return refuse_messages(r, a, "A reply of the assistant must follow a message of the user.");
        users += user;
        assistants += assistant;
        round = user ? 0 : round;
        round += characters(context_text(message, user ? "input_text" : "text"));
        if (round > CONTEXT_CHARACTERS)
            record_violation(r->emu, r, "context_round_too_long", NULL);
        before = role;
    }
    if (users > CONTEXT_ROUNDS || assistants > CONTEXT_ROUNDS)
        record_violation(r->emu, r, "context_too_many_rounds", NULL);
    return true;
}

static const char *flash_audio(const struct request *r, struct reply *a, const cJSON *messages)
{
    int count = cJSON_GetArraySize(messages);
    const char *audio = NULL;
    for (int i = 0; i < count; i++) {
        const cJSON *message = cJSON_GetArrayItem(messages, i), *content = json_get(message, "content"),
                    *item;
        const char *role = json_text(message, "role");
        if (!cJSON_IsArray(content))
            return refuse_messages(r, a, "Input should be a valid list: messages.content");
        cJSON_ArrayForEach(item, content)
        {
            const char *type = json_text(item, "type");
            if (!type || strcmp(type, "input_audio"))
                continue;
            if (i + 1 < count || audio || !role || strcmp(role, "user"))
                return refuse_messages(r, a, "input_audio must be in the last message, once.");
            audio = json_text(json_get(item, "input_audio"), "data");
        }
    }
    if (!audio)
        return refuse_messages(r, a, "messages must contain input_audio.");
    return context_good(r, a, messages, count - 1) ? audio : NULL;
}

/* ---- fun-asr-flash: answers ---- */

static bool maas(const struct request *r)
{
    return !strcmp(r->config.layout, "maas") ||
           (strcmp(r->config.layout, "legacy") && r->place.workspace_host);
}

/* Takes over `sentence`. */
static cJSON *flash_json(const struct request *r, const struct heard *h, cJSON *sentence, const char *text,
                         bool usage)
{
    cJSON *json = cJSON_CreateObject(), *output = cJSON_CreateObject();
    if (maas(r)) {
        cJSON_AddStringToObject(json, "text", text);
        cJSON_AddItemToObject(json, "sentence", cJSON_Duplicate(sentence, true));
    } else {
        cJSON_AddItemToObject(output, "sentence", cJSON_Duplicate(sentence, true));
    }
    cJSON_AddStringToObject(output, "text", text);
    cJSON_AddItemToObject(json, "output", output);
    if (usage)
        cJSON_AddNumberToObject(cJSON_AddObjectToObject(json, "usage"), "duration", call_seconds(h));
    cJSON_AddStringToObject(json, "request_id", r->id);
    cJSON_Delete(sentence);
    return json;
}

/* The sentence as it looked before it was finished: half its words. */
static cJSON *flash_snapshot(const struct sentence *s, int id)
{
    cJSON *json = shape_flash_sentence(s, id), *words = cJSON_GetObjectItemCaseSensitive(json, "words"),
          *word;
    cleanup_free char *half = xstrndup(s->text, call_piece(s->text));
    cJSON_DeleteItemFromObject(json, "end_time");
    cJSON_ReplaceItemInObject(json, "sentence_end", cJSON_CreateFalse());
    cJSON_AddTrueToObject(json, "sentence_begin");
    cJSON_ReplaceItemInObject(json, "text", cJSON_CreateString(half));
    while (cJSON_GetArraySize(words) > 1 && cJSON_GetArraySize(words) > (int)s->word_count / 2)
        cJSON_DeleteItemFromArray(words, cJSON_GetArraySize(words) - 1);
    cJSON_ArrayForEach(word, words)
    {
        cJSON_ReplaceItemInObject(word, "fixed", cJSON_CreateFalse());
    }
    return json;
}

static void flash_stream(const struct request *r, struct reply *a, const struct heard *h, const char *whole)
{
    struct sse s;
    cleanup_buffer struct buffer so_far = {0};
    const struct transcript *t = h->transcript;
    sse_begin(&s, r, a, false);
    if (h->info.duration_ms < r->config.sse_multi_ms) {
        sse_event(&s, flash_json(r, h, shape_flash_whole(t), whole, true));
        sse_end(&s);
        return;
    }
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *sentence = &t->sentences[i];
        if (r->config.sse_snapshots) {
            cJSON *snapshot = flash_snapshot(sentence, (int)i + 1);
            cleanup_free char *text =
                xprintf("%s%s", so_far.data ? so_far.data : "", json_text(snapshot, "text"));
            sse_event(&s, flash_json(r, h, snapshot, text, false));
        }
        if (so_far.len && (unsigned char)so_far.data[so_far.len - 1] < 0x80)
            buffer_puts(&so_far, " ");
        buffer_puts(&so_far, sentence->text);
        sse_event(&s, flash_json(r, h, shape_flash_sentence(sentence, (int)i + 1), so_far.data, true));
    }
    sse_end(&s);
}

static void serve_flash(struct request *r, struct reply *a, const struct model *m, const cJSON *input,
                        const cJSON *parameters)
{
    if (!parameters) {
        refuse(r, a, REFUSE_EMPTY_PARAMETERS);
        return;
    }
    const char *audio = flash_audio(r, a, json_get(input, "messages")),
               *format = json_text(parameters, "format");
    if (!audio)
        return;
    if (!format || !*format) {
        refuse_messages(r, a, "parameters must contain format");
        return;
    }
    if (!features_check(r, a, m, parameters) || !limits_submit(r, a, m))
        return;
    struct heard h;
    if (call_hear(r, a, m, audio, &h) && !call_scripted(r, a, &h, r->sse, false)) {
        cleanup_free char *text = shape_text(h.transcript, -1);
        bool brief = h.info.duration_ms < r->config.sse_multi_ms && !strcmp(r->config.sse_short, "json");
        /* "opus" is that codec in an Ogg file. */
        bool opus = !strcmp(format, "opus") && !strcmp(h.info.format, "ogg") && !strcmp(h.info.codec, "opus");
        if (!opus && strcmp(format, h.info.format) && strcmp(format, "pcm"))
            record_violation(r->emu, r, "format_is_another", h.info.format);
        if (r->sse && !brief)
            flash_stream(r, a, &h, text);
        else
            reply_json(a, 200, flash_json(r, &h, shape_flash_whole(h.transcript), text, true));
    }
    heard_free(&h);
}

void sync_serve(struct request *r, struct reply *a)
{
    const struct model *m = model_find(r->model);
    const cJSON *input = json_get(r->json, "input"), *parameters = json_get(r->json, "parameters");
    const char *async = request_header(r, "X-DashScope-Async");
    if (async && !strcmp(async, "enable"))
        refuse(r, a, REFUSE_NO_ASYNC);
    else if (!r->model || !*r->model)
        refuse(r, a, REFUSE_EMPTY_MODEL);
    else if (!m || !model_in(m, r->region))
        refuse(r, a, !strcmp(r->config.unknown_model, "404") ? REFUSE_MODEL_NOT_FOUND : REFUSE_MODEL);
    else if (!(m->family & FAMILIES_SYNC))
        refuse(r, a, REFUSE_NO_SYNC);
    else if (!cJSON_IsObject(input))
        refuse(r, a, REFUSE_EMPTY_INPUT);
    else if (parameters && !cJSON_IsObject(parameters))
        refuse_messages(r, a, "parameters should be an object.");
    else if (!cJSON_IsArray(json_get(input, "messages")) || !cJSON_GetArraySize(json_get(input, "messages")))
        refuse_messages(r, a, "input must contain messages");
    else if (m->family == FAMILY_QWEN_FLASH)
        serve_qwen(r, a, m, input, parameters);
    else
        serve_flash(r, a, m, input, parameters);
}
