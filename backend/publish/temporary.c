/* Publishing to the provider's temporary storage: a certificate for one upload, then a form that carries the
 * recording. What is there can be fetched for 48 hours by the model the certificate was asked for, and by
 * nobody else; it cannot be removed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/dashscope/parse.h"
#include "backend/faults.h"
#include "backend/publish/media_type.h"
#include "backend/publish/publish_internal.h"
#include "backend/secrets.h"

#define LIFE_MS (INT64_C(48) * 3600 * 1000)
#define DOING "sending the recording"

struct temporary_work {
    char *service, *authorization, *model;
    char *file_name; /* random, with the ending of the recording's: names of people never leave the machine */
    cJSON *certificate;
};

static void ask(struct publication *p);

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_TRANSIENT, ENOMEM, "publish.failed", "out of memory");
}

static const char *field(const struct temporary_work *work, const char *key)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(work->certificate, "data");
    if (!cJSON_IsObject(data))
        data = cJSON_GetObjectItemCaseSensitive(work->certificate, "output");
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, key);
    if (cJSON_IsBool(item))
        return cJSON_IsTrue(item) ? "true" : "false";
    return cJSON_GetStringValue(item);
}

static double number(const struct temporary_work *work, const char *key)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(work->certificate, "data");
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, key);
    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

/* ---- the form ---- */

static void on_sent(void *context, const struct http_response *response)
{
    struct publication *p = context;
    p->request = NULL;
    if (response->end == HTTP_ANSWERED && response->status >= 200 && response->status <= 299) {
        publication_done(p, (int64_t)time(NULL) * 1000 + LIFE_MS);
        return;
    }
    struct error err = {0};
    storage_error(response, DOING, &err);
    if (err.class == ERROR_PERSON) {
        /* The certificate is the provider's, nobody here can put it right: a new one may be. */
        err.class = ERROR_TRANSIENT;
        snprintf(err.code, sizeof err.code, "publish.down");
    }
    publication_again(p, &err, ask);
}

static int post(struct publication *p, struct error *err)
{
    const struct temporary_work *work = p->work;
    const char *host = field(work, "upload_host");
    char *url cleanup_free = NULL;
    struct http_part parts[] = {
        {.name = "OSSAccessKeyId", .value = field(work, "oss_access_key_id")},
        {.name = "Signature", .value = field(work, "signature")},
        {.name = "policy", .value = field(work, "policy")},
        {.name = "key", .value = p->object},
        {.name = "x-oss-object-acl", .value = field(work, "x_oss_object_acl")},
        {.name = "x-oss-forbid-overwrite", .value = field(work, "x_oss_forbid_overwrite")},
        {.name = "success_action_status", .value = "200"},
        {.name = "x-oss-content-type", .value = media_type(p->name)},
        {.name = "file",
         .file = {p->fd, 0, p->size},
         .file_name = work->file_name,
         .content_type = media_type(p->name)},
    };
    if (asprintf(&url, "%s/", host) < 0) {
        url = NULL;
        return out_of_memory(err);
    }
    p->request = http_start(p->publisher->http,
                            &(struct http_call){.method = "POST",
                                                .url = url,
                                                .parts = parts,
                                                .part_count = sizeof parts / sizeof *parts,
                                                .response_limit = 1 << 20,
                                                .total_ms = -1,
                                                .on_progress = publication_progress,
                                                .done = on_sent,
                                                .context = p},
                            err);
    return p->request ? 0 : -EIO;
}

/* ---- the certificate ---- */

static int check_certificate(struct publication *p, const struct http_response *response, struct error *err)
{
    static const char *const needed[] = {"policy", "signature", "upload_dir", "upload_host",
                                         "oss_access_key_id"};
    struct temporary_work *work = p->work;
    cJSON_Delete(work->certificate);
    work->certificate = cJSON_ParseWithLength(response->body, response->length);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!field(work, needed[i]))
            return error_set(err, ERROR_TRANSIENT, EBADMSG, "cloud.answer",
                             "the permission to upload has no \"%s\"", needed[i]);
    double most = number(work, "max_file_size_mb");
    if (most >= 0 && (double)p->size > most * 1048576)
        return error_set(err, ERROR_PERMANENT, EFBIG, "media.too_large",
                         "the provider's temporary storage takes at most %.0f MB; this recording is larger",
                         most);
    free(p->object);
    if (asprintf(&p->object, "%s/%s", field(work, "upload_dir"), work->file_name) < 0) {
        p->object = NULL;
        return out_of_memory(err);
    }
    return 0;
}

static void on_certificate(void *context, const struct http_response *response)
{
    struct publication *p = context;
    struct error err = {0};
    p->request = NULL;
    if (response->end != HTTP_ANSWERED) {
        fault_of_transport(response, "asking for permission to upload", &err);
    } else if (response->status != 200) {
        struct fault_text words;
        parse_fault(response->body, response->length, &words);
        fault_explain(&(struct fault){response->status, words.code, words.message, words.request_id}, &err);
    } else if (check_certificate(p, response, &err) == 0 && post(p, &err) == 0) {
        return;
    }
    publication_again(p, &err, ask);
}

static void ask(struct publication *p)
{
    const struct temporary_work *work = p->work;
    struct error err = {0};
    struct buffer url cleanup_buffer = {0};
    buffer_printf(&url, "%s/api/v1/uploads?action=getPolicy&model=", work->service);
    percent_encode(&url, work->model, strlen(work->model), 0);
    const char *headers[] = {work->authorization, "Accept: application/json", NULL};
    p->request = NULL;
    if (buffer_error(&url))
        out_of_memory(&err);
    else
        p->request = http_start(p->publisher->http,
                                &(struct http_call){.method = "GET",
                                                    .url = url.data,
                                                    .headers = headers,
                                                    .response_limit = 1 << 20,
                                                    .total_ms = 60000,
                                                    .done = on_certificate,
                                                    .context = p},
                                &err);
    if (!p->request)
        publication_again(p, &err, ask);
}

/* ---- the way ---- */

static int temporary_start(struct publication *p, const struct publish_request *request, struct error *err)
{
    struct temporary_work *work = p->work = calloc(1, sizeof *work);
    if (!work)
        return out_of_memory(err);
    work->service = strdup(request->service);
    work->authorization = strdup(request->authorization);
    work->model = strdup(request->model);
    work->file_name = publication_object("", request->path);
    if (!work->service || !work->authorization || !work->model || !work->file_name)
        return out_of_memory(err);
    publication_soon(p, ask);
    return 0;
}

static void temporary_stop(struct publication *p, bool undo)
{
    struct temporary_work *work = p->work;
    (void)undo;
    if (!work)
        return;
    free(work->service);
    secret_free(work->authorization);
    free(work->model);
    free(work->file_name);
    cJSON_Delete(work->certificate);
    free(work);
    p->work = NULL;
}

static char *temporary_address(struct publisher *publisher, const char *object, struct error *err)
{
    char *url;
    (void)publisher;
    if (asprintf(&url, "oss://%s", object) >= 0)
        return url;
    out_of_memory(err);
    return NULL;
}

const struct publish_way publish_temporary = {temporary_start, temporary_stop, temporary_address};
