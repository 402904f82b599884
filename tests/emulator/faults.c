/* Faults on purpose. */
#include "tests/emulator/faults.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/emulator.h"
#include "tests/emulator/text.h"

static const char *const places[] = {"submit",   "query",  "list",       "cancel", "sync",   "chat",
                                     "policy",   "upload", "vocabulary", "token",  "result", "bucket",
                                     "download", "task",   "callback",   "*"};

static const char *const bookkeeping[] = {"on", "id", "skip", "count", "rate", "fired", "seen"};
static const char *const matching[] = {"model", "task_id", "sha256", "key", "method", "path"};
static const char *const effects[] = {
    "delay_ms",  "status",         "code",       "message",     "retry_after",   "location",
    "body",      "content_type",   "html",       "reset",       "lost",          "truncate",
    "malformed", "drip",           "split_utf8", "error_event", "stop_after",    "expired",
    "unknown",   "stuck",          "pending",    "subtask",     "all_failed",    "duplicate",
    "lose",      "contain_result", "version",    "tamper",      "event_task_id",
};

#define LISTED(list, name) listed(list, sizeof(list) / sizeof *(list), name)

static bool listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(list[i], name))
            return true;
    return false;
}

void faults_init(struct faults *f)
{
    *f = (struct faults){.rules = cJSON_CreateArray(), .seed = 1, .next_id = 1};
}

void faults_free(struct faults *f)
{
    cJSON_Delete(f->rules);
}

const char *faults_add(struct faults *f, const cJSON *rule, const char **why)
{
    const char *on = json_text(rule, "on");
    *why = "\"on\" is missing or unknown";
    if (!on || !LISTED(places, on))
        return NULL;
    bool effective = false;
    const cJSON *item;
    cJSON_ArrayForEach(item, rule)
    {
        bool effect = LISTED(effects, item->string);
        effective |= effect;
        *why = item->string;
        if (!effect && !LISTED(bookkeeping, item->string) && !LISTED(matching, item->string))
            return NULL;
    }
    *why = "nothing goes wrong";
    if (!effective)
        return NULL;
    char id[16];
    snprintf(id, sizeof id, "f%lld", (long long)f->next_id++);
    cJSON *copy = cJSON_Duplicate(rule, true);
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "id");
    cJSON *stored = cJSON_AddStringToObject(copy, "id", id);
    cJSON_AddItemToArray(f->rules, copy);
    return stored->valuestring;
}

bool faults_remove(struct faults *f, const char *id)
{
    bool found = !id;
    for (int i = cJSON_GetArraySize(f->rules) - 1; i >= 0; i--) {
        const char *this = json_text(cJSON_GetArrayItem(f->rules, i), "id");
        if (id && strcmp(this ? this : "", id))
            continue;
        cJSON_DeleteItemFromArray(f->rules, i);
        found = true;
    }
    return found;
}

static bool equal(const cJSON *rule, const char *key, const char *value)
{
    const char *wanted = json_text(rule, key);
    return !wanted || (value && !strcmp(wanted, value));
}

static bool matches(const cJSON *rule, const char *on, const struct fault_subject *s)
{
    const char *place = json_text(rule, "on"), *path = json_text(rule, "path");
    bool here = !strcmp(place, on) || (!strcmp(place, "*") && strcmp(on, "task") && strcmp(on, "download") &&
                                       strcmp(on, "callback"));
    /* A task is asked about twice: when it comes, and once its audio is known for the rules that name an
     * audio. */
    bool heard = !strcmp(on, "task") && s->sha256;
    return here && (!heard || json_text(rule, "sha256")) && equal(rule, "model", s->model) &&
           equal(rule, "task_id", s->task_id) && equal(rule, "sha256", s->sha256) &&
           equal(rule, "key", s->key) && equal(rule, "method", s->method) &&
           (!path || (s->path && strstr(s->path, path)));
}

/* Counts a match and says whether it fires. */
static bool fires(struct faults *f, cJSON *rule)
{
    json_count(rule, "seen", 1);
    if (json_number(rule, "seen", 0) <= json_number(rule, "skip", 0))
        return false;
    const cJSON *count = json_get(rule, "count");
    if (count && json_number(rule, "fired", 0) >= count->valuedouble)
        return false;
    double rate = json_number(rule, "rate", 1);
    if (rate < 1 && rand_r(&f->seed) / (RAND_MAX + 1.0) >= rate)
        return false;
    json_count(rule, "fired", 1);
    return true;
}

cJSON *faults_pick(struct faults *f, const char *on, const struct fault_subject *subject)
{
    cJSON *merged = NULL, *rule;
    cJSON_ArrayForEach(rule, f->rules)
    {
        if (!matches(rule, on, subject) || !fires(f, rule))
            continue;
        if (!merged)
            merged = cJSON_CreateObject();
        const cJSON *item;
        cJSON_ArrayForEach(item, rule)
        {
            if (!LISTED(effects, item->string))
                continue;
            cJSON_DeleteItemFromObjectCaseSensitive(merged, item->string);
            cJSON_AddItemToObject(merged, item->string, cJSON_Duplicate(item, true));
        }
    }
    return merged;
}

cJSON *faults_take(struct emulator *emu, const char *on, const struct fault_subject *subject)
{
    emu_lock(emu);
    cJSON *fault = faults_pick(&emu->faults, on, subject);
    if (fault)
        record_add(&emu->record, "faults", on, 1);
    emu_unlock(emu);
    return fault;
}
