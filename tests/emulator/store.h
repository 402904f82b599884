/* Buckets and objects: content in files under STATE/objects, the rest in memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/emulator/text.h"

struct cJSON;
struct emulator;

enum { BLOB_NAME = 33, MD5_HEX = 33 };

/* Content in a file of its own. */
struct blob {
    char name[BLOB_NAME];
    uint64_t size;
    char md5[MD5_HEX]; /* upper-case hex */
    unsigned char md5_raw[16];
    char sha256[SHA256_HEX];
    uint64_t crc64; /* ECMA-182, as x-oss-hash-crc64ecma */
};

struct object {
    char *key;
    struct blob blob;
    char *etag; /* without quotes: the MD5, or of a multipart upload something else */
    char *content_type;
    struct pairs headers; /* Cache-Control, Content-Disposition, x-oss-meta-* … given back on GET */
    bool public_read;
    int64_t modified_ms;   /* emulated */
    char *account, *model; /* of a temporary upload, else NULL */
};

struct part {
    int number;
    struct blob blob;
};

struct multipart {
    char id[33];
    char *key, *content_type;
    struct pairs headers;
    struct part *parts; /* by number */
    size_t count, capacity;
    int64_t initiated_ms;
};

struct bucket {
    char *name, *account;
    bool public_read;
    struct object **objects; /* by key */
    size_t count, capacity;
    struct multipart **uploads;
    size_t upload_count, upload_capacity;
};

struct store {
    char *directory;
    struct bucket **buckets;
    size_t count, capacity;
};

int store_init(struct store *s, const char *state); /* 0 or negative errno */
void store_free(struct store *s);

/* Lock not held: writes and digests the content; 0 or negative errno. */
int blob_write(const struct store *s, const void *data, size_t len, struct blob *blob);
int blob_join(const struct store *s, const struct part *parts, size_t count, struct blob *blob);
int blob_open(const struct store *s, const struct blob *blob); /* a descriptor or negative errno */
void blob_remove(const struct store *s, const struct blob *blob);

/* Lock held. */
struct bucket *store_bucket(const struct store *s, const char *name);
struct bucket *store_add_bucket(struct store *s, const char *name, const char *account, bool public_read);
bool store_remove_bucket(struct store *s, const char *name); /* false when absent */
struct object *bucket_find(const struct bucket *b, const char *key);
/* Makes or replaces an object with this content; the caller fills the rest in. */
struct object *bucket_put(struct store *s, struct bucket *b, const char *key, const struct blob *blob,
                          int64_t now);
bool bucket_remove(struct store *s, struct bucket *b, const char *key);
struct multipart *bucket_begin_upload(struct bucket *b, const char *key, int64_t now);
struct multipart *bucket_upload(const struct bucket *b, const char *id);
void multipart_put(struct store *s, struct multipart *m, int number, const struct blob *blob);
void bucket_end_upload(struct store *s, struct bucket *b, struct multipart *m, bool remove_parts);

struct cJSON *store_save(const struct store *s);
void store_load(struct store *s, const struct cJSON *json);
