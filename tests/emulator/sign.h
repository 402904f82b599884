/* Signatures of object storage, as pure functions: OSS V1 (HMAC-SHA1), OSS V4, and AWS Signature Version 4.
 *
 * Names and values are given decoded; each scheme encodes what it must. */
#pragma once

#include <stddef.h>

struct buffer;
struct pairs;

enum { SIGN_V1_SIZE = 29, SIGN_V4_SIZE = 65 };

struct sign_request {
    const char *method;
    const char *bucket;          /* NULL: none */
    const char *key;             /* NULL or "": none */
    const struct pairs *query;   /* without the signature itself; NULL: none */
    const struct pairs *headers; /* all of them; NULL: none */
};

struct sign_scope {
    const char *date;    /* 20260302T021530Z */
    const char *region;  /* cn-hangzhou */
    const char *service; /* oss, s3 */
};

/* `date` takes the Date slot: the x-oss-date or Date header, or Expires of a presigned URL. Adds the string
 * to sign to `text`, which may be NULL. */
void sign_oss_v1(const struct sign_request *r, const char *date, const char *secret, struct buffer *text,
                 char out[SIGN_V1_SIZE]);
/* `additional`: lower-case header names joined by ';', or "". */
void sign_oss_v4(const struct sign_request *r, const struct sign_scope *scope, const char *additional,
                 const char *payload, const char *secret, struct buffer *text, char out[SIGN_V4_SIZE]);
/* `path`: decoded absolute path. `signed_headers`: lower-case names joined by ';'. */
void sign_aws_v4(const struct sign_request *r, const char *path, const struct sign_scope *scope,
                 const char *signed_headers, const char *payload, const char *secret, struct buffer *text,
                 char out[SIGN_V4_SIZE]);

/* base64(HMAC-SHA1(secret, text)): post policies, callbacks of the first version. */
void sign_hmac_sha1(const void *secret, size_t secret_len, const void *text, size_t len,
                    char out[SIGN_V1_SIZE]);
void sign_sha256_hex(const void *data, size_t len, char out[SIGN_V4_SIZE]);
