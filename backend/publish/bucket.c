/* Publishing to a bucket of OSS or S3: one PUT, or for large recordings an upload in parts, which can be gone
 * on with after a restart. The two speak the same language but for their signatures.
 *
 *   put ───────────────────────────────────────────────┐
 *   initiate ── part ── part … ── complete ──────────── done
 *                                   └ answer lost ── look
 *
 * The state of a publication: {"object", "size", "mtime_ns", and of an upload in parts "upload",
 * "part_bytes", "etags"}. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/json_out.h"
#include "backend/publish/media_type.h"
#include "backend/publish/publish_internal.h"
#include "backend/publish/removal.h"
#include "backend/secrets.h"

#define MOST_PARTS 10000
#define DOING "sending the recording"

struct bucket_work {
    char *upload; /* id of an upload in parts, or NULL */
    int64_t part_bytes;
    char **etags;
    size_t etag_count, part_count;
};

static void put_whole(struct publication *p);
static void initiate(struct publication *p);
static void put_part(struct publication *p);
static void complete(struct publication *p);

/* ---- requests ---- */

static int read_key(const struct publisher *p, struct secret *secret, struct signature_key *key,
                    struct error *err)
{
    bool oss = p->settings.kind == PUBLISH_OSS;
    struct secret_source source = {.file = p->settings.key_file};
    if (source.file) {
        int rc = secret_read(&source, 2, "publish.denied", secret, err);
        *key = (struct signature_key){secret->line[0], secret->line[1], secret->line[2]};
        return rc;
    }
    static const char *const names[2][3] = {
        {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
        {"OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"}};
    key->id = getenv(names[oss][0]);
    key->secret = getenv(names[oss][1]);
    key->token = getenv(names[oss][2]);
    *secret = (struct secret){.count = 0};
    if (!key->id || !key->secret)
        return error_set(err, ERROR_PERSON, ENOKEY, "publish.denied", "no key for the bucket is configured");
    return 0;
}

static struct signature_input signature_input(const struct publisher *p, const char *method,
                                              const char *object)
{
    bool oss = p->settings.kind == PUBLISH_OSS;
    return (struct signature_input){.kind = !oss                         ? SIGNATURE_AWS_V4
                                            : p->settings.old_signatures ? SIGNATURE_OSS_V1
                                                                         : SIGNATURE_OSS_V4,
                                    .method = method,
                                    .host = p->host,
                                    .path = p->path,
                                    .bucket = p->settings.bucket ? p->settings.bucket : "",
                                    .key = object,
                                    .region = p->settings.region ? p->settings.region : "",
                                    .now = (int64_t)time(NULL)};
}

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_TRANSIENT, ENOMEM, "publish.failed", "out of memory");
}

static void add_address(struct buffer *url, const struct publisher *p, const char *object)
{
    const char *endpoint = p->settings.endpoint;
    size_t len = strlen(endpoint);
    buffer_add(url, endpoint, len && endpoint[len - 1] == '/' ? len - 1 : len);
    buffer_puts(url, "/");
    percent_encode(url, object, strlen(object), 1);
}

struct http_request *bucket_send(struct publisher *p, const struct bucket_call *call, struct error *err)
{
    struct secret secret cleanup_secret = {.count = 0};
    struct signature_key key;
    struct signature_headers signed_headers;
    struct buffer url cleanup_buffer = {0};
    char content_type[80];
    snprintf(content_type, sizeof content_type, "Content-Type: %s",
             call->content_type ? call->content_type : "");
    if (read_key(p, &secret, &key, err) != 0)
        return NULL;
    struct signature_field type = {"Content-Type", call->content_type};
    struct signature_input input = signature_input(p, call->method, call->object);
    input.query = call->query;
    input.query_count = call->query_count;
    input.headers = &type;
    input.header_count = call->content_type ? 1 : 0;
    if (signature_headers(&key, &input, &signed_headers) != 0) {
        out_of_memory(err);
        return NULL;
    }
    add_address(&url, p, call->object);
    for (size_t i = 0; i < call->query_count; i++) {
        buffer_puts(&url, i ? "&" : "?");
        percent_encode(&url, call->query[i].name, strlen(call->query[i].name), 0);
        if (call->query[i].value[0])
            buffer_puts(&url, "=");
        percent_encode(&url, call->query[i].value, strlen(call->query[i].value), 0);
    }
    const char *headers[10] = {content_type};
    size_t count = call->content_type ? 1 : 0;
    for (size_t i = 0; signed_headers.line[i]; i++)
        headers[count++] = signed_headers.line[i];
    headers[count] = NULL;
    struct http_request *request = NULL;
    if (buffer_error(&url))
        out_of_memory(err);
    else
        request = http_start(p->http,
                             &(struct http_call){.method = call->method,
                                                 .url = url.data,
                                                 .headers = headers,
                                                 .body = call->body,
                                                 .body_length = call->body_length,
                                                 .range = call->range,
                                                 .response_limit = 1 << 20,
                                                 .total_ms = call->range ? -1 : 0,
                                                 .on_progress = call->on_progress,
                                                 .done = call->done,
                                                 .context = call->context},
                             err);
    signature_headers_clear(&signed_headers);
    return request;
}

char *bucket_address(struct publisher *p, const char *object, struct error *err)
{
    struct secret secret cleanup_secret = {.count = 0};
    struct signature_key key;
    if (read_key(p, &secret, &key, err) != 0)
        return NULL;
    struct signature_input input = signature_input(p, "GET", object);
    char *query cleanup_free = signature_query(&key, &input, p->settings.valid_seconds);
    struct buffer url = {0};
    add_address(&url, p, object);
    buffer_printf(&url, "?%s", query ? query : "");
    char *text = buffer_take(&url);
    if (query && text)
        return text;
    free(text);
    out_of_memory(err);
    return NULL;
}

/* ---- state ---- */

static bool in_parts(const struct publication *p)
{
    return p->size > p->publisher->settings.part_bytes;
}

static void checkpoint(struct publication *p)
{
    const struct bucket_work *work = p->work;
    struct buffer state cleanup_buffer = {0};
    buffer_puts(&state, "{\"object\":");
    json_out_string(&state, p->object);
    buffer_printf(&state, ",\"size\":%" PRId64 ",\"mtime_ns\":\"%" PRId64 "\"", p->size, p->mtime_ns);
    if (!work->upload && in_parts(p)) {
        buffer_puts(&state, ",\"parts\":true");
    } else if (work->upload) {
        buffer_puts(&state, ",\"upload\":");
        json_out_string(&state, work->upload);
        buffer_printf(&state, ",\"part_bytes\":%" PRId64 ",\"etags\":[", work->part_bytes);
        for (size_t i = 0; i < work->etag_count; i++) {
            buffer_puts(&state, i ? "," : "");
            json_out_string(&state, work->etags[i]);
        }
        buffer_puts(&state, "]");
    }
    buffer_puts(&state, "}");
    if (!buffer_error(&state) && p->events.checkpoint)
        p->events.checkpoint(p->context, state.data);
}

static void forget_upload(struct bucket_work *work)
{
    for (size_t i = 0; i < work->etag_count; i++)
        free(work->etags[i]);
    free(work->etags);
    free(work->upload);
    work->etags = NULL;
    work->upload = NULL;
    work->etag_count = 0;
}

static int64_t part_bytes(const struct publication *p)
{
    int64_t least = (p->size + MOST_PARTS - 1) / MOST_PARTS;
    return p->publisher->settings.part_bytes > least ? p->publisher->settings.part_bytes : least;
}

static int add_etag(struct bucket_work *work, const char *etag)
{
    char **longer = reallocarray(work->etags, work->etag_count + 1, sizeof *longer);
    if (!longer)
        return -ENOMEM;
    work->etags = longer;
    longer[work->etag_count] = strdup(etag);
    if (!longer[work->etag_count])
        return -ENOMEM;
    work->etag_count++;
    return 0;
}

static const char *text_of(const cJSON *json, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
    return text ? text : "";
}

/* Goes on with an earlier try if it was for this very content. */
static void restore(struct publication *p, const char *state)
{
    struct bucket_work *work = p->work;
    cJSON *json = cJSON_Parse(state);
    const char *object = text_of(json, "object"), *upload = text_of(json, "upload");
    double size = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, "size"));
    double bytes = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, "part_bytes"));
    /* Where an upload may have begun and its id is not known, everything under that name is given up. */
    bool doubtful = !upload[0] && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "parts"));
    bool same = object[0] && !doubtful && size == (double)p->size &&
                strtoll(text_of(json, "mtime_ns"), NULL, 10) == p->mtime_ns;
    if (same) {
        p->object = strdup(object);
        if (upload[0] && bytes >= 1 && bytes <= (double)p->size) {
            work->upload = strdup(upload);
            work->part_bytes = (int64_t)bytes;
            const cJSON *etag;
            cJSON_ArrayForEach(etag, cJSON_GetObjectItemCaseSensitive(json, "etags"))
            {
                if (!cJSON_IsString(etag) || add_etag(work, etag->valuestring) != 0)
                    break;
            }
        }
    } else if (object[0]) {
        publish_discard(p->publisher, state, NULL, NULL);
    }
    cJSON_Delete(json);
}

/* ---- steps ---- */

/* 0: go on; otherwise the publication has been given a new step, or is gone. */
static int refused(struct publication *p, const struct http_response *response,
                   void (*step)(struct publication *publication))
{
    p->request = NULL;
    if (response->end == HTTP_ANSWERED && response->status >= 200 && response->status <= 299 &&
        !strstr(response->body, "<Error>"))
        return 0;
    struct error err = {0};
    storage_error(response, DOING, &err);
    publication_again(p, &err, step);
    return -EIO;
}

static void begun(struct publication *p, struct http_request *request, const struct error *err,
                  void (*step)(struct publication *publication))
{
    p->request = request;
    if (!request)
        publication_again(p, err, step);
}

static void on_put(void *context, const struct http_response *response)
{
    struct publication *p = context;
    if (refused(p, response, put_whole) == 0)
        publication_done(p, 0);
}

static void put_whole(struct publication *p)
{
    struct error err = {0};
    struct http_range range = {p->fd, 0, p->size};
    begun(p,
          bucket_send(p->publisher,
                      &(struct bucket_call){.method = "PUT",
                                            .object = p->object,
                                            .content_type = media_type(p->name),
                                            .range = &range,
                                            .on_progress = publication_progress,
                                            .done = on_put,
                                            .context = p},
                      &err),
          &err, put_whole);
}

static void on_initiated(void *context, const struct http_response *response)
{
    struct publication *p = context;
    struct bucket_work *work = p->work;
    char id[512];
    if (refused(p, response, initiate) != 0)
        return;
    if (storage_xml(response->body, "UploadId", id, sizeof id) != 0 || !(work->upload = strdup(id))) {
        struct error err = {0};
        error_set(&err, ERROR_TRANSIENT, EBADMSG, "publish.down",
                  DOING ": the storage's answer was not understood");
        publication_again(p, &err, initiate);
        return;
    }
    p->attempts = 0;
    checkpoint(p);
    put_part(p);
}

static void initiate(struct publication *p)
{
    struct error err = {0};
    struct bucket_work *work = p->work;
    struct signature_field query = {"uploads", ""};
    forget_upload(work);
    work->part_bytes = part_bytes(p);
    begun(p,
          bucket_send(p->publisher,
                      &(struct bucket_call){.method = "POST",
                                            .object = p->object,
                                            .query = &query,
                                            .query_count = 1,
                                            .content_type = media_type(p->name),
                                            .done = on_initiated,
                                            .context = p},
                      &err),
          &err, initiate);
}

/* The storage has forgotten the upload: begin anew, or it was completed and the answer got lost. */
static bool upload_is_unknown(const struct http_response *response)
{
    return response->end == HTTP_ANSWERED && response->status == 404 &&
           strstr(response->body, "NoSuchUpload");
}

static void on_part(void *context, const struct http_response *response)
{
    struct publication *p = context;
    const char *etag = response->end == HTTP_ANSWERED ? http_header(response, "ETag") : NULL;
    if (upload_is_unknown(response)) {
        p->request = NULL;
        initiate(p);
        return;
    }
    if (refused(p, response, put_part) != 0)
        return;
    if (!etag || add_etag(p->work, etag) != 0) {
        struct error err = {0};
        error_set(&err, ERROR_TRANSIENT, EBADMSG, "publish.down",
                  DOING ": the storage's answer was not understood");
        publication_again(p, &err, put_part);
        return;
    }
    p->attempts = 0;
    checkpoint(p);
    put_part(p);
}

static void put_part(struct publication *p)
{
    struct bucket_work *work = p->work;
    struct error err = {0};
    char number[24];
    p->sent = (int64_t)work->etag_count * work->part_bytes;
    if (p->sent >= p->size) {
        complete(p);
        return;
    }
    snprintf(number, sizeof number, "%zu", work->etag_count + 1);
    struct signature_field query[] = {{"partNumber", number}, {"uploadId", work->upload}};
    int64_t left = p->size - p->sent;
    struct http_range range = {p->fd, p->sent, left < work->part_bytes ? left : work->part_bytes};
    begun(p,
          bucket_send(p->publisher,
                      &(struct bucket_call){.method = "PUT",
                                            .object = p->object,
                                            .query = query,
                                            .query_count = 2,
                                            .range = &range,
                                            .on_progress = publication_progress,
                                            .done = on_part,
                                            .context = p},
                      &err),
          &err, put_part);
}

static void on_looked(void *context, const struct http_response *response)
{
    struct publication *p = context;
    p->request = NULL;
    const char *length = response->end == HTTP_ANSWERED ? http_header(response, "Content-Length") : NULL;
    if (response->end == HTTP_ANSWERED && response->status == 200 && length &&
        strtoll(length, NULL, 10) == p->size)
        publication_done(p, 0);
    else
        initiate(p);
}

static void look(struct publication *p)
{
    struct error err = {0};
    begun(p,
          bucket_send(
              p->publisher,
              &(struct bucket_call){.method = "HEAD", .object = p->object, .done = on_looked, .context = p},
              &err),
          &err, look);
}

static void on_completed(void *context, const struct http_response *response)
{
    struct publication *p = context;
    if (upload_is_unknown(response)) {
        p->request = NULL;
        look(p);
        return;
    }
    if (refused(p, response, complete) == 0)
        publication_done(p, 0);
}

static void complete(struct publication *p)
{
    struct bucket_work *work = p->work;
    struct error err = {0};
    struct buffer body cleanup_buffer = {0};
    buffer_puts(&body, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < work->etag_count; i++) {
        const char *etag = work->etags[i];
        size_t len = strlen(etag);
        if (len >= 2 && etag[0] == '"' && etag[len - 1] == '"') {
            etag++;
            len -= 2;
        }
        buffer_printf(&body, "<Part><PartNumber>%zu</PartNumber><ETag>&quot;%.*s&quot;</ETag></Part>", i + 1,
                      (int)len, etag);
    }
    buffer_puts(&body, "</CompleteMultipartUpload>");
    struct signature_field query = {"uploadId", work->upload};
    struct http_request *request = NULL;
    if (buffer_error(&body))
        out_of_memory(&err);
    else
        request = bucket_send(p->publisher,
                              &(struct bucket_call){.method = "POST",
                                                    .object = p->object,
                                                    .query = &query,
                                                    .query_count = 1,
                                                    .content_type = "application/xml",
                                                    .body = body.data,
                                                    .body_length = body.len,
                                                    .done = on_completed,
                                                    .context = p},
                              &err);
    begun(p, request, &err, complete);
}

/* ---- the way ---- */

/* The name is known before the first byte goes out, so that nothing is left behind that nobody knows of. */
static void begin(struct publication *p)
{
    const struct bucket_work *work = p->work;
    if (work->upload) {
        put_part(p);
        return;
    }
    checkpoint(p);
    if (in_parts(p))
        initiate(p);
    else
        put_whole(p);
}

static int bucket_start(struct publication *p, const struct publish_request *request, struct error *err)
{
    p->work = calloc(1, sizeof(struct bucket_work));
    if (!p->work)
        return out_of_memory(err);
    if (request->state)
        restore(p, request->state);
    if (!p->object)
        p->object = publication_object(p->publisher->settings.prefix, request->path);
    if (!p->object)
        return out_of_memory(err);
    publication_soon(p, begin);
    return 0;
}

static void bucket_stop(struct publication *p, bool undo)
{
    struct bucket_work *work = p->work;
    if (!work)
        return;
    if (undo && p->object && work->upload)
        removal_of_upload(p->publisher, p->object, work->upload);
    if (undo && p->object)
        publish_remove(p->publisher, p->object, NULL, NULL);
    forget_upload(work);
    free(work);
    p->work = NULL;
}

const struct publish_way publish_bucket = {bucket_start, bucket_stop, bucket_address};
