/* SHA-256 by OpenSSL: of a file's content, and of the settings a job was frozen with. */
#include "cache/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/cleanup.h"

enum { BLOCK = 1 << 20 };

/* Goes in front of a job's key, so that it can never equal the digest of a file's content by construction.
 * The version changes when the meaning of a key does. */
static const char KEY_TAG[] = "scribefs-job/1";

static void cleanup_hashp(EVP_MD_CTX **hash)
{
    EVP_MD_CTX_free(*hash);
}
#define cleanup_hash __attribute__((cleanup(cleanup_hashp)))

static int finish(EVP_MD_CTX *hash, struct digest *out)
{
    return EVP_DigestFinal_ex(hash, out->bytes, NULL) ? 0 : -EIO;
}

int digest_fd(int fd, struct digest *out, const atomic_int *cancel)
{
    cleanup_free unsigned char *block = malloc(BLOCK);
    cleanup_hash EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (!block || !hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL))
        return -ENOMEM;
    for (off_t offset = 0;;) {
        if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
            return -ECANCELED;
        ssize_t n = pread(fd, block, BLOCK, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return finish(hash, out);
        if (!EVP_DigestUpdate(hash, block, (size_t)n))
            return -EIO;
        offset += n;
    }
}

int digest_key(const struct digest *content, const char *settings, struct digest *out)
{
    cleanup_hash EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (!hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL))
        return -ENOMEM;
    /* Tag and content have a fixed length, so where the settings begin is never in doubt. */
    if (!EVP_DigestUpdate(hash, KEY_TAG, sizeof KEY_TAG) ||
        !EVP_DigestUpdate(hash, content->bytes, sizeof content->bytes) ||
        !EVP_DigestUpdate(hash, settings, strlen(settings)))
        return -EIO;
    return finish(hash, out);
}

void digest_hex(const struct digest *d, char hex[DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof d->bytes; i++) {
        hex[2 * i] = digits[d->bytes[i] >> 4];
        hex[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    hex[DIGEST_HEX - 1] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int digest_parse(const char *hex, struct digest *out)
{
    struct digest d;
    if (strlen(hex) != DIGEST_HEX - 1)
        return -EINVAL;
    for (size_t i = 0; i < sizeof d.bytes; i++) {
        int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        d.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = d;
    return 0;
}
