/* A job: its life, and the putting together of its parts. */
#include "backend/openai/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/openai/answer.h"
#include "backend/openai/wishes.h"
#include "backend/transcript.h"

/* ---- ends ---- */

static void job_free(struct backend_job *job)
{
    struct openai *o = job->openai;
    if (job->preparation)
        o->preparer->operations->cancel(job->preparation);
    if (job->request) {
        http_cancel(job->request);
        o->sending--;
        openai_look(o);
    }
    loop_timer_free(job->begin);
    if (job->fd >= 0)
        close(job->fd);
    if (job->prepared >= 0)
        close(job->prepared);
    DL_DELETE2(o->jobs, job, prev, following);
    for (size_t i = 0; i < job->part_count; i++)
        transcript_free(job->parts[i].transcript);
    free(job->parts);
    openai_answer_free(job->answer);
    sse_clear(&job->sse);
    buffer_clear(&job->body);
    buffer_clear(&job->partial);
    buffer_clear(&job->raw);
    openai_wishes_clear(&job->wishes);
    free(job->name);
    free(job->work_dir);
    free(job->extension);
    free(job);
}

void openai_job_fail(struct backend_job *job, const struct error *error)
{
    struct backend_events events = job->events;
    void *context = job->context;
    struct error copy = *error;
    job_free(job);
    events.failed(context, &copy);
}

void openai_job_postpone(struct backend_job *job, const struct error *error, int64_t until_ms)
{
    struct backend_events events = job->events;
    void *context = job->context;
    struct error copy = *error;
    job_free(job);
    if (events.postponed)
        events.postponed(context, &copy, until_ms);
    else
        events.failed(context, &copy);
}

static void set_text(char **field, const char *text)
{
    if (!*field && text)
        *field = strdup(text); /* without memory it stays unknown */
}

void openai_job_finish(struct backend_job *job, struct transcript *transcript)
{
    struct backend_events events = job->events;
    void *context = job->context;
    struct buffer raw cleanup_buffer = job->raw;
    job->raw = (struct buffer){0};
    if (job->facts.duration_ms >= 0)
        transcript->duration_ms = job->facts.duration_ms;
    set_text(&transcript->provider, "openai");
    set_text(&transcript->engine, job->openai->host);
    set_text(&transcript->model, job->wishes.model);
    set_text(&transcript->why, job->wishes.model ? "the settings name it" : "the settings name no other");
    set_text(&transcript->language, job->wishes.language); /* not every server says what it heard */
    job_free(job);
    events.finished(context, transcript, raw.data, raw.len);
}

void openai_job_stop(struct backend_job *job)
{
    job_free(job);
}

/* ---- beginning ---- */

static void on_begin(void *arg)
{
    openai_job_prepare(arg);
}

void openai_job_wait(struct backend_job *job)
{
    job->waits = true;
    openai_look(job->openai);
}

/* A job that was queued for another server does not go to this one, nor this one's key to that one. */
static int check_server(const struct backend_job *job, struct error *err)
{
    if (strcmp(job->wishes.url, job->openai->wishes.url) == 0)
        return 0;
    return error_set(err, ERROR_PERSON, ESTALE, "engine.changed", "it was meant for another server");
}

static int set_up(struct backend_job *job, const struct backend_request *request, struct error *err)
{
    struct openai *o = job->openai;
    int rc = openai_wishes_read(request->settings, &job->wishes, err);
    rc = rc ? rc : check_server(job, err);
    if (rc)
        return rc;
    job->name = strdup(request->name);
    job->work_dir = strdup(request->work_dir);
    job->begin = loop_timer(o->loop, on_begin, job);
    if (!job->name || !job->work_dir || !job->begin)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    job->mode = openai_first_mode(&job->wishes);
    loop_timer_after(job->begin, 0);
    return 0;
}

struct backend_job *openai_job_start(struct openai *o, const struct backend_request *request,
                                     const struct backend_events *events, void *context, struct error *err)
{
    struct backend_job *job = calloc(1, sizeof *job);
    if (!job) {
        close(request->fd);
        error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
        return NULL;
    }
    *job = (struct backend_job){.openai = o,
                                .events = *events,
                                .context = context,
                                .fd = request->fd,
                                .prepared = -1,
                                .facts.duration_ms = -1};
    DL_APPEND2(o->jobs, job, prev, following);
    if (set_up(job, request, err) == 0)
        return job;
    job_free(job);
    return NULL;
}
