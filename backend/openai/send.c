/* Sending a recording, or its parts one after the other, and what the answers lead to. */
#include "backend/openai/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/faults.h"
#include "backend/openai/answer.h"
#include "backend/openai/refusal.h"
#include "backend/secrets.h"
#include "backend/stitch.h"
#include "backend/transcript.h"

enum {
    PATIENCE_SECONDS = 600, /* servers answer only at the end: so long at least, or … */
    PATIENCE_FACTOR = 4,    /* … so many times the recording's length, without a byte */
    MOST_ATTEMPTS = 6,
};
#define LONGEST_PAUSE_MS ((int64_t)600000) /* that a server may ask for; else the job is queued again */
#define FIRST_PAUSE_MS 2000                /* between attempts at one part of several; doubled each time */
#define ANSWER_BYTES ((size_t)64 << 20)
#define EVENT_BYTES ((size_t)16 << 20)

static struct openai_part *part_of(const struct backend_job *job)
{
    return &job->parts[job->part];
}

static void out_of_memory(struct backend_job *job)
{
    struct error err = {0};
    error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    openai_job_fail(job, &err);
}

/* ---- the accounts ---- */

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct backend_charge charge_of(const struct backend_job *job, int64_t at_ms, enum charge_kind kind,
                                       int64_t billed_ms)
{
    const struct openai *o = job->openai;
    struct backend_charge charge = {
        .at_ms = at_ms, .kind = kind, .model = job->wishes.model ? job->wishes.model : "", .billed_ms = billed_ms};
    if (o->price_per_minute > 0) {
        charge.cost_micro = (int64_t)((double)billed_ms / 60000 * o->price_per_minute * 1e6 + 0.5);
        memcpy(charge.currency, o->currency, sizeof charge.currency);
    }
    return charge;
}

static void report_charge(struct backend_job *job, enum charge_kind kind, int64_t billed_ms)
{
    struct backend_charge charge = charge_of(job, job->charged_ms, kind, billed_ms);
    if (job->charged_ms && job->events.charged)
        job->events.charged(job->context, &charge);
}

static int64_t length_ms(const struct backend_job *job)
{
    return job->facts.duration_ms > 0 ? job->facts.duration_ms : 0;
}

static void withdraw_charge(struct backend_job *job)
{
    report_charge(job, CHARGE_NONE, 0);
    job->charged_ms = 0;
}

/* One that has a price, and a server elsewhere that wants a key is taken for one that wants money. */
static bool costs_money(const struct openai *o, bool has_key)
{
    return o->price_per_minute > 0 || (has_key && !o->is_loopback);
}

bool openai_job_may_send(struct backend_job *job)
{
    struct error err = {0};
    int64_t until_ms = 0;
    char *authorization = openai_authorization(job->openai, &err);
    bool has_key = authorization != NULL;
    secret_free(authorization);
    if (err.class != ERROR_NONE) {
        openai_job_fail(job, &err);
        return false;
    }
    struct backend_charge most = charge_of(job, wall_ms(), CHARGE_POSSIBLE, length_ms(job));
    if (!job->events.may_send || !costs_money(job->openai, has_key) ||
        job->events.may_send(job->context, &most, &err, &until_ms))
        return true;
    if (until_ms)
        openai_job_postpone(job, &err, until_ms);
    else
        openai_job_fail(job, &err);
    return false;
}

/* Before the first request. */
static void charge(struct backend_job *job, bool has_key)
{
    if (job->charged_ms || !costs_money(job->openai, has_key))
        return;
    job->charged_ms = wall_ms();
    report_charge(job, CHARGE_POSSIBLE, length_ms(job));
}

static void settle(struct backend_job *job, struct transcript *t)
{
    if (!job->charged_ms)
        return;
    if (t->billed_ms <= 0 && job->facts.duration_ms > 0) {
        t->billed_ms = job->facts.duration_ms;
        t->billed_estimated = true;
    }
    struct backend_charge bill = charge_of(job, job->charged_ms,
                                           t->billed_estimated ? CHARGE_ESTIMATED : CHARGE_BILLED, t->billed_ms);
    t->cost_micro = bill.cost_micro;
    memcpy(t->currency, bill.currency, sizeof t->currency);
    report_charge(job, bill.kind, bill.billed_ms);
}

/* ---- modes ---- */

/* What the server refused one job it will refuse another that asks for the same. */
static bool asks_as_usual(const struct backend_job *job)
{
    const struct openai_wishes *mine = &job->wishes, *usual = &job->openai->wishes;
    const char *model = usual->model ? usual->model : "whisper-1";
    return mine->format == usual->format && mine->words == usual->words && mine->model &&
           strcmp(mine->model, model) == 0;
}

static bool ask_for_less(struct backend_job *job)
{
    if (!openai_next_mode(&job->wishes, &job->mode))
        return false;
    if (asks_as_usual(job) && job->openai->mode < job->mode)
        job->openai->mode = job->mode;
    return true;
}

/* ---- the whole ---- */

static void put_together(struct backend_job *job)
{
    struct stitch_part *parts cleanup_free = calloc(job->part_count, sizeof *parts);
    struct transcript *whole = NULL;
    struct error err = {0};
    if (!parts) {
        out_of_memory(job);
        return;
    }
    if (job->part_count == 1) {
        whole = steal_ptr(job->parts[0].transcript);
    } else {
        for (size_t i = 0; i < job->part_count; i++)
            parts[i] = (struct stitch_part){.transcript = job->parts[i].transcript,
                                            .begin_ms = job->parts[i].begin_ms,
                                            .end_ms = job->parts[i].end_ms};
        whole = stitch(parts, job->part_count, &err);
    }
    if (!whole) {
        openai_job_fail(job, &err);
        return;
    }
    settle(job, whole);
    openai_job_finish(job, whole);
}

static void take_part(struct backend_job *job, struct transcript *transcript)
{
    part_of(job)->transcript = transcript;
    job->attempts = 0;
    if (job->partial.len)
        buffer_puts(&job->partial, "\n");
    buffer_puts(&job->partial, openai_answer_text(job->answer));
    if (++job->part == job->part_count)
        put_together(job);
    else
        openai_job_wait(job);
}

/* ---- failures ---- */

/* Once more after a pause, if the server asks for one that is not too long, or if earlier parts would be lost
 * and paid for again; everything else is for the runner. */
static void again(struct backend_job *job, const struct error *err, int64_t pause_ms)
{
    struct openai *o = job->openai;
    if (pause_ms < 0 && job->part > 0)
        pause_ms = (int64_t)FIRST_PAUSE_MS << job->attempts;
    bool worth_it = err->class == ERROR_TRANSIENT && pause_ms >= 0 && pause_ms <= LONGEST_PAUSE_MS;
    if (!worth_it || ++job->attempts >= MOST_ATTEMPTS) {
        openai_job_fail(job, err);
        return;
    }
    if (o->not_before < loop_now_ms() + pause_ms)
        o->not_before = loop_now_ms() + pause_ms;
    openai_job_wait(job);
}

static void finish_silent(struct backend_job *job)
{
    struct transcript *t = transcript_new();
    if (t)
        take_part(job, t);
    else
        out_of_memory(job);
}

static void refused(struct backend_job *job, const struct http_response *response)
{
    struct openai_refusal refusal;
    struct error err = {0};
    openai_refusal_read(response->status, response->body, response->length, &refusal);
    if (openai_refusal_of_format(&refusal) && ask_for_less(job)) {
        openai_job_wait(job);
        return;
    }
    if (job->part == 0 && response->status < 500)
        withdraw_charge(job);
    if (openai_refusal_is_silence(&refusal)) {
        finish_silent(job);
        return;
    }
    openai_refusal_explain(&refusal, http_header(response, "x-request-id"), &err);
    again(job, &err, openai_wait_ms(response));
}

/* ---- answers ---- */

static void report_text(struct backend_job *job)
{
    const char *text = openai_answer_text(job->answer);
    int64_t reached_ms = openai_answer_reached_ms(job->answer);
    if (reached_ms > 0)
        job->events.progress(job->context, STAGE_RECOGNISING, part_of(job)->begin_ms + reached_ms,
                             job->facts.duration_ms > 0 ? job->facts.duration_ms : 0);
    if (!job->events.partial || !*text)
        return;
    struct buffer all cleanup_buffer = {0};
    if (job->partial.len)
        buffer_printf(&all, "%s\n", job->partial.data);
    buffer_puts(&all, text);
    if (buffer_error(&all) == 0)
        job->events.partial(job->context, all.data);
}

static int take_event(void *context, const struct sse_event *event)
{
    struct backend_job *job = context;
    struct error err = {0};
    int rc = openai_answer_event(job->answer, event->data, event->length, &err);
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

static void check_stream(struct backend_job *job, int rc)
{
    if (rc && job->stream_error.class == ERROR_NONE)
        error_set(&job->stream_error, ERROR_TRANSIENT, -rc, "cloud.answer",
                  "the server's answer was not understood: %s", strerror(-rc));
}

static void on_data(void *context, const struct http_response *so_far, const char *data, size_t length)
{
    struct backend_job *job = context;
    const char *type = http_header(so_far, "Content-Type");
    job->is_stream = type && strncasecmp(type, "text/event-stream", 17) == 0;
    if (!job->is_stream) {
        buffer_add(&job->body, data, length); /* it has not grown after all */
    } else if (job->stream_error.class == ERROR_NONE) {
        check_stream(job, sse_feed(&job->sse, data, length, take_event, job));
        report_text(job);
    }
}

static int take_body(struct backend_job *job, const struct http_response *response, struct error *err)
{
    const char *type = http_header(response, "Content-Type");
    bool text_is_fine = job->mode >= MODE_TEXT || (type && strncasecmp(type, "text/plain", 10) == 0);
    if (!job->body.len)
        buffer_add(&job->body, response->body, response->length);
    buffer_puts(&job->body, "");
    buffer_add(&job->raw, job->body.data, job->body.len);
    buffer_add(&job->raw, "\n", 1);
    if (buffer_error(&job->body) || buffer_error(&job->raw))
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    return openai_answer_body(job->answer, job->body.data, job->body.len, text_is_fine, err);
}

static int take_stream(struct backend_job *job, struct error *err)
{
    if (job->stream_error.class == ERROR_NONE)
        check_stream(job, sse_end(&job->sse, take_event, job));
    *err = job->stream_error;
    return err->class == ERROR_NONE ? 0 : -EREMOTEIO;
}

static void answered(struct backend_job *job, const struct http_response *response)
{
    const struct openai_part *part = part_of(job);
    int64_t length_ms = part->end_ms >= 0 ? part->end_ms - part->begin_ms : -1;
    const char *id = http_header(response, "x-request-id");
    struct error err = {0};
    struct transcript *t = NULL;
    int rc = job->is_stream ? take_stream(job, &err) : take_body(job, response, &err);
    if (rc == 0)
        t = openai_answer_take(job->answer, length_ms, &err);
    if (!t) {
        again(job, &err, -1);
        return;
    }
    if (id && !t->request_id)
        t->request_id = strdup(id); /* without memory it stays unknown */
    take_part(job, t);
}

static void on_done(void *context, const struct http_response *response)
{
    struct backend_job *job = context;
    struct error err = {0};
    job->request = NULL;
    job->openai->sending--;
    openai_look(job->openai);
    if (response->end != HTTP_ANSWERED) {
        if (!response->sent && job->part == 0)
            withdraw_charge(job);
        fault_of_transport(response, "transcribing the recording", &err);
        again(job, &err, -1);
    } else if (response->status >= 200 && response->status <= 299) {
        answered(job, response);
    } else {
        refused(job, response);
    }
}

/* ---- the request ---- */

static void on_progress(void *context, int64_t sent, int64_t received)
{
    struct backend_job *job = context;
    const struct openai_part *part = part_of(job);
    (void)received;
    int64_t before = 0, total = 0;
    for (size_t i = 0; i < job->part_count; i++) {
        before += i < job->part ? job->parts[i].file.length : 0;
        total += job->parts[i].file.length;
    }
    if (sent < part->file.length)
        job->events.progress(job->context, STAGE_PUBLISHING, before + sent, total);
    else if (openai_answer_reached_ms(job->answer) == 0)
        job->events.progress(job->context, STAGE_RECOGNISING, part->begin_ms,
                             job->facts.duration_ms > 0 ? job->facts.duration_ms : 0);
}

static int patience(const struct openai_part *part)
{
    int64_t seconds = part->end_ms > 0 ? (part->end_ms - part->begin_ms) / 1000 * PATIENCE_FACTOR : 0;
    return seconds < PATIENCE_SECONDS ? PATIENCE_SECONDS : seconds > 86400 ? 86400 : (int)seconds;
}

static bool fresh_answer(struct backend_job *job)
{
    openai_answer_free(job->answer);
    job->answer = openai_answer_new();
    sse_clear(&job->sse);
    job->sse.limit = EVENT_BYTES;
    buffer_clear(&job->body);
    job->is_stream = false;
    job->stream_error = (struct error){0};
    return job->answer != NULL;
}

static struct http_request *send_part(struct backend_job *job, const char *authorization, struct error *err)
{
    struct openai *o = job->openai;
    const char *headers[] = {job->wishes.stream ? "Accept: text/event-stream, application/json, text/*"
                                                : "Accept: application/json, text/*",
                             authorization, NULL};
    struct openai_form form;
    openai_form(&job->wishes, job->mode, job->extension ? job->extension : job->name, &part_of(job)->file,
                &form);
    return http_start(o->http,
                      &(struct http_call){.method = "POST",
                                          .url = o->address,
                                          .headers = headers,
                                          .parts = form.parts,
                                          .part_count = form.count,
                                          .plain_http = o->insecure,
                                          .once = true,
                                          .response_limit = ANSWER_BYTES,
                                          .total_ms = -1,
                                          .low_speed_seconds = patience(part_of(job)),
                                          .on_data = job->wishes.stream ? on_data : NULL,
                                          .on_progress = on_progress,
                                          .done = on_done,
                                          .context = job},
                      err);
}

void openai_job_send(struct backend_job *job)
{
    struct openai *o = job->openai;
    struct error err = {0};
    if (asks_as_usual(job) && job->mode < o->mode)
        job->mode = o->mode;
    if (!fresh_answer(job)) {
        out_of_memory(job);
        return;
    }
    char *authorization = openai_authorization(o, &err);
    if (err.class == ERROR_NONE) {
        charge(job, authorization != NULL);
        job->request = send_part(job, authorization, &err);
    }
    secret_free(authorization);
    if (!job->request) {
        openai_job_fail(job, &err);
        return;
    }
    o->sending++;
    job->events.progress(job->context, STAGE_PUBLISHING, 0, part_of(job)->file.length);
}
