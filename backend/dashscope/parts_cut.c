/* Cutting a recording: the preparer writes all parts into one file, and before anything is sent that file and
 * the table of the parts are durable. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "backend/dashscope/errand.h"
#include "backend/dashscope/parts_internal.h"

static void on_synced(void *arg, int rc)
{
    struct parts *parts = arg;
    parts->errand = NULL;
    if (rc)
        parts_fail_disk(parts, rc);
    else
        cloud_job_checkpoint(parts->job, parts_run);
}

/* As read to the end: each goes on where the one before it ends, or before that. */
static int take_table(struct parts *parts, const struct media_part *table, size_t count,
                      const char *extension)
{
    int64_t end_ms = 0;
    if (!count)
        return -ENODATA;
    parts->extension = strdup(extension);
    if (!parts->extension || parts_set_count(parts, count))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct media_part *from = &table[i];
        struct part *part = &parts->part[i];
        bool good = from->begin_ms >= 0 && from->begin_ms <= end_ms && from->end_ms > end_ms &&
                    from->offset >= 0 && from->length > 0;
        if (!good)
            return -ENODATA;
        end_ms = part->end_ms = from->end_ms;
        part->begin_ms = from->begin_ms;
        part->offset = from->offset;
        part->length = from->length;
    }
    return 0;
}

static void on_split(void *context, const struct media_facts *facts, const struct media_part *table,
                     size_t count, const char *extension)
{
    struct backend_job *job = context;
    struct parts *parts = job->parts;
    struct error err = {0};
    job->preparation = NULL;
    int rc = take_table(parts, table, count, extension);
    if (rc == -ENODATA) {
        error_set(&err, ERROR_PERMANENT, ENODATA, "media.decode", "it could not be cut into parts");
        cloud_job_fail(job, &err);
        return;
    }
    if (facts->sample_rate > 0)
        job->facts.sample_rate = facts->sample_rate;
    if (facts->channels > 0)
        job->facts.channels = facts->channels;
    job->facts.duration_ms = table[count - 1].end_ms;
    if (!rc)
        parts->errand = errand_start(job->dashscope->loop, parts_file_sync, on_synced, parts);
    if (!parts->errand)
        parts_fail_disk(parts, -ENOMEM);
}

static void on_split_failed(void *context, const struct error *error)
{
    struct backend_job *job = context;
    job->preparation = NULL;
    cloud_job_fail(job, error);
}

static void on_split_progress(void *context, int64_t done_ms, int64_t total_ms)
{
    struct backend_job *job = context;
    job->events.progress(job->context, STAGE_PREPARING, done_ms, total_ms);
}

void cloud_parts_split(struct backend_job *job)
{
    static const struct split_events events = {on_split, on_split_failed, on_split_progress};
    const struct dashscope *d = job->dashscope;
    const struct model *model = job->route.model;
    struct error err = {0};
    cloud_parts_free(job->parts);
    job->parts = parts_new(job);
    int rc = job->parts ? parts_file_open(job->parts, O_CREAT | O_TRUNC) : -ENOMEM;
    if (rc) {
        parts_disk_error(rc, &err);
        cloud_job_fail(job, &err);
        return;
    }
    job->parts->overlap_ms = job->route.overlap_ms;
    bool inlined = job->route.call != CALL_TASK && d->publish_kind == PUBLISH_NONE;
    job->preparation = d->preparer->operations->split(
        d->preparer, job->fd, job->parts->file,
        &(struct media_cut){.mix_down = job->route.mix_down,
                            .sample_rate = job->route.sample_rate,
                            .max_ms = job->route.split_ms,
                            .max_bytes = inlined ? CATALOGUE_INLINE_BYTES : model->max_bytes,
                            .overlap_ms = job->route.overlap_ms},
        &events, job, &err);
    if (!job->preparation)
        cloud_job_fail(job, &err);
}
