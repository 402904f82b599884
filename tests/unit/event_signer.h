/* A signer of events, as EventBridge is one, with a key made here. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "backend/base/buffer.h"
#include "backend/base/loop.h"
#include "backend/dashscope/budget.h"
#include "backend/dashscope/callback.h"
#include "backend/dashscope/event.h"
#include "backend/dashscope/poller.h"
#include "backend/dashscope/service.h"
#include "backend/http.h"
#include "tests/unit/web.h"

#define TARGET "https://me.example/events?x=1"
#define NOW INT64_C(1772417735000)

struct signer {
    EVP_PKEY *key;
    char *certificate;
    size_t length;
};

static inline struct signer signer_new(void)
{
    struct signer s = {.key = EVP_RSA_gen(2048)};
    X509 *x509 = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, s.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, (const unsigned char *)"x",
                               -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_sign(x509, s.key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x509);
    char *data;
    s.length = (size_t)BIO_get_mem_data(bio, &data);
    s.certificate = calloc(1, s.length + 1);
    assert_non_null(s.certificate);
    memcpy(s.certificate, data, s.length);
    BIO_free(bio);
    X509_free(x509);
    return s;
}

static inline void signer_free(struct signer *s)
{
    EVP_PKEY_free(s->key);
    free(s->certificate);
}

static inline char *base64(const unsigned char *bytes, size_t length)
{
    char *text = malloc(length * 2 + 4);
    EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
    return text;
}

/* What the documentation says is signed, put together here a second time. */
static inline char *to_sign(const struct event_headers *h, bool v2, const char *target, const char *body)
{
    char *text = NULL;
    assert_true(asprintf(&text,
                         "%s\nx-eventbridge-signature-timestamp: %s\nx-eventbridge-%s: "
                         "%s\nx-eventbridge-signature-version: "
                         "%s\nx-eventbridge-signature-url: %s\n%s%s%s%s",
                         target, h->timestamp, v2 ? "hash-method" : "signature-method",
                         v2 ? h->hash_method : h->method, h->version, h->url,
                         h->token ? "x-eventbridge-signature-token: " : "", h->token ? h->token : "",
                         h->token ? "\n" : "", body) > 0);
    return text;
}

static inline char *sign_v2(const struct signer *s, const struct event_headers *h, const char *target,
                     const char *body)
{
    char *text = to_sign(h, true, target, body);
    unsigned char signature[512];
    size_t length = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, s->key);
    assert_int_equal(EVP_DigestSign(context, signature, &length, (unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(context);
    free(text);
    return base64(signature, length);
}

static inline char *encrypt_secret(const struct signer *s, const char *secret)
{
    unsigned char out[512];
    size_t length = sizeof out;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(s->key, NULL);
    EVP_PKEY_sign_init(context);
    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
    assert_int_equal(EVP_PKEY_sign(context, out, &length, (const unsigned char *)secret, strlen(secret)), 1);
    EVP_PKEY_CTX_free(context);
    return base64(out, length);
}

static inline char *sign_v1(const struct event_headers *h, const char *secret, const char *target, const char *body)
{
    char *text = to_sign(h, false, target, body);
    unsigned char digest[20];
    unsigned length = sizeof digest;
    HMAC(EVP_sha1(), secret, (int)strlen(secret), (unsigned char *)text, strlen(text), digest, &length);
    free(text);
    return base64(digest, length);
}

static inline struct event_headers headers(void)
{
    return (struct event_headers){.timestamp = "1772417735000",
                                  .hash_method = "SHA256",
                                  .version = "1.0",
                                  .url =
                                      "https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com/cert.pem"};
}

#define EVENT(data)                                                                                          \
    "{\"id\":\"e-1\",\"type\":\"dashscope:System:AsyncTaskFinish\",\"source\":\"acs.dashscope\",\"data\":"   \
    "{" data "}}"
