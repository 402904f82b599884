/* Buckets and objects. */
#include "tests/emulator/store.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/emulator/memory.h"

int store_init(struct store *s, const char *state)
{
    s->directory = xprintf("%s/objects", state);
    return mkdir(s->directory, 0700) && errno != EEXIST ? -errno : 0;
}

static void free_object(struct object *o)
{
    free(o->key);
    free(o->etag);
    free(o->content_type);
    free(o->account);
    free(o->model);
    pairs_clear(&o->headers);
    free(o);
}

static void free_multipart(struct multipart *m)
{
    free(m->key);
    free(m->content_type);
    pairs_clear(&m->headers);
    free(m->parts);
    free(m);
}

static void free_bucket(struct bucket *b)
{
    for (size_t i = 0; i < b->count; i++)
        free_object(b->objects[i]);
    for (size_t i = 0; i < b->upload_count; i++)
        free_multipart(b->uploads[i]);
    free(b->objects);
    free(b->uploads);
    free(b->name);
    free(b->account);
    free(b);
}

void store_free(struct store *s)
{
    for (size_t i = 0; i < s->count; i++)
        free_bucket(s->buckets[i]);
    free(s->buckets);
    free(s->directory);
}

struct bucket *store_bucket(const struct store *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->buckets[i]->name, name))
            return s->buckets[i];
    return NULL;
}

struct bucket *store_add_bucket(struct store *s, const char *name, const char *account, bool public_read)
{
    struct bucket *b = store_bucket(s, name);
    if (!b) {
        b = xcalloc(1, sizeof *b);
        b->name = xstrdup(name);
        b->account = xstrdup(account);
        s->buckets = xgrow(s->buckets, s->count + 1, &s->capacity, sizeof *s->buckets);
        s->buckets[s->count++] = b;
    }
    b->public_read = public_read;
    return b;
}

bool store_remove_bucket(struct store *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        struct bucket *b = s->buckets[i];
        if (strcmp(b->name, name))
            continue;
        while (b->count)
            bucket_remove(s, b, b->objects[b->count - 1]->key);
        while (b->upload_count)
            bucket_end_upload(s, b, b->uploads[0], true);
        free_bucket(b);
        s->buckets[i] = s->buckets[--s->count];
        return true;
    }
    return false;
}

/* Where `key` is or belongs. */
static size_t position(const struct bucket *b, const char *key, bool *found)
{
    size_t low = 0, high = b->count;
    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(b->objects[middle]->key, key);
        if (!order) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct object *bucket_find(const struct bucket *b, const char *key)
{
    bool found;
    size_t i = position(b, key, &found);
    return found ? b->objects[i] : NULL;
}

bool bucket_remove(struct store *s, struct bucket *b, const char *key)
{
    bool found;
    size_t i = position(b, key, &found);
    if (!found)
        return false;
    blob_remove(s, &b->objects[i]->blob);
    free_object(b->objects[i]);
    memmove(b->objects + i, b->objects + i + 1, (--b->count - i) * sizeof *b->objects);
    return true;
}

struct object *bucket_put(struct store *s, struct bucket *b, const char *key, const struct blob *blob,
                          int64_t now)
{
    bucket_remove(s, b, key);
    bool found;
    size_t i = position(b, key, &found);
    struct object *o = xcalloc(1, sizeof *o);
    o->key = xstrdup(key);
    o->blob = *blob;
    o->etag = xstrdup(blob->md5);
    o->modified_ms = now;
    b->objects = xgrow(b->objects, b->count + 1, &b->capacity, sizeof *b->objects);
    memmove(b->objects + i + 1, b->objects + i, (b->count++ - i) * sizeof *b->objects);
    b->objects[i] = o;
    return o;
}

/* ---- multipart uploads ---- */

struct multipart *bucket_begin_upload(struct bucket *b, const char *key, int64_t now)
{
    struct multipart *m = xcalloc(1, sizeof *m);
    text_hex_id(m->id, 32);
    m->key = xstrdup(key);
    m->initiated_ms = now;
    b->uploads = xgrow(b->uploads, b->upload_count + 1, &b->upload_capacity, sizeof *b->uploads);
    b->uploads[b->upload_count++] = m;
    return m;
}

struct multipart *bucket_upload(const struct bucket *b, const char *id)
{
    for (size_t i = 0; i < b->upload_count; i++)
        if (!strcmp(b->uploads[i]->id, id))
            return b->uploads[i];
    return NULL;
}

void multipart_put(struct store *s, struct multipart *m, int number, const struct blob *blob)
{
    size_t i = 0;
    while (i < m->count && m->parts[i].number < number)
        i++;
    if (i < m->count && m->parts[i].number == number) {
        blob_remove(s, &m->parts[i].blob);
    } else {
        m->parts = xgrow(m->parts, m->count + 1, &m->capacity, sizeof *m->parts);
        memmove(m->parts + i + 1, m->parts + i, (m->count++ - i) * sizeof *m->parts);
    }
    m->parts[i] = (struct part){number, *blob};
}

void bucket_end_upload(struct store *s, struct bucket *b, struct multipart *m, bool remove_parts)
{
    for (size_t i = 0; remove_parts && i < m->count; i++)
        blob_remove(s, &m->parts[i].blob);
    for (size_t i = 0; i < b->upload_count; i++)
        if (b->uploads[i] == m) {
            memmove(b->uploads + i, b->uploads + i + 1, (--b->upload_count - i) * sizeof *b->uploads);
            break;
        }
    free_multipart(m);
}

/* ---- to and from the state file (unfinished multipart uploads are not kept) ---- */

static cJSON *save_object(const struct object *o)
{
    cJSON *json = cJSON_CreateObject();
    char crc[24];
    snprintf(crc, sizeof crc, "%" PRIu64, o->blob.crc64);
    cJSON_AddStringToObject(json, "key", o->key);
    cJSON_AddStringToObject(json, "blob", o->blob.name);
    cJSON_AddNumberToObject(json, "size", (double)o->blob.size);
    cJSON_AddStringToObject(json, "md5", o->blob.md5);
    cJSON_AddStringToObject(json, "sha256", o->blob.sha256);
    cJSON_AddStringToObject(json, "crc64", crc);
    cJSON_AddStringToObject(json, "etag", o->etag);
    cJSON_AddNumberToObject(json, "modified_ms", (double)o->modified_ms);
    cJSON_AddBoolToObject(json, "public_read", o->public_read);
    if (o->content_type)
        cJSON_AddStringToObject(json, "content_type", o->content_type);
    if (o->account)
        cJSON_AddStringToObject(json, "account", o->account);
    if (o->model)
        cJSON_AddStringToObject(json, "model", o->model);
    cJSON *headers = cJSON_AddObjectToObject(json, "headers");
    for (size_t i = 0; i < o->headers.count; i++)
        cJSON_AddStringToObject(headers, o->headers.at[i].name, o->headers.at[i].value);
    return json;
}

cJSON *store_save(const struct store *s)
{
    cJSON *json = cJSON_CreateArray();
    for (size_t i = 0; i < s->count; i++) {
        const struct bucket *b = s->buckets[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "name", b->name);
        cJSON_AddStringToObject(item, "account", b->account);
        cJSON_AddBoolToObject(item, "public_read", b->public_read);
        cJSON *objects = cJSON_AddArrayToObject(item, "objects");
        for (size_t k = 0; k < b->count; k++)
            cJSON_AddItemToArray(objects, save_object(b->objects[k]));
        cJSON_AddItemToArray(json, item);
    }
    return json;
}

static void load_object(struct store *s, struct bucket *b, const cJSON *json)
{
    struct blob blob = {.size = (uint64_t)json_number(json, "size", 0)};
    snprintf(blob.name, sizeof blob.name, "%s", json_text(json, "blob"));
    snprintf(blob.md5, sizeof blob.md5, "%s", json_text(json, "md5"));
    snprintf(blob.sha256, sizeof blob.sha256, "%s", json_text(json, "sha256"));
    blob.crc64 = strtoull(json_text(json, "crc64"), NULL, 10);
    struct object *o =
        bucket_put(s, b, json_text(json, "key"), &blob, (int64_t)json_number(json, "modified_ms", 0));
    free(o->etag);
    o->etag = xstrdup(json_text(json, "etag"));
    o->content_type = xstrdup(json_text(json, "content_type"));
    o->account = xstrdup(json_text(json, "account"));
    o->model = xstrdup(json_text(json, "model"));
    o->public_read = json_true(json, "public_read");
    const cJSON *header;
    cJSON_ArrayForEach(header, json_get(json, "headers"))
    {
        pairs_add(&o->headers, header->string, header->valuestring);
    }
}

void store_load(struct store *s, const cJSON *json)
{
    const cJSON *item, *object;
    cJSON_ArrayForEach(item, json)
    {
        struct bucket *b = store_add_bucket(s, json_text(item, "name"), json_text(item, "account"),
                                            json_true(item, "public_read"));
        cJSON_ArrayForEach(object, json_get(item, "objects"))
        {
            load_object(s, b, object);
        }
    }
}
