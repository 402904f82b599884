/* Which filesystems are mounted, and which paths they hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/cleanup.h"
#include "fs/mountinfo.h"

static void read_text(const char *text, struct mountinfo **entries, size_t *count)
{
    cleanup_file FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(file);
    assert_int_equal(mountinfo_read(file, "fuse.scribefs", entries, count), 0);
}

static void only_the_type_asked_for_is_found(void **state)
{
    (void)state;
    struct mountinfo *entries;
    size_t count;
    read_text("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
              "36 22 0:40 / /mnt/scribe rw,nosuid - fuse.scribefs /srv/store rw,user_id=0\n"
              "37 22 0:41 / /mnt/other rw - fuse.scribefs2 /srv/other rw\n"
              "38 22 0:42 / /mnt/two rw shared:2 master:3 propagate_from:4 - fuse.scribefs /srv/two rw\n",
              &entries, &count);
    assert_int_equal(count, 2);
    assert_string_equal(entries[0].mountpoint, "/mnt/scribe");
    assert_string_equal(entries[0].source, "/srv/store");
    assert_string_equal(entries[1].mountpoint, "/mnt/two");
    assert_string_equal(entries[1].source, "/srv/two");
    mountinfo_free(entries, count);
}

static void escapes_are_undone(void **state)
{
    (void)state;
    struct mountinfo *entries;
    size_t count;
    read_text("36 22 0:40 / /mnt/a\\040b\\134\\011\\012\\043\\xff rw - fuse.scribefs /srv/\\303\\244 rw",
              &entries, &count);
    assert_int_equal(count, 1);
    assert_string_equal(entries[0].mountpoint, "/mnt/a b\\\t\n#\\xff");
    assert_string_equal(entries[0].source, "/srv/\xc3\xa4");
    mountinfo_free(entries, count);
}

static void lines_that_are_not_understood_are_left_out(void **state)
{
    (void)state;
    static const char *const lines[] = {"\n",
                                        "36\n",
                                        "36 22 0:40 / /mnt rw\n",
                                        "36 22 0:40 / /mnt rw -\n",
                                        "36 22 0:40 / /mnt rw - fuse.scribefs\n",
                                        "- fuse.scribefs /srv rw\n",
                                        "       \n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct mountinfo *entries;
        size_t count;
        read_text(lines[i], &entries, &count);
        assert_int_equal(count, 0);
        mountinfo_free(entries, count);
    }
}

static void paths_below_a_directory(void **state)
{
    (void)state;
    static const struct {
        const char *path, *directory, *below;
    } rows[] = {
        {"/mnt", "/mnt", ""},
        {"/mnt/inbox", "/mnt", "inbox"},
        {"/mnt/inbox/a", "/mnt/inbox", "a"},
        {"/mnt2", "/mnt", NULL},
        {"/mn", "/mnt", NULL},
        {"/", "/mnt", NULL},
        {"/mnt/inbox", "/", "mnt/inbox"},
        {"inbox/a", "inbox", "a"},
        {"inboxes/a", "inbox", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *below = path_below(rows[i].path, rows[i].directory);
        if (!rows[i].below)
            assert_null(below);
        else {
            assert_non_null(below);
            assert_string_equal(below, rows[i].below);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_type_asked_for_is_found),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(lines_that_are_not_understood_are_left_out),
        cmocka_unit_test(paths_below_a_directory),
    };
    return cmocka_run_group_tests_name("mountinfo", tests, NULL, NULL);
}
