/* Which endpoint a request is for.
 *
 * The order of refusals on the API: key (401), path (404), method (400), then the endpoint's own:
 * asynchronous header (403), body (400), limits (429). */
#include "tests/emulator/router.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/emulator/chat.h"
#include "tests/emulator/control.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/oss.h"
#include "tests/emulator/submit.h"
#include "tests/emulator/sync.h"
#include "tests/emulator/task_api.h"

struct route {
    const char *name, *methods;
    const char *path;  /* ends in '/': a tail of one segment follows */
    const char *after; /* after the tail, or NULL */
    bool json;         /* the body is a JSON object */
    void (*serve)(struct request *r, struct reply *a);
};

static const struct route routes[] = {
    {"submit", "POST", "/api/v1/services/audio/asr/transcription", NULL, true, submit_serve},
    {"query", "GET POST", "/api/v1/tasks/", NULL, false, task_query},
    {"list", "GET", "/api/v1/tasks", NULL, false, task_list},
    {"cancel", "POST", "/api/v1/tasks/", "/cancel", false, task_cancel},
    {"sync", "POST", "/api/v1/services/aigc/multimodal-generation/generation", NULL, true, sync_serve},
    {"chat", "POST", "/compatible-mode/v1/chat/completions", NULL, true, chat_serve},
    {"policy", "GET", "/api/v1/uploads", NULL, false, uploads_policy},
    {"vocabulary", "POST", "/api/v1/services/audio/asr/customization", NULL, true, vocabulary_serve},
    {"token", "POST", "/api/v1/tokens", NULL, false, accounts_token},
};

/* Does the path fit? Sets r->tail. */
static bool fits(const struct route *route, struct request *r)
{
    size_t len = strlen(route->path);
    if (route->path[len - 1] != '/')
        return !strcmp(r->path, route->path) ||
               (!strcmp(route->name, "list") && !strcmp(r->path, "/api/v1/tasks/"));
    if (strncmp(r->path, route->path, len))
        return false;
    const char *tail = r->path + len;
    size_t n = strcspn(tail, "/");
    if (!n || strcmp(tail + n, route->after ? route->after : ""))
        return false;
    r->tail = xstrndup(tail, n);
    return true;
}

static const struct route *find(struct request *r)
{
    for (size_t i = 0; r->path && i < sizeof routes / sizeof *routes; i++)
        if (fits(&routes[i], r))
            return &routes[i];
    return NULL;
}

static bool method_allowed(const struct route *route, const char *method)
{
    size_t len = strlen(method);
    for (const char *p = route->methods; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == len && !strncmp(p, method, len))
            return true;
    return false;
}

static void read_json(struct request *r)
{
    const char *type = request_header(r, "Content-Type");
    if (!type || strncasecmp(type, "application/json", 16))
        return;
    r->json = cJSON_ParseWithLength(spool_data(&r->body), r->body.len);
    if (!cJSON_IsObject(r->json)) {
        cJSON_Delete(r->json);
        r->json = NULL;
    }
}

static void refuse_body(const struct request *r, struct reply *a)
{
    const char *type = request_header(r, "Content-Type");
    refuse(r, a, type && !strncasecmp(type, "application/json", 16) ? REFUSE_NOT_JSON : REFUSE_BODY);
}

/* The model a request is about, for faults and the record. */
static void find_model(struct request *r)
{
    const char *model = json_text(r->json, "model");
    if (!strcmp(r->endpoint, "policy"))
        model = pairs_get(&r->query, "model");
    r->model = xstrdup(model);
    if (r->tail && (!strcmp(r->endpoint, "query") || !strcmp(r->endpoint, "cancel"))) {
        emu_lock(r->emu);
        const struct task *t = tasks_find(&r->emu->tasks, r->tail);
        if (t)
            r->model = xstrdup(t->model->name);
        emu_unlock(r->emu);
    }
}

static void take_fault(struct request *r)
{
    const char *header = request_header(r, "Authorization");
    struct fault_subject subject = {
        .model = r->model,
        .task_id = r->tail,
        .key = header && !strncasecmp(header, "Bearer ", 7) ? header + 7 : NULL,
        .method = r->method,
        .path = r->path,
    };
    r->fault = faults_take(r->emu, r->endpoint, &subject);
}

static const char html[] =
    "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n<center><h1>504 Gateway "
    "Time-out</h1></center>\r\n</body>\r\n</html>\r\n";

/* Faults that answer instead of the endpoint; false when there is none. */
static bool fault_answers(struct request *r, struct reply *a)
{
    const cJSON *f = r->fault;
    if (!f)
        return false;
    emu_sleep(r->emu, (int64_t)json_number(f, "delay_ms", 0));
    if (json_true(f, "reset")) {
        a->reset = true;
        return true;
    }
    bool in_stream = json_get(f, "error_event");
    int status = (int)json_number(f, "status", 0);
    const char *body = json_text(f, "body"), *code = json_text(f, "code"), *message = json_text(f, "message");
    if (json_true(f, "html")) {
        reply_text(a, status ? status : 504, "text/html", html);
    } else if (body) {
        reply_text(a, status ? status : 200, "application/json", body);
    } else if (status && !in_stream) {
        if (code)
            refuse_raw(r, a, status, code, message ? message : code);
        else
            reply_text(a, status, NULL, "");
    } else {
        return false;
    }
    const char *location = json_text(f, "location");
    if (location)
        reply_header(a, "Location", location);
    const cJSON *after = json_get(f, "retry_after");
    if (after) {
        char text[32];
        snprintf(text, sizeof text, "%.0f", after->valuedouble);
        reply_header(a, "Retry-After", cJSON_IsString(after) ? after->valuestring : text);
    }
    return true;
}

static void split(struct reply *a, size_t end, int64_t delay_ms)
{
    a->pieces = xgrow(a->pieces, a->piece_count + 1, &a->piece_capacity, sizeof *a->pieces);
    a->pieces[a->piece_count++] = (struct piece){end, delay_ms};
}

/* Faults that change the answer. */
static void spoil(struct request *r, struct reply *a)
{
    const cJSON *f = r->fault, *drip = json_get(f, "drip");
    if (!f || a->reset)
        return;
    if (json_true(f, "lost"))
        a->reset = true;
    a->cut = (int64_t)json_number(f, "truncate", -1);
    const char *type = json_text(f, "content_type");
    if (type) /* lives as long as the request, which outlives the answer */
        a->content_type = type;
    if (json_true(f, "malformed") && a->body.len > 2) {
        a->body.len = a->body.len * 2 / 3;
        a->piece_count = 0;
    }
    if (json_true(f, "split_utf8")) {
        a->piece_count = 0;
        for (size_t i = 1; i < a->body.len; i++)
            if (((unsigned char)a->body.data[i] & 0xc0) == 0x80)
                split(a, i, 1);
        split(a, a->body.len, 1);
    }
    if (drip) {
        size_t step = (size_t)json_number(drip, "bytes", 1);
        a->piece_count = 0;
        for (size_t i = step ? step : 1; i < a->body.len; i += step ? step : 1)
            split(a, i, (int64_t)json_number(drip, "ms", 10));
        split(a, a->body.len, (int64_t)json_number(drip, "ms", 10));
    }
}

static void serve_api(struct request *r, struct reply *a)
{
    if (r->path && !strncmp(r->path, "/compatible-mode/", 17))
        r->style = STYLE_OPENAI;
    const struct route *route = find(r);
    r->endpoint = route ? route->name : "unknown";
    const char *stream = request_header(r, "X-DashScope-SSE");
    r->sse = route && route->serve == sync_serve && stream && !strcasecmp(stream, "enable");
    if (route && route->json)
        read_json(r);
    find_model(r);
    take_fault(r);
    if (fault_answers(r, a))
        return;
    if (!accounts_authenticate(r, a))
        return;
    if (!route)
        refuse(r, a, REFUSE_NOT_FOUND);
    else if (!method_allowed(route, r->method))
        refuse_with(r, a, REFUSE_PARAMETER, "Request method '%s' is not supported.", r->method);
    else if (route->json && !r->json)
        refuse_body(r, a);
    else
        route->serve(r, a);
}

static void serve_storage(struct request *r, struct reply *a)
{
    r->style = STYLE_OSS;
    a->plain = true;
    r->endpoint = oss_endpoint(r);
    take_fault(r);
    if (fault_answers(r, a))
        a->plain = true;
    else
        oss_serve(r, a);
}

/* http://127.0.0.1:PORT/bucket/key */
static bool path_style(struct request *r)
{
    if (!r->place.address || !r->path || (!r->config.path_style && strcmp(r->config.url_hosts, "ip")))
        return false;
    const char *name = r->path + 1;
    size_t len = strcspn(name, "/");
    char bucket[64];
    snprintf(bucket, sizeof bucket, "%.*s", (int)len, name);
    emu_lock(r->emu);
    bool known = len && len < sizeof bucket && store_bucket(&r->emu->store, bucket);
    emu_unlock(r->emu);
    if (known) {
        r->place.kind = PLACE_OSS;
        strcpy(r->place.bucket, bucket);
        r->tail = xstrdup(name[len] ? name + len + 1 : "");
    }
    return known;
}

void router_serve(struct request *r, struct reply *a)
{
    place_parse(request_header(r, "Host"), &r->place);
    r->region = r->place.named ? r->place.region : r->emu->options.region;
    if (r->path && r->place.kind == PLACE_API &&
        (!strcmp(r->path, "/_emulator") || !strncmp(r->path, "/_emulator/", 11))) {
        r->style = STYLE_CONTROL;
        r->endpoint = "control";
        control_serve(r, a);
    } else if (r->place.kind != PLACE_API || path_style(r)) {
        serve_storage(r, a);
    } else {
        serve_api(r, a);
    }
    spoil(r, a);
    record_request(r->emu, r, a);
}
