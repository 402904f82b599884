/* The tests' own entrance: switches, faults, scripts, clock, counters, tasks, callbacks. */
#include "tests/emulator/control.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/task_api.h"

void control_error(struct reply *a, int status, const char *why, const char *what)
{
    cJSON *json = cJSON_CreateObject();
    cleanup_free char *text = xprintf("%s%s%s", why, what ? ": " : "", what ? what : "");
    cJSON_AddStringToObject(json, "error", text);
    reply_json(a, status, json);
}

void control_ok(struct reply *a)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddTrueToObject(json, "ok");
    reply_json(a, 200, json);
}

static bool is(const struct request *r, const char *method)
{
    return !strcmp(r->method, method);
}

static void wrong_method(const struct request *r, struct reply *a)
{
    control_error(a, 405, "method not allowed", r->method);
}

/* The items of an array, or one object as it is. */
static const cJSON *first_of(const cJSON *json)
{
    return cJSON_IsArray(json) ? json->child : json;
}

static void serve_config(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    struct emulator *emu = r->emu;
    (void)rest;
    if (is(r, "POST")) {
        emu_lock(emu);
        struct config changed = emu->config;
        const char *wrong = config_set(&changed, body);
        if (!wrong)
            emu->config = changed;
        pthread_cond_broadcast(&emu->changed);
        emu_unlock(emu);
        if (wrong) {
            control_error(a, 400, "unknown switch or wrong type", wrong);
            return;
        }
    } else if (!is(r, "GET")) {
        wrong_method(r, a);
        return;
    }
    emu_lock(emu);
    cJSON *json = pairs_get(&r->query, "help") ? config_help() : config_json(&emu->config);
    emu_unlock(emu);
    reply_json(a, 200, json);
}

static void add_faults(struct request *r, struct reply *a, const cJSON *body)
{
    const char *why = "no rule";
    cJSON *ids = cJSON_CreateArray();
    emu_lock(r->emu);
    const char *id = NULL;
    for (const cJSON *rule = first_of(body); rule; rule = cJSON_IsArray(body) ? rule->next : NULL) {
        id = faults_add(&r->emu->faults, rule, &why);
        if (!id)
            break;
        cJSON_AddItemToArray(ids, cJSON_CreateString(id));
    }
    emu_unlock(r->emu);
    if (!id) {
        cJSON_Delete(ids);
        control_error(a, 400, "bad fault", why);
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "ids", ids);
    reply_json(a, 200, json);
}

static void serve_faults(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    if (is(r, "POST")) {
        add_faults(r, a, body);
        return;
    }
    emu_lock(r->emu);
    bool found = is(r, "DELETE") && faults_remove(&r->emu->faults, *rest ? rest : NULL);
    cJSON *json = cJSON_Duplicate(r->emu->faults.rules, true);
    emu_unlock(r->emu);
    if (is(r, "DELETE") && !found) {
        cJSON_Delete(json);
        control_error(a, 404, "no such fault", rest);
        return;
    }
    reply_json(a, 200, json);
}

static void serve_scripts(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    const char *wrong = NULL;
    (void)rest;
    emu_lock(r->emu);
    if (is(r, "DELETE"))
        scripts_clear(&r->emu->scripts);
    for (const cJSON *s = is(r, "POST") ? first_of(body) : NULL; s && !wrong;
         s = cJSON_IsArray(body) ? s->next : NULL)
        wrong = scripts_add(&r->emu->scripts, s);
    cJSON *json = cJSON_Duplicate(r->emu->scripts.all, true);
    emu_unlock(r->emu);
    if (wrong || (is(r, "POST") && !body)) {
        cJSON_Delete(json);
        control_error(a, 400, "bad script", wrong);
        return;
    }
    reply_json(a, 200, json);
}

static void serve_clock(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    struct emulator *emu = r->emu;
    (void)rest;
    emu_lock(emu);
    if (json_get(body, "speed"))
        clock_set_speed(&emu->clock, json_number(body, "speed", 1));
    clock_advance(&emu->clock, (int64_t)json_number(body, "advance_ms", 0));
    pthread_cond_broadcast(&emu->changed);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "now_ms", (double)clock_now(&emu->clock));
    cJSON_AddNumberToObject(json, "speed", emu->clock.speed);
    emu_unlock(emu);
    reply_json(a, 200, json);
}

static void serve_counters(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    struct emulator *emu = r->emu;
    (void)rest;
    (void)body;
    emu_lock(emu);
    cJSON *json = cJSON_Duplicate(emu->record.counters, true);
    cJSON *now = cJSON_AddObjectToObject(json, "now");
    cJSON_AddNumberToObject(now, "tasks", (double)emu->tasks.count);
    cJSON_AddNumberToObject(now, "tasks_in_process", (double)emu->tasks.active_count);
    cJSON_AddNumberToObject(now, "vocabularies", (double)emu->vocabularies.count);
    cJSON_AddNumberToObject(now, "callbacks_waiting", (double)emu->callbacks.count);
    cJSON *buckets = cJSON_AddObjectToObject(now, "objects"),
          *uploads = cJSON_AddObjectToObject(now, "uploads");
    for (size_t i = 0; i < emu->store.count; i++) {
        cJSON_AddNumberToObject(buckets, emu->store.buckets[i]->name, (double)emu->store.buckets[i]->count);
        cJSON_AddNumberToObject(uploads, emu->store.buckets[i]->name,
                                (double)emu->store.buckets[i]->upload_count);
    }
    if (is(r, "DELETE")) {
        record_reset(&emu->record);
        limits_reset(&emu->limits);
    }
    emu_unlock(emu);
    reply_json(a, 200, json);
}

static void serve_requests(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    const char *endpoint = pairs_get(&r->query, "endpoint");
    cJSON *json = cJSON_CreateArray(), *item;
    (void)rest;
    (void)body;
    emu_lock(r->emu);
    cJSON_ArrayForEach(item, r->emu->record.requests)
    {
        const char *name = json_text(item, "endpoint");
        if (!endpoint || (name && !strcmp(name, endpoint)))
            cJSON_AddItemToArray(json, cJSON_Duplicate(item, true));
    }
    emu_unlock(r->emu);
    reply_json(a, 200, json);
}

static void serve_violations(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    (void)rest;
    (void)body;
    emu_lock(r->emu);
    cJSON *json = cJSON_Duplicate(r->emu->record.violations, true);
    emu_unlock(r->emu);
    reply_json(a, 200, json);
}

static void serve_tasks(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    struct emulator *emu = r->emu;
    emu_lock(emu);
    struct task *t = *rest ? tasks_find(&emu->tasks, rest) : NULL;
    if (t && is(r, "POST") && json_get(body, "fault")) {
        cJSON_Delete(t->fault);
        t->fault =
            cJSON_IsObject(json_get(body, "fault")) ? cJSON_Duplicate(json_get(body, "fault"), true) : NULL;
        pthread_cond_broadcast(&emu->changed);
    }
    cJSON *all = tasks_save(&emu->tasks), *json = all, *item;
    if (*rest) {
        json = NULL;
        cJSON_ArrayForEach(item, all)
        {
            if (t && !strcmp(json_text(item, "task_id"), rest))
                json = cJSON_Duplicate(item, true);
        }
        cJSON_Delete(all);
    }
    emu_unlock(emu);
    if (json)
        reply_json(a, 200, json);
    else
        control_error(a, 404, "no such task", rest);
}

static void serve_callbacks(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    struct emulator *emu = r->emu;
    const char *task = json_text(body, "task_id"), *text = json_text(body, "body");
    (void)rest;
    emu_lock(emu);
    if (is(r, "POST"))
        callbacks_send(emu, task ? task : "", text, json_get(body, "fault"));
    if (is(r, "DELETE")) {
        cJSON_Delete(emu->callbacks.log);
        emu->callbacks.log = cJSON_CreateArray();
    }
    cJSON *json = cJSON_Duplicate(emu->callbacks.log, true);
    emu_unlock(emu);
    reply_json(a, 200, json);
}

static void serve_certificate(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    (void)rest;
    (void)body;
    cleanup_free char *pem = event_certificate(r->emu->callbacks.key);
    reply_text(a, 200, "application/x-pem-file", pem);
}

static void serve_vocabularies(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    (void)rest;
    (void)body;
    emu_lock(r->emu);
    cJSON *json = vocabularies_save(&r->emu->vocabularies);
    emu_unlock(r->emu);
    reply_json(a, 200, json);
}

static void serve_reset(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    struct emulator *emu = r->emu;
    (void)rest;
    (void)body;
    emu_lock(emu);
    emu->config = emu->start_config;
    faults_remove(&emu->faults, NULL);
    scripts_clear(&emu->scripts);
    record_reset(&emu->record);
    limits_reset(&emu->limits);
    clock_set_speed(&emu->clock, 1);
    pthread_cond_broadcast(&emu->changed);
    emu_unlock(emu);
    control_ok(a);
}

static void serve_buckets(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    (void)body;
    control_buckets(r, a, rest);
}

static void serve_keys(struct request *r, struct reply *a, const char *rest, const cJSON *body)
{
    (void)body;
    control_keys(r, a, rest);
}

static const struct {
    const char *name;
    void (*serve)(struct request *r, struct reply *a, const char *rest, const cJSON *body);
} subjects[] = {
    {"config", serve_config},
    {"faults", serve_faults},
    {"scripts", serve_scripts},
    {"clock", serve_clock},
    {"counters", serve_counters},
    {"requests", serve_requests},
    {"violations", serve_violations},
    {"tasks", serve_tasks},
    {"callbacks", serve_callbacks},
    {"certificate", serve_certificate},
    {"vocabularies", serve_vocabularies},
    {"reset", serve_reset},
    {"buckets", serve_buckets},
    {"keys", serve_keys},
};

void control_serve(struct request *r, struct reply *a)
{
    const char *name = r->path + strlen("/_emulator");
    name += *name == '/';
    size_t len = strcspn(name, "/");
    const char *rest = name + len + (name[len] == '/');
    bool object = !strncmp(name, "buckets/", 8); /* its body is content, not JSON */
    if (r->body.len && !object) {
        r->json = cJSON_ParseWithLength(spool_data(&r->body), r->body.len);
        if (!r->json) {
            control_error(a, 400, "the body is not JSON", NULL);
            return;
        }
    }
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        if (strlen(subjects[i].name) == len && !strncmp(subjects[i].name, name, len)) {
            subjects[i].serve(r, a, rest, r->json);
            return;
        }
    control_error(a, 404, "no such subject", name);
}
