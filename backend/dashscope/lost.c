/* A submission whose answer never came: did the service take it? Submitting again might cost a second time,
 * and there is no way to say "the same again". So the account's latest tasks are listed, and those of our
 * model from that time are asked what they transcribe: the object we published has a random name, so a task
 * that names it is ours.
 *
 *   list page by page ── each candidate: query ─┬─ names our object: it is ours, go on with it
 *                                               ├─ names none (it runs): once more later
 *                                               └─ names another, or is gone: not ours
 *
 * Tasks that a job here has already are nobody's lost ones, and what was learned of a task is kept for the next search.
 * Where the list cannot be had, or nothing is found after so many queries, the recording is submitted again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/base/cleanup.h"
#include "backend/dashscope/budget.h"
#include "backend/dashscope/job.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/dashscope/strangers.h"
#include "backend/faults.h"

enum { MOST_CANDIDATES = 200, MOST_PAGES = 10, PAGE = 100, MOST_QUERIES = 500 };
#define BEFORE_MS 60000                       /* the clocks may differ … */
#define AFTER_MS (10 * 60000)                 /* … and it may have waited for its turn */
#define AGAIN_MS 5000                         /* between two rounds of queries about those that still run; doubles */
#define LONGEST_AGAIN_MS (5 * 60000)
#define LONGEST_MS (4 * INT64_C(3600) * 1000) /* a task ends within 3 hours, one way or the other */
#define QUERY_MS 30000

struct lost {
    char *id[MOST_CANDIDATES]; /* NULL: it is not ours */
    int count, at, page;
    int rounds, queries;
    bool some_run;
    int seen; /* in the list so far */
    int64_t oldest_ms;
    bool unordered; /* the list does not go from the newest to the oldest */
};

static void ask_next(struct backend_job *job);
static void list(struct backend_job *job);

void cloud_lost_free(struct lost *lost)
{
    for (int i = 0; lost && i < lost->count; i++)
        free(lost->id[i]);
    free(lost);
}

static void not_found(struct backend_job *job)
{
    cloud_lost_free(job->lost);
    job->lost = NULL;
    job->intent_ms = 0;
    if (!cloud_job_is_elsewhere(job)) {
        cloud_job_submit(job);
        return;
    }
    cloud_job_leave(job);
    cloud_job_prepare(job);
}

/* A request of the query budget: `next` when it is its turn. */
static void in_turn(struct backend_job *job, void (*next)(void *job))
{
    job->turn = budget_wait(job->dashscope->queries, next, job);
    if (!job->turn)
        not_found(job);
}

/* The service cannot be asked now: whoever does not know whether he has paid does not pay again, but tries
 * later. */
static void cannot_ask(struct backend_job *job, const struct error *err)
{
    if (err->class == ERROR_TRANSIENT || err->class == ERROR_PERSON)
        cloud_job_fail(job, err);
    else
        not_found(job);
}

/* ---- candidates ---- */

static void found(struct backend_job *job, const char *id)
{
    job->task_id = strdup(id);
    job->submitted_ms = job->intent_ms;
    cloud_lost_free(job->lost);
    job->lost = NULL;
    if (job->task_id)
        cloud_job_checkpoint(job, cloud_job_watch);
    else
        not_found(job);
}

static void judge(struct backend_job *job, const struct task_answer *answer)
{
    struct lost *lost = job->lost;
    const char *id = lost->id[lost->at];
    bool runs = answer->status == TASK_PENDING || answer->status == TASK_RUNNING;
    if (answer->file_url || !runs) /* some models say only in the result what it is of */
        strangers_add(&job->dashscope->strangers, id, answer->file_url);
    if (answer->file_url && strstr(answer->file_url, job->object)) {
        found(job, id);
        return;
    }
    if (runs && !answer->file_url) {
        lost->some_run = true;
    } else {
        free(lost->id[lost->at]);
        lost->id[lost->at] = NULL;
    }
    lost->at++;
    ask_next(job);
}

static void on_result(void *context, const struct http_response *response)
{
    struct backend_job *job = context;
    struct error err = {0};
    job->request = NULL;
    if (response->end != HTTP_ANSWERED)
        fault_of_transport(response, "looking for a task", &err);
    else if (response->status >= 500)
        error_set(&err, ERROR_TRANSIENT, EREMOTEIO, "cloud.answer", "looking for a task: HTTP %d",
                  response->status);
    if (err.class == ERROR_TRANSIENT) {
        cannot_ask(job, &err);
        return;
    }
    cJSON *root cleanup_json = cJSON_ParseWithLength(response->body, response->length);
    const char *file = response->status == 200 ? json_text(root, "file_url") : NULL;
    char *copy cleanup_free = file ? strdup(file) : NULL;
    judge(job, &(struct task_answer){.status = TASK_SUCCEEDED, .file_url = copy});
}

static void on_queried(void *context, const struct http_response *response)
{
    struct backend_job *job = context;
    struct task_answer answer;
    struct error err = {0};
    job->request = NULL;
    int rc = service_check(response, "looking for a task", NULL, &err);
    rc = rc ? rc : parse_task(response->body, response->length, &answer, &err);
    if (rc) {
        cannot_ask(job, &err);
        return;
    }
    if (!answer.file_url && answer.result_url &&
        service_may_fetch(&job->dashscope->service, answer.result_url))
        job->request = http_start(job->dashscope->service.http,
                                  &(struct http_call){.method = "GET",
                                                      .url = answer.result_url,
                                                      .plain_http = true,
                                                      .response_limit = (size_t)256 << 20,
                                                      .done = on_result,
                                                      .context = job},
                                  NULL);
    if (!job->request)
        judge(job, &answer);
    task_answer_clear(&answer);
}

static void query(void *context)
{
    struct backend_job *job = context;
    struct error err = {0};
    char path[300];
    job->turn = NULL;
    job->lost->queries++;
    if (service_task_path(job->lost->id[job->lost->at], "", path, sizeof path))
        job->request = service_send(&job->dashscope->service,
                                    &(struct service_call){.method = "GET",
                                                           .path = path,
                                                           .total_ms = QUERY_MS,
                                                           .response_limit = 4 << 20,
                                                           .done = on_queried,
                                                           .context = job},
                                    &err);
    if (!job->request)
        cannot_ask(job, &err);
}

/* A job of ours knows it, and that one is not looking for anything. */
static bool is_known(const struct backend_job *job, const char *id)
{
    const struct backend_job *other;
    if (poller_watches(job->dashscope->poller, id))
        return true;
    DL_FOREACH2(job->dashscope->jobs, other, following)
    {
        if (other->task_id && strcmp(other->task_id, id) == 0)
            return true;
    }
    return false;
}

/* The next candidate that has to be asked about is at lost->at. True when one is known to be ours. */
static bool pass_known(struct backend_job *job)
{
    struct lost *lost = job->lost;
    for (; lost->at < lost->count; lost->at++) {
        const char *id = lost->id[lost->at];
        const char *names = id ? strangers_names(job->dashscope->strangers, id) : NULL;
        if (names && names[0] && strstr(names, job->object))
            return true;
        if (id && !names && !is_known(job, id))
            return false;
        free(lost->id[lost->at]);
        lost->id[lost->at] = NULL;
    }
    return false;
}

static int64_t again_ms(const struct lost *lost)
{
    int64_t pause = AGAIN_MS;
    for (int i = 0; i < lost->rounds && pause < LONGEST_AGAIN_MS; i++)
        pause *= 2;
    return pause < LONGEST_AGAIN_MS ? pause : LONGEST_AGAIN_MS;
}

static void ask_next(struct backend_job *job)
{
    struct lost *lost = job->lost;
    if (pass_known(job)) {
        found(job, lost->id[lost->at]);
    } else if (lost->queries >= MOST_QUERIES) {
        not_found(job);
    } else if (lost->at < lost->count) {
        in_turn(job, query);
    } else if (lost->some_run && cloud_wall_ms() - job->intent_ms < LONGEST_MS) {
        int64_t pause = again_ms(lost);
        lost->rounds++;
        lost->some_run = false;
        lost->at = 0;
        cloud_job_later(job, pause, ask_next);
    } else {
        not_found(job);
    }
}

/* ---- the list ---- */

static bool is_ours(const struct backend_job *job, const cJSON *item)
{
    const struct model *model = job->route.model;
    const char *name = json_text(item, "model_name"), *id = json_text(item, "task_id");
    int64_t created;
    if (!id || !json_number(item, "gmt_create", &created) || is_known(job, id))
        return false;
    bool in_time = created >= job->intent_ms - BEFORE_MS && created <= job->intent_ms + AFTER_MS;
    return in_time && (!name || strcmp(name, model->name) == 0 ||
                       (model->snapshot && strcmp(name, model->snapshot) == 0));
}

static void on_listed(void *context, const struct http_response *response)
{
    struct backend_job *job = context;
    struct lost *lost = job->lost;
    struct error err = {0};
    job->request = NULL;
    if (response->end == HTTP_ANSWERED && (response->status == 404 || response->status == 405)) {
        not_found(job); /* a gateway without lists */
        return;
    }
    cJSON *root cleanup_json = NULL;
    if (service_check(response, "looking for a task", NULL, &err) == 0)
        root = json_parse(response->body, response->length, &err);
    if (!root) {
        cannot_ask(job, &err);
        return;
    }
    const cJSON *data = json_get(root, "data"), *item;
    int64_t pages = 0;
    bool all_older = true;
    json_number(root, "total_page", &pages);
    cJSON_ArrayForEach(item, data)
    {
        int64_t created = 0;
        bool follows = json_number(item, "gmt_create", &created) && (!lost->seen || created <= lost->oldest_ms);
        lost->unordered |= !follows;
        lost->oldest_ms = created;
        lost->seen++;
        all_older &= created < job->intent_ms - BEFORE_MS;
        if (lost->count < MOST_CANDIDATES && is_ours(job, item) &&
            (lost->id[lost->count] = strdup(json_text(item, "task_id"))))
            lost->count++;
    }
    /* The newest come first, and the pages to come are older still. A single task shows no order. */
    bool enough = all_older && !lost->unordered && lost->seen > 1;
    if (!enough && cJSON_GetArraySize(data) > 0 && lost->page < pages && lost->page < MOST_PAGES)
        list(job);
    else
        ask_next(job);
}

static void send_list(void *context)
{
    struct backend_job *job = context;
    struct error err = {0};
    char path[100];
    job->turn = NULL;
    snprintf(path, sizeof path, "/api/v1/tasks/?page_no=%d&page_size=%d", ++job->lost->page, PAGE);
    job->request = service_send(&job->dashscope->service,
                                &(struct service_call){.method = "GET",
                                                       .path = path,
                                                       .total_ms = QUERY_MS,
                                                       .response_limit = 4 << 20,
                                                       .done = on_listed,
                                                       .context = job},
                                &err);
    if (!job->request)
        cannot_ask(job, &err);
}

static void list(struct backend_job *job)
{
    in_turn(job, send_list);
}

void cloud_job_find_lost(struct backend_job *job)
{
    job->lost = calloc(1, sizeof *job->lost);
    if (!job->lost) {
        not_found(job);
        return;
    }
    job->events.progress(job->context, STAGE_SUBMITTED, 0, 0);
    list(job);
}
