/* Models that answer at once, whole or as they recognise, by their own interface or OpenAI's. */
#include "backend/dashscope/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/dashscope/budget.h"
#include "backend/dashscope/request.h"
#include "backend/dashscope/vocabulary.h"
#include "backend/faults.h"
#include "backend/publish/media_type.h"
#include "backend/secrets.h"
#include "backend/transcript.h"

enum { MOST_BUSY = 30, PATIENCE_SECONDS = 300 };
#define CALL_MS 600000 /* the service itself gives up after 300 s; sending 10 MB comes on top */
#define ANSWER_BYTES ((size_t)64 << 20)
#define EVENT_BYTES ((size_t)16 << 20)

static void wait_for_turn(struct backend_job *job);

static bool grows(const struct backend_job *job)
{
    return job->route.call == CALL_STREAM || job->route.call == CALL_CHAT_STREAM;
}

/* ---- the answer ---- */

static void report_text(struct backend_job *job)
{
    const char *text = answer_text(job->answer);
    if (!job->events.partial || (job->partial && strcmp(job->partial, text) == 0))
        return;
    free(job->partial);
    job->partial = strdup(text);
    job->events.partial(job->context, text);
}

static int take_event(void *context, const struct sse_event *event)
{
    struct backend_job *job = context;
    if (strcmp(event->type, "done") == 0 || strcmp(event->data, "[DONE]") == 0)
        return 0;
    if (strcmp(event->type, "error") == 0) {
        struct fault_text words;
        parse_fault(event->data, event->length, &words);
        struct fault fault = {event->status ? event->status : 400, words.code, words.message,
                              words.request_id};
        job->is_silent = fault_is_silence(&fault);
        fault_explain(&fault, &job->stream_error);
        return -EREMOTEIO;
    }
    struct error err = {0};
    int rc = answer_add(job->answer, event->data, event->length, &err);
    if (rc && event->cut)
        return 0; /* what is missing shows at the end */
    if (rc) {
        job->stream_error = err;
        return rc;
    }
    buffer_add(&job->raw, event->data, event->length);
    buffer_add(&job->raw, "\n", 1);
    return 0;
}

static int feed_failed(struct backend_job *job, int rc)
{
    if (rc && job->stream_error.class == ERROR_NONE && !job->is_silent)
        error_set(&job->stream_error, ERROR_TRANSIENT, -rc, "cloud.answer",
                  "the service's answer was not understood: %s", strerror(-rc));
    return rc;
}

static void on_data(void *context, const struct http_response *so_far, const char *data, size_t length)
{
    struct backend_job *job = context;
    const char *type = http_header(so_far, "Content-Type");
    job->is_stream = type && strncasecmp(type, "text/event-stream", 17) == 0;
    if (job->is_silent || job->stream_error.class != ERROR_NONE)
        return; /* nothing counts after an error */
    if (!job->is_stream) {
        buffer_add(&job->raw, data, length); /* it has not grown after all */
        return;
    }
    if (feed_failed(job, sse_feed(&job->sse, data, length, take_event, job)) == 0)
        report_text(job);
}

/* 0 when the answer is whole. */
static int take_answer(struct backend_job *job, const struct http_response *response, struct error *err)
{
    if (job->is_stream) {
        if (job->stream_error.class == ERROR_NONE && !job->is_silent)
            feed_failed(job, sse_end(&job->sse, take_event, job));
        *err = job->stream_error;
        return err->class == ERROR_NONE ? 0 : -EREMOTEIO;
    }
    if (!job->raw.len)
        buffer_add(&job->raw, response->body, response->length);
    return answer_add(job->answer, job->raw.data ? job->raw.data : "", job->raw.len, err);
}

static void finish(struct backend_job *job, const struct http_response *response)
{
    struct error err = {0};
    int rc = take_answer(job, response, &err);
    if (job->is_silent) {
        cloud_job_finish_silent(job);
        return;
    }
    struct transcript *transcript = rc ? NULL : answer_take(job->answer, job->facts.duration_ms, &err);
    if (!transcript) {
        cloud_job_fail(job, &err);
        return;
    }
    const char *id = http_header(response, "x-request-id");
    if (!transcript->request_id && id)
        transcript->request_id = strdup(id);
    cloud_job_finish(job, transcript);
}

/* A status of 400 that says nothing but an empty text has been seen for silence as well. */
static bool said_silence(const struct http_response *response, const struct fault_text *words)
{
    if (response->end != HTTP_ANSWERED || response->status != 400)
        return false;
    if (fault_is_silence(&(struct fault){.code = words->code, .message = words->message}))
        return true;
    return !words->code[0] && !words->message[0] && strstr(response->body, "\"text\":\"\"");
}

static void on_done(void *context, const struct http_response *response)
{
    struct backend_job *job = context;
    struct fault_text words;
    struct error err = {0};
    job->request = NULL;
    bool error_came_first = job->is_silent || job->stream_error.class != ERROR_NONE;
    int rc = service_check(response, "transcribing the recording", &words, &err);
    if (rc == 0 || error_came_first) {
        budget_accepted(cloud_job_budget(job));
        finish(job, response);
        return;
    }
    if (said_silence(response, &words)) {
        cloud_job_finish_silent(job);
        return;
    }
    bool refused = response->end == HTTP_ANSWERED && response->status == 429 && err.class == ERROR_TRANSIENT;
    if (refused && ++job->attempts < MOST_BUSY) {
        budget_refused(cloud_job_budget(job), response->retry_after_ms);
        wait_for_turn(job);
        return;
    }
    if (strcmp(err.code, "cloud.vocabulary") == 0 && job->wishes.is.hotwords && job->vocabulary_id)
        vocabulary_forget(job->dashscope->vocabularies, job->vocabulary_id);
    /* A refusal is not billed; a broken answer, or a fault in the middle, may be. */
    if (response->end == HTTP_ANSWERED ? response->status < 500 : !response->sent)
        cloud_charge_withdraw(job);
    cloud_job_fail(job, &err);
}

/* ---- the request ---- */

/* The address of the published recording, or the recording itself. */
static int audio(struct backend_job *job, struct buffer *out, struct error *err)
{
    if (job->object) {
        char *address = publish_address(job->dashscope->publisher, job->object, err);
        if (!address)
            return -EIO;
        buffer_puts(out, address);
        secret_free(address);
        return buffer_error(out) ? error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory")
                                 : 0;
    }
    int rc = request_data_uri(cloud_job_file(job), media_type(cloud_job_file_name(job)),
                              CATALOGUE_INLINE_BYTES, out);
    if (rc == -EFBIG)
        return error_set(err, ERROR_PERMANENT, EFBIG, "media.too_large",
                         "the recording is too large for this model");
    if (rc)
        return error_set(err, rc == -ESTALE ? ERROR_CHANGED : ERROR_TRANSIENT, -rc, "io.read", "%s",
                         strerror(-rc));
    return 0;
}

static void on_turn(void *context)
{
    struct backend_job *job = context;
    struct buffer address cleanup_buffer = {0}, body cleanup_buffer = {0};
    struct error err = {0};
    job->turn = NULL;
    cloud_charge_sent(job);
    answer_free(job->answer);
    job->answer =
        answer_new(job->route.call == CALL_STREAM && job->route.model->family == FAMILY_QWEN_ASR_FLASH);
    sse_clear(&job->sse);
    job->sse.limit = EVENT_BYTES;
    buffer_clear(&job->raw);
    job->stream_error = (struct error){0};
    job->is_stream = job->is_silent = false;
    if (!job->answer) {
        error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    } else if (audio(job, &address, &err) == 0) {
        if (cloud_job_body(job, address.data, &body) != 0)
            error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
        else
            job->request =
                service_send(&job->dashscope->service,
                             &(struct service_call){.method = "POST",
                                                    .path = request_path(job->route.call),
                                                    .body = body.data,
                                                    .body_length = body.len,
                                                    .stream = grows(job),
                                                    .resolves = strncmp(address.data, "oss://", 6) == 0,
                                                    .once = true,
                                                    .total_ms = CALL_MS,
                                                    .patience_seconds = PATIENCE_SECONDS,
                                                    .response_limit = ANSWER_BYTES,
                                                    .on_data = grows(job) ? on_data : NULL,
                                                    .done = on_done,
                                                    .context = job},
                             &err);
    }
    if (!job->request) {
        cloud_charge_withdraw(job);
        cloud_job_fail(job, &err);
        return;
    }
    job->events.progress(job->context, STAGE_RECOGNISING, 0,
                         job->facts.duration_ms > 0 ? job->facts.duration_ms : 0);
}

static void wait_for_turn(struct backend_job *job)
{
    struct budget *budget = cloud_job_budget(job);
    job->turn = budget ? budget_wait(budget, on_turn, job) : NULL;
    if (!job->turn) {
        struct error err = {0};
        error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
        cloud_job_fail(job, &err);
    }
}

void cloud_job_direct(struct backend_job *job)
{
    job->attempts = 0;
    wait_for_turn(job);
}
