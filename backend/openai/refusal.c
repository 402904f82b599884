/* Failures. OpenAI: {"error": {"message", "type", "code"}}; whisper.cpp: {"error": "text"}; FastAPI servers:
 * {"detail": "text"} or {"detail": [{"loc", "msg"}]}; others {"message"}; gateways: HTML or nothing. */
#include "backend/openai/refusal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/faults.h"
#include "backend/http.h"
#include "backend/json_in.h"

/* Words that tell what the codes do not. The first row that fits counts; the rest is for fault_explain(). */
/* clang-format off */
static const struct fault_row rows[] = {
    {0, "insufficient_quota", NULL, ERROR_PERSON, "cloud.money"},
    {0, "billing_*", NULL, ERROR_PERSON, "cloud.money"},
    {415, "*", NULL, ERROR_PERMANENT, "media.decode"},
    {0, "*", "audio duration", ERROR_PERMANENT, "media.too_long"},
    {0, "*", "maximum content size", ERROR_PERMANENT, "media.too_large"},
    {0, "*", "maximum file size", ERROR_PERMANENT, "media.too_large"},
    {0, "*", "invalid file format", ERROR_PERMANENT, "media.decode"},
    {0, "*", "could not be decoded", ERROR_PERMANENT, "media.decode"},
    {0, "*", "failed to decode audio", ERROR_PERMANENT, "media.decode"},
    {0, "*", "failed to read audio", ERROR_PERMANENT, "media.decode"},
    {0, "*", "failed to load audio", ERROR_PERMANENT, "media.decode"},
    {0, "*", "invalid or unsupported audio", ERROR_PERMANENT, "media.decode"},
    {404, "*", "model", ERROR_PERSON, "cloud.model"},
    {0, "*", "invalid model", ERROR_PERSON, "cloud.model"},
    {0, NULL, NULL, ERROR_NONE, NULL},
};
/* clang-format on */

/* ---- reading ---- */

static void copy(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text ? text : "");
}

/* FastAPI's list of what is wrong with a form. */
static void copy_detail(const cJSON *list, struct openai_refusal *out)
{
    const cJSON *item;
    size_t used = 0;
    cJSON_ArrayForEach(item, list)
    {
        const char *message = json_text(item, "msg");
        const cJSON *where = json_get(item, "loc");
        const cJSON *field = cJSON_GetArrayItem(where, cJSON_GetArraySize(where) - 1);
        if (!message || used >= sizeof out->message)
            continue;
        used += (size_t)snprintf(out->message + used, sizeof out->message - used, "%s%s%s%s",
                                 used ? "; " : "", cJSON_IsString(field) ? field->valuestring : "",
                                 cJSON_IsString(field) ? ": " : "", message);
    }
}

bool openai_refusal_of(const cJSON *root, struct openai_refusal *out)
{
    const cJSON *error = json_get(root, "error"), *detail = json_get(root, "detail");
    const char *type = json_text(root, "type");
    out->code[0] = out->message[0] = '\0';
    if (cJSON_IsObject(error)) {
        copy(out->code, sizeof out->code, json_text(error, "code"));
        if (!out->code[0])
            copy(out->code, sizeof out->code, json_text(error, "type"));
        copy(out->message, sizeof out->message, json_text(error, "message"));
        return true;
    }
    if (cJSON_IsString(error))
        copy(out->message, sizeof out->message, error->valuestring);
    else if (cJSON_IsString(detail))
        copy(out->message, sizeof out->message, detail->valuestring);
    else if (cJSON_IsArray(detail))
        copy_detail(detail, out);
    else if (!json_get(root, "text") && !json_get(root, "segments"))
        copy(out->message, sizeof out->message, json_text(root, "message"));
    return out->message[0] || (type && strcmp(type, "error") == 0);
}

void openai_refusal_read(int status, const char *body, size_t length, struct openai_refusal *out)
{
    cJSON *root cleanup_json = cJSON_ParseWithLength(body, length);
    *out = (struct openai_refusal){.status = status};
    if (root ? openai_refusal_of(root, out) : !length)
        return;
    const char *text = body + strspn(body, " \t\r\n");
    if (*text != '<') /* a web page says nothing to people here */
        snprintf(out->message, sizeof out->message, "%.200s", text);
}

/* ---- meaning ---- */

static bool fits(const struct fault_row *row, const struct openai_refusal *r)
{
    size_t len = strlen(row->code);
    bool code = row->code[len - 1] == '*' ? strncasecmp(row->code, r->code, len - 1) == 0
                                          : strcasecmp(row->code, r->code) == 0;
    return code && (!row->status || row->status == r->status) &&
           (!row->message_part || strcasestr(r->message, row->message_part));
}

void openai_refusal_explain(const struct openai_refusal *r, const char *request_id, struct error *err)
{
    const struct fault_row *row = rows;
    while (row->key && !fits(row, r))
        row++;
    fault_explain(&(struct fault){r->status, r->code, r->message, request_id}, err);
    if (!row->key)
        return;
    err->class = row->class;
    snprintf(err->code, sizeof err->code, "%s", row->key);
}

bool openai_refusal_is_silence(const struct openai_refusal *r)
{
    return strcasecmp(r->code, "audio_too_short") == 0 || strcasestr(r->message, "audio file is too short");
}

/* 500: servers that check with an assertion. */
bool openai_refusal_of_format(const struct openai_refusal *r)
{
    static const char *const words[] = {"response_format", "response format", "granularit", "verbose_json",
                                        "diarized_json",   "timestamps",      NULL};
    if (r->status != 400 && r->status != 422 && r->status != 500 && r->status != 501)
        return false;
    for (int i = 0; words[i]; i++)
        if (strcasestr(r->message, words[i]))
            return true;
    return false;
}

int64_t openai_wait_ms(const struct http_response *response)
{
    const char *ms = http_header(response, "retry-after-ms");
    char *end;
    double wait = ms ? strtod(ms, &end) : -1;
    return ms && end != ms && wait >= 0 && wait < 1e9 ? (int64_t)wait : response->retry_after_ms;
}
