/* Answers and the service's table of errors. */
#include "tests/emulator/reply.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/sse.h"

/* Texts of the service's page on error codes; the OpenAI-compatible path has codes of its own. */
static const struct {
    int status;
    const char *code, *message, *openai_code;
} table[] = {
    [REFUSE_KEY] = {401, "InvalidApiKey", "Invalid API-key provided.", "invalid_api_key"},
    [REFUSE_KEY_OPENAI] = {401, "InvalidApiKey", "Incorrect API key provided. ", "invalid_api_key"},
    [REFUSE_NO_SYNC] = {403, "AccessDenied", "current user api does not support synchronous calls.",
                        "access_denied"},
    [REFUSE_NO_ASYNC] = {403, "AccessDenied", "Current user api does not support asynchronous calls.",
                         "access_denied"},
    [REFUSE_PARAMETER] = {400, "InvalidParameter",
                          "Required parameter(s) missing or invalid, please check the request "
                          "parameters.",
                          "invalid_parameter_error"},
    [REFUSE_MODEL] = {400, "InvalidParameter", "Model not exist.", "model_not_found"},
    [REFUSE_MODEL_NOT_FOUND] = {404, "ModelNotFound", "Model can not be found.", "model_not_found"},
    [REFUSE_MODEL_UNSUPPORTED] = {404, "ModelNotFound", "Model can not be found.", "model_not_supported"},
    [REFUSE_EMPTY_MODEL] = {400, "BadRequest.EmptyModel",
                            "Required parameter \"model\" missing from request.", "invalid_request_error"},
    [REFUSE_EMPTY_INPUT] = {400, "BadRequest.EmptyInput", "Required input parameter missing from request.",
                            "invalid_request_error"},
    [REFUSE_EMPTY_PARAMETERS] = {400, "BadRequest.EmptyParameters",
                                 "Required parameter \"parameters\" missing from request.",
                                 "invalid_request_error"},
    [REFUSE_NOT_JSON] = {400, "BadRequest.IllegalInput", "The input parameter requires json format.",
                         "invalid_request_error"},
    [REFUSE_BODY] = {400, "InvalidParameter", "Required body invalid, please check the request body format.",
                     "invalid_request_error"},
    [REFUSE_TOO_LARGE] = {400, "BadRequest.TooLarge", "Payload Too Large.", "invalid_parameter_error"},
    [REFUSE_NO_RESOURCE] = {400, "BadRequest.ResourceNotExist", "The Required resource not exist.",
                            "invalid_parameter_error"},
    [REFUSE_NOT_FOUND] = {404, "NotFound", "Request path not found.", "not_found"},
    [REFUSE_NO_WORKSPACE] = {404, "WorkSpaceNotFound", "WorkSpace can not be found.", "not_found"},
    [REFUSE_DATA_INSPECTION] = {400, "InvalidParameter.DataInspection",
                                "Unable to download the media resource during the data inspection process.",
                                "invalid_parameter_error"},
    [REFUSE_MEDIA] = {400, "InvalidParameter.DataInspection",
                      "The media format is not supported or incorrect for the data inspection.",
                      "invalid_parameter_error"},
    [REFUSE_URL] = {400, "InvalidParameter",
                    "The provided URL does not appear to be valid. Ensure it is correctly formatted.",
                    "invalid_parameter_error"},
    [REFUSE_DOWNLOAD] = {400, "BadRequest.InputDownloadFailed", "Failed to download the input file.",
                         "invalid_parameter_error"},
    [REFUSE_FORMAT] = {400, "BadRequest.UnsupportedFileFormat", "File format unsupported.",
                       "invalid_parameter_error"},
    [REFUSE_TOO_LONG] = {400, "AUDIO_DURATION_TOO_LONG", "audio duration over service process",
                         "invalid_parameter_error"},
    [REFUSE_NO_WORDS] = {400, "ASR_RESPONSE_HAVE_NO_WORDS", "ASR_RESPONSE_HAVE_NO_WORDS",
                         "invalid_parameter_error"},
    [REFUSE_CANCEL] = {400, "UnsupportedOperation",
                       "Failed to cancel the task, please confirm if the task is in PENDING status.",
                       "invalid_request_error"},
    [REFUSE_RATE] = {429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.",
                     "limit_requests"},
    [REFUSE_THROTTLED] = {429, "Throttling", "Requests throttling triggered.", "limit_requests"},
    [REFUSE_QUOTA] = {400, "Throttling.AllocationQuota", "Free allocated quota exceeded.",
                      "insufficient_quota"},
    [REFUSE_INTERNAL] = {500, "InternalError",
                         "An internal error has occured, please try again later or contact service support.",
                         "internal_error"},
};

void reply_init(struct reply *a)
{
    *a = (struct reply){.fd = -1, .cut = -1};
}

void reply_free(struct reply *a)
{
    pairs_clear(&a->headers);
    buffer_clear(&a->body);
    free(a->pieces);
    if (a->fd >= 0)
        close(a->fd);
    reply_init(a);
}

void reply_header(struct reply *a, const char *name, const char *value)
{
    pairs_add(&a->headers, name, value);
}

void reply_text(struct reply *a, int status, const char *type, const char *body)
{
    a->status = status;
    a->content_type = type;
    buffer_clear(&a->body);
    buffer_puts(&a->body, body);
}

void reply_json(struct reply *a, int status, cJSON *json)
{
    cleanup_free char *text = cJSON_PrintUnformatted(json);
    reply_text(a, status, "application/json", text ? text : "");
    cJSON_Delete(json);
}

cJSON *reply_envelope(const struct request *r)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "request_id", r->id);
    return json;
}

void xml_text(struct buffer *b, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            buffer_puts(b, "&amp;");
        else if (*text == '<')
            buffer_puts(b, "&lt;");
        else if (*text == '>')
            buffer_puts(b, "&gt;");
        else if (*text == '"')
            buffer_puts(b, "&quot;");
        else
            buffer_add(b, text, 1);
    }
}

void refuse_oss(const struct request *r, struct reply *a, int status, const char *code, const char *message,
                const char *extra)
{
    cleanup_buffer struct buffer b = {0};
    buffer_puts(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n  <Code>");
    xml_text(&b, code);
    buffer_puts(&b, "</Code>\n  <Message>");
    xml_text(&b, message);
    buffer_printf(&b, "</Message>\n  <RequestId>%s</RequestId>\n  <HostId>", r->id);
    const char *host = request_header(r, "Host");
    xml_text(&b, host ? host : "");
    buffer_printf(&b, "</HostId>\n%s</Error>\n", extra ? extra : "");
    reply_text(a, status, "application/xml", b.data);
    a->plain = true;
}

void refuse_raw(const struct request *r, struct reply *a, int status, const char *code, const char *message)
{
    if (r->style == STYLE_OSS) {
        refuse_oss(r, a, status, code, message, NULL);
        return;
    }
    cJSON *json = reply_envelope(r);
    if (r->style == STYLE_OPENAI) {
        cJSON *error = cJSON_AddObjectToObject(json, "error");
        cJSON_AddStringToObject(error, "message", message);
        cJSON_AddStringToObject(error, "type", status >= 500 ? "internal_error" : "invalid_request_error");
        cJSON_AddNullToObject(error, "param");
        cJSON_AddStringToObject(error, "code", code);
    } else {
        cJSON_AddStringToObject(json, "code", code);
        cJSON_AddStringToObject(json, "message", message);
    }
    if (r->sse && r->style == STYLE_API && strcmp(r->config.sse_errors, "json"))
        sse_error_answer(r, a, status, json);
    else
        reply_json(a, status, json);
}

static void refuse_text(const struct request *r, struct reply *a, enum refusal what, const char *message)
{
    refuse_raw(r, a, table[what].status,
               r->style == STYLE_OPENAI ? table[what].openai_code : table[what].code, message);
}

void refuse(const struct request *r, struct reply *a, enum refusal what)
{
    refuse_text(r, a, what, table[what].message);
}

void refuse_with(const struct request *r, struct reply *a, enum refusal what, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    refuse_text(r, a, what, message);
}
