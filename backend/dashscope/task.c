/* Models that work in tasks: submit, watch, fetch.
 *
 * A submission whose answer is lost may have created a task, and a second one would cost a second time; there
 * is no way to say "the same again" to the service. So what may have arrived is looked for among
 * the account's latest tasks before it is submitted again (lost.c). */
#include "backend/dashscope/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/dashscope/budget.h"
#include "backend/dashscope/vocabulary.h"
#include "backend/faults.h"
#include "backend/secrets.h"
#include "backend/transcript.h"

enum { MOST_BUSY = 30, MOST_FETCHES = 5, MOST_DOWNLOADS = 2 };
#define SUBMIT_MS 60000
#define FETCH_DELAY_MS 1000              /* doubles */
#define RESULT_BYTES ((size_t)256 << 20) /* 12 hours of speech with word times are some 30 MB */

static void fail_memory(struct backend_job *job)
{
    struct error err = {0};
    error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    cloud_job_fail(job, &err);
}

/* ---- submitting ---- */

static void wait_for_turn(struct backend_job *job);

/* The task is known to the index before anybody asks about it. */
static void accepted(struct backend_job *job, const struct http_response *response)
{
    struct task_answer answer;
    struct error err = {0};
    if (parse_task(response->body, response->length, &answer, &err) != 0 || !answer.task_id) {
        task_answer_clear(&answer);
        if (err.class == ERROR_NONE)
            error_set(&err, ERROR_TRANSIENT, EBADMSG, "cloud.answer", "the service's answer names no task");
        cloud_job_fail(job, &err);
        return;
    }
    job->task_id = answer.task_id;
    answer.task_id = NULL;
    task_answer_clear(&answer);
    job->submitted_ms = cloud_wall_ms();
    cloud_job_checkpoint(job, cloud_job_watch);
}

/* It was certainly not submitted: the next attempt need not look for it. */
static void no_doubt(struct backend_job *job)
{
    job->intent_ms = 0;
    cloud_charge_withdraw(job);
    cloud_job_checkpoint(job, NULL);
}

static void on_submitted(void *context, const struct http_response *response)
{
    struct backend_job *job = context;
    struct budget *budget = cloud_job_budget(job);
    struct fault_text words;
    struct error err = {0};
    job->request = NULL;
    if (service_check(response, "submitting the recording", &words, &err) == 0) {
        budget_accepted(budget);
        accepted(job, response);
        return;
    }
    /* An answer that is a refusal, and a request that never got there, leave no doubt. */
    bool in_doubt =
        response->end != HTTP_ANSWERED ? response->sent : response->status == 200 || response->status >= 500;
    bool refused = response->end == HTTP_ANSWERED && response->status == 429 && err.class == ERROR_TRANSIENT;
    if (refused && ++job->attempts < MOST_BUSY) {
        budget_refused(budget, response->retry_after_ms);
        wait_for_turn(job);
        return;
    }
    if (strcmp(err.code, "cloud.vocabulary") == 0 && job->wishes.is.hotwords && job->vocabulary_id)
        vocabulary_forget(job->dashscope->vocabularies, job->vocabulary_id);
    if (!in_doubt)
        no_doubt(job);
    cloud_job_fail(job, &err);
}

static void send(struct backend_job *job)
{
    struct buffer body cleanup_buffer = {0};
    struct error err = {0};
    char *address = publish_address(job->dashscope->publisher, job->object, &err);
    if (address && cloud_job_body(job, address, &body) == 0)
        job->request = service_send(&job->dashscope->service,
                                    &(struct service_call){.method = "POST",
                                                           .path = "/api/v1/services/audio/asr/transcription",
                                                           .body = body.data,
                                                           .body_length = body.len,
                                                           .task = true,
                                                           .resolves = strncmp(address, "oss://", 6) == 0,
                                                           .once = true,
                                                           .total_ms = SUBMIT_MS,
                                                           .response_limit = 1 << 20,
                                                           .done = on_submitted,
                                                           .context = job},
                                    &err);
    else if (address)
        error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    if (body.data)
        explicit_bzero(body.data, body.len);
    secret_free(address);
    if (job->request)
        return;
    no_doubt(job);
    cloud_job_fail(job, &err);
}

/* The intent is durable before the request goes out. It is written only now, so that waiting in line leaves
 * no doubt. */
static void on_turn(void *context)
{
    struct backend_job *job = context;
    job->turn = NULL;
    job->intent_ms = cloud_wall_ms();
    cloud_charge_sent(job);
    cloud_job_checkpoint(job, send);
}

static void wait_for_turn(struct backend_job *job)
{
    struct budget *budget = cloud_job_budget(job);
    job->turn = budget ? budget_wait(budget, on_turn, job) : NULL;
    if (!job->turn)
        fail_memory(job);
}

/* An object that is only a path may be asked for by others as well, and proves nothing. */
void cloud_job_submit(struct backend_job *job)
{
    job->attempts = 0;
    if (job->intent_ms && job->dashscope->publish_kind != PUBLISH_URL)
        cloud_job_find_lost(job);
    else
        wait_for_turn(job);
}

/* ---- the result ---- */

static void fetch(struct backend_job *job);

static void on_fetched(void *context, const struct http_response *response)
{
    struct backend_job *job = context;
    struct error err = {0};
    struct transcript *transcript = NULL;
    job->request = NULL;
    if (response->end != HTTP_ANSWERED)
        fault_of_transport(response, "fetching the result", &err);
    else if (response->status != 200)
        error_set(&err, ERROR_TRANSIENT, EREMOTEIO, "cloud.answer", "fetching the result: HTTP %d",
                  response->status);
    else
        transcript = parse_result(response->body, response->length, &err);
    if (transcript) {
        buffer_add(&job->raw, response->body, response->length);
        if (job->billed_ms >= 0)
            transcript->billed_ms = job->billed_ms;
        cloud_job_finish(job, transcript);
    } else if (err.class == ERROR_TRANSIENT && ++job->attempts < MOST_FETCHES) {
        cloud_job_later(job, (int64_t)FETCH_DELAY_MS << (job->attempts - 1), fetch);
    } else {
        cloud_job_fail(job, &err);
    }
}

/* The address is signed: whoever has it may read, and a key in a header would make the storage refuse it. */
static void fetch(struct backend_job *job)
{
    struct dashscope *d = job->dashscope;
    struct error err = {0};
    if (!service_may_fetch(&d->service, job->result_url)) {
        error_set(&err, ERROR_PERSON, EPERM, "cloud.result_host",
                  "the result lies on a host that is not on the list");
        cloud_job_fail(job, &err);
        return;
    }
    job->request = http_start(d->service.http,
                              &(struct http_call){.method = "GET",
                                                  .url = job->result_url,
                                                  .plain_http = true,
                                                  .response_limit = RESULT_BYTES,
                                                  .done = on_fetched,
                                                  .context = job},
                              &err);
    if (!job->request)
        cloud_job_fail(job, &err);
}

/* ---- what became of it ---- */

/* The task is no more: another try begins with a new one. */
static void task_is_gone(struct backend_job *job, const struct error *err)
{
    free(job->task_id);
    job->task_id = NULL;
    job->intent_ms = 0;
    cloud_job_checkpoint(job, NULL);
    cloud_job_fail(job, err);
}

/* A service that could not get at the recording may succeed with a fresh address, or from another place;
 * once. */
static void download_failed(struct backend_job *job, const struct error *err)
{
    if (++job->downloads >= MOST_DOWNLOADS) {
        cloud_job_fail(job, err);
        return;
    }
    struct error again = *err;
    again.class = ERROR_TRANSIENT;
    cloud_job_leave(job);
    task_is_gone(job, &again);
}

static void task_failed(struct backend_job *job, const struct task_answer *answer)
{
    const struct fault_text *words = &answer->fault;
    struct fault fault = {0, words->code, words->message, words->request_id};
    struct error err = {0};
    fault_explain(&fault, &err);
    if (fault_is_download(&fault))
        download_failed(job, &err);
    else if (err.class == ERROR_PERMANENT)
        cloud_job_fail(job, &err);
    else
        task_is_gone(job, &err);
}

static void on_answer(void *context, const struct task_answer *answer)
{
    struct backend_job *job = context;
    struct error err = {0};
    job->polled = NULL;
    job->billed_ms = answer->billed_ms;
    free(job->request_id);
    job->request_id =
        answer->request_id ? strdup(answer->request_id) : NULL; /* only for people: may be missing */
    switch (answer->status) {
    case TASK_SUCCEEDED:
        job->attempts = 0;
        free(job->result_url);
        job->result_url = answer->result_url ? strdup(answer->result_url) : NULL;
        if (job->result_url) {
            fetch(job);
            return;
        }
        error_set(&err, ERROR_TRANSIENT, EBADMSG, "cloud.answer",
                  "the task succeeded, but says not where its result is");
        cloud_job_fail(job, &err);
        return;
    case TASK_SILENT:
        cloud_job_finish_silent(job);
        return;
    case TASK_FAILED:
        task_failed(job, answer);
        return;
    case TASK_CANCELED:
        error_set(&err, ERROR_TRANSIENT, ECANCELED, "cloud.canceled",
                  "the task was cancelled at the service");
        break;
    case TASK_UNKNOWN:
    case TASK_PENDING:
    case TASK_RUNNING:
        error_set(&err, ERROR_TRANSIENT, ESTALE, "cloud.expired",
                  "the service does not know the task any more");
        break;
    }
    task_is_gone(job, &err);
}

static void on_running(void *context)
{
    struct backend_job *job = context;
    job->events.progress(job->context, STAGE_RECOGNISING, 0,
                         job->facts.duration_ms > 0 ? job->facts.duration_ms : 0);
}

static void on_failed(void *context, const struct error *error)
{
    struct backend_job *job = context;
    job->polled = NULL;
    cloud_job_fail(job, error);
}

/* The service has the recording: thousands may wait for it, and each would hold descriptors. */
static void close_files(struct backend_job *job)
{
    int *fds[] = {&job->fd, &job->converted};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

void cloud_job_watch(struct backend_job *job)
{
    static const struct poller_events events = {on_running, on_answer, on_failed};
    close_files(job);
    job->events.progress(job->context, STAGE_SUBMITTED, 0, 0);
    job->polled = poller_watch(job->dashscope->poller, job->task_id, job->submitted_ms, &events, job);
    if (!job->polled)
        fail_memory(job);
}
