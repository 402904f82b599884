/* A Model Studio and a bucket played by one small server on the test's own loop, and a jobs runner's side of
 * a backend: what happens is written to one log, in order. */
#pragma once

#include <cjson/cJSON.h>

#include "backend/backend.h"
#include "backend/base/loop.h"
#include "backend/dashscope/dashscope.h"
#include "backend/http.h"
#include "backend/transcript.h"
#include "tests/unit/scratch.h"
#include "tests/unit/web.h"

struct studio {
    struct loop *loop;
    struct loop_timer *safety;
    struct http *http;
    struct web *web;
    struct backend *backend;
    char *frozen;
    char *work_dir;

    struct buffer log; /* a line for each request and each event */
    char *body;        /* of the last submission or direct call */
    char headers[600]; /* of the same, those that matter */

    /* What it answers. */
    int submit_status; /* 0: 200 */
    const char *submit_body;
    int submit_failures;   /* so many submissions fail that way; -1: all */
    bool submit_lost;      /* the answer never arrives */
    const char *states[8]; /* bodies for the queries, the last one again and again; "%s" becomes the server's
                              address */
    int queries, submissions, tasks;
    int result_failures;
    const char *result; /* the file; "%o" as in states */
    const char *list;   /* of tasks; NULL: 404 */
    int list_status;
    char object[200]; /* what was published last */
    const char *direct_type, *direct_body;
    size_t direct_piece;
    int direct_status, direct_failures;
    int64_t stop_at_query; /* the loop stops at this query; 0: never */
    const char *cancel_at; /* the job is cancelled when a log line begins with this */
    cJSON *vocabularies;   /* array of {id, model, words, status} */
    int vocabulary_limit, undeployed;

    /* The runner's side. */
    struct backend_job *job;
    char *checkpoint;
    bool hold_acknowledgements;
    void (*held)(void *argument);
    void *held_argument;
    struct transcript *transcript;
    char *raw;
    struct error error;
    char partials[2000];
    int finished, failed;
    struct buffer charges; /* a line for each: what is known, milliseconds, costs */
    int64_t charged_at, postponed_until;
    /* What the accounts say when they are asked; and what they were asked for last. */
    struct error refused; /* ERROR_NONE: it may be sent */
    int64_t refused_until;
    int asked;
    int64_t asked_ms, asked_micro;
    bool suspend;
};

#define STUDIO_RESULT                                                                                        \
    "{\"file_url\":\"https://b.example/"                                                                     \
    "a.wav?x-oss-signature=c0ffee&x=1\",\"properties\":{\"original_duration_in_"                             \
    "milliseconds\":5210},\"transcripts\":[{\"channel_id\":0,\"content_duration_in_milliseconds\":4380,"     \
    "\"text\":"                                                                                              \
    "\"Good morning.\",\"sentences\":[{\"begin_time\":420,\"end_time\":1680,\"text\":\"Good "                \
    "morning.\",\"sentence_id\""                                                                             \
    ":1}]}]}"
#define STUDIO_RUNNING "{\"request_id\":\"r\",\"output\":{\"task_id\":\"T\",\"task_status\":\"RUNNING\"}}"
#define STUDIO_DONE                                                                                          \
    "{\"request_id\":\"r\",\"output\":{\"task_id\":\"T\",\"task_status\":\"SUCCEEDED\",\"results\":[{"       \
    "\"transcription_"                                                                                       \
    "url\":\"%s/result/"                                                                                     \
    "a%%3A1.json?Expires=1&Signature=ab%%2Bc\",\"subtask_status\":\"SUCCEEDED\"}]},\"usage\":{"              \
    "\"duration\":5}}"
#define STUDIO_FAILED(code)                                                                                  \
    "{\"request_id\":\"r\",\"output\":{\"task_id\":\"T\",\"task_status\":\"FAILED\",\"code\":\"" code        \
    "\",\"message\":"                                                                                        \
    "\"because\"}}"

static inline void studio_stop_job(void *arg)
{
    struct studio *s = arg;
    struct backend_job *job = s->job;
    s->job = NULL;
    if (!job)
        return;
    if (s->suspend)
        s->backend->operations->suspend(job);
    else
        s->backend->operations->cancel(job);
}

static inline void studio_note(struct studio *s, const char *line)
{
    buffer_puts(&s->log, line);
    buffer_puts(&s->log, "\n");
    if (s->cancel_at && strncmp(line, s->cancel_at, strlen(s->cancel_at)) == 0) {
        s->cancel_at = NULL;
        loop_post(s->loop, studio_stop_job, s); /* an event must not cancel its own job */
    }
}

/* Text with "%s" replaced by the server's address and "%%" by "%". */
static inline void studio_say(struct studio *s, struct web_reply *reply, int status, const char *text)
{
    web_say(reply, status, "");
    for (; *text; text++) {
        if (text[0] == '%' && text[1] == 's') {
            buffer_puts(&reply->body, s->web->base);
            text++;
        } else if (text[0] == '%' && text[1] == 'o') {
            buffer_puts(&reply->body, s->object);
            text++;
        } else if (text[0] == '%' && text[1] == 't') {
            buffer_printf(&reply->body, "%lld", (long long)time(NULL) * 1000);
            text++;
        } else {
            text += text[0] == '%' && text[1] == '%';
            buffer_add(&reply->body, text, 1);
        }
    }
}

static inline cJSON *studio_vocabulary(struct studio *s, const char *id)
{
    cJSON *item;
    cJSON_ArrayForEach(item, s->vocabularies)
    {
        if (strcmp(cJSON_GetObjectItem(item, "vocabulary_id")->valuestring, id) == 0)
            return item;
    }
    return NULL;
}

static inline void studio_vocabularies(struct studio *s, const struct web_request *request,
                                       struct web_reply *reply)
{
    cJSON *root = cJSON_Parse(request->body.data), *input = cJSON_GetObjectItem(root, "input");
    const char *action = cJSON_GetObjectItem(input, "action")->valuestring;
    const cJSON *id = cJSON_GetObjectItem(input, "vocabulary_id");
    cJSON *found = id ? studio_vocabulary(s, id->valuestring) : NULL;
    cJSON *answer = cJSON_CreateObject(), *output = cJSON_AddObjectToObject(answer, "output");
    reply->status = 200;
    if (id && !found) {
        reply->status = 400;
        cJSON_AddStringToObject(answer, "code", "BadRequest.ResourceNotExist");
    } else if (strcmp(action, "list_vocabulary") == 0) {
        cJSON_AddItemToObject(output, "vocabulary_list", cJSON_Duplicate(s->vocabularies, 1));
    } else if (strcmp(action, "query_vocabulary") == 0) {
        cJSON_ReplaceItemInObject(answer, "output", cJSON_Duplicate(found, 1));
        output = cJSON_GetObjectItem(answer, "output");
        cJSON_ReplaceItemInObject(output, "status",
                                  cJSON_CreateString(s->undeployed-- > 0 ? "UNDEPLOYED" : "OK"));
    } else if (strcmp(action, "update_vocabulary") == 0) {
        cJSON_ReplaceItemInObject(found, "vocabulary", cJSON_DetachItemFromObject(input, "vocabulary"));
    } else if (strcmp(action, "delete_vocabulary") == 0) {
        cJSON_Delete(cJSON_DetachItemViaPointer(s->vocabularies, found));
    } else if (s->vocabulary_limit && cJSON_GetArraySize(s->vocabularies) >= s->vocabulary_limit) {
        reply->status = 400;
        cJSON_AddStringToObject(answer, "code", "Throttling.AllocationQuota");
        cJSON_AddStringToObject(answer, "message", "Free allocated quota exceeded.");
    } else {
        char name[100];
        static int count;
        snprintf(name, sizeof name, "vocab-%s-%04d", cJSON_GetObjectItem(input, "prefix")->valuestring,
                 ++count);
        cJSON *made = cJSON_CreateObject();
        cJSON_AddStringToObject(made, "vocabulary_id", name);
        cJSON_AddStringToObject(made, "status", "OK");
        cJSON_AddItemToObject(made, "target_model", cJSON_DetachItemFromObject(input, "target_model"));
        cJSON_AddItemToObject(made, "vocabulary", cJSON_DetachItemFromObject(input, "vocabulary"));
        cJSON_AddItemToArray(s->vocabularies, made);
        cJSON_AddStringToObject(output, "vocabulary_id", name);
    }
    char line[100];
    snprintf(line, sizeof line, "VOCABULARY %s", action);
    studio_note(s, line);
    char *text = cJSON_PrintUnformatted(answer);
    web_say(reply, reply->status, text);
    free(text);
    cJSON_Delete(answer);
    cJSON_Delete(root);
}

static inline void studio_remember(struct studio *s, const struct web_request *request)
{
    static const char *const names[] = {
        "Authorization",         "X-DashScope-Async", "X-DashScope-SSE", "X-DashScope-OssResourceResolve",
        "X-DashScope-WorkSpace", "Content-Type",      "Accept"};
    free(s->body);
    s->body = strdup(request->body.data);
    s->headers[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = web_header(request, names[i]);
        size_t len = strlen(s->headers);
        if (value)
            snprintf(s->headers + len, sizeof s->headers - len, "%s: %s\n", names[i], value);
    }
}

static inline void studio_serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    struct studio *s = context;
    char line[400];
    const char *path = request->target ? request->target : "";
    bool cancels = strstr(path, "/cancel") != NULL;
    snprintf(line, sizeof line, "%s %.*s", request->method, (int)strcspn(path, "?"), path);
    if (strstr(path, "/audio/asr/customization")) {
        studio_vocabularies(s, request, reply);
        return;
    }
    studio_note(s, line);
    if (strcmp(request->method, "PUT") == 0)
        snprintf(s->object, sizeof s->object, "%s", path);
    if (strstr(path, "/audio/asr/transcription")) {
        studio_remember(s, request);
        s->submissions++;
        if (s->submit_failures != 0) {
            s->submit_failures -= s->submit_failures > 0;
            web_say(reply, s->submit_status, s->submit_body);
            return;
        }
        snprintf(line, sizeof line,
                 "{\"output\":{\"task_status\":\"PENDING\",\"task_id\":\"task-%d\"},\"request_id\":\"r\"}",
                 ++s->tasks);
        web_say(reply, 200, line);
        reply->cut = s->submit_lost;
    } else if (strncmp(path, "/api/v1/tasks/?", 15) == 0) {
        studio_say(s, reply, s->list_status ? s->list_status : s->list ? 200 : 404, s->list ? s->list : "");
    } else if (strncmp(path, "/api/v1/tasks/", 14) == 0 && !cancels) {
        int n = s->queries++;
        while (n > 0 && (n >= 8 || !s->states[n]))
            n--;
        studio_say(s, reply, 200, s->states[n] ? s->states[n] : STUDIO_DONE);
        if (s->stop_at_query && s->queries == s->stop_at_query)
            loop_stop(s->loop);
    } else if (strncmp(path, "/result/", 8) == 0) {
        if (web_header(request, "Authorization") ||
            strcmp(path, "/result/a%3A1.json?Expires=1&Signature=ab%2Bc") != 0)
            web_say(reply, 403, "<Error><Code>AccessDenied</Code></Error>");
        else if (s->result_failures-- > 0)
            web_say(reply, 503, "");
        else
            studio_say(s, reply, 200, s->result ? s->result : STUDIO_RESULT);
    } else if (strstr(path, "/generation") || strstr(path, "/chat/completions")) {
        studio_remember(s, request);
        if (s->direct_failures > 0) {
            s->direct_failures--;
            web_say(reply, 429, "{\"code\":\"Throttling.RateQuota\"}");
            return;
        }
        web_say(reply, s->direct_status ? s->direct_status : 200, s->direct_body ? s->direct_body : "");
        snprintf(reply->header_text[0], sizeof reply->header_text[0], "Content-Type: %s",
                 s->direct_type ? s->direct_type : "application/json");
        reply->headers[0] = reply->header_text[0];
        reply->piece = s->direct_piece;
    }
}

/* ---- the runner's side ---- */

struct studio_acknowledgement {
    void (*fn)(void *argument);
    void *argument;
};

static inline void studio_acknowledge(void *arg)
{
    struct studio_acknowledgement a = *(struct studio_acknowledgement *)arg;
    free(arg);
    a.fn(a.argument);
}

/* As in a jobs runner: durable, and acknowledged, a little later. */
static inline void studio_on_checkpoint(void *context, const char *state, void (*fn)(void *argument),
                                        void *argument)
{
    struct studio *s = context;
    free(s->checkpoint);
    s->checkpoint = strdup(state);
    cJSON *json = cJSON_Parse(state);
    char line[100];
    snprintf(line, sizeof line, "checkpoint%s%s%s%s", cJSON_HasObjectItem(json, "publish") ? " publish" : "",
             cJSON_HasObjectItem(json, "object") ? " object" : "",
             cJSON_HasObjectItem(json, "intent_ms") ? " intent" : "",
             cJSON_HasObjectItem(json, "task") ? " task" : "");
    cJSON_Delete(json);
    if (s->hold_acknowledgements && strstr(line, "task")) {
        s->held = fn;
        s->held_argument = argument;
        loop_stop(s->loop);
    } else {
        struct studio_acknowledgement *a = malloc(sizeof *a);
        *a = (struct studio_acknowledgement){fn, argument};
        loop_post(s->loop, studio_acknowledge, a);
    }
    studio_note(s, line);
}

static inline void studio_on_progress(void *context, enum backend_stage stage, int64_t done, int64_t total)
{
    struct studio *s = context;
    static const char *const names[] = {"preparing", "publishing", "submitted", "recognising"};
    char line[100];
    snprintf(line, sizeof line, "stage %s", names[stage]);
    (void)done, (void)total;
    /* Each stage once: how often progress is reported within one is nobody's business. */
    if (!s->log.data || !strstr(s->log.data, line))
        studio_note(s, line);
}

static inline void studio_on_finished(void *context, struct transcript *transcript, const void *raw,
                                      size_t raw_length)
{
    struct studio *s = context;
    s->job = NULL;
    s->finished++;
    transcript_free(s->transcript);
    s->transcript = transcript;
    free(s->raw);
    s->raw = raw ? strndup(raw, raw_length) : NULL;
    studio_note(s, "finished");
    loop_stop(s->loop);
}

static inline void studio_on_failed(void *context, const struct error *error)
{
    struct studio *s = context;
    s->job = NULL;
    s->failed++;
    s->error = *error;
    studio_note(s, "failed");
    loop_stop(s->loop);
}

static inline void studio_on_partial(void *context, const char *text)
{
    struct studio *s = context;
    size_t len = strlen(s->partials);
    snprintf(s->partials + len, sizeof s->partials - len, "%s|", text);
}

static inline void studio_on_charged(void *context, const struct backend_charge *charge)
{
    static const char *const kinds[] = {"none", "possible", "estimated", "billed"};
    struct studio *s = context;
    s->charged_at = charge->at_ms;
    buffer_printf(&s->charges, "%s %lld %lld %s\n", kinds[charge->kind], (long long)charge->billed_ms,
                  (long long)charge->cost_micro, charge->currency);
}

static inline bool studio_may_send(void *context, const struct backend_charge *most, struct error *error,
                                   int64_t *until_ms)
{
    struct studio *s = context;
    s->asked++;
    s->asked_ms = most->billed_ms;
    s->asked_micro = most->cost_micro;
    *error = s->refused;
    *until_ms = s->refused_until;
    return s->refused.class == ERROR_NONE;
}

static inline void studio_on_postponed(void *context, const struct error *error, int64_t until_ms)
{
    struct studio *s = context;
    s->postponed_until = until_ms;
    studio_on_failed(context, error);
}

static const struct backend_events studio_events = {.progress = studio_on_progress,
                                                    .checkpoint = studio_on_checkpoint,
                                                    .finished = studio_on_finished,
                                                    .failed = studio_on_failed,
                                                    .partial = studio_on_partial,
                                                    .charged = studio_on_charged,
                                                    .may_send = studio_may_send,
                                                    .postponed = studio_on_postponed};

/* ---- life ---- */

static inline void studio_too_late(void *arg)
{
    const struct studio *s = arg;
    fail_msg("nothing happened for a long time after\n%s", s->log.data ? s->log.data : "");
}

static inline struct studio *studio_new(void)
{
    struct studio *s = calloc(1, sizeof *s);
    if (!s || loop_new(&s->loop) != 0 || http_new(s->loop, &(struct http_config){0}, &s->http) != 0)
        abort();
    s->safety = loop_timer(s->loop, studio_too_late, s);
    loop_timer_after(s->safety, 30000);
    s->web = web_new(s->loop, NULL, NULL, studio_serve, s);
    s->vocabularies = cJSON_CreateArray();
    s->work_dir = scratch_new();
    setenv("DASHSCOPE_API_KEY", "sk-very-secret", 1);
    setenv("OSS_ACCESS_KEY_ID", "ak", 1);
    setenv("OSS_ACCESS_KEY_SECRET", "so-secret", 1);
    return s;
}

/* Settings against this server; publishes to it as a bucket unless something else is said. */
static inline void studio_use(struct studio *s, struct dashscope_settings settings)
{
    struct error err = {0};
    settings.host = s->web->base;
    settings.poll_ms = 5;
    settings.queries_per_second = 100;
    settings.instance = "test";
    if (settings.publish.kind == PUBLISH_OSS) {
        settings.publish.endpoint = s->web->base;
        settings.publish.bucket = "bucket";
        settings.publish.region = "cn-hangzhou";
    }
    if (s->backend)
        s->backend->operations->free(s->backend);
    s->backend = dashscope_backend_new(s->loop, s->http, &settings, &err);
    if (!s->backend)
        fail_msg("%s: %s", err.code, err.detail);
    free(s->frozen);
    s->frozen = s->backend->operations->freeze(s->backend, NULL, &err);
    if (!s->frozen)
        fail_msg("%s: %s", err.code, err.detail);
}

static inline bool studio_begin(struct studio *s, size_t size, const char *name, const char *checkpoint,
                                struct error *err)
{
    int fd = memfd_create("recording", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
        abort();
    char *copy = checkpoint ? strdup(checkpoint) : NULL;
    s->finished = s->failed = s->queries = 0;
    s->error = (struct error){0};
    s->postponed_until = 0;
    buffer_clear(&s->charges);
    s->job = s->backend->operations->start(
        s->backend,
        &(struct backend_request){
            .fd = fd, .name = name, .work_dir = s->work_dir, .settings = s->frozen, .checkpoint = copy},
        &studio_events, s, err);
    free(copy);
    return s->job != NULL;
}

/* Runs one job to its end. */
static inline void studio_go(struct studio *s, size_t size, const char *name, const char *checkpoint)
{
    struct error err = {0};
    if (!studio_begin(s, size, name, checkpoint, &err))
        fail_msg("%s: %s", err.code, err.detail);
    while (!s->finished && !s->failed)
        loop_run(s->loop);
}

static inline void studio_end(void *arg)
{
    struct studio *s = arg;
    loop_stop(s->loop);
}

/* Runs the loop for some milliseconds: for what must not happen, and for what goes on in the background. */
static inline void studio_wait(struct studio *s, int64_t ms)
{
    struct loop_timer *timer = loop_timer(s->loop, studio_end, s);
    loop_timer_after(timer, ms);
    loop_run(s->loop);
    loop_timer_free(timer);
}

static inline void studio_free(struct studio *s)
{
    if (s->backend)
        s->backend->operations->free(s->backend);
    http_free(s->http);
    web_free(s->web);
    loop_timer_free(s->safety);
    loop_free(s->loop);
    cJSON_Delete(s->vocabularies);
    transcript_free(s->transcript);
    buffer_clear(&s->log);
    buffer_clear(&s->charges);
    scratch_remove(s->work_dir);
    free(s->frozen);
    free(s->body);
    free(s->checkpoint);
    free(s->raw);
    free(s);
}

static inline size_t studio_count(const struct studio *s, const char *begin)
{
    size_t count = 0;
    for (const char *line = s->log.data; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        count += strncmp(line, begin, strlen(begin)) == 0;
    return count;
}
