/* Small conversions: identifiers, base64, percent-encoding, dates, pairs, JSON access. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;
struct buffer;

enum { UUID_SIZE = 37, DATE_SIZE = 32, SHA256_HEX = 65 };

void text_uuid(char out[UUID_SIZE]);
void text_hex_id(char *out, size_t digits); /* `digits` random lower-case hex digits and a NUL */
void text_hex(const unsigned char *data, size_t len, char *out);

/* The caller frees both. Decoding is strict: NULL when it is not base64. */
char *base64_encode(const void *data, size_t len);
unsigned char *base64_decode(const char *text, size_t len, size_t *out_len);

/* Percent-encodes everything but A-Za-z0-9-_.~ (and '/' when `keep_slash`). */
void percent_encode(struct buffer *b, const char *text, bool keep_slash);
/* NULL when a % is not followed by two hex digits, or for a NUL byte. The caller frees. */
char *percent_decode(const char *text, size_t len, bool plus_is_space);

/* Times are Unix milliseconds. The service writes China time (UTC+8) without a zone. */
void date_service(int64_t ms, char out[DATE_SIZE]);         /* 2026-03-02 10:15:30.120 */
void date_service_seconds(int64_t ms, char out[DATE_SIZE]); /* 2026-03-02 10:15:30 */
void date_iso(int64_t ms, char out[DATE_SIZE]);             /* 2026-03-02T02:15:30.120Z */
void date_basic(int64_t ms, char out[DATE_SIZE]);           /* 20260302T021530Z */
void date_http(int64_t ms, char out[DATE_SIZE]);            /* Mon, 02 Mar 2026 02:15:30 GMT */
void date_day(int64_t ms, char out[DATE_SIZE]);             /* 2026-03-02 */
void date_minute(int64_t ms, char out[DATE_SIZE]);          /* 20260302/10:15 */
/* Each -1 when the text is something else. */
int64_t date_parse_basic(const char *text);
int64_t date_parse_http(const char *text);
int64_t date_parse_iso(const char *text);
int64_t date_parse_compact(const char *text); /* YYYYMMDDhhmmss in China time */

struct pair {
    char *name, *value;
};
struct pairs {
    struct pair *at;
    size_t count, capacity;
};
void pairs_add(struct pairs *p, const char *name, const char *value);
void pairs_add_owned(struct pairs *p, char *name, char *value);
/* The first value, NULL if there is none; header names ignore case, query names do not. */
const char *pairs_get(const struct pairs *p, const char *name);
const char *pairs_get_nocase(const struct pairs *p, const char *name);
void pairs_clear(struct pairs *p);

/* Access that never fails: NULL / the default when absent or of another type. */
const struct cJSON *json_get(const struct cJSON *object, const char *key);
const char *json_text(const struct cJSON *object, const char *key);
double json_number(const struct cJSON *object, const char *key, double otherwise);
bool json_true(const struct cJSON *object, const char *key);
void json_count(struct cJSON *object, const char *key, double by); /* adds to a number, made if missing */
#define cleanup_json __attribute__((cleanup(json_cleanup)))
void json_cleanup(struct cJSON **json);
