/* The steps of a cloud job before a model is called: looking at the recording, choosing the model,
 * converting, publishing, hotwords. */
#include "backend/dashscope/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/dashscope/parts.h"
#include "backend/dashscope/vocabulary.h"
#include "backend/publish/media_type.h"
#include "backend/secrets.h"

#define VIDEO_BYTES ((int64_t)20 << 20) /* from here on the sound alone is quicker to send */

static void out_of_memory(struct backend_job *job)
{
    struct error err = {0};
    error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    cloud_job_fail(job, &err);
}

static int copy_text(char **to, const char *text)
{
    free(*to);
    *to = text ? strdup(text) : NULL;
    return text && !*to ? -ENOMEM : 0;
}

static int64_t file_size(const struct backend_job *job)
{
    struct stat st;
    return fstat(cloud_job_file(job), &st) == 0 ? st.st_size : -1;
}

/* ---- vocabulary ---- */

static void call_model(struct backend_job *job)
{
    if (job->route.call == CALL_TASK)
        cloud_job_submit(job);
    else
        cloud_job_direct(job);
}

static void on_vocabulary(void *context, const char *id)
{
    struct backend_job *job = context;
    job->vocabulary = NULL;
    if (copy_text(&job->vocabulary_id, id) != 0)
        out_of_memory(job);
    else
        call_model(job);
}

static void on_vocabulary_failed(void *context, const struct error *error)
{
    struct backend_job *job = context;
    job->vocabulary = NULL;
    cloud_job_fail(job, error);
}

void cloud_job_call(struct backend_job *job)
{
    static const struct vocabulary_events events = {on_vocabulary, on_vocabulary_failed};
    const struct dashscope_wishes *w = &job->wishes.is;
    struct error err = {0};
    if (!w->hotwords) {
        if (copy_text(&job->vocabulary_id, w->vocabulary_id) != 0)
            out_of_memory(job);
        else
            call_model(job);
        return;
    }
    job->vocabulary = vocabulary_get(job->dashscope->vocabularies, w->hotwords, job->route.model, w->language,
                                     &events, job, &err);
    if (!job->vocabulary)
        cloud_job_fail(job, &err);
}

/* ---- publishing ---- */

static void on_publish_progress(void *context, int64_t sent, int64_t total)
{
    struct backend_job *job = context;
    job->events.progress(job->context, STAGE_PUBLISHING, sent, total);
}

static void on_publish_checkpoint(void *context, const char *state)
{
    struct backend_job *job = context;
    if (copy_text(&job->publish_state, state) == 0)
        cloud_job_checkpoint(job, NULL);
}

static void on_published(void *context, const char *object, int64_t expires_ms)
{
    struct backend_job *job = context;
    job->publication = NULL;
    job->expires_ms = expires_ms;
    if (copy_text(&job->object, object) != 0) {
        out_of_memory(job);
        return;
    }
    cloud_job_checkpoint(job, NULL);
    cloud_job_call(job);
}

static void on_publish_failed(void *context, const struct error *error)
{
    struct backend_job *job = context;
    job->publication = NULL;
    cloud_job_fail(job, error);
}

static void publish(struct backend_job *job)
{
    static const struct publish_events events = {on_publish_progress, on_publish_checkpoint, on_published,
                                                 on_publish_failed};
    struct dashscope *d = job->dashscope;
    struct error err = {0};
    char *authorization = service_authorization(&d->service, &err);
    if (authorization)
        job->publication = publish_start(d->publisher,
                                         &(struct publish_request){.fd = cloud_job_file(job),
                                                                   .path = cloud_job_file_name(job),
                                                                   .state = job->publish_state,
                                                                   .service = d->service.base,
                                                                   .authorization = authorization,
                                                                   .model = job->route.model->name},
                                         &events, job, &err);
    secret_free(authorization);
    if (!job->publication)
        cloud_job_fail(job, &err);
    else
        job->events.progress(job->context, STAGE_PUBLISHING, 0, file_size(job));
}

/* ---- preparing ---- */

/* A direct call carries the audio itself if that fits; everything else needs an address. */
static void send_or_publish(struct backend_job *job)
{
    int64_t size = file_size(job);
    if (job->route.call != CALL_TASK && size >= 0 && size <= CATALOGUE_INLINE_BYTES)
        cloud_job_call(job);
    else
        publish(job);
}

static void on_converted(void *context, const struct media_facts *facts, int fd, const char *extension)
{
    struct backend_job *job = context;
    job->preparation = NULL;
    job->converted = fd;
    if (facts->sample_rate > 0)
        job->facts.sample_rate = facts->sample_rate;
    if (facts->channels > 0)
        job->facts.channels = facts->channels;
    if (copy_text(&job->extension, extension) != 0)
        out_of_memory(job);
    else
        send_or_publish(job);
}

static void on_prepare_failed(void *context, const struct error *error)
{
    struct backend_job *job = context;
    job->preparation = NULL;
    cloud_job_fail(job, error);
}

static void on_prepare_progress(void *context, int64_t done_ms, int64_t total_ms)
{
    struct backend_job *job = context;
    job->events.progress(job->context, STAGE_PREPARING, done_ms, total_ms);
}

static bool can_convert(const struct dashscope *d)
{
    return d->preparer && d->preparer->operations->convert && d->publish_kind != PUBLISH_URL;
}

/* Why not, where somebody could change that. */
static bool can_split(const struct dashscope *d, const char **why_not)
{
    bool can = d->preparer && d->preparer->operations->split;
    *why_not = NULL;
    if (can && d->publish_kind == PUBLISH_URL)
        *why_not = "what is published under its own address cannot be cut, another way of publishing could";
    return can && d->publish_kind != PUBLISH_URL;
}

bool cloud_sound_alone(const struct media_facts *facts, int64_t bytes)
{
    return facts->video && bytes > VIDEO_BYTES;
}

static void convert(struct backend_job *job)
{
    static const struct prepare_events events = {on_converted, on_prepare_failed, on_prepare_progress};
    struct dashscope *d = job->dashscope;
    bool video = cloud_sound_alone(&job->facts, file_size(job));
    struct error err = {0};
    const struct route *r = &job->route;
    if (!can_convert(d) || !(r->mix_down || r->convert || r->reduce || video)) {
        send_or_publish(job);
        return;
    }
    bool direct = job->route.call != CALL_TASK && d->publish_kind == PUBLISH_NONE;
    job->preparation = d->preparer->operations->convert(
        d->preparer, job->fd, job->work_dir,
        &(struct media_target){.mix_down = job->route.mix_down,
                               .sample_rate = r->sample_rate,
                               .max_bytes = direct ? CATALOGUE_INLINE_BYTES : job->route.model->max_bytes},
        &events, job, &err);
    if (!job->preparation)
        cloud_job_fail(job, &err);
}

struct route_needs cloud_route_needs(const struct dashscope *d, const struct dashscope_wishes *w,
                                     enum region region)
{
    unsigned calls = w->chat ? CALL_CHAT | CALL_CHAT_STREAM : CALL_SYNC | CALL_STREAM;
    const char *why_whole;
    bool splits = can_split(d, &why_whole);
    return (struct route_needs){.region = region,
                                .model = w->model,
                                .calls = calls | (d->publisher ? CALL_TASK : 0),
                                .features = wishes_features(w),
                                .wanted = wishes_wanted(w),
                                .language = w->language,
                                .named_channel = w->channels != NULL,
                                .inlined = !d->publisher,
                                .can_convert = can_convert(d),
                                .can_split = splits,
                                .why_whole = why_whole};
}

void cloud_fill_needs(struct route_needs *needs, const struct media_facts *facts, int64_t bytes,
                      const char *name)
{
    const char *extension = media_extension(name);
    needs->duration_ms = facts->duration_ms;
    needs->bytes = bytes;
    needs->channels = facts->channels;
    needs->sample_rate = facts->sample_rate;
    needs->format = extension[0] ? extension + 1 : NULL;
}

static void choose_route(struct backend_job *job)
{
    struct error err = {0};
    struct route_needs needs = cloud_route_needs(job->dashscope, &job->wishes.is, job->wishes.region);
    cloud_fill_needs(&needs, &job->facts, file_size(job), job->name);
    if (route_choose(&needs, &job->route, &err) != 0)
        cloud_job_fail(job, &err);
    else if (cloud_charge_reserve(job))
        (job->route.split_ms ? cloud_parts_split : convert)(job);
}

/* ---- looking at the recording ---- */

static void on_probed(void *context, const struct media_facts *facts, int fd, const char *extension)
{
    struct backend_job *job = context;
    (void)fd, (void)extension;
    job->preparation = NULL;
    job->facts = *facts;
    choose_route(job);
}

void cloud_job_prepare(struct backend_job *job)
{
    static const struct prepare_events events = {on_probed, on_prepare_failed, on_prepare_progress};
    struct dashscope *d = job->dashscope;
    struct error err = {0};
    if (job->is_part) {
        send_or_publish(job);
        return;
    }
    job->events.progress(job->context, STAGE_PREPARING, 0, 0);
    if (!d->preparer) {
        choose_route(job);
        return;
    }
    job->preparation = d->preparer->operations->probe(d->preparer, job->fd, &events, job, &err);
    if (!job->preparation)
        cloud_job_fail(job, &err);
}
