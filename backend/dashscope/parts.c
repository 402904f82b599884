/* The life of a recording in parts: what is begun when, what the jobs of the parts report, and the end.
 *
 * The jobs of parts are never stopped inside one of their own events: whatever goes wrong is noted as
 * trouble, and the end comes from the loop. A part that can never work ends everything, and all of it is
 * taken back. After any other trouble no more parts are begun; what is being paid for goes on to its end, and
 * the next attempt finds the rest where it was. */
#include "backend/dashscope/parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/dashscope/errand.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/dashscope/parts_internal.h"
#include "backend/transcript.h"

enum { MOST_AT_ONCE = 4 };
#define SETTLE_MS 250 /* how often it is looked whether the rest may be stopped */
#define REPORT_MS 300 /* the growing text is joined no more often */

static void look_for_work(struct parts *parts);
static void settle(struct backend_job *job);

/* ---- trouble ---- */

static void say_time(int64_t ms, char *text, size_t size)
{
    int64_t seconds = ms / 1000;
    snprintf(text, size, "%" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
             (int)(seconds % 60));
}

static bool is_final(const struct error *err)
{
    return err->class == ERROR_PERMANENT || err->class == ERROR_CHANGED;
}

/* The end comes soon. Of several reasons the first counts, unless a later one is final. */
static void trouble(struct parts *parts, const struct error *err)
{
    if (parts->trouble.class == ERROR_NONE || (is_final(err) && !is_final(&parts->trouble)))
        parts->trouble = *err;
    cloud_job_later(parts->job, 0, settle);
}

static void part_trouble(struct part *part, const struct error *err)
{
    struct error whole = {0};
    char from[32], to[32];
    say_time(part->begin_ms, from, sizeof from);
    say_time(part->end_ms, to, sizeof to);
    error_set(&whole, err->class, err->sys, err->code, "the part from %s to %s: %s", from, to, err->detail);
    trouble(part->parts, &whole);
}

void parts_disk_error(int rc, struct error *err)
{
    bool full = rc == -ENOSPC || rc == -EDQUOT;
    if (rc == -ENOMEM)
        error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    else
        error_set(err, ERROR_TRANSIENT, -rc, full ? "io.space" : "io.state",
                  "the parts of the recording cannot be kept: %s", strerror(-rc));
}

static void disk_trouble(struct parts *parts, int rc)
{
    struct error err = {0};
    parts_disk_error(rc, &err);
    trouble(parts, &err);
}

void parts_fail_disk(struct parts *parts, int rc)
{
    struct error err = {0};
    parts_disk_error(rc, &err);
    cloud_job_fail(parts->job, &err);
}

/* Stopping it now would leave open whether it has to be paid. */
static bool is_being_paid(const struct part *part)
{
    const struct backend_job *child = part->child;
    return child ? child->transcript || (child->request && !child->task_id) : part->json.len > 0;
}

static void part_stop(struct part *part, bool undo)
{
    if (part->child)
        cloud_job_stop(part->child, undo);
    errand_end(part->errand);
    part->child = NULL;
    part->errand = NULL;
    part->parts->active -= part->begun && !part->done;
    part->begun = false;
}

static void settle(struct backend_job *job)
{
    struct parts *parts = job->parts;
    bool undo = is_final(&parts->trouble);
    for (size_t i = 0; i < parts->count && !undo; i++)
        if (parts->part[i].begun && !parts->part[i].done && !is_being_paid(&parts->part[i]))
            part_stop(&parts->part[i], false);
    if (parts->active && !undo) {
        cloud_job_later(job, SETTLE_MS, settle);
        return;
    }
    struct error err = parts->trouble;
    cloud_parts_stop(parts, undo);
    cloud_job_fail(job, &err);
}

/* ---- what is reported ---- */

/* What is in this part and not in the one before it. */
static int64_t own_ms(const struct part *part)
{
    int64_t begin = part->begin_ms;
    if (part->number && part[-1].end_ms > begin)
        begin = part[-1].end_ms;
    return part->end_ms - begin;
}

/* The stage is that of the part that has come farthest; recognising is counted in audio of the whole. */
static void report_progress(struct parts *parts)
{
    enum backend_stage stage = STAGE_PREPARING;
    int64_t done_ms = 0, sent = 0, all = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->part[i];
        enum backend_stage is = part->done ? STAGE_RECOGNISING : part->begun ? part->stage : STAGE_PREPARING;
        stage = is > stage ? is : stage;
        if (part->done)
            done_ms += own_ms(part);
        else if (is == STAGE_RECOGNISING && part->stage_all > 0)
            done_ms += own_ms(part) * part->stage_ms / part->stage_all;
        sent += is == STAGE_PUBLISHING ? part->stage_ms : 0;
        all += is == STAGE_PUBLISHING ? part->stage_all : 0;
    }
    bool publishes = stage == STAGE_PUBLISHING, recognises = stage == STAGE_RECOGNISING;
    struct backend_job *job = parts->job;
    int64_t total_ms = parts->count ? parts->part[parts->count - 1].end_ms : 0;
    job->events.progress(job->context, stage,
                         recognises  ? done_ms
                         : publishes ? sent
                                     : 0,
                         recognises  ? total_ms
                         : publishes ? all
                                     : 0);
}

/* The texts in order, up to what is still missing: whoever follows them sees them grow at the end only. */
static void report_text(void *arg)
{
    struct parts *parts = arg;
    struct backend_job *job = parts->job;
    struct buffer text cleanup_buffer = {0};
    for (size_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->part[i];
        if (part->text && *part->text) {
            buffer_puts(&text, text.len ? " " : "");
            buffer_puts(&text, part->text);
        }
        if (!part->done)
            break;
    }
    parts->reported_ms = loop_now_ms();
    if (!text.len || buffer_error(&text) || (job->partial && strcmp(job->partial, text.data) == 0))
        return;
    free(job->partial);
    job->partial = buffer_take(&text);
    job->events.partial(job->context, job->partial);
}

/* Where parts overlap, what they say is not yet told apart. */
static void text_has_grown(struct parts *parts)
{
    struct backend_job *job = parts->job;
    if (!job->events.partial || parts->overlap_ms)
        return;
    if (!parts->report)
        parts->report = loop_timer(job->dashscope->loop, report_text, parts);
    int64_t wait = parts->reported_ms + REPORT_MS - loop_now_ms();
    if (parts->report)
        loop_timer_after(parts->report, parts->reported_ms && wait > 0 ? wait : 0);
}

static void set_text(struct part *part, char *text)
{
    free(part->text);
    part->text = text;
    text_has_grown(part->parts);
}

/* ---- what the job of a part reports ---- */

static void on_progress(void *context, enum backend_stage stage, int64_t done, int64_t total)
{
    struct part *part = context;
    part->stage = stage;
    part->stage_ms = done;
    part->stage_all = total;
    report_progress(part->parts);
}

static void on_partial(void *context, const char *text)
{
    set_text(context, strdup(text));
}

static void on_checkpoint(void *context, const char *state, void (*acknowledge)(void *argument),
                          void *argument)
{
    struct part *part = context;
    struct backend_job *job = part->parts->job;
    struct buffer text cleanup_buffer = {0};
    char *copy = strdup(state);
    if (copy) {
        free(part->state);
        part->state = copy;
        cloud_job_write_state(job, &text);
    }
    if (copy && buffer_error(&text) == 0)
        job->events.checkpoint(job->context, text.data, acknowledge, argument);
    else
        disk_trouble(part->parts, -ENOMEM);
}

static void on_left(void *context, const char *state)
{
    const struct part *part = context;
    const struct backend_job *job = part->parts->job;
    if (job->events.left)
        job->events.left(job->context, state);
}

static void on_charged(void *context, const struct backend_charge *charge)
{
    const struct part *part = context;
    struct backend_job *job = part->parts->job;
    if (job->events.charged)
        job->events.charged(job->context, charge);
}

static void on_stored(void *arg, int rc)
{
    struct part *part = arg;
    struct parts *parts = part->parts;
    part->errand = NULL;
    buffer_clear(&part->json);
    buffer_clear(&part->raw);
    parts->active--;
    if (rc) {
        part->begun = false;
        disk_trouble(parts, rc);
        return;
    }
    part->done = true;
    free(part->state);
    part->state = NULL;
    cloud_job_checkpoint(parts->job, NULL);
    text_has_grown(parts);
    report_progress(parts);
    look_for_work(parts);
}

static void not_stored(struct part *part)
{
    buffer_clear(&part->json);
    buffer_clear(&part->raw);
    part->parts->active--;
    part->begun = false;
    disk_trouble(part->parts, -ENOMEM);
}

static void on_finished(void *context, struct transcript *transcript, const void *raw, size_t raw_length)
{
    struct part *part = context;
    struct parts *parts = part->parts;
    part->child = NULL;
    if (!part->text || !*part->text) /* else it has grown already */
        set_text(part, parts_plain_text(transcript));
    transcript_to_json(transcript, &part->json);
    transcript_free(transcript);
    if (raw)
        buffer_add(&part->raw, raw, raw_length);
    if (buffer_error(&part->json) == 0 && buffer_error(&part->raw) == 0)
        part->errand = errand_start(parts->job->dashscope->loop, part_store, on_stored, part);
    if (!part->errand)
        not_stored(part);
}

static void on_failed(void *context, const struct error *error)
{
    struct part *part = context;
    part->child = NULL;
    part->begun = false;
    part->parts->active--;
    if (is_final(error)) { /* it has taken back what it left */
        free(part->state);
        part->state = NULL;
    }
    part_trouble(part, error);
}

/* ---- beginning a part ---- */

static struct backend_job *start_child(struct part *part, int fd, struct error *err)
{
    static const struct backend_events events = {.progress = on_progress,
                                                 .checkpoint = on_checkpoint,
                                                 .finished = on_finished,
                                                 .failed = on_failed,
                                                 .partial = on_partial,
                                                 .left = on_left,
                                                 .charged = on_charged};
    struct parts *parts = part->parts;
    struct media_facts facts = parts->job->facts;
    char name[64];
    snprintf(name, sizeof name, "part-%03zu%s", part->number + 1, parts->extension);
    facts.duration_ms = part->end_ms - part->begin_ms;
    facts.video = false;
    struct backend_job *child =
        cloud_job_start_part(parts->job,
                             &(struct backend_request){.fd = fd,
                                                       .name = name,
                                                       .work_dir = parts->job->work_dir,
                                                       .settings = parts->job->settings,
                                                       .checkpoint = part->state},
                             &facts, &events, part, err);
    if (child && !child->charge.at_ms) /* the accounts tell the parts of an attempt apart by it */
        child->charge.at_ms = parts->job->charge.at_ms + (int64_t)part->number;
    return child;
}

static void let_go(struct part *part, int fd)
{
    struct error err = {0};
    part->child = start_child(part, fd, &err);
    if (part->child)
        return;
    part->begun = false;
    part->parts->active--;
    part_trouble(part, &err);
}

static void on_copied(void *arg, int rc)
{
    struct part *part = arg;
    part->errand = NULL;
    if (!rc) {
        let_go(part, steal_fd(part->fd));
        return;
    }
    part->begun = false;
    part->parts->active--;
    disk_trouble(part->parts, rc);
}

/* Nobody sends the audio of a task that is there. */
static bool has_task(const struct part *part)
{
    cJSON *json cleanup_json = part->state ? cJSON_Parse(part->state) : NULL;
    return json_text(json, "task") != NULL;
}

static void begin_part(struct part *part)
{
    struct parts *parts = part->parts;
    part->begun = true;
    part->stage = STAGE_PREPARING;
    parts->active++;
    if (has_task(part)) {
        let_go(part, -1);
        return;
    }
    part->errand = errand_start(parts->job->dashscope->loop, part_copy, on_copied, part);
    if (!part->errand)
        on_copied(part, -ENOMEM);
}

static void begin_parts(struct parts *parts, bool with_state)
{
    for (size_t i = 0; i < parts->count && parts->active < MOST_AT_ONCE; i++) {
        struct part *part = &parts->part[i];
        if (!part->begun && !part->done && (part->state != NULL) == with_state)
            begin_part(part);
    }
}

static void on_assembled(void *arg, int rc)
{
    struct parts *parts = arg;
    struct backend_job *job = parts->job;
    parts->errand = NULL;
    if (rc) {
        parts_fail_disk(parts, rc);
        return;
    }
    if (job->facts.duration_ms > 0)
        parts->whole->duration_ms = job->facts.duration_ms;
    cloud_job_finish_whole(job, steal_ptr(parts->whole));
}

/* Parts that an earlier run began come first: they may be running at the service. */
static void look_for_work(struct parts *parts)
{
    if (parts->trouble.class != ERROR_NONE)
        return;
    begin_parts(parts, true);
    begin_parts(parts, false);
    for (size_t i = 0; i < parts->count; i++)
        if (!parts->part[i].done)
            return;
    parts->errand = errand_start(parts->job->dashscope->loop, parts_assemble, on_assembled, parts);
    if (!parts->errand)
        disk_trouble(parts, -ENOMEM);
}

void parts_run(struct backend_job *job)
{
    report_progress(job->parts);
    look_for_work(job->parts);
}

/* ---- going on ---- */

/* The audio is gone, and with it the sense of the table: the recording is cut anew, and what was begun is
 * taken back. */
static void begin_anew(struct parts *parts)
{
    struct backend_job *job = parts->job;
    cloud_parts_stop(parts, true);
    cloud_parts_free(parts);
    job->parts = NULL;
    job->route = (struct route){0};
    cloud_job_checkpoint(job, cloud_job_prepare);
}

/* What was sent before is in the accounts. */
static int64_t unsent_ms(const struct parts *parts)
{
    int64_t sum = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->part[i];
        cJSON *json cleanup_json = part->state ? cJSON_Parse(part->state) : NULL;
        if (!part->done && !json_get(json, "charged_ms"))
            sum += part->end_ms - part->begin_ms;
    }
    return sum;
}

static void on_looked(void *arg, int rc)
{
    struct parts *parts = arg;
    struct backend_job *job = parts->job;
    parts->errand = NULL;
    if (rc) {
        begin_anew(parts);
        return;
    }
    int64_t duration_ms = job->facts.duration_ms, rest_ms = unsent_ms(parts);
    job->facts.duration_ms = rest_ms;
    if (rest_ms && !cloud_charge_reserve(job))
        return;
    job->facts.duration_ms = duration_ms;
    text_has_grown(parts);
    parts_run(job);
}

void cloud_parts_resume(struct backend_job *job)
{
    struct parts *parts = job->parts;
    parts_file_open(parts, 0); /* it may be missing: parts_look() finds out whether that matters */
    parts->errand = errand_start(job->dashscope->loop, parts_look, on_looked, parts);
    if (!parts->errand)
        parts_fail_disk(parts, -ENOMEM);
}

/* ---- stopping ---- */

/* What a part that is not at work has left at the service. */
static void take_back(struct part *part)
{
    struct backend_job *child = part->state && !part->done ? start_child(part, -1, NULL) : NULL;
    if (child)
        cloud_job_stop(child, true);
}

void cloud_parts_stop(struct parts *parts, bool undo)
{
    errand_end(parts->errand);
    parts->errand = NULL;
    for (size_t i = 0; i < parts->count; i++) {
        struct part *part = &parts->part[i];
        bool at_work = part->child != NULL;
        part_stop(part, undo);
        if (undo && !at_work)
            take_back(part);
        if (undo) {
            free(part->state);
            part->state = NULL;
        }
    }
}
