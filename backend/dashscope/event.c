/* Signatures and bodies of EventBridge's events. */
#include "backend/dashscope/event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "backend/base/buffer.h"
#include "backend/catalogue.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/http.h"

enum { SIGNATURE_BYTES = 1024 };

/* ---- before anything is fetched ---- */

bool event_is_fresh(const struct event_headers *h, int64_t now_ms)
{
    char *end;
    if (!h->timestamp || !h->url || !(h->signature_v2 || (h->signature && h->secret)))
        return false;
    errno = 0;
    long long then = strtoll(h->timestamp, &end, 10);
    if (errno || end == h->timestamp || *end || then < 0)
        return false;
    int64_t distance = now_ms > then ? now_ms - then : then - now_ms;
    return distance <= EVENT_WINDOW_MS;
}

/* Compared as text: an address that is written in any unusual way is not one of theirs. Only regions the
 * service is in: anybody may have made a bucket whose name ends like theirs. */
bool event_certificate_address(const char *url, const char *other_host)
{
    static const char scheme[] = "https://", tail[] = "-eventbridge.oss-accelerate.aliyuncs.com/";
    bool https = strncmp(url, scheme, strlen(scheme)) == 0;
    const char *host = strstr(url, "://");
    if (!host)
        return false;
    host += 3;
    if (other_host) {
        size_t len = strlen(other_host);
        bool there = strncmp(host, other_host, len) == 0 && host[len] == '/';
        return there && (https || (strncmp(url, "http://", 7) == 0 && http_is_loopback(url)));
    }
    for (int region = 0; https && region < REGION_COUNT; region++) {
        const char *id = catalogue_region((enum region)region)->id;
        size_t len = strlen(id);
        if (strncmp(host, id, len) == 0 && strncmp(host + len, tail, strlen(tail)) == 0)
            return true;
    }
    return false;
}

/* ---- signatures ---- */

static void header_line(struct buffer *text, const char *name, const char *value)
{
    if (value)
        buffer_printf(text, "%s: %s\n", name, value);
}

/* Header lines in a fixed order; which of the two methods is named second is all that differs. */
static void string_to_sign(const struct event_headers *h, bool v2, const char *target, const char *body,
                           size_t length, struct buffer *text)
{
    buffer_printf(text, "%s\n", target);
    header_line(text, "x-eventbridge-signature-timestamp", h->timestamp);
    if (v2)
        header_line(text, "x-eventbridge-hash-method", h->hash_method);
    else
        header_line(text, "x-eventbridge-signature-method", h->method);
    header_line(text, "x-eventbridge-signature-version", h->version);
    header_line(text, "x-eventbridge-signature-url", h->url);
    header_line(text, "x-eventbridge-signature-token", h->token);
    buffer_add(text, body, length);
}

static size_t from_base64(const char *text, unsigned char *bytes, size_t size)
{
    size_t len = strlen(text);
    if (!len || len % 4 || len / 4 * 3 > size)
        return 0;
    int n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
    if (n <= 0)
        return 0;
    return (size_t)n - (text[len - 1] == '=') - (text[len - 2] == '=');
}

static bool check_v2(const struct event_headers *h, EVP_PKEY *key, const struct buffer *text)
{
    unsigned char signature[SIGNATURE_BYTES];
    size_t len = from_base64(h->signature_v2, signature, sizeof signature);
    if (!len || !h->hash_method || strcmp(h->hash_method, "SHA256") != 0)
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, len, (const unsigned char *)text->data, text->len) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

/* What was encrypted with the private key is opened with the public one. */
static size_t open_secret(const char *base64, EVP_PKEY *key, unsigned char *secret, size_t size)
{
    unsigned char encrypted[SIGNATURE_BYTES];
    size_t len = from_base64(base64, encrypted, sizeof encrypted);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool good = len && context && EVP_PKEY_verify_recover_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_verify_recover(context, secret, &size, encrypted, len) == 1;
    EVP_PKEY_CTX_free(context);
    return good ? size : 0;
}

static bool hmac_fits(const unsigned char *secret, size_t secret_length, const char *text, size_t length,
                      const char *base64)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char expected[64];
    unsigned digest_length = 0;
    HMAC(EVP_sha1(), secret, (int)secret_length, (const unsigned char *)text, length, digest, &digest_length);
    EVP_EncodeBlock(expected, digest, (int)digest_length);
    size_t len = strlen((const char *)expected);
    return strlen(base64) == len && CRYPTO_memcmp(expected, base64, len) == 0;
}

/* One client of the provider signs a line feed after the body, the documentation shows none. */
static bool check_v1(const struct event_headers *h, EVP_PKEY *key, struct buffer *text)
{
    unsigned char secret[SIGNATURE_BYTES];
    size_t len = open_secret(h->secret, key, secret, sizeof secret);
    if (!len || (h->method && strcmp(h->method, "HMAC-SHA1") != 0))
        return false;
    if (hmac_fits(secret, len, text->data, text->len, h->signature))
        return true;
    buffer_puts(text, "\n");
    return !buffer_error(text) && hmac_fits(secret, len, text->data, text->len, h->signature);
}

bool event_is_signed(const struct event_headers *h, const char *target, const char *body, size_t length,
                     const char *certificate, size_t certificate_length)
{
    BIO *bio = BIO_new_mem_buf(certificate, (int)certificate_length);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = x509 ? X509_get_pubkey(x509) : NULL;
    struct buffer text cleanup_buffer = {0};
    bool v2 = h->signature_v2 != NULL, good = false;
    string_to_sign(h, v2, target, body, length, &text);
    if (key && EVP_PKEY_base_id(key) == EVP_PKEY_RSA && !buffer_error(&text))
        good = v2 ? check_v2(h, key, &text) : check_v1(h, key, &text);
    EVP_PKEY_free(key);
    X509_free(x509);
    BIO_free(bio);
    return good;
}

/* ---- the body ---- */

/* The result comes as an object, or as a text that holds one. One that leaves out what is needed counts as
 * none: then the service is asked. */
static int read_result(const cJSON *data, struct event *out)
{
    const cJSON *result = json_get(data, "output_result");
    cJSON *parsed cleanup_json = cJSON_IsString(result) ? cJSON_Parse(result->valuestring) : NULL;
    const cJSON *root = parsed ? parsed : result;
    if (!cJSON_IsObject(root) || parse_task_object(root, &out->answer, NULL) != 0)
        return -ENOENT;
    bool ended = out->answer.status != TASK_PENDING && out->answer.status != TASK_RUNNING &&
                 out->answer.status != TASK_UNKNOWN;
    bool same = !out->answer.task_id || strcmp(out->answer.task_id, out->task_id) == 0;
    bool whole = out->answer.status == TASK_SUCCEEDED ? out->answer.result_url != NULL
                 : out->answer.status == TASK_FAILED  ? out->answer.fault.code[0] != '\0'
                                                      : true;
    if (ended && same && whole)
        return 0;
    task_answer_clear(&out->answer);
    return -ENOENT;
}

int event_read(const char *body, size_t length, struct event *out, struct error *err)
{
    *out = (struct event){.has_answer = false};
    cJSON *root cleanup_json = json_parse(body, length, err);
    if (!root)
        return -EBADMSG;
    const char *type = json_text(root, "type"), *id = json_text(root, "id");
    const cJSON *data = json_get(root, "data");
    const char *task = json_text(data, "task_id");
    if (!type || strcmp(type, "dashscope:System:AsyncTaskFinish") != 0)
        return 1;
    if (!task || strlen(task) >= sizeof out->task_id)
        return error_set(err, ERROR_PERMANENT, EBADMSG, "cloud.answer", "an event names no task");
    snprintf(out->task_id, sizeof out->task_id, "%s", task);
    snprintf(out->id, sizeof out->id, "%s", id ? id : "");
    out->has_answer = !cJSON_IsFalse(json_get(data, "contain_result")) && read_result(data, out) == 0;
    return 0;
}
