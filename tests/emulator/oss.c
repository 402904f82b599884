/* Object storage over REST: buckets and objects. */
#include "tests/emulator/oss.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <strings.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/sign.h"

enum { KEY_MAX = 1023 };

static const char *const kept_headers[] = {"Cache-Control", "Content-Disposition", "Content-Encoding",
                                           "Content-Language", "Expires"};

bool oss_is_s3(const struct request *r)
{
    return r->place.kind == PLACE_S3 || r->place.kind == PLACE_OSS_S3;
}

const char *oss_key(const struct request *r)
{
    return r->tail ? r->tail : r->path && *r->path ? r->path + 1 : "";
}

static bool form_post(const struct request *r)
{
    const char *type = request_header(r, "Content-Type");
    return !strcmp(r->method, "POST") && type && !strncasecmp(type, "multipart/form-data", 19);
}

const char *oss_endpoint(const struct request *r)
{
    if (form_post(r))
        return "upload";
    return !strncmp(r->place.bucket, "dashscope-result-", 17) ? "result" : "bucket";
}

static void count(const struct request *r, const char *what)
{
    emu_lock(r->emu);
    record_add(&r->emu->record, "objects", what, 1);
    cleanup_free char *name = xprintf("%s:%s", r->place.bucket, what);
    record_add(&r->emu->record, "objects_by_bucket", name, 1);
    emu_unlock(r->emu);
}

void oss_keep_headers(const struct request *r, struct pairs *headers)
{
    for (size_t i = 0; i < r->headers.count; i++) {
        const char *name = r->headers.at[i].name;
        bool keep = !strncasecmp(name, "x-oss-meta-", 11) || !strncasecmp(name, "x-amz-meta-", 11);
        for (size_t k = 0; k < sizeof kept_headers / sizeof *kept_headers; k++)
            keep |= !strcasecmp(name, kept_headers[k]);
        if (keep)
            pairs_add(headers, name, r->headers.at[i].value);
    }
}

bool oss_body_intact(struct request *r, struct reply *a)
{
    const char *md5 = request_header(r, "Content-MD5"), *sha256 = request_header(r, "x-amz-content-sha256");
    const char *data = spool_data(&r->body);
    if (r->body_error) {
        refuse_oss(r, a, 500, "InternalError", strerror(-r->body_error), NULL);
        return false;
    }
    if (md5) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int len;
        EVP_Digest(data, r->body.len, digest, &len, EVP_md5(), NULL);
        cleanup_free char *text = base64_encode(digest, len);
        if (strcmp(text, md5)) {
            refuse_oss(r, a, 400, "InvalidDigest", "The Content-MD5 you specified was invalid.", NULL);
            return false;
        }
    }
    if (oss_is_s3(r) && sha256 && strcmp(sha256, "UNSIGNED-PAYLOAD")) {
        char text[SIGN_V4_SIZE];
        sign_sha256_hex(data, r->body.len, text);
        if (strcmp(text, sha256)) {
            refuse_oss(r, a, 400, "XAmzContentSHA256Mismatch",
                       "The provided 'x-amz-content-sha256' header does not match what was computed.", NULL);
            return false;
        }
    }
    return true;
}

static void quoted_etag(struct reply *a, const struct request *r, const char *etag)
{
    cleanup_free char *text = xprintf("\"%s\"", etag);
    for (char *p = text; oss_is_s3(r) && *p; p++) /* S3 writes them in lower case */
        if (*p >= 'A' && *p <= 'F')
            *p = (char)(*p + 32);
    reply_header(a, "ETag", text);
}

static void crc_header(struct reply *a, uint64_t crc)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, crc);
    reply_header(a, "x-oss-hash-crc64ecma", text);
}

static void no_such_key(const struct request *r, struct reply *a)
{
    refuse_oss(r, a, 404, "NoSuchKey", "The specified key does not exist.", NULL);
}

/* ---- objects ---- */

/* Lock held. May this key be written now? */
static bool may_write(const struct request *r, struct reply *a, const struct bucket *b)
{
    const char *forbid = request_header(r, "x-oss-forbid-overwrite"),
               *none = request_header(r, "If-None-Match");
    bool exists = bucket_find(b, oss_key(r));
    if (exists && forbid && !strcasecmp(forbid, "true")) {
        refuse_oss(r, a, 409, "FileAlreadyExists",
                   "The object you specified already exists and can not be overwritten.", NULL);
        return false;
    }
    if (exists && oss_is_s3(r) && none && !strcmp(none, "*")) {
        refuse_oss(r, a, 412, "PreconditionFailed",
                   "At least one of the pre-conditions you specified did not hold.", NULL);
        return false;
    }
    return true;
}

static void put_object(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    if (request_header(r, "x-oss-copy-source") || request_header(r, "x-amz-copy-source")) {
        refuse_oss(r, a, 501, "NotImplemented",
                   "A header you provided implies functionality that is not implemented.", NULL);
        return;
    }
    if (!request_header(r, "Content-Length")) {
        refuse_oss(r, a, 411, "MissingContentLength", "You must provide the Content-Length HTTP header.",
                   NULL);
        return;
    }
    if (!oss_body_intact(r, a))
        return;
    struct blob blob;
    if (blob_write(&emu->store, spool_data(&r->body), r->body.len, &blob)) {
        refuse_oss(r, a, 500, "InternalError", "cannot write", NULL);
        return;
    }
    emu_lock(emu);
    struct bucket *b = store_bucket(&emu->store, r->place.bucket);
    bool good = b && may_write(r, a, b);
    if (good) {
        struct object *o = bucket_put(&emu->store, b, oss_key(r), &blob, clock_now(&emu->clock));
        const char *type = request_header(r, "Content-Type"), *acl = request_header(r, "x-oss-object-acl");
        o->content_type = xstrdup(type ? type : "application/octet-stream");
        o->public_read = acl && !strncmp(acl, "public-read", 11);
        oss_keep_headers(r, &o->headers);
    } else {
        blob_remove(&emu->store, &blob);
    }
    emu_unlock(emu);
    if (!good)
        return;
    count(r, "put");
    reply_text(a, 200, NULL, "");
    quoted_etag(a, r, blob.md5);
    crc_header(a, blob.crc64);
    cleanup_free char *md5 = base64_encode(blob.md5_raw, sizeof blob.md5_raw);
    reply_header(a, "Content-MD5", md5);
}

/* One range "bytes=a-b", "bytes=a-" or "bytes=-n"; false when there is none that can be satisfied. */
static bool parse_range(const char *text, uint64_t size, uint64_t *from, uint64_t *to)
{
    char *end;
    if (!text || strncmp(text, "bytes=", 6) || !size)
        return false;
    text += 6;
    if (*text == '-') {
        uint64_t n = strtoull(text + 1, &end, 10);
        *from = n < size ? size - n : 0;
        *to = size - 1;
        return end != text + 1 && !*end && n;
    }
    *from = strtoull(text, &end, 10);
    if (end == text || *end != '-')
        return false;
    text = end + 1;
    *to = *text ? strtoull(text, &end, 10) : size - 1;
    if (*text && (end == text || *end))
        return false;
    if (*to >= size)
        *to = size - 1;
    return *from <= *to;
}

static void set_range(const struct request *r, struct reply *a, uint64_t size)
{
    const char *range = request_header(r, "Range");
    uint64_t from, to;
    a->file_len = size;
    if (!range)
        return;
    if (!parse_range(range, size, &from, &to)) {
        if (oss_is_s3(r))
            refuse_oss(r, a, 416, "InvalidRange", "The requested range cannot be satisfied.", NULL);
        return; /* OSS answers with the whole object */
    }
    char text[80];
    snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from, to, size);
    reply_header(a, "Content-Range", text);
    a->status = 206;
    a->file_offset = from;
    a->file_len = to - from + 1;
}

/* Lock held. */
static void object_headers(const struct request *r, struct reply *a, const struct object *o)
{
    static const char *const overrides[][2] = {
        {"response-content-type", "Content-Type"},
        {"response-content-disposition", "Content-Disposition"},
        {"response-cache-control", "Cache-Control"},
        {"response-content-encoding", "Content-Encoding"},
        {"response-content-language", "Content-Language"},
        {"response-expires", "Expires"},
    };
    const char *type = o->content_type ? o->content_type : "application/octet-stream";
    char date[DATE_SIZE];
    date_http(o->modified_ms, date);
    quoted_etag(a, r, o->etag);
    reply_header(a, "Last-Modified", date);
    reply_header(a, "Accept-Ranges", "bytes");
    reply_header(a, "x-oss-object-type", "Normal");
    reply_header(a, "x-oss-storage-class", "Standard");
    crc_header(a, o->blob.crc64);
    for (size_t i = 0; i < o->headers.count; i++)
        reply_header(a, o->headers.at[i].name, o->headers.at[i].value);
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++) {
        const char *value = pairs_get(&r->query, overrides[i][0]);
        if (value && !strcmp(overrides[i][1], "Content-Type"))
            type = value;
        else if (value)
            reply_header(a, overrides[i][1], value);
    }
    reply_header(a, "Content-Type", type);
}

static void get_object(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    uint64_t size = 0;
    emu_lock(emu);
    const struct bucket *b = store_bucket(&emu->store, r->place.bucket);
    const struct object *o = b ? bucket_find(b, oss_key(r)) : NULL;
    int fd = o ? blob_open(&emu->store, &o->blob) : -1;
    if (fd >= 0) {
        reply_text(a, 200, NULL, "");
        object_headers(r, a, o);
        size = o->blob.size;
    }
    emu_unlock(emu);
    if (fd < 0) {
        no_such_key(r, a);
        return;
    }
    count(r, strcmp(r->method, "HEAD") ? "get" : "head");
    a->fd = fd;
    set_range(r, a, size);
    if (a->status == 416) {
        close(a->fd);
        a->fd = -1;
    } else if (r->fault) { /* faults work on a body in memory */
        char *data = xcalloc(1, a->file_len);
        ssize_t n = pread(fd, data, a->file_len, (off_t)a->file_offset);
        buffer_add(&a->body, data, n > 0 ? (size_t)n : 0);
        free(data);
        close(a->fd);
        a->fd = -1;
    }
}

static void delete_object(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    emu_lock(emu);
    struct bucket *b = store_bucket(&emu->store, r->place.bucket);
    if (b)
        bucket_remove(&emu->store, b, oss_key(r));
    emu_unlock(emu);
    count(r, "delete");
    reply_text(a, 204, NULL, "");
}

static void object_acl(struct request *r, struct reply *a)
{
    refuse_oss(r, a, 501, "NotImplemented", "Access lists of objects are not served here.", NULL);
}

static void serve_object(struct request *r, struct reply *a)
{
    bool get = !strcmp(r->method, "GET"), put = !strcmp(r->method, "PUT"), post = !strcmp(r->method, "POST");
    const char *upload = pairs_get(&r->query, "uploadId");
    if (pairs_get(&r->query, "acl"))
        object_acl(r, a);
    else if (post && pairs_get(&r->query, "uploads"))
        oss_begin_upload(r, a);
    else if (post && upload)
        oss_complete_upload(r, a);
    else if (put && upload)
        oss_put_part(r, a);
    else if (get && upload)
        oss_list_parts(r, a);
    else if (!strcmp(r->method, "DELETE") && upload)
        oss_abort_upload(r, a);
    else if (put)
        put_object(r, a);
    else if (get || !strcmp(r->method, "HEAD"))
        get_object(r, a);
    else if (!strcmp(r->method, "DELETE"))
        delete_object(r, a);
    else
        refuse_oss(r, a, 405, "MethodNotAllowed",
                   "The specified method is not allowed against this resource.", NULL);
}

/* ---- buckets ---- */

static void put_bucket(struct request *r, struct reply *a)
{
    emu_lock(r->emu);
    const struct bucket *b = store_bucket(&r->emu->store, r->place.bucket);
    bool taken = b && strcmp(b->account, r->account);
    if (!taken)
        store_add_bucket(&r->emu->store, r->place.bucket, r->account, false);
    emu_unlock(r->emu);
    if (taken)
        refuse_oss(r, a, 409, "BucketAlreadyExists", "The requested bucket name is not available.", NULL);
    else
        reply_text(a, 200, NULL, "");
}

static void delete_bucket(struct request *r, struct reply *a)
{
    emu_lock(r->emu);
    const struct bucket *b = store_bucket(&r->emu->store, r->place.bucket);
    bool empty = b && !b->count && !b->upload_count;
    if (empty)
        store_remove_bucket(&r->emu->store, r->place.bucket);
    emu_unlock(r->emu);
    if (empty)
        reply_text(a, 204, NULL, "");
    else
        refuse_oss(r, a, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty.", NULL);
}

static void bucket_location(const struct request *r, struct reply *a)
{
    cleanup_free char *text = xprintf(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint>%s%s</LocationConstraint>\n",
        oss_is_s3(r) ? "" : "oss-", *r->place.storage_region ? r->place.storage_region : "cn-beijing");
    reply_text(a, 200, "application/xml", text);
}

static void serve_bucket(struct request *r, struct reply *a)
{
    bool get = !strcmp(r->method, "GET");
    if (get && pairs_get(&r->query, "uploads"))
        oss_list_uploads(r, a);
    else if (get && pairs_get(&r->query, "location"))
        bucket_location(r, a);
    else if (get)
        oss_list_objects(r, a);
    else if (!strcmp(r->method, "HEAD"))
        reply_text(a, 200, NULL, "");
    else if (!strcmp(r->method, "PUT"))
        put_bucket(r, a);
    else if (!strcmp(r->method, "DELETE"))
        delete_bucket(r, a);
    else if (!strcmp(r->method, "POST") && pairs_get(&r->query, "delete"))
        oss_delete_many(r, a);
    else
        refuse_oss(r, a, 405, "MethodNotAllowed",
                   "The specified method is not allowed against this resource.", NULL);
}

/* ---- who may ---- */

static bool permitted(struct request *r, struct reply *a)
{
    bool read = !strcmp(r->method, "GET") || !strcmp(r->method, "HEAD"), creates = false, open = false;
    emu_lock(r->emu);
    const struct bucket *b = store_bucket(&r->emu->store, r->place.bucket);
    const struct object *o = b ? bucket_find(b, oss_key(r)) : NULL;
    bool mine = b && *r->account && !strcmp(b->account, r->account);
    open = b && *oss_key(r) && read && (b->public_read || (o && o->public_read));
    creates = !b && *r->account && !strcmp(r->method, "PUT") && !*oss_key(r);
    emu_unlock(r->emu);
    if (mine || open || creates)
        return true;
    if (!b)
        refuse_oss(r, a, 404, "NoSuchBucket", "The specified bucket does not exist.", NULL);
    else
        refuse_oss(r, a, 403, "AccessDenied",
                   "You have no right to access this object because of bucket acl.", NULL);
    return false;
}

/* http://s3.region.host/bucket/key */
static void take_path_style(struct request *r)
{
    const char *name = r->path ? r->path + 1 : "";
    size_t len = strcspn(name, "/");
    if (r->place.kind != PLACE_S3 || *r->place.bucket || !len || len >= sizeof r->place.bucket)
        return;
    snprintf(r->place.bucket, sizeof r->place.bucket, "%.*s", (int)len, name);
    r->tail = xstrdup(name[len] ? name + len + 1 : "");
}

void oss_serve(struct request *r, struct reply *a)
{
    a->plain = true;
    take_path_style(r);
    if (!r->path) {
        refuse_oss(r, a, 400, "InvalidURI", "Couldn't parse the specified URI.", NULL);
        return;
    }
    if (form_post(r)) {
        uploads_post(r, a);
        return;
    }
    if (!oss_authenticate(r, a))
        return;
    const char *key = oss_key(r);
    if (!*r->place.bucket && !*key && !strcmp(r->method, "GET"))
        oss_list_buckets(r, a);
    else if (!*r->place.bucket)
        refuse_oss(r, a, 403, "SecondLevelDomainForbidden",
                   "The bucket you are attempting to access must be addressed using OSS third level domain.",
                   NULL);
    else if (strlen(key) > KEY_MAX || *key == '/' || *key == '\\')
        refuse_oss(r, a, 400, "InvalidObjectName", "The specified object is not valid.", NULL);
    else if (!permitted(r, a))
        return;
    else if (*key)
        serve_object(r, a);
    else
        serve_bucket(r, a);
}
