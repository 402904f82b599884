/* Signatures of object storage: OSS V1, OSS V4, AWS Signature Version 4. */
#include "tests/emulator/sign.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/text.h"

/* Query arguments that are part of a V1 resource. */
static const char *const subresources[] = {
    "acl",
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
    "x-oss-process",
};

static const struct pairs none;

void sign_hmac_sha1(const void *secret, size_t secret_len, const void *text, size_t len,
                    char out[SIGN_V1_SIZE])
{
    unsigned char mac[SHA_DIGEST_LENGTH];
    HMAC(EVP_sha1(), secret, (int)secret_len, text, len, mac, NULL);
    EVP_EncodeBlock((unsigned char *)out, mac, sizeof mac);
}

void sign_sha256_hex(const void *data, size_t len, char out[SIGN_V4_SIZE])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(len ? data : "", len, digest);
    text_hex(digest, sizeof digest, out);
}

static int by_name(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->value ? x->value : "", y->value ? y->value : "");
}

static void sort(struct pairs *p)
{
    if (p->count)
        qsort(p->at, p->count, sizeof *p->at, by_name);
}

static char *lower(const char *text)
{
    char *copy = xstrdup(text);
    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

static char *trimmed(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t len = strlen(text);
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return xstrndup(text, len);
}

/* Is `name` one of the ';'-separated names? */
static bool listed(const char *names, const char *name)
{
    size_t len = strlen(name), n;
    for (const char *p = names; p && *p; p += n + (p[n] == ';')) {
        n = strcspn(p, ";");
        if (n == len && !strncasecmp(p, name, n))
            return true;
    }
    return false;
}

/* ---- V1 ---- */

static bool is_subresource(const char *name)
{
    for (size_t i = 0; i < sizeof subresources / sizeof *subresources; i++)
        if (!strcmp(subresources[i], name))
            return true;
    return false;
}

static void v1_headers(const struct pairs *headers, struct buffer *b)
{
    struct pairs chosen = {0};
    for (size_t i = 0; i < headers->count; i++)
        if (!strncasecmp(headers->at[i].name, "x-oss-", 6))
            pairs_add_owned(&chosen, lower(headers->at[i].name), trimmed(headers->at[i].value));
    sort(&chosen);
    for (size_t i = 0; i < chosen.count; i++)
        buffer_printf(b, "%s:%s\n", chosen.at[i].name, chosen.at[i].value);
    pairs_clear(&chosen);
}

static void v1_resource(const struct sign_request *r, const struct pairs *query, struct buffer *b)
{
    struct pairs chosen = {0};
    buffer_puts(b, "/");
    if (r->bucket)
        buffer_printf(b, "%s/%s", r->bucket, r->key ? r->key : "");
    for (size_t i = 0; i < query->count; i++)
        if (is_subresource(query->at[i].name))
            pairs_add(&chosen, query->at[i].name, query->at[i].value);
    sort(&chosen);
    for (size_t i = 0; i < chosen.count; i++) {
        buffer_printf(b, "%c%s", i ? '&' : '?', chosen.at[i].name);
        if (chosen.at[i].value && *chosen.at[i].value)
            buffer_printf(b, "=%s", chosen.at[i].value);
    }
    pairs_clear(&chosen);
}

void sign_oss_v1(const struct sign_request *r, const char *date, const char *secret, struct buffer *text,
                 char out[SIGN_V1_SIZE])
{
    const struct pairs *headers = r->headers ? r->headers : &none;
    const char *md5 = pairs_get_nocase(headers, "Content-MD5"),
               *type = pairs_get_nocase(headers, "Content-Type");
    cleanup_buffer struct buffer b = {0};
    buffer_printf(&b, "%s\n%s\n%s\n%s\n", r->method, md5 ? md5 : "", type ? type : "", date);
    v1_headers(headers, &b);
    v1_resource(r, r->query ? r->query : &none, &b);
    sign_hmac_sha1(secret, strlen(secret), b.data, b.len, out);
    if (text)
        buffer_add(text, b.data, b.len);
}

/* ---- V4, both kinds ---- */

static void v4_query(const struct pairs *query, bool bare_names, struct buffer *b)
{
    struct pairs encoded = {0};
    for (size_t i = 0; i < query->count; i++) {
        struct buffer name = {0}, value = {0};
        buffer_puts(&name, "");
        buffer_puts(&value, "");
        percent_encode(&name, query->at[i].name, false);
        percent_encode(&value, query->at[i].value ? query->at[i].value : "", false);
        pairs_add_owned(&encoded, buffer_take(&name), buffer_take(&value));
    }
    sort(&encoded);
    for (size_t i = 0; i < encoded.count; i++) {
        buffer_printf(b, "%s%s", i ? "&" : "", encoded.at[i].name);
        if (!bare_names || *encoded.at[i].value)
            buffer_printf(b, "=%s", encoded.at[i].value);
    }
    pairs_clear(&encoded);
}

static bool v4_oss_header(const char *name, const char *additional)
{
    return !strncasecmp(name, "x-oss-", 6) || !strcasecmp(name, "content-type") ||
           !strcasecmp(name, "content-md5") || listed(additional, name);
}

static void v4_headers(const struct pairs *headers, bool oss, const char *names, struct buffer *b)
{
    struct pairs chosen = {0};
    for (size_t i = 0; i < headers->count; i++) {
        const char *name = headers->at[i].name;
        if (oss ? v4_oss_header(name, names) : listed(names, name))
            pairs_add_owned(&chosen, lower(name), trimmed(headers->at[i].value));
    }
    sort(&chosen);
    for (size_t i = 0; i < chosen.count; i++)
        buffer_printf(b, "%s:%s\n", chosen.at[i].name, chosen.at[i].value);
    pairs_clear(&chosen);
}

struct key {
    unsigned char data[EVP_MAX_MD_SIZE];
    unsigned int len;
};

static struct key derive(const void *secret, size_t len, const char *text, size_t text_len)
{
    struct key k;
    HMAC(EVP_sha256(), secret, (int)len, (const unsigned char *)text, text_len, k.data, &k.len);
    return k;
}

static void v4_finish(const char *prefix, const char *algorithm, const char *request_type,
                      const struct buffer *canonical, const struct sign_scope *scope, const char *secret,
                      struct buffer *text, char out[SIGN_V4_SIZE])
{
    char hash[SIGN_V4_SIZE];
    sign_sha256_hex(canonical->data, canonical->len, hash);
    cleanup_buffer struct buffer b = {0};
    buffer_printf(&b, "%s\n%s\n%.8s/%s/%s/%s\n%s", algorithm, scope->date, scope->date, scope->region,
                  scope->service, request_type, hash);
    cleanup_free char *start = xprintf("%s%s", prefix, secret);
    struct key k = derive(start, strlen(start), scope->date, 8);
    k = derive(k.data, k.len, scope->region, strlen(scope->region));
    k = derive(k.data, k.len, scope->service, strlen(scope->service));
    k = derive(k.data, k.len, request_type, strlen(request_type));
    k = derive(k.data, k.len, b.data, b.len);
    text_hex(k.data, k.len, out);
    if (text)
        buffer_printf(text, "%s\n---\n%s", b.data, canonical->data);
}

void sign_oss_v4(const struct sign_request *r, const struct sign_scope *scope, const char *additional,
                 const char *payload, const char *secret, struct buffer *text, char out[SIGN_V4_SIZE])
{
    cleanup_buffer struct buffer b = {0};
    buffer_printf(&b, "%s\n/", r->method);
    if (r->bucket) {
        percent_encode(&b, r->bucket, true);
        buffer_puts(&b, "/");
        percent_encode(&b, r->key ? r->key : "", true);
    }
    buffer_puts(&b, "\n");
    v4_query(r->query ? r->query : &none, true, &b);
    buffer_puts(&b, "\n");
    v4_headers(r->headers ? r->headers : &none, true, additional, &b);
    buffer_printf(&b, "\n%s\n%s", additional, payload);
    v4_finish("aliyun_v4", "OSS4-HMAC-SHA256", "aliyun_v4_request", &b, scope, secret, text, out);
}

void sign_aws_v4(const struct sign_request *r, const char *path, const struct sign_scope *scope,
                 const char *signed_headers, const char *payload, const char *secret, struct buffer *text,
                 char out[SIGN_V4_SIZE])
{
    cleanup_buffer struct buffer b = {0};
    buffer_printf(&b, "%s\n", r->method);
    percent_encode(&b, path, true);
    buffer_puts(&b, "\n");
    v4_query(r->query ? r->query : &none, false, &b);
    buffer_puts(&b, "\n");
    v4_headers(r->headers ? r->headers : &none, false, signed_headers, &b);
    buffer_printf(&b, "\n%s\n%s", signed_headers, payload);
    v4_finish("AWS4", "AWS4-HMAC-SHA256", "aws4_request", &b, scope, secret, text, out);
}
