/* EventBridge's signatures: V2 is RSA with SHA-256; V1 is HMAC-SHA1 under a secret that RSA encrypts with the
 * private key. */
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "tests/emulator/callback.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/sign.h"

enum { KEY_BITS = 2048, CERTIFICATE_DAYS = 3650, SECRET_DIGITS = 32 };

void *event_key_new(void)
{
    return EVP_RSA_gen(KEY_BITS);
}

char *event_certificate(void *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600L * 24 * CERTIFICATE_DAYS);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"eventbridge.aliyuncs.com",
                               -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *pem = xstrndup(data, (size_t)len);
    BIO_free(bio);
    X509_free(x);
    return pem;
}

/* The lines between URL and body; `second` is what differs between the versions. */
static void string_to_sign(const struct event_signature *s, const char *second, const char *body,
                           struct buffer *b)
{
    buffer_printf(b, "%s\nx-eventbridge-signature-timestamp: %" PRId64 "\n%s\n", s->url, s->timestamp_ms,
                  second);
    buffer_printf(b, "x-eventbridge-signature-version: 1.0\nx-eventbridge-signature-url: %s\n",
                  s->certificate_url);
    if (s->token)
        buffer_printf(b, "x-eventbridge-signature-token: %s\n", s->token);
    buffer_puts(b, body);
}

static void sign_v2(EVP_PKEY *key, const struct event_signature *s, const char *body, struct pairs *headers)
{
    cleanup_buffer struct buffer b = {0};
    unsigned char signature[KEY_BITS / 8];
    size_t len = sizeof signature;
    string_to_sign(s, "x-eventbridge-hash-method: SHA256", body, &b);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(md, signature, &len, (const unsigned char *)b.data, b.len) == 1) {
        pairs_add(headers, "x-eventbridge-hash-method", "SHA256");
        pairs_add_owned(headers, xstrdup("x-eventbridge-signature-v2"), base64_encode(signature, len));
    }
    EVP_MD_CTX_free(md);
}

static void sign_v1(EVP_PKEY *key, const struct event_signature *s, const char *body, struct pairs *headers)
{
    cleanup_buffer struct buffer b = {0};
    unsigned char sealed[KEY_BITS / 8];
    size_t len = sizeof sealed;
    char secret[SECRET_DIGITS + 1], mac[SIGN_V1_SIZE];
    text_hex_id(secret, SECRET_DIGITS);
    string_to_sign(s, "x-eventbridge-signature-method: HMAC-SHA1", body, &b);
    if (s->v1_newline)
        buffer_puts(&b, "\n");
    sign_hmac_sha1(secret, SECRET_DIGITS, b.data, b.len, mac);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    if (EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_sign(context, sealed, &len, (const unsigned char *)secret, SECRET_DIGITS) == 1) {
        pairs_add(headers, "x-eventbridge-signature-method", "HMAC-SHA1");
        pairs_add_owned(headers, xstrdup("x-eventbridge-signature-secret"), base64_encode(sealed, len));
        pairs_add(headers, "x-eventbridge-signature", mac);
    }
    EVP_PKEY_CTX_free(context);
}

void event_sign(void *key, const struct event_signature *s, const char *body, struct pairs *headers)
{
    if (!s->v1 && !s->v2)
        return;
    pairs_add_owned(headers, xstrdup("x-eventbridge-signature-timestamp"),
                    xprintf("%" PRId64, s->timestamp_ms));
    pairs_add(headers, "x-eventbridge-signature-version", "1.0");
    pairs_add(headers, "x-eventbridge-signature-url", s->certificate_url);
    if (s->token)
        pairs_add(headers, "x-eventbridge-signature-token", s->token);
    if (s->v2)
        sign_v2(key, s, body, headers);
    if (s->v1)
        sign_v1(key, s, body, headers);
}
