/* A supervised worker that recognises: its progress and its transcript as the backend's events. */
#include "backend/local/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/local/supervise.h"
#include "backend/transcript.h"

struct backend_job {
    struct backend_events events;
    void *context;
    struct supervision *supervision;
    const char *why; /* this model */
};

void job_cancel(struct backend_job *job)
{
    supervision_end(job->supervision);
    free(job);
}

static void on_progress(void *context, enum backend_stage stage, int64_t done, int64_t total)
{
    struct backend_job *job = context;
    if (job->events.progress)
        job->events.progress(job->context, stage, done, total);
}

static void on_failed(void *context, const struct error *error)
{
    struct backend_job *job = context;
    struct backend_events events = job->events;
    void *to = job->context;
    free(job);
    events.failed(to, error);
}

/* The line is {"type":"transcript","transcript":{...}}: the inner object, without parsing a long text twice.
 */
static bool on_line(void *context, const char *line, size_t len)
{
    static const char prefix[] = "{\"type\":\"transcript\",\"transcript\":";
    size_t skip = sizeof prefix - 1;
    if (len < skip + 1 || memcmp(line, prefix, skip) || line[len - 1] != '}')
        return false;
    struct backend_job *job = context;
    struct backend_events events = job->events;
    void *to = job->context;
    const char *why = job->why;
    struct error err;
    struct transcript *t = transcript_from_json(line + skip, len - skip - 1, &err);
    job_cancel(job);
    if (t) {
        if (!t->why)
            t->why = strdup(why); /* without memory it stays unknown */
        events.finished(to, t, NULL, 0);
    } else {
        err.class = ERROR_PERMANENT;
        events.failed(to, &err);
    }
    return true;
}

static const struct supervision_events supervision_events = {
    .line = on_line, .progress = on_progress, .failed = on_failed};

struct backend_job *job_start(struct loop *loop, struct child_list *children, char *const argv[],
                              const char *why, int recording, int64_t hang_ms, const struct backend_events *events,
                              void *context, struct error *err)
{
    cleanup_close int fd = recording;
    struct backend_job *job = malloc(sizeof *job);
    if (!job) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.start", "out of memory");
        return NULL;
    }
    *job = (struct backend_job){.events = *events, .context = context, .why = why};
    struct supervise what = {.loop = loop,
                             .children = children,
                             .argv = argv,
                             .recording = fd,
                             .converted = -1,
                             .hang_ms = hang_ms};
    job->supervision = supervise(&what, &supervision_events, job, err);
    if (!job->supervision) {
        free(job);
        return NULL;
    }
    return job;
}
