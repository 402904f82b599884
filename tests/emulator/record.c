/* What the service saw. */
#include "tests/emulator/record.h"

#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/reply.h"
#include "tests/emulator/request.h"

enum { KEPT = 5000 };

static const char *const kept_headers[] = {
    "Content-Type",
    "Accept",
    "X-DashScope-Async",
    "X-DashScope-SSE",
    "X-DashScope-WorkSpace",
    "X-DashScope-OssResourceResolve",
    "User-Agent",
    "Range",
    "Expect",
    "Content-Length",
};

void record_init(struct record *r)
{
    r->counters = cJSON_CreateObject();
    r->requests = cJSON_CreateArray();
    r->violations = cJSON_CreateArray();
}

void record_free(struct record *r)
{
    cJSON_Delete(r->counters);
    cJSON_Delete(r->requests);
    cJSON_Delete(r->violations);
}

void record_reset(struct record *r)
{
    record_free(r);
    record_init(r);
}

static cJSON *group_of(struct record *r, const char *group)
{
    cJSON *object = cJSON_GetObjectItemCaseSensitive(r->counters, group);
    return object ? object : cJSON_AddObjectToObject(r->counters, group);
}

void record_add(struct record *r, const char *group, const char *name, int64_t by)
{
    json_count(group_of(r, group), name, (double)by);
}

void record_peak(struct record *r, const char *group, const char *name, int64_t value)
{
    cJSON *object = group_of(r, group);
    double seen = json_number(object, name, 0);
    if ((double)value > seen)
        json_count(object, name, (double)value - seen);
}

static void keep(cJSON *array, cJSON *item)
{
    cJSON_AddItemToArray(array, item);
    if (cJSON_GetArraySize(array) > KEPT)
        cJSON_DeleteItemFromArray(array, 0);
}

void record_violation(struct emulator *emu, const struct request *r, const char *name, const char *detail)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", name);
    cJSON_AddStringToObject(item, "detail", detail ? detail : "");
    if (r) {
        cJSON_AddStringToObject(item, "endpoint", r->endpoint ? r->endpoint : "");
        cJSON_AddStringToObject(item, "request_id", r->id);
    }
    emu_lock(emu);
    record_add(&emu->record, "violations", name, 1);
    keep(emu->record.violations, item);
    emu_unlock(emu);
}

static cJSON *request_json(const struct request *r, const struct reply *a)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "endpoint", r->endpoint ? r->endpoint : "");
    cJSON_AddStringToObject(item, "request_id", r->id);
    cJSON_AddNumberToObject(item, "time", (double)r->arrived_ms);
    cJSON_AddStringToObject(item, "method", r->method);
    const char *host = request_header(r, "Host");
    cJSON_AddStringToObject(item, "host", host ? host : "");
    cJSON_AddStringToObject(item, "path", r->raw_path);
    cJSON_AddNumberToObject(item, "status", a->reset ? 0 : a->status);
    cJSON_AddBoolToObject(item, "tls",
                          MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_PROTOCOL) != NULL);
    if (r->model)
        cJSON_AddStringToObject(item, "model", r->model);
    if (*r->key)
        cJSON_AddStringToObject(item, "key", r->key);
    if (r->fault)
        cJSON_AddTrueToObject(item, "fault");
    cJSON_AddNumberToObject(item, "body_bytes", (double)r->body.len);
    cJSON *headers = cJSON_AddObjectToObject(item, "headers");
    for (size_t i = 0; i < sizeof kept_headers / sizeof *kept_headers; i++) {
        const char *value = request_header(r, kept_headers[i]);
        if (value)
            cJSON_AddStringToObject(headers, kept_headers[i], value);
    }
    cJSON *query = cJSON_AddObjectToObject(item, "query");
    for (size_t i = 0; i < r->query.count; i++)
        cJSON_AddStringToObject(query, r->query.at[i].name, r->query.at[i].value);
    if (r->json && (int64_t)r->body.len <= r->config.log_bodies)
        cJSON_AddItemToObject(item, "body", cJSON_Duplicate(r->json, true));
    return item;
}

/* Whoever asked does not hear the answer: it was killed meanwhile, or the connection is broken on purpose. */
static bool is_unheard(const struct request *r, const struct reply *a)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;
    return a->reset || (info && recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0);
}

void record_request(struct emulator *emu, const struct request *r, const struct reply *a)
{
    if (r->style == STYLE_CONTROL)
        return;
    cleanup_free char *status = a->reset ? xstrdup("reset") : xprintf("%d", a->status);
    cJSON *item = request_json(r, a);
    bool unheard = is_unheard(r, a);
    emu_lock(emu);
    record_add(&emu->record, "requests", r->endpoint, 1);
    record_add(&emu->record, "statuses", status, 1);
    if (unheard)
        record_add(&emu->record, "unheard", r->endpoint, 1);
    if (*r->key)
        record_add(&emu->record, "keys", r->key, 1);
    if (r->model)
        record_add(&emu->record, "requests_by_model", r->model, 1);
    keep(emu->record.requests, item);
    emu_unlock(emu);
}
