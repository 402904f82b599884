/* cache/digest.h: known digests, block borders, cancelling, and keys that may never change. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/base/cleanup.h"
#include "cache/digest.h"

enum { MIB = 1 << 20 };

/* An anonymous file with this content. */
static int file_with(const void *data, size_t len)
{
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    return fd;
}

static void assert_hex(const struct digest *d, const char *expected)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    assert_string_equal(hex, expected);
}

static void known_digests(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        const char *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cleanup_close int fd = file_with(cases[i].content, strlen(cases[i].content));
        struct digest d;
        assert_int_equal(digest_fd(fd, &d, NULL), 0);
        assert_hex(&d, cases[i].hex);
    }
}

static void sizes_around_the_block(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 17};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        cleanup_free unsigned char *data = malloc(sizes[i]);
        assert_non_null(data);
        for (size_t k = 0; k < sizes[i]; k++)
            data[k] = (unsigned char)(k * 31 + k / 4093);
        cleanup_close int fd = file_with(data, sizes[i]);
        struct digest got, want;
        SHA256(data, sizes[i], want.bytes);
        assert_int_equal(digest_fd(fd, &got, NULL), 0);
        assert_memory_equal(got.bytes, want.bytes, sizeof want.bytes);
    }
}

static void the_offset_of_the_descriptor_is_left_alone(void **state)
{
    (void)state;
    cleanup_close int fd = file_with("abc", 3);
    assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
    struct digest d;
    assert_int_equal(digest_fd(fd, &d, NULL), 0);
    assert_hex(&d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 2);
}

static void cancelling(void **state)
{
    (void)state;
    cleanup_close int fd = file_with("abc", 3);
    struct digest d;
    atomic_int cancel = 0;
    assert_int_equal(digest_fd(fd, &d, &cancel), 0);
    atomic_store(&cancel, 1);
    assert_int_equal(digest_fd(fd, &d, &cancel), -ECANCELED);
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    struct digest d;
    assert_int_equal(digest_fd(-1, &d, NULL), -EBADF);
    cleanup_close int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(digest_fd(directory, &d, NULL), -EISDIR);
}

/* Results are found again by these keys after an update: the expected value was worked out elsewhere, and
 * stays. */
static void the_key_of_a_job_never_changes(void **state)
{
    (void)state;
    struct digest content, key;
    SHA256((const unsigned char *)"abc", 3, content.bytes);
    assert_int_equal(digest_key(&content, "{\"engine\":\"vosk\"}", &key), 0);
    assert_hex(&key, "2fc63dba94d48f45635f3caca437106b21da6fa630bc4152d98b49265e614741");
}

static void keys_differ_by_content_and_by_settings(void **state)
{
    (void)state;
    struct digest a = {{1}}, b = {{2}}, keys[5];
    assert_int_equal(digest_key(&a, "x", &keys[0]), 0);
    assert_int_equal(digest_key(&a, "y", &keys[1]), 0);
    assert_int_equal(digest_key(&b, "x", &keys[2]), 0);
    assert_int_equal(digest_key(&a, "", &keys[3]), 0);
    keys[4] = a;
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(keys[i].bytes, keys[k].bytes, sizeof a.bytes);
    struct digest again;
    assert_int_equal(digest_key(&a, "x", &again), 0);
    assert_memory_equal(again.bytes, keys[0].bytes, sizeof again.bytes);
}

static void hex_there_and_back(void **state)
{
    (void)state;
    struct digest d, back;
    for (size_t i = 0; i < sizeof d.bytes; i++)
        d.bytes[i] = (uint8_t)(i * 8 + 1);
    char hex[DIGEST_HEX];
    digest_hex(&d, hex);
    assert_int_equal(strlen(hex), 64);
    assert_int_equal(digest_parse(hex, &back), 0);
    assert_memory_equal(back.bytes, d.bytes, sizeof d.bytes);
    for (char *c = hex; *c; c++)
        if (*c >= 'a')
            *c = (char)(*c - 'a' + 'A');
    assert_int_equal(digest_parse(hex, &back), 0);
    assert_memory_equal(back.bytes, d.bytes, sizeof d.bytes);
}

static void hex_that_is_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "ab",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8555",
        "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85 ",
        "/3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85:",
    };
    struct digest d = {{7}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(digest_parse(wrong[i], &d), -EINVAL);
    assert_int_equal(d.bytes[0], 7);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(sizes_around_the_block),
        cmocka_unit_test(the_offset_of_the_descriptor_is_left_alone),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(what_cannot_be_read),
        cmocka_unit_test(the_key_of_a_job_never_changes),
        cmocka_unit_test(keys_differ_by_content_and_by_settings),
        cmocka_unit_test(hex_there_and_back),
        cmocka_unit_test(hex_that_is_none),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
