/* ACLs in the kernel's form: without the right to execute, out of lists, and given to files. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/mount/acl.h"
#include "tests/unit/scratch.h"

struct acl {
    struct posix_acl_xattr_header header;
    struct posix_acl_xattr_entry entry[5];
};

/* user::rwx user:1234:rwx group::r-x mask::rwx other::--x */
static struct acl sample(void)
{
    return (struct acl){
        .header = {htole32(POSIX_ACL_XATTR_VERSION)},
        .entry = {{htole16(ACL_USER_OBJ), htole16(7), htole32((uint32_t)ACL_UNDEFINED_ID)},
                  {htole16(ACL_USER), htole16(7), htole32(1234)},
                  {htole16(ACL_GROUP_OBJ), htole16(5), htole32((uint32_t)ACL_UNDEFINED_ID)},
                  {htole16(ACL_MASK), htole16(7), htole32((uint32_t)ACL_UNDEFINED_ID)},
                  {htole16(ACL_OTHER), htole16(1), htole32((uint32_t)ACL_UNDEFINED_ID)}},
    };
}

static void drops_execute_from_every_entry(void **state)
{
    (void)state;
    static const unsigned left[] = {6, 6, 4, 6, 0};
    struct acl acl = sample();
    acl_drop_execute(&acl, sizeof acl);
    for (int i = 0; i < 5; i++)
        assert_int_equal(le16toh(acl.entry[i].e_perm), left[i]);
    assert_int_equal(le32toh(acl.entry[1].e_id), 1234);
}

static void leaves_alone_what_it_does_not_know(void **state)
{
    (void)state;
    struct acl acl = sample(), before;
    for (size_t size = 0; size <= sizeof acl.header; size++) {
        acl_drop_execute(&acl, size);
        before = sample();
        assert_memory_equal(&acl, &before, sizeof acl);
    }
    /* Cut off in the middle of an entry. */
    acl_drop_execute(&acl, sizeof acl.header + 2 * sizeof *acl.entry - 1);
    assert_int_equal(le16toh(acl.entry[0].e_perm), 6);
    assert_int_equal(le16toh(acl.entry[1].e_perm), 7);
    acl = sample();
    acl.header.a_version = htole32(3);
    before = acl;
    acl_drop_execute(&acl, sizeof acl);
    assert_memory_equal(&acl, &before, sizeof acl);
}

static void takes_the_names_out_of_a_list(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        size_t size;
        const char *left;
        size_t left_size;
    } cases[] = {
#define LIST(in, out) {in, sizeof in - 1, out, sizeof out - 1}
        LIST("", ""),
        LIST("user.a\0", "user.a\0"),
        LIST("system.posix_acl_access\0", ""),
        LIST("user.a\0system.posix_acl_access\0user.b\0", "user.a\0user.b\0"),
        LIST("system.posix_acl_access\0system.posix_acl_default\0security.x\0", "security.x\0"),
        LIST("user.a\0system.posix_acl_default\0", "user.a\0"),
        LIST("system.posix_acl_access_not\0", "system.posix_acl_access_not\0"),
        LIST("user.a\0user.unended", "user.a\0user.unended"),
        LIST("user.a\0system.posix_acl_access", "user.a\0system.posix_acl_access"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *list = malloc(cases[i].size + 1); /* of exactly its size, for the sanitizer */
        assert_non_null(list);
        memcpy(list, cases[i].list, cases[i].size);
        size_t left = acl_drop_names(list, cases[i].size);
        assert_int_equal(left, cases[i].left_size);
        assert_memory_equal(list, cases[i].left, left);
        free(list);
    }
}

static void knows_the_two_names(void **state)
{
    (void)state;
    assert_true(acl_is_name("system.posix_acl_access"));
    assert_true(acl_is_name("system.posix_acl_default"));
    assert_false(acl_is_name("system.posix_acl"));
    assert_false(acl_is_name("user.system.posix_acl_access"));
}

static void gives_what_a_recording_has(void **state)
{
    (void)state;
    char *place = scratch_new();
    int dir = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int from = openat(dir, "from", O_CREAT | O_RDWR | O_CLOEXEC, 0640);
    int to = openat(dir, "to", O_CREAT | O_RDWR | O_CLOEXEC, 0640);
    assert_true(dir >= 0 && from >= 0 && to >= 0);
    struct acl acl = sample();
    bool possible = acl_supported(dir);
    void *got = &acl;
    size_t size = 1;
    assert_int_equal(acl_of_recording(from, &got, &size), 0);
    assert_null(got);
    assert_int_equal(size, 0);
    assert_false(acl_beyond_mode(dir, "from"));
    assert_false(acl_beyond_mode(dir, "missing"));
    if (possible) {
        assert_int_equal(fsetxattr(from, ACL_ACCESS, &acl, sizeof acl, 0), 0);
        assert_true(acl_beyond_mode(dir, "from"));
        assert_int_equal(acl_of_recording(from, &got, &size), 0);
        acl_drop_execute(&acl, sizeof acl);
        assert_int_equal(size, sizeof acl);
        assert_memory_equal(got, &acl, size);
        assert_int_equal(acl_give(to, got, size), 0);
        assert_true(acl_beyond_mode(dir, "to"));
        free(got);
    } else {
        assert_int_equal(acl_give(to, &acl, sizeof acl), -EOPNOTSUPP);
    }
    assert_int_equal(acl_give(to, NULL, 0), 0);
    assert_false(acl_beyond_mode(dir, "to"));
    close(from);
    close(to);
    close(dir);
    scratch_remove(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_execute_from_every_entry),
        cmocka_unit_test(leaves_alone_what_it_does_not_know),
        cmocka_unit_test(takes_the_names_out_of_a_list),
        cmocka_unit_test(knows_the_two_names),
        cmocka_unit_test(gives_what_a_recording_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
