/* Content in files of their own, with every digest that object storage tells. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/store.h"

struct digests {
    EVP_MD_CTX *md5, *sha256;
    uint64_t crc;
};

static void crc64_add(uint64_t *crc, const unsigned char *data, size_t len)
{
    enum { POLY_LOW = 0xd7870f42 };
    static const uint64_t poly = UINT64_C(0xc96c5795) << 32 | POLY_LOW;
    uint64_t table[256];
    for (uint64_t i = 0; i < 256; i++) {
        uint64_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ poly : c >> 1;
        table[i] = c;
    }
    uint64_t c = ~*crc;
    for (size_t i = 0; i < len; i++)
        c = table[(c ^ data[i]) & 0xff] ^ c >> 8;
    *crc = ~c;
}

static void digests_begin(struct digests *d)
{
    *d = (struct digests){EVP_MD_CTX_new(), EVP_MD_CTX_new(), 0};
    if (!EVP_DigestInit_ex(d->md5, EVP_md5(), NULL) || !EVP_DigestInit_ex(d->sha256, EVP_sha256(), NULL))
        abort();
}

static void digests_add(struct digests *d, const void *data, size_t len)
{
    EVP_DigestUpdate(d->md5, data, len);
    EVP_DigestUpdate(d->sha256, data, len);
    crc64_add(&d->crc, data, len);
}

static void digests_end(struct digests *d, struct blob *blob)
{
    unsigned char sha256[32];
    EVP_DigestFinal_ex(d->md5, blob->md5_raw, NULL);
    EVP_DigestFinal_ex(d->sha256, sha256, NULL);
    for (size_t i = 0; i < sizeof blob->md5_raw; i++)
        snprintf(blob->md5 + 2 * i, 3, "%02X", blob->md5_raw[i]);
    text_hex(sha256, sizeof sha256, blob->sha256);
    blob->crc64 = d->crc;
    EVP_MD_CTX_free(d->md5);
    EVP_MD_CTX_free(d->sha256);
}

static char *path_of(const struct store *s, const struct blob *blob)
{
    return xprintf("%s/%s", s->directory, blob->name);
}

static int create(const struct store *s, struct blob *blob)
{
    *blob = (struct blob){0};
    text_hex_id(blob->name, BLOB_NAME - 1);
    cleanup_free char *path = path_of(s, blob);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd >= 0 ? fd : -errno;
}

static int append(int fd, struct digests *d, struct blob *blob, const char *data, size_t len)
{
    digests_add(d, data, len);
    blob->size += len;
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int blob_write(const struct store *s, const void *data, size_t len, struct blob *blob)
{
    struct digests d;
    cleanup_close int fd = create(s, blob);
    if (fd < 0)
        return fd;
    digests_begin(&d);
    int rc = append(fd, &d, blob, data, len);
    digests_end(&d, blob);
    if (rc)
        blob_remove(s, blob);
    return rc;
}

static int append_blob(const struct store *s, int fd, struct digests *d, struct blob *blob,
                       const struct blob *part)
{
    char block[65536];
    cleanup_close int in = blob_open(s, part);
    ssize_t n = in < 0 ? in : 0;
    int rc = 0;
    while (!rc && in >= 0 && (n = read(in, block, sizeof block)) > 0)
        rc = append(fd, d, blob, block, (size_t)n);
    return n < 0 ? -EIO : rc;
}

int blob_join(const struct store *s, const struct part *parts, size_t count, struct blob *blob)
{
    struct digests d;
    cleanup_close int fd = create(s, blob);
    if (fd < 0)
        return fd;
    digests_begin(&d);
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++)
        rc = append_blob(s, fd, &d, blob, &parts[i].blob);
    digests_end(&d, blob);
    if (rc)
        blob_remove(s, blob);
    return rc;
}

int blob_open(const struct store *s, const struct blob *blob)
{
    cleanup_free char *path = path_of(s, blob);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

void blob_remove(const struct store *s, const struct blob *blob)
{
    cleanup_free char *path = path_of(s, blob);
    unlink(path);
}
