/* Endpoint: submit a task. */
#include "tests/emulator/submit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/emulator/emulator.h"
#include "tests/emulator/features.h"
#include "tests/emulator/memory.h"

static bool asynchronous(const struct request *r)
{
    const char *header = request_header(r, "X-DashScope-Async");
    return header && !strcasecmp(header, "enable");
}

static bool scheme_known(const char *url)
{
    return !strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8) || !strncmp(url, "oss://", 6);
}

static bool urls_good(const struct request *r, struct reply *a, const cJSON *urls)
{
    const cJSON *url;
    if (!cJSON_IsArray(urls) || !cJSON_GetArraySize(urls)) {
        refuse_with(r, a, REFUSE_PARAMETER, "input must contain file_urls");
        return false;
    }
    if (cJSON_GetArraySize(urls) > r->config.max_file_urls) {
        refuse_with(r, a, REFUSE_PARAMETER, "The number of file_urls exceeds the limit of %d.",
                    (int)r->config.max_file_urls);
        return false;
    }
    cJSON_ArrayForEach(url, urls)
    {
        if (!cJSON_IsString(url)) {
            refuse_with(r, a, REFUSE_PARAMETER, "file_urls must be an array of strings.");
            return false;
        }
        if (!scheme_known(url->valuestring)) {
            refuse(r, a, REFUSE_URL);
            return false;
        }
    }
    return true;
}

static bool input_good(const struct request *r, struct reply *a, const struct model *m, const cJSON *input)
{
    if (!cJSON_IsObject(input)) {
        refuse(r, a, REFUSE_EMPTY_INPUT);
        return false;
    }
    if (m->family != FAMILY_FILETRANS)
        return urls_good(r, a, json_get(input, "file_urls"));
    const char *url = json_text(input, "file_url");
    if (!url) {
        refuse_with(r, a, REFUSE_PARAMETER, "input must contain file_url");
        return false;
    }
    if (!scheme_known(url))
        refuse(r, a, REFUSE_URL);
    return !a->status;
}

static void add_files(struct task *t, const cJSON *input)
{
    const cJSON *urls = json_get(input, "file_urls"), *url;
    bool one = t->model->family == FAMILY_FILETRANS;
    t->files = xcalloc(one ? 1 : (size_t)cJSON_GetArraySize(urls), sizeof *t->files);
    if (one)
        t->files[t->file_count++].url = xstrdup(json_text(input, "file_url"));
    else
        cJSON_ArrayForEach(url, urls)
        {
            t->files[t->file_count++].url = xstrdup(url->valuestring);
        }
}

static struct task *make_task(const struct request *r, const struct model *m)
{
    const cJSON *parameters = json_get(r->json, "parameters");
    const char *resolve = request_header(r, "X-DashScope-OssResourceResolve");
    struct task *t = xcalloc(1, sizeof *t);
    text_uuid(t->id);
    memcpy(t->request_id, r->id, sizeof t->request_id);
    memcpy(t->account, r->account, sizeof t->account);
    memcpy(t->key, r->key, sizeof t->key);
    t->model = m;
    t->region = r->region;
    t->parameters = cJSON_Duplicate(parameters, true);
    t->resolve = resolve && !strcasecmp(resolve, "enable");
    t->doomed = !parameters && r->place.workspace_host && r->region == REGION_SINGAPORE;
    add_files(t, json_get(r->json, "input"));
    return t;
}

static void accept(struct request *r, struct reply *a, const struct model *m)
{
    struct emulator *emu = r->emu;
    struct task *t = make_task(r, m);
    char id[UUID_SIZE];
    memcpy(id, t->id, sizeof id);
    struct fault_subject subject = {
        .model = m->name, .task_id = t->id, .key = t->key, .path = t->files[0].url};
    t->fault = faults_take(emu, "task", &subject);
    emu_lock(emu);
    t->submit_ms = clock_now(&emu->clock);
    for (size_t i = 0; i < t->file_count; i++)
        record_add(&emu->record, "submits_by_url", t->files[i].url, 1);
    record_add(&emu->record, "tasks", "SUBMITTED", 1);
    record_add(&emu->record, "tasks_by_model", m->name, 1);
    tasks_add(emu, t);
    record_peak(&emu->record, "peak", "tasks_in_process", (int64_t)emu->tasks.active_count);
    emu_unlock(emu);
    cJSON *json = cJSON_CreateObject(), *output = cJSON_AddObjectToObject(json, "output");
    cJSON_AddStringToObject(output, "task_status", "PENDING");
    cJSON_AddStringToObject(output, "task_id", id);
    cJSON_AddStringToObject(json, "request_id", r->id);
    reply_json(a, 200, json);
}

void submit_serve(struct request *r, struct reply *a)
{
    const struct model *m = model_find(r->model);
    const cJSON *parameters = json_get(r->json, "parameters");
    if (!asynchronous(r)) {
        record_violation(r->emu, r, "async_header_missing", NULL);
        refuse(r, a, REFUSE_NO_SYNC);
    } else if (!r->model || !*r->model) {
        refuse(r, a, REFUSE_EMPTY_MODEL);
    } else if (!m || !model_in(m, r->region)) {
        refuse(r, a, !strcmp(r->config.unknown_model, "404") ? REFUSE_MODEL_NOT_FOUND : REFUSE_MODEL);
    } else if (!(m->family & FAMILIES_TASK)) {
        refuse(r, a, REFUSE_NO_ASYNC);
    } else if (!input_good(r, a, m, json_get(r->json, "input"))) {
        return;
    } else if (parameters && !cJSON_IsObject(parameters)) {
        refuse_with(r, a, REFUSE_PARAMETER, "parameters should be an object.");
    } else if (features_check(r, a, m, parameters) && limits_submit(r, a, m)) {
        accept(r, a, m);
    }
}
