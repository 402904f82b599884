/* Lists of objects and buckets, and deleting many at once. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/oss.h"

enum { KEYS_DEFAULT = 100, KEYS_MAX = 1000 };

struct listing {
    const char *prefix, *delimiter, *after;
    bool v2, url_encoded;
    size_t max, count;
    const char *last; /* the last key or common prefix told */
    size_t last_len;
    bool truncated;
    struct buffer objects, prefixes;
};

static void add_name(struct buffer *b, const struct listing *l, const char *name)
{
    if (l->url_encoded)
        percent_encode(b, name, true);
    else
        xml_text(b, name);
}

static void add_object(struct listing *l, const struct object *o)
{
    char date[DATE_SIZE];
    date_iso(o->modified_ms, date);
    buffer_puts(&l->objects, "  <Contents>\n    <Key>");
    add_name(&l->objects, l, o->key);
    buffer_printf(
        &l->objects,
        "</Key>\n    <LastModified>%s</LastModified>\n    <ETag>\"%s\"</ETag>\n    <Type>Normal</Type>\n"
        "    <Size>%" PRIu64 "</Size>\n    <StorageClass>Standard</StorageClass>\n  </Contents>\n",
        date, o->etag, o->blob.size);
}

/* Lock held. */
static void walk(struct listing *l, const struct bucket *b)
{
    size_t prefix_len = strlen(l->prefix);
    for (size_t i = 0; i < b->count; i++) {
        const struct object *o = b->objects[i];
        if (strncmp(o->key, l->prefix, prefix_len) || (*l->after && strcmp(o->key, l->after) <= 0))
            continue;
        const char *cut = *l->delimiter ? strstr(o->key + prefix_len, l->delimiter) : NULL;
        size_t len = cut ? (size_t)(cut - o->key) + strlen(l->delimiter) : strlen(o->key);
        if (cut && ((l->last && l->last_len == len && !strncmp(l->last, o->key, len)) ||
                    (!strncmp(l->after, o->key, len) && strlen(l->after) == len)))
            continue;
        if (l->count == l->max) {
            l->truncated = true;
            return;
        }
        l->count++;
        l->last = o->key;
        l->last_len = len;
        if (cut) {
            cleanup_free char *name = xstrndup(o->key, len);
            buffer_puts(&l->prefixes, "  <CommonPrefixes>\n    <Prefix>");
            add_name(&l->prefixes, l, name);
            buffer_puts(&l->prefixes, "</Prefix>\n  </CommonPrefixes>\n");
        } else {
            add_object(l, o);
        }
    }
}

static void field(struct buffer *b, const struct listing *l, const char *name, const char *value)
{
    buffer_printf(b, "  <%s>", name);
    add_name(b, l, value);
    buffer_printf(b, "</%s>\n", name);
}

void oss_list_objects(struct request *r, struct reply *a)
{
    const char *prefix = pairs_get(&r->query, "prefix"), *delimiter = pairs_get(&r->query, "delimiter");
    const char *type = pairs_get(&r->query, "list-type"), *max = pairs_get(&r->query, "max-keys");
    const char *encoding = pairs_get(&r->query, "encoding-type"),
               *token = pairs_get(&r->query, "continuation-token");
    struct listing l = {
        .prefix = prefix ? prefix : "",
        .delimiter = delimiter ? delimiter : "",
        .v2 = type && !strcmp(type, "2"),
        .url_encoded = encoding && !strcmp(encoding, "url"),
        .max = max ? (size_t)atol(max) : KEYS_DEFAULT,
    };
    const char *marker = pairs_get(&r->query, l.v2 ? "start-after" : "marker");
    l.after = token ? token : marker ? marker : "";
    if (l.max < 1 || l.max > KEYS_MAX) {
        refuse_oss(r, a, 400, "InvalidArgument", "Argument max-keys must be an integer between 1 and 1000.",
                   NULL);
        return;
    }
    cleanup_free char *next = NULL;
    emu_lock(r->emu);
    const struct bucket *b = store_bucket(&r->emu->store, r->place.bucket);
    walk(&l, b);
    if (l.truncated)
        next = xstrndup(l.last, l.last_len);
    emu_unlock(r->emu);
    cleanup_buffer struct buffer body = {0};
    buffer_puts(&body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult>\n");
    field(&body, &l, "Name", r->place.bucket);
    field(&body, &l, "Prefix", l.prefix);
    if (!l.v2)
        field(&body, &l, "Marker", l.after);
    buffer_printf(&body, "  <MaxKeys>%zu</MaxKeys>\n", l.max);
    field(&body, &l, "Delimiter", l.delimiter);
    if (l.url_encoded)
        buffer_puts(&body, "  <EncodingType>url</EncodingType>\n");
    buffer_printf(&body, "  <IsTruncated>%s</IsTruncated>\n", l.truncated ? "true" : "false");
    if (next)
        field(&body, &l, l.v2 ? "NextContinuationToken" : "NextMarker", next);
    if (l.v2)
        buffer_printf(&body, "  <KeyCount>%zu</KeyCount>\n", l.count);
    buffer_printf(&body, "%s%s</ListBucketResult>\n", l.objects.data ? l.objects.data : "",
                  l.prefixes.data ? l.prefixes.data : "");
    buffer_clear(&l.objects);
    buffer_clear(&l.prefixes);
    reply_text(a, 200, "application/xml", body.data);
}

void oss_list_buckets(struct request *r, struct reply *a)
{
    cleanup_buffer struct buffer body = {0};
    if (!*r->account) {
        refuse_oss(r, a, 403, "AccessDenied", "AccessDenied", NULL);
        return;
    }
    buffer_printf(&body,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListAllMyBucketsResult>\n  <Owner><ID>%s</ID>"
                  "<DisplayName>%s</DisplayName></Owner>\n  <Buckets>\n",
                  r->account, r->account);
    emu_lock(r->emu);
    for (size_t i = 0; i < r->emu->store.count; i++)
        if (!strcmp(r->emu->store.buckets[i]->account, r->account))
            buffer_printf(&body,
                          "    <Bucket><Name>%s</Name><Location>oss-cn-beijing</Location>"
                          "<CreationDate>2026-01-01T00:00:00.000Z</CreationDate></Bucket>\n",
                          r->emu->store.buckets[i]->name);
    emu_unlock(r->emu);
    buffer_puts(&body, "  </Buckets>\n</ListAllMyBucketsResult>\n");
    reply_text(a, 200, "application/xml", body.data);
}

/* Undoes the five entities of XML, in place. */
static void unescape(char *text)
{
    static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    char *out = text;
    for (char *p = text; *p;) {
        size_t i = 0;
        while (i < 5 && strncmp(p, names[i], strlen(names[i])))
            i++;
        *out++ = i < 5 ? "&<>\"'"[i] : *p;
        p += i < 5 ? strlen(names[i]) : 1;
    }
    *out = '\0';
}

void oss_delete_many(struct request *r, struct reply *a)
{
    if (!request_header(r, "Content-MD5")) {
        refuse_oss(r, a, 400, "MissingArgument", "Missing Some Required Arguments.", NULL);
        return;
    }
    if (!oss_body_intact(r, a))
        return;
    cleanup_free char *xml = xstrndup(spool_data(&r->body), r->body.len);
    cleanup_buffer struct buffer body = {0};
    buffer_puts(&body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DeleteResult>\n");
    bool quiet = strstr(xml, "<Quiet>true</Quiet>");
    emu_lock(r->emu);
    struct bucket *b = store_bucket(&r->emu->store, r->place.bucket);
    for (char *p = xml; (p = strstr(p, "<Key>")) != NULL;) {
        char *end = strstr(p += 5, "</Key>");
        if (!end)
            break;
        cleanup_free char *key = xstrndup(p, (size_t)(end - p));
        unescape(key);
        bucket_remove(&r->emu->store, b, key);
        record_add(&r->emu->record, "objects", "delete", 1);
        if (!quiet) {
            buffer_puts(&body, "  <Deleted>\n    <Key>");
            xml_text(&body, key);
            buffer_puts(&body, "</Key>\n  </Deleted>\n");
        }
        p = end;
    }
    emu_unlock(r->emu);
    buffer_puts(&body, "</DeleteResult>\n");
    reply_text(a, 200, "application/xml", body.data);
}
