/* Endpoint: OpenAI-compatible chat completions. */
#include "tests/emulator/chat.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "tests/emulator/call.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/shape.h"
#include "tests/emulator/sse.h"

enum { AUDIO_TOKENS_PER_SECOND = 25 };

static const char *refuse_messages(const struct request *r, struct reply *a, const char *why)
{
    refuse_with(r, a, REFUSE_PARAMETER, "%s", why);
    return NULL;
}

/* The audio of the one user message; NULL after refusing. */
static const char *find_audio(const struct request *r, struct reply *a, const cJSON *messages)
{
    const char *audio = NULL;
    const cJSON *message, *item;
    int index = 0;
    cJSON_ArrayForEach(message, messages)
    {
        const char *role = json_text(message, "role");
        const cJSON *content = json_get(message, "content");
        bool system = role && !strcmp(role, "system"), user = role && !strcmp(role, "user");
        if (system && index)
            return refuse_messages(r, a, "The system message must be the first one.");
        if (!system && (!user || audio || !cJSON_IsArray(content)))
            return refuse_messages(r, a,
                                   "There must be exactly one user message, with a list as its content.");
        index++;
        if (system)
            continue;
        cJSON_ArrayForEach(item, content)
        {
            const char *type = json_text(item, "type"),
                       *data = json_text(json_get(item, "input_audio"), "data");
            if (type && strcmp(type, "input_audio"))
                continue;
            if (audio || !type || !data)
                return refuse_messages(r, a, "The user message must contain exactly one input_audio.");
            audio = data;
        }
        if (!audio)
            return refuse_messages(r, a, "The user message must contain exactly one input_audio.");
    }
    return audio ? audio : refuse_messages(r, a, "There must be a user message.");
}

static cJSON *usage_json(const struct heard *h, const char *text)
{
    double audio = call_seconds(h) * AUDIO_TOKENS_PER_SECOND;
    int tokens = call_tokens(text);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "prompt_tokens", audio);
    cJSON_AddNumberToObject(json, "completion_tokens", tokens);
    cJSON_AddNumberToObject(json, "total_tokens", audio + tokens);
    cJSON_AddNumberToObject(json, "seconds", call_seconds(h));
    cJSON *details = cJSON_AddObjectToObject(json, "prompt_tokens_details");
    cJSON_AddNumberToObject(details, "audio_tokens", audio);
    cJSON_AddNumberToObject(details, "text_tokens", 0);
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(json, "completion_tokens_details"), "text_tokens",
                            tokens);
    return json;
}

static cJSON *head(const struct request *r, const char *object)
{
    cleanup_free char *id = xprintf("chatcmpl-%s", r->id);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "id", id);
    cJSON_AddStringToObject(json, "object", object);
    cJSON_AddNumberToObject(json, "created", (double)(r->arrived_ms / 1000));
    cJSON_AddStringToObject(json, "model", r->model);
    return json;
}

static void add_annotations(cJSON *object, const struct heard *h, const char *language)
{
    cJSON_AddItemToArray(cJSON_AddArrayToObject(object, "annotations"),
                         shape_annotation(h->transcript, language));
}

static cJSON *completion(const struct request *r, const struct heard *h, const char *language,
                         const char *text)
{
    cJSON *json = head(r, "chat.completion"), *choice = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "choices"), choice);
    cJSON_AddNumberToObject(choice, "index", 0);
    cJSON_AddStringToObject(choice, "finish_reason", "stop");
    cJSON *message = cJSON_AddObjectToObject(choice, "message");
    cJSON_AddStringToObject(message, "role", "assistant");
    cJSON_AddStringToObject(message, "content", text);
    add_annotations(message, h, language);
    cJSON_AddItemToObject(json, "usage", usage_json(h, text));
    return json;
}

/* ---- chunks ---- */

/* A chunk with one choice, whose delta the caller fills. */
static cJSON *chunk(const struct request *r, cJSON **choice, cJSON **delta)
{
    cJSON *json = head(r, "chat.completion.chunk");
    *choice = cJSON_CreateObject();
    cJSON_AddNullToObject(json, "usage");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "choices"), *choice);
    cJSON_AddNumberToObject(*choice, "index", 0);
    *delta = cJSON_AddObjectToObject(*choice, "delta");
    return json;
}

static void stream(const struct request *r, struct reply *a, const struct heard *h, const char *language,
                   const char *text, bool usage)
{
    struct sse s;
    cJSON *choice, *delta, *json = chunk(r, &choice, &delta);
    sse_begin(&s, r, a, true);
    cJSON_AddNullToObject(choice, "logprobs");
    cJSON_AddStringToObject(delta, "content", "");
    cJSON_AddStringToObject(delta, "role", "assistant");
    sse_event(&s, json);
    for (const char *p = text; *p; p += call_piece(p)) {
        cleanup_free char *piece = xstrndup(p, call_piece(p));
        json = chunk(r, &choice, &delta);
        add_annotations(delta, h, language);
        cJSON_AddStringToObject(delta, "content", piece);
        cJSON_AddNullToObject(delta, "role");
        sse_event(&s, json);
    }
    json = chunk(r, &choice, &delta);
    cJSON_AddNullToObject(delta, "role");
    cJSON_AddStringToObject(choice, "finish_reason", "stop");
    sse_event(&s, json);
    if (usage) {
        json = head(r, "chat.completion.chunk");
        cJSON_AddArrayToObject(json, "choices");
        cJSON_AddItemToObject(json, "usage", usage_json(h, text));
        sse_event(&s, json);
    }
    sse_end(&s);
}

static void note_unknown(const struct request *r)
{
    static const char known[] = " model messages stream stream_options asr_options ";
    const cJSON *item;
    cJSON_ArrayForEach(item, r->json)
    {
        cleanup_free char *name = xprintf(" %s ", item->string);
        if (!strstr(known, name))
            record_violation(r->emu, r, "unknown_parameter", item->string);
    }
}

static bool model_good(const struct request *r, struct reply *a, const struct model *m)
{
    if (!r->model || !*r->model)
        refuse_with(r, a, REFUSE_EMPTY_MODEL, "you must provide a model parameter");
    else if (!m)
        refuse_with(r, a, REFUSE_MODEL_NOT_FOUND,
                    "The model %s does not exist or you do not have access to it.", r->model);
    else if (m->family != FAMILY_QWEN_FLASH || r->region == REGION_VIRGINIA)
        refuse_with(r, a, REFUSE_MODEL_UNSUPPORTED, "Unsupported model %s for OpenAI compatibility mode.",
                    r->model);
    else if (!model_in(m, r->region))
        refuse_with(r, a, REFUSE_MODEL_NOT_FOUND,
                    "The model %s does not exist or you do not have access to it.", r->model);
    return !a->status;
}

void chat_serve(struct request *r, struct reply *a)
{
    const struct model *m = model_find(r->model);
    const cJSON *messages = json_get(r->json, "messages"), *options = json_get(r->json, "stream_options");
    const char *language = json_text(json_get(r->json, "asr_options"), "language");
    bool streamed = json_true(r->json, "stream");
    if (!model_good(r, a, m))
        return;
    note_unknown(r);
    if (!cJSON_IsArray(messages) || !cJSON_GetArraySize(messages)) {
        refuse_messages(r, a, "messages is missing or empty.");
        return;
    }
    if (options && !cJSON_IsNull(options) && !streamed) {
        refuse_messages(r, a, "'stream_options' is only allowed when 'stream' is set to true.");
        return;
    }
    const char *audio = find_audio(r, a, messages);
    if (!audio || !limits_submit(r, a, m))
        return;
    struct heard h;
    if (call_hear(r, a, m, audio, &h) && !call_scripted(r, a, &h, streamed, true)) {
        cleanup_free char *text = shape_text(h.transcript, -1);
        if (streamed)
            stream(r, a, &h, language, text, json_true(options, "include_usage"));
        else
            reply_json(a, 200, completion(r, &h, language, text));
    }
    heard_free(&h);
}
