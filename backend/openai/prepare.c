/* What has to be done to a recording before a server takes it. */
#include "backend/openai/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "backend/publish/media_type.h"

enum {
    MODEL_RATE = 16000, /* Hz: what the models listen to */
    SPEAKERS_OVERLAP_MS =
        10000 /* so much of two parts is the same where speakers are to be recognised again */
};

static void out_of_memory(struct backend_job *job)
{
    struct error err = {0};
    error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    openai_job_fail(job, &err);
}

static int64_t size_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_size : -1;
}

/* Bytes a file may have, beside the rest of the form. */
static int64_t room(const struct backend_job *job)
{
    return job->openai->max_bytes - (int64_t)openai_form_bytes(&job->wishes);
}

static int64_t longest_ms(const struct backend_job *job)
{
    return job->openai->max_seconds * 1000;
}

static void refuse_length(struct backend_job *job)
{
    struct error err = {0};
    error_set(&err, ERROR_PERMANENT, EFBIG, "media.too_long", "the server takes %lld seconds at most",
              (long long)job->openai->max_seconds);
    openai_job_fail(job, &err);
}

static void refuse_size(struct backend_job *job)
{
    struct error err = {0};
    error_set(&err, ERROR_PERMANENT, EFBIG, "media.too_large", "the server takes %lld bytes at most",
              (long long)job->openai->max_bytes);
    openai_job_fail(job, &err);
}

/* ---- one piece ---- */

static void send_whole(struct backend_job *job)
{
    int fd = job->prepared >= 0 ? job->prepared : job->fd;
    int64_t size = size_of(fd);
    job->parts = calloc(1, sizeof *job->parts);
    if (!job->parts || size < 0) {
        out_of_memory(job);
        return;
    }
    job->part_count = 1;
    job->parts[0] =
        (struct openai_part){.end_ms = job->facts.duration_ms, .file = {.fd = fd, .length = size}};
    openai_job_wait(job);
}

/* ---- several pieces ---- */

static void on_cut(void *context, const struct media_facts *facts, const struct media_part *parts,
                   size_t count, const char *extension)
{
    struct backend_job *job = context;
    job->preparation = NULL;
    job->facts.duration_ms = facts->duration_ms;
    job->parts = calloc(count ? count : 1, sizeof *job->parts);
    job->extension = strdup(extension);
    if (!job->parts || !job->extension) {
        out_of_memory(job);
        return;
    }
    for (size_t i = 0; i < count; i++)
        job->parts[i] = (struct openai_part){
            .begin_ms = parts[i].begin_ms,
            .end_ms = parts[i].end_ms,
            .file = {.fd = job->prepared, .offset = parts[i].offset, .length = parts[i].length}};
    job->part_count = count;
    openai_job_wait(job);
}

static void on_failed(void *context, const struct error *error)
{
    struct backend_job *job = context;
    job->preparation = NULL;
    openai_job_fail(job, error);
}

static void on_progress(void *context, int64_t done_ms, int64_t total_ms)
{
    struct backend_job *job = context;
    job->events.progress(job->context, STAGE_PREPARING, done_ms, total_ms);
}

/* A file without a name, gone with the job. -1 and *err. */
static int file_for_parts(const struct backend_job *job, struct error *err)
{
    char *path cleanup_free = NULL;
    if (asprintf(&path, "%s/parts-XXXXXX", job->work_dir) < 0)
        path = NULL;
    int fd = path ? mkostemp(path, O_CLOEXEC) : -1;
    if (fd < 0)
        error_set(err, ERROR_TRANSIENT, errno, "prepare.file", "cannot make a file in %s: %s", job->work_dir,
                  strerror(errno));
    else
        unlink(path);
    return fd;
}

static bool can_cut(const struct backend_job *job)
{
    struct preparer *p = job->openai->preparer;
    return p && p->operations->split;
}

static void cut(struct backend_job *job)
{
    static const struct split_events events = {on_cut, on_failed, on_progress};
    struct preparer *p = job->openai->preparer;
    struct error err = {0};
    job->prepared = file_for_parts(job, &err);
    if (job->prepared >= 0)
        job->preparation = p->operations->split(
            p, job->fd, job->prepared,
            &(struct media_cut){.mix_down = true,
                                .sample_rate = MODEL_RATE,
                                .max_ms = longest_ms(job),
                                .max_bytes = room(job),
                                .overlap_ms = job->mode == MODE_DIARIZED ? SPEAKERS_OVERLAP_MS : 0},
            &events, job, &err);
    if (!job->preparation)
        openai_job_fail(job, &err);
}

/* ---- converting ---- */

static void on_converted(void *context, const struct media_facts *facts, int fd, const char *extension)
{
    struct backend_job *job = context;
    job->preparation = NULL;
    job->prepared = fd;
    job->extension = strdup(extension);
    if (facts->duration_ms >= 0)
        job->facts.duration_ms = facts->duration_ms;
    if (!job->extension)
        out_of_memory(job);
    else
        send_whole(job);
}

static void on_convert_failed(void *context, const struct error *error)
{
    struct backend_job *job = context;
    job->preparation = NULL;
    if (strcmp(error->code, "media.too_large") == 0 && can_cut(job))
        cut(job);
    else
        openai_job_fail(job, error);
}

static void convert(struct backend_job *job)
{
    static const struct prepare_events events = {on_converted, on_convert_failed, on_progress};
    struct preparer *p = job->openai->preparer;
    struct error err = {0};
    job->preparation = p->operations->convert(
        p, job->fd, job->work_dir,
        &(struct media_target){.mix_down = true, .sample_rate = MODEL_RATE, .max_bytes = room(job)}, &events,
        job, &err);
    if (!job->preparation)
        openai_job_fail(job, &err);
}

/* ---- deciding ---- */

/* What every server can read, also those without a media library. */
static bool every_server_reads(const char *name)
{
    const char *extension = media_extension(name);
    return !strcmp(extension, ".wav") || !strcmp(extension, ".mp3") || !strcmp(extension, ".flac");
}

static void choose(struct backend_job *job)
{
    int64_t size = size_of(job->fd), longest = longest_ms(job);
    bool fits = size >= 0 && size <= room(job);
    if (longest > 0 && job->facts.duration_ms > longest) {
        if (can_cut(job))
            cut(job);
        else
            refuse_length(job);
    } else if (!job->openai->preparer || !job->openai->preparer->operations->convert) {
        if (fits)
            send_whole(job);
        else
            refuse_size(job);
    } else if (fits && !job->facts.video && every_server_reads(job->name)) {
        send_whole(job);
    } else {
        convert(job);
    }
}

static void on_probed(void *context, const struct media_facts *facts, int fd, const char *extension)
{
    struct backend_job *job = context;
    (void)fd, (void)extension;
    job->preparation = NULL;
    job->facts = *facts;
    if (openai_job_may_send(job))
        choose(job);
}

void openai_job_prepare(struct backend_job *job)
{
    static const struct prepare_events events = {on_probed, on_failed, on_progress};
    struct preparer *p = job->openai->preparer;
    struct error err = {0};
    job->events.progress(job->context, STAGE_PREPARING, 0, 0);
    if (!p) {
        if (openai_job_may_send(job))
            choose(job);
        return;
    }
    job->preparation = p->operations->probe(p, job->fd, &events, job, &err);
    if (!job->preparation)
        openai_job_fail(job, &err);
}
