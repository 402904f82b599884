/* Tasks and the threads that move them on. */
#include "tests/emulator/task.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/link.h"
#include "tests/emulator/memory.h"

const char result_bucket[] = "dashscope-result-bj";

enum { JOBS = 4, IDLE_MS = 1000 };

bool task_finished(const struct task *t)
{
    return t->status >= TASK_SUCCEEDED;
}

const char *task_status_name(enum task_status status)
{
    static const char *const names[] = {"PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED"};
    return names[status];
}

void task_free(struct task *t)
{
    for (size_t i = 0; i < t->file_count; i++) {
        free(t->files[i].url);
        free(t->files[i].code);
        free(t->files[i].message);
        free(t->files[i].result_key);
        free(t->files[i].result_url);
    }
    free(t->files);
    free(t->code);
    free(t->message);
    free(t->odd_status);
    cJSON_Delete(t->parameters);
    cJSON_Delete(t->fault);
    free(t);
}

void tasks_free(struct tasks *t)
{
    for (size_t i = 0; i < t->count; i++)
        task_free(t->all[i]);
    free(t->all);
    free(t->active);
    *t = (struct tasks){0};
}

struct task *tasks_find(const struct tasks *t, const char *id)
{
    for (size_t i = t->count; i-- > 0;)
        if (!strcmp(t->all[i]->id, id))
            return t->all[i];
    return NULL;
}

size_t tasks_in_process(const struct tasks *t, const char *account, const struct model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < t->active_count; i++)
        n += t->active[i]->model == m && !strcmp(t->active[i]->account, account);
    return n;
}

static void activate(struct tasks *all, struct task *t)
{
    all->active = xgrow(all->active, all->active_count + 1, &all->active_capacity, sizeof *all->active);
    all->active[all->active_count++] = t;
}

void tasks_add(struct emulator *emu, struct task *t)
{
    struct tasks *all = &emu->tasks;
    all->all = xgrow(all->all, all->count + 1, &all->capacity, sizeof *all->all);
    all->all[all->count++] = t;
    if (!task_finished(t))
        activate(all, t);
    pthread_cond_broadcast(&emu->changed);
}

bool task_forgotten(const struct emulator *emu, const struct task *t)
{
    return task_finished(t) && clock_now(&emu->clock) - t->end_ms > emu->config.task_keep_ms;
}

/* ---- from state to state ---- */

static const char *const no_speech_codes[] = {"SUCCESS_WITH_NO_VALID_FRAGMENT", "ASR_RESPONSE_HAVE_NO_WORDS"};

static bool is_no_speech(const char *code)
{
    return code && (!strcmp(code, no_speech_codes[0]) || !strcmp(code, no_speech_codes[1]));
}

/* The end of the whole from the ends of its files. */
static void conclude(struct emulator *emu, struct task *t)
{
    size_t good = 0;
    struct task_file *bad = NULL;
    for (size_t i = 0; i < t->file_count; i++) {
        struct task_file *f = &t->files[i];
        good += !f->code;
        if (f->code && !bad)
            bad = f;
        if (f->code)
            continue;
        const char *name = t->model->family == FAMILY_FILETRANS ? strrchr(f->result_key, '/') + 1 : NULL;
        /* Links of the service show %2B, which careless re-encoding breaks: one second more or less gives
         * another signature. */
        for (int64_t more = 0; more < 64; more++) {
            free(f->result_url);
            f->result_url = link_signed(emu, result_bucket, "oss-cn-beijing", f->result_key,
                                        t->end_ms + emu->config.result_keep_ms + more * 1000, name);
            if (strstr(f->result_url, "%2B"))
                break;
        }
    }
    const char *shape = json_text(t->fault, "all_failed");
    if (!shape)
        shape = emu->config.all_failed;
    t->status = TASK_SUCCEEDED;
    if (!bad || good)
        return;
    bool filetrans = t->model->family == FAMILY_FILETRANS;
    if (is_no_speech(bad->code) && !strcmp(emu->config.no_speech, "status"))
        t->odd_status = xstrdup(bad->code);
    if (filetrans || strcmp(shape, "succeeded")) {
        t->status = TASK_FAILED;
        t->code = xstrdup(bad->code);
        t->message = xstrdup(bad->message);
    }
}

static void finish(struct emulator *emu, struct task *t, int64_t now)
{
    t->end_ms = now;
    conclude(emu, t);
    record_add(&emu->record, "tasks", task_status_name(t->status), 1);
    record_add(&emu->record, "tasks_finished_by_model", t->model->name, 1);
    callbacks_announce(emu, t);
}

static int64_t move_pending(struct emulator *emu, struct task *t, int64_t now)
{
    int64_t due = t->submit_ms + emu->config.pending_ms;
    if (json_true(t->fault, "pending") || t->queries < emu->config.pending_queries)
        return -1;
    if (now < due)
        return due - now;
    t->status = TASK_RUNNING;
    t->scheduled_ms = now;
    pthread_cond_broadcast(&emu->changed);
    return 0;
}

static int64_t move_running(struct emulator *emu, struct task *t, int64_t now)
{
    int64_t due = t->scheduled_ms + emu->config.running_ms;
    bool asked = t->queries >= emu->config.pending_queries + emu->config.running_queries;
    if (!t->job_done || json_true(t->fault, "stuck") || !asked)
        return -1;
    if (now < due)
        return due - now;
    finish(emu, t, now);
    return -1;
}

int64_t task_move(struct emulator *emu, struct task *t)
{
    int64_t now = clock_now(&emu->clock), wait = -1;
    if (t->status == TASK_PENDING)
        wait = move_pending(emu, t, now);
    if (t->status == TASK_RUNNING)
        wait = move_running(emu, t, now);
    return wait;
}

static void *move_all(void *arg)
{
    struct emulator *emu = arg;
    struct tasks *all = &emu->tasks;
    emu_lock(emu);
    while (!emu->stopping) {
        int64_t now = clock_now(&emu->clock), next = INT64_MAX;
        size_t kept = 0;
        for (size_t i = 0; i < all->active_count; i++) {
            struct task *t = all->active[i];
            int64_t wait = task_move(emu, t);
            if (wait >= 0 && wait < next)
                next = wait;
            if (!task_finished(t))
                all->active[kept++] = t;
        }
        all->active_count = kept;
        emu_wait(emu, next == INT64_MAX ? IDLE_MS : clock_wait(&emu->clock, now + next));
    }
    emu_unlock(emu);
    return NULL;
}

/* ---- jobs ---- */

static struct task *next_job(const struct tasks *all)
{
    for (size_t i = 0; i < all->active_count; i++)
        if (all->active[i]->status == TASK_RUNNING && !all->active[i]->job_taken)
            return all->active[i];
    return NULL;
}

static void *run_jobs(void *arg)
{
    struct emulator *emu = arg;
    emu_lock(emu);
    while (!emu->stopping) {
        struct task *t = next_job(&emu->tasks);
        if (!t) {
            emu_wait(emu, IDLE_MS);
            continue;
        }
        t->job_taken = true;
        emu_unlock(emu);
        bool done = job_run(emu, t);
        emu_lock(emu);
        t->job_done = done;
        pthread_cond_broadcast(&emu->changed);
    }
    emu_unlock(emu);
    return NULL;
}

int tasks_start(struct emulator *emu)
{
    struct tasks *all = &emu->tasks;
    int rc = pthread_create(&all->mover, NULL, move_all, emu);
    all->jobs = xcalloc(JOBS, sizeof *all->jobs);
    while (!rc && all->job_count < JOBS) {
        rc = pthread_create(&all->jobs[all->job_count], NULL, run_jobs, emu);
        all->job_count += !rc;
    }
    return rc;
}

void tasks_stop(struct emulator *emu)
{
    for (size_t i = 0; i < emu->tasks.job_count; i++)
        pthread_join(emu->tasks.jobs[i], NULL);
    pthread_join(emu->tasks.mover, NULL);
    free(emu->tasks.jobs);
}

/* ---- to and from the state file; what was being recognised begins again ---- */

static void save_text(cJSON *json, const char *name, const char *text)
{
    if (text)
        cJSON_AddStringToObject(json, name, text);
}

static cJSON *save_file(const struct task_file *f)
{
    cJSON *json = cJSON_CreateObject();
    save_text(json, "url", f->url);
    save_text(json, "code", f->code);
    save_text(json, "message", f->message);
    save_text(json, "result_key", f->result_key);
    save_text(json, "result_url", f->result_url);
    save_text(json, "sha256", f->sha256);
    cJSON_AddNumberToObject(json, "billed_ms", (double)f->billed_ms);
    cJSON_AddBoolToObject(json, "done", f->done);
    return json;
}

static cJSON *save_task(const struct task *t)
{
    cJSON *json = cJSON_CreateObject();
    save_text(json, "task_id", t->id);
    save_text(json, "request_id", t->request_id);
    save_text(json, "account", t->account);
    save_text(json, "key", t->key);
    save_text(json, "model", t->model->name);
    cJSON_AddNumberToObject(json, "region", t->region);
    save_text(json, "status", task_status_name(t->status));
    cJSON_AddNumberToObject(json, "submit_ms", (double)t->submit_ms);
    cJSON_AddNumberToObject(json, "scheduled_ms", (double)t->scheduled_ms);
    cJSON_AddNumberToObject(json, "end_ms", (double)t->end_ms);
    save_text(json, "code", t->code);
    save_text(json, "message", t->message);
    save_text(json, "odd_status", t->odd_status);
    cJSON_AddBoolToObject(json, "resolve", t->resolve);
    cJSON_AddBoolToObject(json, "doomed", t->doomed);
    cJSON_AddBoolToObject(json, "job_done", t->job_done);
    cJSON_AddNumberToObject(json, "queries", (double)t->queries);
    cJSON_AddNumberToObject(json, "told_terminal", (double)t->told_terminal);
    cJSON_AddItemToObject(json, "parameters",
                          t->parameters ? cJSON_Duplicate(t->parameters, true) : cJSON_CreateNull());
    if (t->fault)
        cJSON_AddItemToObject(json, "fault", cJSON_Duplicate(t->fault, true));
    cJSON *files = cJSON_AddArrayToObject(json, "files");
    for (size_t i = 0; i < t->file_count; i++)
        cJSON_AddItemToArray(files, save_file(&t->files[i]));
    return json;
}

cJSON *tasks_save(const struct tasks *t)
{
    cJSON *json = cJSON_CreateArray();
    for (size_t i = 0; i < t->count; i++)
        cJSON_AddItemToArray(json, save_task(t->all[i]));
    return json;
}

static void load_text(char *out, size_t size, const cJSON *json, const char *name)
{
    const char *text = json_text(json, name);
    snprintf(out, size, "%s", text ? text : "");
}

static void load_file(struct task_file *f, const cJSON *json)
{
    f->url = xstrdup(json_text(json, "url"));
    f->code = xstrdup(json_text(json, "code"));
    f->message = xstrdup(json_text(json, "message"));
    f->result_key = xstrdup(json_text(json, "result_key"));
    f->result_url = xstrdup(json_text(json, "result_url"));
    load_text(f->sha256, sizeof f->sha256, json, "sha256");
    f->billed_ms = (int64_t)json_number(json, "billed_ms", 0);
    f->done = json_true(json, "done");
}

static void load_task(struct emulator *emu, const cJSON *json)
{
    struct task *t = xcalloc(1, sizeof *t);
    load_text(t->id, sizeof t->id, json, "task_id");
    load_text(t->request_id, sizeof t->request_id, json, "request_id");
    load_text(t->account, sizeof t->account, json, "account");
    load_text(t->key, sizeof t->key, json, "key");
    t->model = model_find(json_text(json, "model"));
    t->region = (enum region)json_number(json, "region", 0);
    const char *status = json_text(json, "status");
    for (int i = TASK_PENDING; i <= TASK_CANCELED; i++)
        if (status && !strcmp(status, task_status_name((enum task_status)i)))
            t->status = (enum task_status)i;
    t->submit_ms = (int64_t)json_number(json, "submit_ms", 0);
    t->scheduled_ms = (int64_t)json_number(json, "scheduled_ms", 0);
    t->end_ms = (int64_t)json_number(json, "end_ms", 0);
    t->code = xstrdup(json_text(json, "code"));
    t->message = xstrdup(json_text(json, "message"));
    t->odd_status = xstrdup(json_text(json, "odd_status"));
    t->resolve = json_true(json, "resolve");
    t->doomed = json_true(json, "doomed");
    t->job_taken = t->job_done = json_true(json, "job_done");
    t->queries = (int64_t)json_number(json, "queries", 0);
    t->told_terminal = (int64_t)json_number(json, "told_terminal", 0);
    t->parameters = cJSON_IsObject(json_get(json, "parameters"))
                        ? cJSON_Duplicate(json_get(json, "parameters"), true)
                        : NULL;
    t->fault = cJSON_Duplicate(json_get(json, "fault"), true);
    t->file_count = (size_t)cJSON_GetArraySize(json_get(json, "files"));
    t->files = xcalloc(t->file_count, sizeof *t->files);
    for (size_t i = 0; i < t->file_count; i++)
        load_file(&t->files[i], cJSON_GetArrayItem(json_get(json, "files"), (int)i));
    if (!t->model) {
        task_free(t);
        return;
    }
    tasks_add(emu, t);
}

void tasks_load(struct emulator *emu, const cJSON *json)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json)
    {
        load_task(emu, item);
    }
}
