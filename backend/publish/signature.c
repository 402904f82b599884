/* The signatures. Both V4 kinds are one algorithm with other words in it; the differences are in `dialects`
 * and canonical_request(). */
#include "backend/publish/signature.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"

struct dialect {
    const char *algorithm, *key_prefix, *service, *terminator;
    const char *prefix; /* of header names and query arguments */
    const char *date, *expires, *credential, *token, *version, *signature,
        *signed_headers; /* query arguments */
};

static const struct dialect dialects[] = {
    [SIGNATURE_OSS_V4] = {"OSS4-HMAC-SHA256", "aliyun_v4", "oss", "aliyun_v4_request", "x-oss-", "x-oss-date",
                          "x-oss-expires", "x-oss-credential", "x-oss-security-token",
                          "x-oss-signature-version", "x-oss-signature", "x-oss-additional-headers"},
    [SIGNATURE_AWS_V4] = {"AWS4-HMAC-SHA256", "AWS4", "s3", "aws4_request", "x-amz-", "X-Amz-Date",
                          "X-Amz-Expires", "X-Amz-Credential", "X-Amz-Security-Token", "X-Amz-Algorithm",
                          "X-Amz-Signature", "X-Amz-SignedHeaders"},
};

#define UNSIGNED "UNSIGNED-PAYLOAD"
enum { SHA256_BYTES = 32, HEX_SIZE = 65, MOST_FIELDS = 40 };

/* ---- encodings ---- */

void percent_encode(struct buffer *out, const char *text, size_t length, int keep_slash)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     memchr("-_.~", c, 4) || (c == '/' && keep_slash);
        if (plain)
            buffer_add(out, &text[i], 1);
        else
            buffer_printf(out, "%%%02X", c);
    }
}

static void to_hex(const unsigned char *bytes, char hex[HEX_SIZE])
{
    for (int i = 0; i < SHA256_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static void hmac256(const void *key, size_t key_len, const char *text, size_t len,
                    unsigned char out[SHA256_BYTES])
{
    HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, len, out, NULL);
}

/* ---- lists of fields ---- */

/* Names and values as they are signed, sorted; the texts are the list's own. */
struct fields {
    struct {
        char *name, *value;
    } list[MOST_FIELDS];
    size_t count;
    bool failed;
};

static void fields_clear(struct fields *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->list[i].name);
        free(f->list[i].value);
    }
    f->count = 0;
}
#define cleanup_fields __attribute__((cleanup(fields_clear)))

/* Takes both texts; keeps the list sorted by name, then value. */
static void fields_put(struct fields *f, char *name, char *value)
{
    if (!name || !value || f->count == MOST_FIELDS) {
        free(name);
        free(value);
        f->failed = true;
        return;
    }
    size_t i = f->count++;
    for (; i > 0; i--) {
        int order = strcmp(f->list[i - 1].name, name);
        if (order < 0 || (order == 0 && strcmp(f->list[i - 1].value, value) <= 0))
            break;
        f->list[i] = f->list[i - 1];
    }
    f->list[i].name = name;
    f->list[i].value = value;
}

static char *encoded(const char *text)
{
    struct buffer b = {0};
    percent_encode(&b, text, strlen(text), 0);
    return buffer_take(&b);
}

static void put_query(struct fields *f, const char *name, const char *value)
{
    fields_put(f, encoded(name), encoded(value));
}

static char *lower(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static char *trimmed(const char *text)
{
    text += strspn(text, " \t");
    size_t len = strlen(text);
    while (len && strchr(" \t", text[len - 1]))
        len--;
    return strndup(text, len);
}

static void put_header(struct fields *f, const char *name, const char *value)
{
    fields_put(f, lower(name), trimmed(value));
}

static void add_query(struct buffer *b, const struct fields *query)
{
    for (size_t i = 0; i < query->count; i++) {
        buffer_printf(b, "%s%s", i ? "&" : "", query->list[i].name);
        if (query->list[i].value[0])
            buffer_printf(b, "=%s", query->list[i].value);
    }
}

/* "a" in "a;b" */
static bool listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at && (at = strstr(at, name)); at += len)
        if ((at == list || at[-1] == ';') && (at[len] == ';' || !at[len]))
            return true;
    return false;
}

/* ---- V4 ---- */

struct moment {
    char day[9];     /* 20231216 */
    char second[17]; /* 20231216T162057Z */
    char http[32];   /* Sat, 16 Dec 2023 16:20:57 GMT */
};

/* Not strftime(): its names of days and months follow the locale. */
static void set_moment(struct moment *m, int64_t now)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t t = (time_t)now;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    unsigned year = (unsigned)(tm.tm_year + 1900) % 10000, month = (unsigned)tm.tm_mon % 12,
             day = (unsigned)tm.tm_mday % 100, hour = (unsigned)tm.tm_hour % 100,
             minute = (unsigned)tm.tm_min % 100, second = (unsigned)tm.tm_sec % 100;
    snprintf(m->day, sizeof m->day, "%04u%02u%02u", year, month + 1, day);
    snprintf(m->second, sizeof m->second,
             "%s"
             "T%02u%02u%02uZ",
             m->day, hour, minute, second);
    snprintf(m->http, sizeof m->http, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * (tm.tm_wday % 7),
             day, months + 3 * month, year, hour, minute, second);
}

/* OSS signs its own headers, content-type and content-md5, and the additional ones; AWS signs what it is told
 * and the host. */
static void collect_headers(const struct signature_input *in, struct fields *headers)
{
    for (size_t i = 0; i < in->header_count; i++) {
        char *name cleanup_free = lower(in->headers[i].name);
        bool sign = in->kind == SIGNATURE_AWS_V4 ||
                    (name && (strncmp(name, "x-oss-", 6) == 0 || strcmp(name, "content-type") == 0 ||
                              strcmp(name, "content-md5") == 0 || listed(in->additional, name)));
        if (sign)
            put_header(headers, in->headers[i].name, in->headers[i].value);
    }
    if (in->kind == SIGNATURE_AWS_V4 || listed(in->additional, "host"))
        put_header(headers, "host", in->host);
}

static void add_path(struct buffer *b, const struct signature_input *in)
{
    if (in->kind == SIGNATURE_AWS_V4) {
        buffer_puts(b, in->path);
    } else if (in->bucket[0]) {
        buffer_puts(b, "/");
        percent_encode(b, in->bucket, strlen(in->bucket), 1);
    }
    buffer_puts(b, "/");
    percent_encode(b, in->key, strlen(in->key), 1);
}

static void add_signed_names(struct buffer *b, const struct signature_input *in, const struct fields *headers)
{
    if (in->kind == SIGNATURE_OSS_V4) {
        buffer_puts(b, in->additional ? in->additional : "");
        return;
    }
    for (size_t i = 0; i < headers->count; i++)
        buffer_printf(b, "%s%s", i ? ";" : "", headers->list[i].name);
}

static void canonical_request(struct buffer *b, const struct signature_input *in, const struct fields *query,
                              const struct fields *headers)
{
    buffer_printf(b, "%s\n", in->method);
    add_path(b, in);
    buffer_puts(b, "\n");
    add_query(b, query);
    buffer_puts(b, "\n");
    for (size_t i = 0; i < headers->count; i++)
        buffer_printf(b, "%s:%s\n", headers->list[i].name, headers->list[i].value);
    buffer_puts(b, "\n");
    add_signed_names(b, in, headers);
    buffer_printf(b, "\n%s", in->payload ? in->payload : UNSIGNED);
}

static void add_scope(struct buffer *b, const struct signature_input *in, const struct moment *when)
{
    const struct dialect *d = &dialects[in->kind];
    buffer_printf(b, "%s/%s/%s/%s", when->day, in->region, d->service, d->terminator);
}

static int sign_v4(const struct signature_key *key, const struct signature_input *in,
                   const struct moment *when, const struct fields *query, const struct fields *headers,
                   char hex[HEX_SIZE])
{
    const struct dialect *d = &dialects[in->kind];
    struct buffer request cleanup_buffer = {0}, text cleanup_buffer = {0}, secret cleanup_buffer = {0};
    unsigned char digest[SHA256_BYTES];
    canonical_request(&request, in, query, headers);
    if (buffer_error(&request) || query->failed || headers->failed ||
        EVP_Digest(request.data, request.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    to_hex(digest, hex);
    buffer_printf(&text, "%s\n%s\n", d->algorithm, when->second);
    add_scope(&text, in, when);
    buffer_printf(&text, "\n%s", hex);
    buffer_printf(&secret, "%s%s", d->key_prefix, key->secret);
    if (buffer_error(&text) || buffer_error(&secret))
        return -ENOMEM;
    hmac256(secret.data, secret.len, when->day, strlen(when->day), digest);
    explicit_bzero(secret.data, secret.len);
    hmac256(digest, sizeof digest, in->region, strlen(in->region), digest);
    hmac256(digest, sizeof digest, d->service, strlen(d->service), digest);
    hmac256(digest, sizeof digest, d->terminator, strlen(d->terminator), digest);
    hmac256(digest, sizeof digest, text.data, text.len, digest);
    to_hex(digest, hex);
    return 0;
}

static int line(struct signature_headers *out, const char *name, const char *value)
{
    size_t i = 0;
    while (out->line[i])
        i++;
    if (asprintf(&out->line[i], "%s: %s", name, value) < 0) {
        out->line[i] = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int headers_v4(const struct signature_key *key, const struct signature_input *in,
                      struct signature_headers *out)
{
    const struct dialect *d = &dialects[in->kind];
    struct moment when;
    set_moment(&when, in->now);
    char date_name[16], payload_name[32], token_name[32];
    snprintf(date_name, sizeof date_name, "%sdate", d->prefix);
    snprintf(payload_name, sizeof payload_name, "%scontent-sha256", d->prefix);
    snprintf(token_name, sizeof token_name, "%ssecurity-token", d->prefix);
    const char *payload = in->payload ? in->payload : UNSIGNED;

    struct fields query cleanup_fields = {.count = 0}, headers cleanup_fields = {.count = 0};
    for (size_t i = 0; i < in->query_count; i++)
        put_query(&query, in->query[i].name, in->query[i].value);
    collect_headers(in, &headers);
    put_header(&headers, date_name, when.second);
    put_header(&headers, payload_name, payload);
    if (key->token)
        put_header(&headers, token_name, key->token);
    char hex[HEX_SIZE];
    int rc = sign_v4(key, in, &when, &query, &headers, hex);
    if (rc)
        return rc;

    bool aws = in->kind == SIGNATURE_AWS_V4;
    struct buffer value cleanup_buffer = {0};
    buffer_printf(&value, "%s Credential=%s/", d->algorithm, key->id);
    add_scope(&value, in, &when);
    if (aws || in->additional) {
        buffer_puts(&value, aws ? ", SignedHeaders=" : ",AdditionalHeaders=");
        add_signed_names(&value, in, &headers);
    }
    buffer_printf(&value, "%sSignature=%s", aws ? ", " : ",", hex);
    rc = buffer_error(&value);
    rc = rc ? rc : line(out, date_name, when.second);
    rc = rc ? rc : line(out, payload_name, payload);
    if (!rc && key->token)
        rc = line(out, token_name, key->token);
    return rc ? rc : line(out, "Authorization", value.data);
}

static char *query_v4(const struct signature_key *key, const struct signature_input *in, int64_t seconds)
{
    const struct dialect *d = &dialects[in->kind];
    struct moment when;
    set_moment(&when, in->now);
    char expires[24], hex[HEX_SIZE];
    snprintf(expires, sizeof expires, "%" PRId64, seconds);
    struct buffer credential cleanup_buffer = {0}, names cleanup_buffer = {0}, out cleanup_buffer = {0};
    buffer_printf(&credential, "%s/", key->id);
    add_scope(&credential, in, &when);

    struct fields query cleanup_fields = {.count = 0}, headers cleanup_fields = {.count = 0};
    for (size_t i = 0; i < in->query_count; i++)
        put_query(&query, in->query[i].name, in->query[i].value);
    collect_headers(in, &headers);
    add_signed_names(&names, in, &headers);
    put_query(&query, d->version, d->algorithm);
    put_query(&query, d->date, when.second);
    put_query(&query, d->expires, expires);
    put_query(&query, d->credential, credential.data ? credential.data : "");
    if (key->token)
        put_query(&query, d->token, key->token);
    if (names.len)
        put_query(&query, d->signed_headers, names.data);
    if (buffer_error(&credential) || buffer_error(&names) || sign_v4(key, in, &when, &query, &headers, hex))
        return NULL;
    add_query(&out, &query);
    buffer_printf(&out, "&%s=%s", d->signature, hex);
    return buffer_take(&out);
}

/* ---- V1 ---- */

/* Query arguments that select something else than the object itself are part of what is signed. */
static bool is_subresource(const char *name)
{
    static const char *const names[] = {"acl",
                                        "bucketInfo",
                                        "location",
                                        "stat",
                                        "delete",
                                        "append",
                                        "tagging",
                                        "objectMeta",
                                        "uploads",
                                        "uploadId",
                                        "partNumber",
                                        "security-token",
                                        "position",
                                        "response-content-type",
                                        "response-content-language",
                                        "response-expires",
                                        "response-cache-control",
                                        "response-content-disposition",
                                        "response-content-encoding",
                                        "restore",
                                        "callback",
                                        "callback-var",
                                        "versions",
                                        "versioning",
                                        "versionId",
                                        "sequential",
                                        "continuation-token",
                                        "regionList",
                                        "cloudboxes",
                                        "symlink",
                                        "resourceGroup",
                                        "x-oss-process"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static const char *header_value(const struct signature_input *in, const char *name)
{
    for (size_t i = 0; i < in->header_count; i++)
        if (strcasecmp(in->headers[i].name, name) == 0)
            return in->headers[i].value;
    return "";
}

/* Key and subresources are signed as they are, not percent-encoded. `date` is the time or, in addresses, the
 * end of validity. */
static char *sign_v1(const struct signature_key *key, const struct signature_input *in, const char *date,
                     const struct signature_field *more, size_t more_count)
{
    struct fields headers cleanup_fields = {.count = 0}, query cleanup_fields = {.count = 0};
    struct buffer text cleanup_buffer = {0};
    const struct {
        const struct signature_field *list;
        size_t count;
    } sources[] = {{in->headers, in->header_count}, {more, more_count}};
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < sources[s].count; i++)
            if (strncasecmp(sources[s].list[i].name, "x-oss-", 6) == 0)
                put_header(&headers, sources[s].list[i].name, sources[s].list[i].value);
    for (size_t i = 0; i < in->query_count; i++)
        if (is_subresource(in->query[i].name))
            fields_put(&query, strdup(in->query[i].name), strdup(in->query[i].value));

    buffer_printf(&text, "%s\n%s\n%s\n%s\n", in->method, header_value(in, "Content-MD5"),
                  header_value(in, "Content-Type"), date);
    for (size_t i = 0; i < headers.count; i++)
        buffer_printf(&text, "%s:%s\n", headers.list[i].name, headers.list[i].value);
    buffer_printf(&text, "/%s/%s", in->bucket, in->key);
    for (size_t i = 0; i < query.count; i++) {
        buffer_printf(&text, "%c%s", i ? '&' : '?', query.list[i].name);
        if (query.list[i].value[0])
            buffer_printf(&text, "=%s", query.list[i].value);
    }
    if (headers.failed || query.failed || buffer_error(&text))
        return NULL;
    unsigned char digest[20];
    HMAC(EVP_sha1(), key->secret, (int)strlen(key->secret), (const unsigned char *)text.data, text.len,
         digest, NULL);
    char *base64 = malloc(32);
    if (base64)
        EVP_EncodeBlock((unsigned char *)base64, digest, sizeof digest);
    return base64;
}

static int headers_v1(const struct signature_key *key, const struct signature_input *in,
                      struct signature_headers *out)
{
    struct moment when;
    set_moment(&when, in->now);
    struct signature_field more[] = {{"x-oss-date", when.http}, {"x-oss-security-token", key->token}};
    char *signature cleanup_free = sign_v1(key, in, when.http, more, key->token ? 2 : 1);
    char *value cleanup_free = NULL;
    if (!signature || asprintf(&value, "OSS %s:%s", key->id, signature) < 0)
        return -ENOMEM;
    int rc = line(out, "x-oss-date", when.http);
    if (!rc && key->token)
        rc = line(out, "x-oss-security-token", key->token);
    return rc ? rc : line(out, "Authorization", value);
}

static char *query_v1(const struct signature_key *key, const struct signature_input *in, int64_t seconds)
{
    char expires[24];
    snprintf(expires, sizeof expires, "%" PRId64, in->now + seconds);
    struct signature_field query[MOST_FIELDS];
    size_t count = 0;
    for (; count < in->query_count && count + 1 < MOST_FIELDS; count++)
        query[count] = in->query[count];
    if (key->token)
        query[count++] = (struct signature_field){"security-token", key->token};
    struct signature_input with_token = *in;
    with_token.query = query;
    with_token.query_count = count;
    char *signature cleanup_free = sign_v1(key, &with_token, expires, NULL, 0);
    struct fields all cleanup_fields = {.count = 0};
    struct buffer out cleanup_buffer = {0};
    if (!signature)
        return NULL;
    for (size_t i = 0; i < count; i++)
        put_query(&all, query[i].name, query[i].value);
    put_query(&all, "OSSAccessKeyId", key->id);
    put_query(&all, "Expires", expires);
    put_query(&all, "Signature", signature);
    add_query(&out, &all);
    return all.failed ? NULL : buffer_take(&out);
}

/* ---- all ---- */

int signature_headers(const struct signature_key *key, const struct signature_input *in,
                      struct signature_headers *out)
{
    *out = (struct signature_headers){{NULL}};
    int rc = in->kind == SIGNATURE_OSS_V1 ? headers_v1(key, in, out) : headers_v4(key, in, out);
    if (rc)
        signature_headers_clear(out);
    return rc;
}

void signature_headers_clear(struct signature_headers *headers)
{
    for (size_t i = 0; i < sizeof headers->line / sizeof *headers->line; i++) {
        free(headers->line[i]);
        headers->line[i] = NULL;
    }
}

char *signature_query(const struct signature_key *key, const struct signature_input *in, int64_t seconds)
{
    return in->kind == SIGNATURE_OSS_V1 ? query_v1(key, in, seconds) : query_v4(key, in, seconds);
}
