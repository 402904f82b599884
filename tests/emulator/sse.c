/* Streams of server-sent events. */
#include "tests/emulator/sse.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/memory.h"

static const char *eol(const struct request *r)
{
    return r->config.sse_crlf ? "\r\n" : "\n";
}

static void line(const struct request *r, struct reply *a, bool openai, const char *field, const char *value)
{
    buffer_printf(&a->body, "%s:%s%s%s", field, openai || r->config.sse_space ? " " : "", value, eol(r));
}

/* What was added to the body since the last piece goes out together. */
static void piece(const struct request *r, struct reply *a)
{
    a->pieces = xgrow(a->pieces, a->piece_count + 1, &a->piece_capacity, sizeof *a->pieces);
    a->pieces[a->piece_count] = (struct piece){a->body.len, a->piece_count ? r->config.sse_interval_ms : 0};
    a->piece_count++;
}

static void dashscope_event(const struct request *r, struct reply *a, int id, int status, const char *data)
{
    cleanup_free char *number = xprintf("%d", id), *code = xprintf("%d", status);
    line(r, a, false, "id", number);
    line(r, a, false, "event", status == 200 ? "result" : "error");
    if (status == 200 || !strcmp(r->config.sse_status, "comment"))
        buffer_printf(&a->body, ":HTTP_STATUS/%d%s", status, eol(r));
    else if (!strcmp(r->config.sse_status, "line"))
        line(r, a, false, "status", code);
    line(r, a, false, "data", data);
    buffer_puts(&a->body, eol(r));
}

static void error_event(struct sse *s)
{
    const struct request *r = s->request;
    const char *code = json_text(r->fault, "code"), *message = json_text(r->fault, "message");
    int status = (int)json_number(r->fault, "status", 500);
    cJSON *json = cJSON_CreateObject(), *error = s->openai ? cJSON_AddObjectToObject(json, "error") : json;
    cJSON_AddStringToObject(error, "code", code ? code : s->openai ? "internal_error" : "InternalError");
    cJSON_AddStringToObject(error, "message",
                            message ? message
                                    : "An internal error has occured, please try again "
                                      "later or contact service support.");
    if (s->openai)
        cJSON_AddStringToObject(error, "type", "internal_error");
    cJSON_AddStringToObject(json, "request_id", r->id);
    cleanup_free char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (s->openai) {
        line(r, s->reply, true, "data", text);
        buffer_puts(&s->reply->body, eol(r));
    } else {
        dashscope_event(r, s->reply, s->events + 1, status, text);
    }
    piece(r, s->reply);
}

void sse_begin(struct sse *s, const struct request *r, struct reply *a, bool openai)
{
    *s = (struct sse){.request = r, .reply = a, .openai = openai};
    reply_text(a, 200, "text/event-stream;charset=UTF-8", "");
}

/* A fault may end the stream here. */
static bool stopped(struct sse *s)
{
    if (!s->stopped && json_get(s->request->fault, "error_event") &&
        s->events >= json_number(s->request->fault, "error_event", 0)) {
        error_event(s);
        s->stopped = true;
    }
    if (json_get(s->request->fault, "stop_after") &&
        s->events >= json_number(s->request->fault, "stop_after", 0))
        s->stopped = true;
    return s->stopped;
}

void sse_event(struct sse *s, cJSON *json)
{
    cleanup_free char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (stopped(s))
        return;
    s->events++;
    if (s->openai) {
        line(s->request, s->reply, true, "data", text);
        buffer_puts(&s->reply->body, eol(s->request));
    } else {
        dashscope_event(s->request, s->reply, s->events, 200, text);
    }
    piece(s->request, s->reply);
}

void sse_end(struct sse *s)
{
    if (stopped(s) || (!s->openai && !s->request->config.sse_done))
        return;
    line(s->request, s->reply, s->openai, "data", "[DONE]");
    buffer_puts(&s->reply->body, eol(s->request));
    piece(s->request, s->reply);
}

void sse_error_answer(const struct request *r, struct reply *a, int status, cJSON *json)
{
    cleanup_free char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    reply_text(a, strcmp(r->config.sse_errors, "event") ? status : 200, "text/event-stream;charset=UTF-8",
               "");
    dashscope_event(r, a, 1, status, text);
    piece(r, a);
}
