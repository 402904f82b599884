/* Signatures of object storage: Alibaba Cloud OSS (V4 and V1) and Amazon S3 with everything that speaks like
 * it (V4), as headers of a request and inside an address that can be handed on. Pure: the time is an
 * argument. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buffer;

enum signature_kind { SIGNATURE_OSS_V4, SIGNATURE_OSS_V1, SIGNATURE_AWS_V4 };

struct signature_key {
    const char *id, *secret;
    const char *token; /* of temporary credentials, or NULL */
};

struct signature_field {
    const char *name, *value; /* neither is encoded; an empty value is fine */
};

struct signature_input {
    enum signature_kind kind;
    const char *method; /* "PUT" */
    const char *host;   /* with port if it is in the address */
    const char *path;   /* in front of the key in the address: "" or "/bucket" */
    const char *bucket; /* OSS signs it although it is part of the host name */
    const char *key;    /* object name: any bytes, no leading slash; "" for the bucket itself */
    const char *region; /* "cn-hangzhou", "us-east-1" */
    const struct signature_field *query;
    size_t query_count;
    const struct signature_field *headers; /* those that the request will carry and that have to be signed */
    size_t header_count;
    const char *additional; /* OSS V4: further headers to be signed, lower case, sorted, with ";" between;
                               NULL: none */
    const char *payload;    /* V4: hex SHA-256 of the body; NULL: "UNSIGNED-PAYLOAD" */
    int64_t now;            /* seconds since 1970 */
};

/* The header lines that go with the request, "Name: value", the last one NULL. */
struct signature_headers {
    char *line[6];
};

/* 0 or -ENOMEM. */
int signature_headers(const struct signature_key *key, const struct signature_input *input,
                      struct signature_headers *out);
void signature_headers_clear(struct signature_headers *headers);
/* The whole query (without "?") of an address that is valid for `seconds` (V4: at most 604800). Malloc'ed;
 * NULL when out of memory. */
char *signature_query(const struct signature_key *key, const struct signature_input *input, int64_t seconds);

/* Percent-encodes all but A-Z a-z 0-9 - _ . ~ and, if it is to stay, "/". */
void percent_encode(struct buffer *out, const char *text, size_t length, int keep_slash);
