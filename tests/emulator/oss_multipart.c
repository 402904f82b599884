/* Multipart uploads. */
#include <ctype.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/oss.h"

enum { PARTS_MAX = 10000, S3_PART_MIN = 5 << 20 };

/* Lock held. The upload this request names, for its key. */
static struct multipart *find(const struct request *r, struct bucket **bucket)
{
    struct bucket *b = store_bucket(&r->emu->store, r->place.bucket);
    const char *id = pairs_get(&r->query, "uploadId");
    struct multipart *m = b && id ? bucket_upload(b, id) : NULL;
    *bucket = b;
    return m && !strcmp(m->key, oss_key(r)) ? m : NULL;
}

static void no_such_upload(const struct request *r, struct reply *a)
{
    refuse_oss(r, a, 404, "NoSuchUpload",
               "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
               "been aborted "
               "or completed.",
               NULL);
}

static void add_element(struct buffer *b, const char *name, const char *value)
{
    buffer_printf(b, "  <%s>", name);
    xml_text(b, value);
    buffer_printf(b, "</%s>\n", name);
}

static void begin_xml(struct buffer *b, const struct request *r, const char *root)
{
    buffer_printf(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s>\n", root);
    add_element(b, "Bucket", r->place.bucket);
    add_element(b, "Key", oss_key(r));
}

void oss_begin_upload(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    const char *type = request_header(r, "Content-Type");
    char id[33] = "";
    emu_lock(emu);
    struct bucket *b = store_bucket(&emu->store, r->place.bucket);
    struct multipart *m = bucket_begin_upload(b, oss_key(r), clock_now(&emu->clock));
    m->content_type = xstrdup(type ? type : "application/octet-stream");
    oss_keep_headers(r, &m->headers);
    memcpy(id, m->id, sizeof id);
    record_add(&emu->record, "objects", "multipart_begin", 1);
    emu_unlock(emu);
    cleanup_buffer struct buffer body = {0};
    begin_xml(&body, r, "InitiateMultipartUploadResult");
    add_element(&body, "UploadId", id);
    buffer_puts(&body, "</InitiateMultipartUploadResult>\n");
    reply_text(a, 200, "application/xml", body.data);
}

void oss_put_part(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    const char *text = pairs_get(&r->query, "partNumber");
    int number = text ? atoi(text) : 0;
    if (number < 1 || number > PARTS_MAX) {
        refuse_oss(r, a, 400, "InvalidArgument",
                   "Part number must be an integer between 1 and 10000, inclusive.", NULL);
        return;
    }
    if (!oss_body_intact(r, a))
        return;
    struct blob blob;
    if (blob_write(&emu->store, spool_data(&r->body), r->body.len, &blob)) {
        refuse_oss(r, a, 500, "InternalError", "cannot write", NULL);
        return;
    }
    struct bucket *b;
    emu_lock(emu);
    struct multipart *m = find(r, &b);
    if (m) {
        multipart_put(&emu->store, m, number, &blob);
        record_add(&emu->record, "objects", "multipart_part", 1);
    } else {
        blob_remove(&emu->store, &blob);
    }
    emu_unlock(emu);
    if (!m) {
        no_such_upload(r, a);
        return;
    }
    char crc[24];
    snprintf(crc, sizeof crc, "%" PRIu64, blob.crc64);
    cleanup_free char *etag = xprintf("\"%s\"", blob.md5);
    reply_text(a, 200, NULL, "");
    reply_header(a, "ETag", etag);
    reply_header(a, "x-oss-hash-crc64ecma", crc);
}

/* The text of the first <name> in `xml`; *rest moves behind it. The caller frees; NULL at the end. */
static char *element(const char **rest, const char *name)
{
    cleanup_free char *open = xprintf("<%s>", name), *close = xprintf("</%s>", name);
    const char *start = strstr(*rest, open), *end = start ? strstr(start, close) : NULL;
    if (!end)
        return NULL;
    *rest = end + strlen(close);
    start += strlen(open);
    return xstrndup(start, (size_t)(end - start));
}

static bool same_etag(const char *given, const char *md5)
{
    while (*given == '"' || !strncmp(given, "&quot;", 6))
        given += *given == '"' ? 1 : 6;
    return !strncasecmp(given, md5, 32) && !isxdigit((unsigned char)given[32]);
}

/* Lock held. The parts named in the body, in order; an error code when they do not fit. */
static const char *choose(const struct request *r, const struct multipart *m, struct part *parts,
                          size_t *count)
{
    cleanup_free char *xml = xstrndup(spool_data(&r->body), r->body.len);
    const char *rest = xml;
    int last = 0;
    *count = 0;
    if (!strstr(xml, "<CompleteMultipartUpload"))
        return "MalformedXML";
    for (;;) {
        cleanup_free char *item = element(&rest, "Part");
        if (!item)
            break;
        const char *p = item, *q = item;
        cleanup_free char *number = element(&p, "PartNumber"), *etag = element(&q, "ETag");
        if (!number || !etag)
            return "MalformedXML";
        const struct part *found = NULL;
        for (size_t i = 0; i < m->count && !found; i++)
            if (m->parts[i].number == atoi(number) && same_etag(etag, m->parts[i].blob.md5))
                found = &m->parts[i];
        if (!found)
            return "InvalidPart";
        if (found->number <= last)
            return "InvalidPartOrder";
        last = found->number;
        if (*count < m->count)
            parts[(*count)++] = *found;
    }
    uint64_t least = r->place.kind == PLACE_S3 ? S3_PART_MIN : (uint64_t)r->config.part_min_bytes;
    for (size_t i = 0; i + 1 < *count; i++)
        if (parts[i].blob.size < least)
            return "EntityTooSmall";
    return *count ? NULL : "MalformedXML";
}

/* The ETag of a whole made of parts: the MD5 of their MD5s, and their number. */
static char *joined_etag(const struct part *parts, size_t count)
{
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    unsigned char digest[16];
    char hex[33];
    EVP_DigestInit_ex(md5, EVP_md5(), NULL);
    for (size_t i = 0; i < count; i++)
        EVP_DigestUpdate(md5, parts[i].blob.md5_raw, 16);
    EVP_DigestFinal_ex(md5, digest, NULL);
    EVP_MD_CTX_free(md5);
    text_hex(digest, sizeof digest, hex);
    for (char *p = hex; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return xprintf("%s-%zu", hex, count);
}

static void completed(struct request *r, struct reply *a, const char *etag)
{
    cleanup_buffer struct buffer body = {0};
    begin_xml(&body, r, "CompleteMultipartUploadResult");
    cleanup_free char *quoted = xprintf("\"%s\"", etag);
    add_element(&body, "ETag", quoted);
    cleanup_free char *location = xprintf("http://%s%s", request_header(r, "Host"), r->raw_path);
    add_element(&body, "Location", location);
    buffer_puts(&body, "</CompleteMultipartUploadResult>\n");
    reply_text(a, 200, "application/xml", body.data);
    reply_header(a, "ETag", quoted);
}

void oss_complete_upload(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    struct bucket *b;
    size_t count = 0;
    emu_lock(emu);
    struct multipart *m = find(r, &b);
    cleanup_free struct part *parts = xcalloc(m ? m->count : 1, sizeof *parts);
    const char *error = m ? choose(r, m, parts, &count) : NULL;
    const char *forbid = request_header(r, "x-oss-forbid-overwrite");
    bool taken = m && !error && forbid && !strcmp(forbid, "true") && bucket_find(b, oss_key(r));
    emu_unlock(emu);
    if (!m) {
        no_such_upload(r, a);
        return;
    }
    if (error || taken) {
        refuse_oss(r, a, taken ? 409 : 400, taken ? "FileAlreadyExists" : error,
                   taken ? "FileAlreadyExists" : error, NULL);
        return;
    }
    struct blob blob;
    if (blob_join(&emu->store, parts, count, &blob)) {
        refuse_oss(r, a, 500, "InternalError", "cannot write", NULL);
        return;
    }
    cleanup_free char *etag = joined_etag(parts, count);
    emu_lock(emu);
    m = find(r, &b);
    if (m) {
        struct object *o = bucket_put(&emu->store, b, oss_key(r), &blob, clock_now(&emu->clock));
        free(o->etag);
        o->etag = xstrdup(etag);
        o->content_type = m->content_type;
        o->headers = m->headers;
        m->content_type = NULL;
        m->headers = (struct pairs){0};
        bucket_end_upload(&emu->store, b, m, true);
        record_add(&emu->record, "objects", "multipart_complete", 1);
        record_add(&emu->record, "objects", "put", 1);
    } else {
        blob_remove(&emu->store, &blob);
    }
    emu_unlock(emu);
    if (m)
        completed(r, a, etag);
    else
        no_such_upload(r, a);
}

void oss_abort_upload(struct request *r, struct reply *a)
{
    struct bucket *b;
    emu_lock(r->emu);
    struct multipart *m = find(r, &b);
    if (m) {
        bucket_end_upload(&r->emu->store, b, m, true);
        record_add(&r->emu->record, "objects", "multipart_abort", 1);
    }
    emu_unlock(r->emu);
    if (m)
        reply_text(a, 204, NULL, "");
    else
        no_such_upload(r, a);
}

void oss_list_parts(struct request *r, struct reply *a)
{
    struct bucket *b;
    cleanup_buffer struct buffer body = {0};
    begin_xml(&body, r, "ListPartsResult");
    emu_lock(r->emu);
    const struct multipart *m = find(r, &b);
    if (m) {
        add_element(&body, "UploadId", m->id);
        buffer_printf(&body, "  <MaxParts>%d</MaxParts>\n  <IsTruncated>false</IsTruncated>\n", PARTS_MAX);
    }
    for (size_t i = 0; m && i < m->count; i++) {
        char date[DATE_SIZE];
        date_iso(m->initiated_ms, date);
        buffer_printf(&body,
                      "  <Part>\n    <PartNumber>%d</PartNumber>\n    <LastModified>%s</LastModified>\n"
                      "    <ETag>&quot;%s&quot;</ETag>\n    <HashCrc64ecma>%" PRIu64 "</HashCrc64ecma>\n"
                      "    <Size>%" PRIu64 "</Size>\n  </Part>\n",
                      m->parts[i].number, date, m->parts[i].blob.md5, m->parts[i].blob.crc64,
                      m->parts[i].blob.size);
    }
    emu_unlock(r->emu);
    buffer_puts(&body, "</ListPartsResult>\n");
    if (m)
        reply_text(a, 200, "application/xml", body.data);
    else
        no_such_upload(r, a);
}

void oss_list_uploads(struct request *r, struct reply *a)
{
    const char *prefix = pairs_get(&r->query, "prefix");
    cleanup_buffer struct buffer body = {0};
    buffer_puts(&body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListMultipartUploadsResult>\n");
    add_element(&body, "Bucket", r->place.bucket);
    add_element(&body, "KeyMarker", "");
    add_element(&body, "UploadIdMarker", "");
    add_element(&body, "NextKeyMarker", "");
    add_element(&body, "NextUploadIdMarker", "");
    add_element(&body, "MaxUploads", "1000");
    add_element(&body, "IsTruncated", "false");
    emu_lock(r->emu);
    const struct bucket *b = store_bucket(&r->emu->store, r->place.bucket);
    for (size_t i = 0; i < b->upload_count; i++) {
        const struct multipart *m = b->uploads[i];
        char date[DATE_SIZE];
        if (prefix && strncmp(m->key, prefix, strlen(prefix)))
            continue;
        date_iso(m->initiated_ms, date);
        buffer_puts(&body, "  <Upload>\n  ");
        add_element(&body, "Key", m->key);
        add_element(&body, "UploadId", m->id);
        add_element(&body, "Initiated", date);
        buffer_puts(&body, "  </Upload>\n");
    }
    emu_unlock(r->emu);
    buffer_puts(&body, "</ListMultipartUploadsResult>\n");
    reply_text(a, 200, "application/xml", body.data);
}
