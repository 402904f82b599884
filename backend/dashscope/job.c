/* A cloud job: beginning, preparing, publishing, checkpoints, and its ends. What happens in between is task.c
 * and direct.c. */
#include "backend/dashscope/job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <utlist.h>

#include "backend/base/cleanup.h"
#include "backend/base/json_out.h"
#include "backend/base/loop.h"
#include "backend/dashscope/budget.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/dashscope/parts.h"
#include "backend/dashscope/request.h"
#include "backend/dashscope/vocabulary.h"
#include "backend/publish/media_type.h"
#include "backend/transcript.h"

#define EXPIRY_MARGIN_MS                                                                                     \
    (6 * INT64_C(3600) * 1000) /* what expires earlier is published anew: a task may wait for hours */

int64_t cloud_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void out_of_memory(struct backend_job *job)
{
    struct error err = {0};
    error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    cloud_job_fail(job, &err);
}

/* ---- small parts ---- */

static void on_timer(void *arg)
{
    struct backend_job *job = arg;
    job->next(job);
}

void cloud_job_later(struct backend_job *job, int64_t ms, void (*next)(struct backend_job *job))
{
    job->next = next;
    loop_timer_after(job->timer, ms);
}

int cloud_job_file(const struct backend_job *job)
{
    return job->converted >= 0 ? job->converted : job->fd;
}

const char *cloud_job_file_name(const struct backend_job *job)
{
    return job->converted >= 0 && job->extension ? job->extension : job->name;
}

struct budget *cloud_job_budget(struct backend_job *job)
{
    struct dashscope *d = job->dashscope;
    const struct model *model = job->route.model;
    size_t most = sizeof d->submissions / sizeof *d->submissions, i = 0;
    while (i < most && d->submissions[i].model && d->submissions[i].model != model)
        i++;
    if (i == most)
        return NULL;
    if (!d->submissions[i].model) {
        int documented = model->per_minute[job->wishes.region];
        struct budget *budget = budget_new(d->loop, documented ? documented : 60);
        if (!budget)
            return NULL;
        d->submissions[i].model = model;
        d->submissions[i].budget = budget;
    }
    return d->submissions[i].budget;
}

int cloud_job_body(const struct backend_job *job, const char *audio, struct buffer *out)
{
    const char *extension = media_extension(cloud_job_file_name(job));
    if (job->converted >= 0 && strcmp(extension, ".ogg") == 0)
        extension = ".opus"; /* the only codec that is put there */
    return request_body(&(struct request){.wishes = &job->wishes.is,
                                          .model = job->route.model,
                                          .call = job->route.call,
                                          .audio = audio,
                                          .format = extension[0] ? catalogue_format(extension + 1) : "wav",
                                          .sample_rate = job->facts.sample_rate,
                                          .channels = job->facts.channels,
                                          .vocabulary_id = job->vocabulary_id},
                        out);
}

/* ---- checkpoints ---- */

/* A checkpoint that waits to be durable. It outlives its job if that is cancelled meanwhile. */
struct acknowledgement {
    struct dashscope *dashscope;
    struct backend_job *job; /* NULL: gone, or it does not wait */
    void (*next)(struct backend_job *job);
    struct acknowledgement *prev, *following;
};

static void acknowledgement_free(struct acknowledgement *a)
{
    DL_DELETE2(a->dashscope->acknowledgements, a, prev, following);
    free(a);
}

void acknowledgements_free(struct dashscope *d)
{
    while (d->acknowledgements)
        acknowledgement_free(d->acknowledgements);
}

static void on_durable(void *argument)
{
    struct acknowledgement *a = argument;
    struct backend_job *job = a->job;
    void (*next)(struct backend_job *) = a->next;
    acknowledgement_free(a);
    if (job)
        next(job);
}

static void forget_acknowledgements(struct backend_job *job)
{
    struct acknowledgement *a;
    DL_FOREACH2(job->dashscope->acknowledgements, a, following)
    {
        if (a->job == job)
            a->job = NULL;
    }
}

/* Where what is published lies: not always where it would be published now. NULL: nowhere. */
static const char *place_of(const struct backend_job *job)
{
    const struct publisher *publisher = job->dashscope->publisher;
    return job->place ? job->place : publisher ? publish_place(publisher) : NULL;
}

void cloud_job_write_state(const struct backend_job *job, struct buffer *out)
{
    buffer_printf(out, "{\"downloads\":%d", job->downloads);
    if (job->parts)
        cloud_parts_write(job->parts, out);
    if (job->publish_state && !job->object) {
        buffer_puts(out, ",\"publish\":");
        json_out_string(out, job->publish_state);
    }
    const char *place = place_of(job);
    if ((job->publish_state || job->object) && place) {
        buffer_puts(out, ",\"place\":");
        json_out_string(out, place);
    }
    if (job->object) {
        buffer_puts(out, ",\"object\":");
        json_out_string(out, job->object);
        buffer_printf(out, ",\"expires_ms\":%" PRId64, job->expires_ms);
    }
    if ((job->object || job->task_id) && job->route.model) {
        buffer_puts(out, ",\"model\":");
        json_out_string(out, job->route.model->name);
        buffer_printf(out, ",\"call\":%d,\"duration_ms\":%" PRId64 ",\"channels\":%d,\"sample_rate\":%d",
                      (int)job->route.call, job->facts.duration_ms, job->facts.channels,
                      job->facts.sample_rate);
    }
    if (job->charge.sent && (job->intent_ms || job->task_id))
        buffer_printf(out, ",\"charged_ms\":%" PRId64, job->charge.at_ms);
    if (job->intent_ms && !job->task_id)
        buffer_printf(out, ",\"intent_ms\":%" PRId64, job->intent_ms);
    if (job->task_id) {
        buffer_puts(out, ",\"task\":");
        json_out_string(out, job->task_id);
        buffer_printf(out, ",\"submitted_ms\":%" PRId64, job->submitted_ms);
        if (job->vocabulary_id) {
            buffer_puts(out, ",\"vocabulary\":");
            json_out_string(out, job->vocabulary_id);
        }
    }
    buffer_puts(out, "}");
}

void cloud_job_checkpoint(struct backend_job *job, void (*next)(struct backend_job *job))
{
    struct buffer state cleanup_buffer = {0};
    struct acknowledgement *a = calloc(1, sizeof *a);
    cloud_job_write_state(job, &state);
    if (!a || buffer_error(&state)) {
        free(a);
        if (next)
            out_of_memory(job);
        return;
    }
    *a = (struct acknowledgement){.dashscope = job->dashscope, .job = next ? job : NULL, .next = next};
    DL_APPEND2(job->dashscope->acknowledgements, a, prev, following);
    job->events.checkpoint(job->context, state.data, on_durable, a);
}

static int copy_text(char **to, const char *text)
{
    free(*to);
    *to = text ? strdup(text) : NULL;
    return text && !*to ? -ENOMEM : 0;
}

/* What was published or submitted stays of use only with the model it was meant for. */
static int restore_route(struct backend_job *job, const cJSON *json)
{
    const char *name = json_text(json, "model");
    const struct model *model = name ? catalogue_find(name) : NULL;
    int64_t call = 0, value;
    json_number(json, "call", &call);
    if (!model || !(catalogue_calls(model, job->wishes.region) & (unsigned)call))
        return -ENOENT;
    job->route = (struct route){.model = model, .call = (enum model_call)call};
    if (json_number(json, "duration_ms", &value))
        job->facts.duration_ms = value;
    if (json_number(json, "channels", &value))
        job->facts.channels = (int)value;
    if (json_number(json, "sample_rate", &value))
        job->facts.sample_rate = (int)value;
    return 0;
}

static int restore(struct backend_job *job, const char *state)
{
    cJSON *json cleanup_json = cJSON_Parse(state);
    int64_t downloads = 0, charged_ms = 0;
    if (!json)
        return 0; /* nothing that could be of use */
    if (json_number(json, "downloads", &downloads))
        job->downloads = (int)downloads;
    int rc = copy_text(&job->publish_state, json_text(json, "publish"));
    rc = rc ? rc : copy_text(&job->place, json_text(json, "place"));
    if (rc || restore_route(job, json) != 0)
        return rc;
    json_number(json, "expires_ms", &job->expires_ms);
    json_number(json, "submitted_ms", &job->submitted_ms);
    json_number(json, "intent_ms", &job->intent_ms);
    if (json_number(json, "charged_ms", &charged_ms) || (charged_ms = job->submitted_ms) > 0)
        cloud_charge_restore(job, charged_ms);
    rc = cloud_parts_restore(job, json);
    rc = rc ? rc : copy_text(&job->object, json_text(json, "object"));
    rc = rc ? rc : copy_text(&job->task_id, json_text(json, "task"));
    const char *vocabulary = job->task_id ? json_text(json, "vocabulary") : NULL;
    if (rc || !vocabulary || !job->wishes.is.hotwords || copy_text(&job->vocabulary_id, vocabulary) != 0)
        return rc;
    vocabulary_hold(job->dashscope->vocabularies, job->vocabulary_id);
    return 0;
}

/* ---- ends ---- */

static void job_free(struct backend_job *job)
{
    struct dashscope *d = job->dashscope;
    cloud_parts_free(job->parts);
    forget_acknowledgements(job);
    if (job->preparation)
        d->preparer->operations->cancel(job->preparation);
    vocabulary_leave(job->vocabulary);
    if (job->vocabulary_id && job->wishes.is.hotwords)
        vocabulary_release(d->vocabularies, job->vocabulary_id);
    budget_leave(job->turn);
    http_cancel(job->request);
    poller_drop(job->polled);
    publish_remove_unattended(job->removal);
    cloud_lost_free(job->lost);
    loop_timer_free(job->timer);
    if (job->fd >= 0)
        close(job->fd);
    if (job->converted >= 0)
        close(job->converted);
    DL_DELETE2(d->jobs, job, prev, following);
    sse_clear(&job->sse);
    answer_free(job->answer);
    transcript_free(job->transcript);
    buffer_clear(&job->raw);
    wishes_clear(&job->wishes);
    free(job->name);
    free(job->work_dir);
    free(job->settings);
    free(job->extension);
    free(job->publish_state);
    free(job->object);
    free(job->place);
    free(job->task_id);
    free(job->vocabulary_id);
    free(job->partial);
    free(job->result_url);
    free(job->request_id);
    free(job);
}

static void end(struct backend_job *job)
{
    struct backend_events events = job->events;
    void *context = job->context;
    struct transcript *transcript = steal_ptr(job->transcript);
    struct buffer raw cleanup_buffer = job->raw;
    struct error error = job->error;
    int64_t postponed_until = job->postponed_until;
    job->raw = (struct buffer){0};
    job_free(job);
    if (transcript)
        events.finished(context, transcript, raw.data, raw.len);
    else if (postponed_until && events.postponed)
        events.postponed(context, &error, postponed_until);
    else
        events.failed(context, &error);
}

/* Whoever has the signature in an address can fetch the recording while it is valid; the service's answers
 * repeat addresses. */
static void hide_signatures(struct buffer *raw)
{
    static const char mark[] = "ignature=";
    for (char *at = raw->data;
         at && (at = memmem(at, (size_t)(raw->data + raw->len - at), mark, sizeof mark - 1));) {
        at += sizeof mark - 1;
        while (*at && !strchr("&\"\\ #'", *at))
            *at++ = 'x';
    }
}

bool cloud_job_is_elsewhere(const struct backend_job *job)
{
    const struct publisher *publisher = job->dashscope->publisher;
    return job->place && (!publisher || strcmp(job->place, publish_place(publisher)) != 0);
}

void cloud_job_leave(struct backend_job *job)
{
    struct buffer state cleanup_buffer = {0};
    const char *place = place_of(job);
    bool some = (job->object || job->publish_state) && place && publish_place_keeps(place);
    if (some) {
        buffer_puts(&state, job->object ? "{\"object\":" : "{\"publish\":");
        json_out_string(&state, job->object ? job->object : job->publish_state);
        buffer_puts(&state, ",\"place\":");
        json_out_string(&state, place);
        buffer_puts(&state, "}");
    }
    if (some && job->events.left && !buffer_error(&state))
        job->events.left(job->context, state.data);
    else if (some && job->object && !cloud_job_is_elsewhere(job))
        publish_remove(job->dashscope->publisher, job->object, NULL, NULL);
    else if (some && !cloud_job_is_elsewhere(job))
        publish_discard(job->dashscope->publisher, job->publish_state, NULL, NULL);
    copy_text(&job->object, NULL);
    copy_text(&job->publish_state, NULL);
    copy_text(&job->place, NULL);
    job->expires_ms = 0;
}

/* The transcript is there; a recording that could not be removed is no reason to lose it. The publisher has
 * tried a few times; later it may work. */
static void on_removed(void *context, const struct error *error)
{
    struct backend_job *job = context;
    job->removal = NULL;
    if (error->class != ERROR_NONE && job->events.left)
        cloud_job_leave(job);
    end(job);
}

/* Only what will never be used again is removed: what is tried again later uses the same object. */
static void remove_and_end(struct backend_job *job)
{
    bool later = !job->transcript && job->error.class != ERROR_PERMANENT && job->error.class != ERROR_CHANGED;
    struct dashscope *d = job->dashscope;
    if (!later && cloud_job_is_elsewhere(job))
        cloud_job_leave(job);
    if (!later && job->object && d->publisher)
        job->removal = publish_remove(d->publisher, job->object, on_removed, job);
    if (!job->removal)
        end(job);
}

void cloud_job_finish(struct backend_job *job, struct transcript *transcript)
{
    job->transcript = transcript;
    hide_signatures(&job->raw);
    const struct model *model = job->route.model;
    if (transcript->duration_ms < 0)
        transcript->duration_ms = job->facts.duration_ms;
    if (!transcript->provider)
        transcript->provider = strdup("dashscope");
    if (!transcript->engine)
        transcript->engine = strdup("Model Studio");
    if (!transcript->model && model)
        transcript->model = strdup(model->name);
    if (!transcript->why)
        transcript->why = strdup(cloud_why_model(job->wishes.is.model)); /* without memory it stays unknown */
    if (!transcript->task_id && job->task_id)
        transcript->task_id = strdup(job->task_id);
    if (!transcript->request_id && job->request_id)
        transcript->request_id = strdup(job->request_id);
    if (!transcript->language && job->wishes.is.language) /* not every model says what it heard */
        transcript->language = strdup(job->wishes.is.language);
    cloud_charge_settle(job, transcript);
    remove_and_end(job);
}

void cloud_job_finish_silent(struct backend_job *job)
{
    struct transcript *transcript = transcript_new();
    if (transcript)
        cloud_job_finish(job, transcript);
    else
        out_of_memory(job);
}

void cloud_job_finish_whole(struct backend_job *job, struct transcript *transcript)
{
    job->transcript = transcript;
    remove_and_end(job);
}

void cloud_job_fail(struct backend_job *job, const struct error *error)
{
    job->error = *error;
    remove_and_end(job);
}

void cloud_job_postpone(struct backend_job *job, const struct error *error, int64_t until_ms)
{
    job->postponed_until = until_ms;
    cloud_job_fail(job, error);
}

/* ---- beginning ---- */

static void begin(struct backend_job *job)
{
    if (job->parts) {
        cloud_parts_resume(job);
        return;
    }
    if (job->task_id) {
        cloud_job_watch(job);
        return;
    }
    bool expired = job->expires_ms && job->expires_ms - cloud_wall_ms() < EXPIRY_MARGIN_MS;
    if (job->object && expired && !job->intent_ms)
        copy_text(&job->object, NULL);
    if (cloud_job_is_elsewhere(job) && !job->intent_ms)
        cloud_job_leave(job);
    if (job->object) {
        if (job->is_part || job->charge.sent || cloud_charge_reserve(job))
            cloud_job_call(job);
        return;
    }
    cloud_job_prepare(job);
}

/* `whole`: what it is a part of, or NULL. */
static struct backend_job *start(struct dashscope *d, const struct backend_request *request,
                                 const struct backend_job *whole, const struct media_facts *facts,
                                 const struct backend_events *events, void *context, struct error *err)
{
    struct backend_job *job = calloc(1, sizeof *job);
    if (!job) {
        if (request->fd >= 0)
            close(request->fd);
        error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
        return NULL;
    }
    job->dashscope = d;
    job->events = *events;
    job->context = context;
    job->fd = request->fd;
    job->converted = -1;
    job->facts = *facts;
    job->billed_ms = -1;
    job->is_part = whole != NULL;
    if (whole)
        job->route = (struct route){.model = whole->route.model, .call = whole->route.call};
    job->wishes.region = REGION_COUNT;
    DL_APPEND2(d->jobs, job, prev, following);
    job->timer = loop_timer(d->loop, on_timer, job);
    int rc = wishes_read(request->settings, &job->wishes, err);
    if (!rc && (!job->timer || copy_text(&job->name, request->name) ||
                copy_text(&job->work_dir, request->work_dir) ||
                copy_text(&job->settings, request->settings) ||
                (request->checkpoint && restore(job, request->checkpoint))))
        rc = error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    if (rc) {
        job_free(job);
        return NULL;
    }
    cloud_job_later(job, 0, begin);
    return job;
}

struct backend_job *cloud_job_start(struct dashscope *d, const struct backend_request *request,
                                    const struct backend_events *events, void *context, struct error *err)
{
    return start(d, request, NULL, &(struct media_facts){.duration_ms = -1}, events, context, err);
}

struct backend_job *cloud_job_start_part(const struct backend_job *whole,
                                         const struct backend_request *request,
                                         const struct media_facts *facts, const struct backend_events *events,
                                         void *context, struct error *err)
{
    return start(whole->dashscope, request, whole, facts, events, context, err);
}

void cloud_job_stop(struct backend_job *job, bool undo)
{
    struct dashscope *d = job->dashscope;
    if (job->parts)
        cloud_parts_stop(job->parts, undo);
    bool here = d->publisher && !cloud_job_is_elsewhere(job);
    if (undo && here && !job->publication && !job->object && job->publish_state)
        publish_discard(d->publisher, job->publish_state, NULL, NULL);
    publish_cancel(job->publication, undo);
    job->publication = NULL;
    if (undo && here && job->object && !job->removal)
        publish_remove(d->publisher, job->object, NULL, NULL);
    /* Works while the task waits; whatever comes of it changes nothing here. */
    char path[300];
    if (undo && job->task_id && service_task_path(job->task_id, "/cancel", path, sizeof path))
        service_send(&d->service, &(struct service_call){.method = "POST", .path = path, .total_ms = 10000},
                     NULL);
    job_free(job);
}
