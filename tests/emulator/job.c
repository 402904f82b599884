/* The work of a task: every file heard, and what came of it in the words of the task's family. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/features.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/shape.h"

/* Containers that tasks take. */
static const char formats[] = "aac amr avi flac flv m4a mkv mov mp3 mp4 mpeg ogg opus wav webm wma wmv";

/* How each failure is called: Fun-ASR and Paraformer, and filetrans (whose messages repeat the code). */
static const struct {
    const char *code, *message, *filetrans;
} names[] = {
    [HEAR_BAD_URL] = {"InvalidFile.DownloadFailed", "The audio file cannot be downloaded.",
                      "REQUEST_INVALID_FILE_URL_VALUE"},
    [HEAR_NOT_ENCODED] = {"InvalidFile.DownloadFailed", "The audio file cannot be downloaded.",
                          "REQUEST_INVALID_FILE_URL_VALUE"},
    [HEAR_UNRESOLVED] = {"InvalidFile.DownloadFailed", "The audio file cannot be downloaded.",
                         "FILE_DOWNLOAD_FAILED"},
    [HEAR_NO_UPLOAD] = {"InvalidFile.DownloadFailed", "The audio file cannot be downloaded.",
                        "FILE_DOWNLOAD_FAILED"},
    [HEAR_OTHER_MODEL] = {"InvalidFile.DownloadFailed", "The audio file cannot be downloaded.",
                          "FILE_DOWNLOAD_FAILED"},
    [HEAR_UNREACHABLE] = {"InvalidFile.DownloadFailed", "The audio file cannot be downloaded.",
                          "FILE_DOWNLOAD_FAILED"},
    [HEAR_403] = {"InvalidFile.DownloadFailed", "The audio file cannot be downloaded.", "FILE_403_FORBIDDEN"},
    [HEAR_404] = {"InvalidFile.DownloadFailed", "The audio file cannot be downloaded.", "FILE_404_NOT_FOUND"},
    [HEAR_ORIGIN_ERROR] = {"InvalidFile.DownloadFailed", "The audio file cannot be downloaded.",
                           "FILE_SERVER_ERROR"},
    [HEAR_SHORT] = {"InvalidFile.DownloadFailed", "The audio file cannot be downloaded.",
                    "CONTENT_LENGTH_CHECK_FAILED"},
    [HEAR_TOO_LARGE] = {"FILE_TOO_LARGE", "FILE_TOO_LARGE", "FILE_TOO_LARGE"},
    [HEAR_NOT_AUDIO] = {"InvalidFile.DecodeFailed", "The audio file cannot be decoded.", "FILE_PARSE_FAILED"},
    [HEAR_BAD_FORMAT] = {"UNSUPPORTED_FORMAT", "UNSUPPORTED_FORMAT", "UNSUPPORTED_FORMAT"},
    [HEAR_NO_TRACK] = {"FILE_CHECK_FAILED", "FILE_CHECK_FAILED", "FILE_CHECK_FAILED"},
    [HEAR_TOO_LONG] = {"AUDIO_DURATION_TOO_LONG", "AUDIO_DURATION_TOO_LONG", "AUDIO_DURATION_TOO_LONG"},
    [HEAR_BROKEN] = {"InternalError",
                     "An internal error has occured, please try again later or contact service support.",
                     "InternalError"},
};

struct outcome {
    char *code, *message; /* owned; NULL: good */
    char *result;         /* owned: the result file */
    int64_t billed_ms;
};

static void fail(struct outcome *o, const char *code, const char *message)
{
    o->code = xstrdup(code);
    o->message = xstrdup(message ? message : code);
}

static void name_failure(struct outcome *o, const struct heard *h, const struct task *t,
                         const char *no_speech)
{
    const cJSON *script = json_get(h->script, "fail");
    if (h->failure == HEAR_SCRIPTED) {
        const char *code = json_text(script, "code");
        fail(o, code ? code : "InternalError", json_text(script, "message"));
    } else if (h->failure == HEAR_NO_SPEECH) {
        fail(o,
             strcmp(no_speech, "subtask") ? "ASR_RESPONSE_HAVE_NO_WORDS" : "SUCCESS_WITH_NO_VALID_FRAGMENT",
             NULL);
    } else if (t->model->family == FAMILY_FILETRANS) {
        fail(o, names[h->failure].filetrans, NULL);
    } else {
        fail(o, names[h->failure].code, names[h->failure].message);
    }
}

static int64_t billed(const struct heard *h, const struct features *f, const struct model *m)
{
    int64_t ms = 0;
    if (m->family == FAMILY_FILETRANS)
        return h->info.duration_ms * (int64_t)f->channel_count;
    for (size_t i = 0; i < f->channel_count; i++)
        ms += shape_speech_ms(h->transcript, f->channels[i]);
    return ms;
}

/* The result file; a script may have it word for word. */
static char *result_text(const struct heard *h, const struct features *f, const struct model *m,
                         const char *url)
{
    const char *text = json_text(h->script, "result_text");
    const cJSON *result = json_get(h->script, "result");
    if (text)
        return xstrdup(text);
    cleanup_json cJSON *json = result ? cJSON_Duplicate(result, true) : shape_result(h, f, m, url);
    return cJSON_PrintUnformatted(json);
}

/* A fault may have decided this file's fate. */
static bool fated(const struct task *t, size_t index, struct outcome *o)
{
    const char *code = json_text(t->fault, "code");
    if (!code || (json_get(t->fault, "subtask") && json_number(t->fault, "subtask", 0) != (double)index))
        return false;
    fail(o, code, json_text(t->fault, "message"));
    return true;
}

/* Rules for this audio could not be known at submission. */
static void take_late_fault(struct emulator *emu, struct task *t, const char *sha256)
{
    struct fault_subject subject = {
        .model = t->model->name, .task_id = t->id, .key = t->key, .sha256 = sha256};
    cJSON *late = *sha256 && !t->fault ? faults_take(emu, "task", &subject) : NULL;
    if (!late)
        return;
    emu_lock(emu);
    t->fault = late;
    emu_unlock(emu);
}

static void hear_file(struct emulator *emu, struct task *t, size_t index, const struct config *c,
                      const struct features *f, struct heard *h, struct outcome *o)
{
    struct hear_request q = {
        .url = t->files[index].url,
        .account = t->account,
        .model = t->model->name,
        .resolve = t->resolve,
        .channels = f->channels,
        .channel_count = f->channel_count,
        .max_bytes = c->max_file_bytes,
        .max_ms = c->max_duration_ms,
        .formats = formats,
    };
    hear(emu, &q, h);
    take_late_fault(emu, t, h->sha256);
    if (h->failure == HEAR_NO_SPEECH && !strcmp(c->no_speech, "empty"))
        h->failure = HEAR_GOOD;
    if (t->doomed)
        fail(o, "InvalidParameter", "Required parameter \"parameters\" missing from request.");
    else if (!fated(t, index, o) && h->failure)
        name_failure(o, h, t, c->no_speech);
    else if (!o->code && f->diarization && h->info.duration_ms > c->diarization_max_ms)
        fail(o, "InternalError.Timeout", "The recognition timed out.");
    if (o->code)
        return;
    int rate = model_rate(t->model);
    if ((rate > 0 && h->info.rate != rate) || h->info.rate < -rate)
        record_violation(emu, NULL, "sample_rate", t->model->name);
    if (f->diarization && h->info.channels > 1)
        record_violation(emu, NULL, "diarization_of_several_channels", t->files[index].url);
    features_apply(f, c->reserved_words, h->transcript);
    o->billed_ms = billed(h, f, t->model);
    o->result = result_text(h, f, t->model, t->files[index].url);
}

/* Lock held: the result becomes an object that only a signed link opens. */
static void store_result(struct emulator *emu, const struct task *t, struct task_file *f,
                         const struct blob *blob)
{
    char minute[DATE_SIZE], uuid[UUID_SIZE];
    int64_t now = clock_now(&emu->clock);
    date_minute(now, minute);
    text_uuid(uuid);
    f->result_key = xprintf("prod/%s/%s/%s%s.json", t->model->name, minute, uuid,
                            t->model->family == FAMILY_FILETRANS ? "" : "-1");
    struct bucket *b = store_bucket(&emu->store, result_bucket);
    struct object *o = bucket_put(&emu->store, b, f->result_key, blob, now);
    o->content_type = xstrdup("application/json");
}

static void settle(struct emulator *emu, struct task *t, size_t index, const struct heard *h,
                   struct outcome *o)
{
    struct blob blob;
    if (!o->code && blob_write(&emu->store, o->result, strlen(o->result), &blob))
        fail(o, "InternalError", "cannot write the result");
    emu_lock(emu);
    struct task_file *f = &t->files[index];
    memcpy(f->sha256, h->sha256, sizeof f->sha256);
    if (*h->sha256) {
        cleanup_free char *key = xprintf("%s/%s", t->model->name, h->sha256);
        record_add(&emu->record, "submits_by_audio", h->sha256, 1);
        record_add(&emu->record, "submits_by_model_and_audio", key, 1);
        record_add(&emu->record, "audio_ms_by_model", t->model->name, h->info.duration_ms);
    }
    if (!o->code)
        store_result(emu, t, f, &blob);
    f->code = steal_ptr(o->code);
    f->message = steal_ptr(o->message);
    f->billed_ms = o->billed_ms;
    f->done = true;
    emu_unlock(emu);
}

bool job_run(struct emulator *emu, struct task *t)
{
    bool stopping = false;
    struct features f;
    emu_lock(emu);
    struct config c = emu->config;
    emu_unlock(emu);
    features_read(&f, t->parameters);
    for (size_t i = 0; i < t->file_count && !stopping; i++) {
        struct outcome o = {0};
        struct heard h;
        if (t->files[i].done)
            continue;
        hear_file(emu, t, i, &c, &f, &h, &o);
        emu_lock(emu);
        stopping = emu->stopping; /* what broke off now says nothing about the audio: it is heard after the
                                     restart */
        emu_unlock(emu);
        if (!stopping)
            settle(emu, t, i, &h, &o);
        free(o.code);
        free(o.message);
        free(o.result);
        heard_free(&h);
    }
    features_free(&f);
    return !stopping;
}
