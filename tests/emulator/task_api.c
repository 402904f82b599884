/* Endpoints: query, list and cancel tasks. */
#include "tests/emulator/task_api.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

enum { DAY_MS = 24 * 3600 * 1000, PAGE_MAX = 1000 };

static void add_time(cJSON *object, const char *name, int64_t ms)
{
    char text[DATE_SIZE];
    date_service(ms, text);
    if (ms)
        cJSON_AddStringToObject(object, name, text);
}

/* ---- query ---- */

static const char *file_status(const struct task *t, const struct task_file *f)
{
    if (!task_finished(t))
        return task_status_name(t->status);
    return f->code ? "FAILED" : "SUCCEEDED";
}

static void add_results(cJSON *output, const struct task *t)
{
    cJSON *results = cJSON_AddArrayToObject(output, "results");
    for (size_t i = 0; i < t->file_count; i++) {
        const struct task_file *f = &t->files[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "file_url", f->url);
        if (f->code) {
            cJSON_AddStringToObject(item, "code", f->code);
            cJSON_AddStringToObject(item, "message", f->message);
        } else {
            cJSON_AddStringToObject(item, "transcription_url", f->result_url);
        }
        cJSON_AddStringToObject(item, "subtask_status", file_status(t, f));
        cJSON_AddItemToArray(results, item);
    }
}

static void add_metrics(cJSON *output, const struct task *t)
{
    int good = 0, bad = 0;
    for (size_t i = 0; i < t->file_count && (t->status == TASK_SUCCEEDED || t->status == TASK_FAILED); i++) {
        good += !t->files[i].code;
        bad += t->files[i].code != NULL;
    }
    cJSON *metrics = cJSON_AddObjectToObject(output, "task_metrics");
    cJSON_AddNumberToObject(metrics, "TOTAL", (double)t->file_count);
    cJSON_AddNumberToObject(metrics, "SUCCEEDED", good);
    cJSON_AddNumberToObject(metrics, "FAILED", bad);
}

static void add_usage(cJSON *json, const struct task *t)
{
    int64_t seconds = 0;
    for (size_t i = 0; i < t->file_count; i++)
        seconds += (t->files[i].billed_ms + 999) / 1000;
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(json, "usage"),
                            t->model->family == FAMILY_FILETRANS ? "seconds" : "duration", (double)seconds);
}

cJSON *task_body(const struct task *t, const char *request_id)
{
    bool filetrans = t->model->family == FAMILY_FILETRANS;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "request_id", request_id);
    cJSON *output = cJSON_AddObjectToObject(json, "output");
    cJSON_AddStringToObject(output, "task_id", t->id);
    cJSON_AddStringToObject(output, "task_status",
                            t->odd_status ? t->odd_status : task_status_name(t->status));
    add_time(output, "submit_time", t->submit_ms);
    add_time(output, "scheduled_time", t->scheduled_ms);
    add_time(output, "end_time", t->end_ms);
    if (t->status == TASK_FAILED) {
        cJSON_AddStringToObject(output, "code", t->code);
        cJSON_AddStringToObject(output, "message", t->message);
    }
    if (filetrans && t->status == TASK_SUCCEEDED)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(output, "result"), "transcription_url",
                                t->files[0].result_url);
    if (!filetrans && (t->status == TASK_SUCCEEDED || t->status == TASK_FAILED))
        add_results(output, t);
    if (!filetrans)
        add_metrics(output, t);
    if (t->status == TASK_SUCCEEDED)
        add_usage(json, t);
    return json;
}

static cJSON *unknown_body(const struct request *r)
{
    cJSON *json = reply_envelope(r), *output = cJSON_AddObjectToObject(json, "output");
    cJSON_AddStringToObject(output, "task_id", r->tail);
    cJSON_AddStringToObject(output, "task_status", "UNKNOWN");
    return json;
}

/* Lock held. The task of this request's account; NULL when it has none of this id, or no longer. */
static struct task *find(const struct request *r)
{
    struct task *t = tasks_find(&r->emu->tasks, r->tail);
    return t && !strcmp(t->account, r->account) && !task_forgotten(r->emu, t) ? t : NULL;
}

void task_query(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    if (!limits_query(r, a))
        return;
    bool again = false;
    emu_lock(emu);
    struct task *t = find(r);
    cJSON *json;
    if (t && !json_true(r->fault, "unknown")) {
        task_move(emu, t);
        again = t->told_terminal > 0;
        t->told_terminal += task_finished(t) && !r->fault;
        json = task_body(t, r->id);
        t->queries++;
        cleanup_free char *id = xstrdup(t->id);
        record_add(&emu->record, "queries_by_task", id, 1);
        pthread_cond_broadcast(&emu->changed);
    } else {
        json = unknown_body(r);
    }
    emu_unlock(emu);
    if (again)
        record_violation(emu, r, "query_after_the_end", r->tail);
    reply_json(a, 200, json);
}

/* ---- list ---- */

static cJSON *list_item(const struct task *t)
{
    cJSON *json = cJSON_CreateObject();
    cleanup_free char *unique = xprintf("apikey:v1:audio:asr:transcription:%s", t->model->name);
    cJSON_AddStringToObject(json, "api_key_id", "1501");
    cJSON_AddStringToObject(json, "caller_parent_id", t->account);
    cJSON_AddStringToObject(json, "caller_uid", t->account);
    cJSON_AddNumberToObject(json, "gmt_create", (double)t->submit_ms);
    if (t->scheduled_ms)
        cJSON_AddNumberToObject(json, "start_time", (double)t->scheduled_ms);
    if (t->end_ms)
        cJSON_AddNumberToObject(json, "end_time", (double)t->end_ms);
    cJSON_AddStringToObject(json, "model_name", t->model->name);
    cJSON_AddStringToObject(json, "region", region_name(t->region));
    cJSON_AddStringToObject(json, "request_id", t->request_id);
    cJSON_AddStringToObject(json, "status", task_status_name(t->status));
    cJSON_AddStringToObject(json, "task_id", t->id);
    cJSON_AddStringToObject(json, "user_api_unique_key", unique);
    return json;
}

static bool argument_is(const struct request *r, const char *name, const char *value)
{
    const char *wanted = pairs_get(&r->query, name);
    return !wanted || !*wanted || !strcmp(wanted, value);
}

static bool listed(const struct request *r, const struct task *t, int64_t from, int64_t to)
{
    return !strcmp(t->account, r->account) && t->submit_ms >= from && t->submit_ms <= to &&
           argument_is(r, "task_id", t->id) && argument_is(r, "model_name", t->model->name) &&
           argument_is(r, "status", task_status_name(t->status)) &&
           argument_is(r, "region", region_name(t->region)) && !task_forgotten(r->emu, t);
}

/* A whole number of at least 1; `otherwise` when absent, 0 when it is something else. */
static int64_t positive(const struct request *r, const char *name, int64_t otherwise)
{
    const char *text = pairs_get(&r->query, name);
    char *end;
    if (!text || !*text)
        return otherwise;
    long long n = strtoll(text, &end, 10);
    return *end || n < 1 ? 0 : n;
}

static void refuse_list(const struct request *r, struct reply *a, const char *what)
{
    refuse_with(r, a, REFUSE_PARAMETER, "Invalid parameter: %s.", what);
}

void task_list(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    const char *start = pairs_get(&r->query, "start_time"), *end = pairs_get(&r->query, "end_time");
    int64_t page = positive(r, "page_no", 1), size = positive(r, "page_size", 10), now = emu_now(emu);
    int64_t to = end && *end ? date_parse_compact(end) + 999 : now;
    int64_t from = start && *start ? date_parse_compact(start) : to - DAY_MS;
    if (!limits_query(r, a))
        return;
    if (!page || !size || size > PAGE_MAX) {
        refuse_list(r, a, "page_no or page_size");
        return;
    }
    if (from < 0 || to < 999 || from > to || to - from > DAY_MS + 999) {
        refuse_list(r, a, "start_time or end_time");
        return;
    }
    cJSON *json = reply_envelope(r), *data = cJSON_CreateArray();
    int64_t total = 0;
    emu_lock(emu);
    for (size_t i = emu->tasks.count; i-- > 0;) { /* latest first */
        const struct task *t = emu->tasks.all[i];
        if (listed(r, t, from, to) && total++ / size == page - 1)
            cJSON_AddItemToArray(data, list_item(t));
    }
    emu_unlock(emu);
    cJSON_AddNumberToObject(json, "total", (double)total);
    cJSON_AddNumberToObject(json, "total_page", (double)((total + size - 1) / size));
    cJSON_AddNumberToObject(json, "page_no", (double)page);
    cJSON_AddNumberToObject(json, "page_size", (double)size);
    cJSON_AddItemToObject(json, "data", data);
    reply_json(a, 200, json);
}

/* ---- cancel ---- */

void task_cancel(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    if (!limits_query(r, a))
        return;
    emu_lock(emu);
    struct task *t = find(r);
    if (t)
        task_move(emu, t);
    bool pending = t && t->status == TASK_PENDING;
    if (pending) {
        t->status = TASK_CANCELED;
        t->end_ms = clock_now(&emu->clock);
        record_add(&emu->record, "tasks", "CANCELED", 1);
        pthread_cond_broadcast(&emu->changed);
    }
    emu_unlock(emu);
    if (pending)
        reply_json(a, 200, reply_envelope(r));
    else
        refuse(r, a, REFUSE_CANCEL);
}
