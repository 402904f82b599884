/* Directories in the store against what the library knows of them, and the scan of everything. */
#include "tests/unit/compare_tests.h"

/* ---- directories ---- */

static void directory_moved(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    make_directory(f, "d/sub");
    write_file(f, "d/a.wav", "x");
    write_file(f, "d/sub/b.wav", "y");
    known(f, "d/a.wav");
    known(f, "d/sub/b.wav");
    assert_int_equal(compare_directory(f->in, status(f, "d").id, "d"), PLACE_KNOWN);
    move(f, "d", "e", 0);
    assert_int_equal(compare_directory(f->in, status(f, "e").id, "nowhere"), PLACE_KNOWN); /* it is not */
    assert_int_equal(compare_directory(f->in, status(f, "e").id, "e"), PLACE_NEW);
    assert_int_equal(compare_directory(f->in, status(f, "e/sub").id, "e/sub"), PLACE_KNOWN);
    assert_int_equal(compare_directory(f->in, status(f, "").id, ""), PLACE_UNKNOWN);
    compare_directory_gone(f->in, "d");
    assert_true(has(f, "e/a.wav") && has(f, "e/sub/b.wav"));
    assert_true(is_read(f, "e/a.wav") && is_read(f, "e/sub/b.wav"));
}

static void directories_exchanged(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    make_directory(f, "e");
    write_file(f, "d/a.wav", "x");
    write_file(f, "e/b.wav", "y");
    known(f, "d/a.wav");
    known(f, "e/b.wav");
    move(f, "d", "e", EXCHANGE);
    compare_directory(f->in, status(f, "d").id, "d");
    compare_directory(f->in, status(f, "e").id, "e");
    assert_true(has(f, "e/a.wav") && has(f, "d/b.wav"));
    assert_true(is_read(f, "e/a.wav") && is_read(f, "d/b.wav"));
}

/* What the mount reports is made of what it knew, and the library may be behind as well. */
static void directory_renamed_by_the_mount_and_back_behind_it(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    make_directory(f, "d/sub");
    write_file(f, "d/sub/a.wav", "x");
    known(f, "d/sub/a.wav");
    for (int i = 0; i < 3; i++) {
        unsigned turn = intake_names_begin(f->in);
        move(f, "d", "e", 0);
        intake_directory_renamed(f->in, "d", "e");
        intake_names_end(f->in, turn);
        move(f, "e", "d", 0);
    }
    intake_scan(f->in, "");
    pool_stop(f->pool);
    assert_true(has(f, "d/sub/a.wav"));
    assert_true(is_read(f, "d/sub/a.wav"));
}

/* The mount removes an empty directory at a place where the library still has one that was moved. */
static void directory_removed_by_the_mount_at_an_old_place(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    write_file(f, "d/a.wav", "x");
    known(f, "d/a.wav");
    move(f, "d", "e", 0);
    make_directory(f, "d");
    unsigned turn = intake_names_begin(f->in);
    remove_file(f, "d");
    intake_directory_removed(f->in, "d");
    intake_names_end(f->in, turn);
    pool_stop(f->pool);
    assert_true(has(f, "e/a.wav"));
    assert_true(is_read(f, "e/a.wav"));
}

/* The mount removes a file at a name where the library still has one that was moved. */
static void file_removed_by_the_mount_at_an_old_name(void **state)
{
    struct fixture *f = *state;
    char text[256];
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    move(f, "a.wav", "b.wav", 0);
    write_file(f, "a.wav", "y");
    struct place place = place_of(f, "a.wav", text);
    struct file_id id = status(f, "a.wav").id;
    unsigned turn = intake_names_begin(f->in);
    remove_file(f, "a.wav");
    intake_removed(f->in, &place, id);
    intake_names_end(f->in, turn);
    pool_stop(f->pool);
    assert_true(has(f, "b.wav"));
    assert_true(is_read(f, "b.wav"));
    assert_false(has_name(f, "a.wav"));
}

static void directory_gone(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    write_file(f, "d/a.wav", "x");
    known(f, "d/a.wav");
    struct file_id id = status(f, "d/a.wav").id;
    compare_directory_gone(f->in, "d"); /* it is there */
    assert_true(library_has_recording(f->lib, id));
    move(f, "d", "../elsewhere", 0);
    compare_directory_gone(f->in, "d");
    assert_false(library_has_recording(f->lib, id));
}

/* ---- everything ---- */

static void scan_finds_it_all(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    static const char *const names[] = {"same.wav", "gone.wav", "changed.wav", "moved.wav", "d/a.wav"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        write_file(f, names[i], names[i]);
        known(f, names[i]);
    }
    remove_file(f, "gone.wav");
    write_file(f, "changed.wav", "x");
    move(f, "moved.wav", "d/moved.wav", 0);
    move(f, "d", "e", 0);
    write_file(f, "new.wav", "new");
    intake_scan(f->in, "");
    pool_stop(f->pool);
    assert_true(has(f, "same.wav") && is_read(f, "same.wav") && !pending(f, "same.wav"));
    assert_false(has_name(f, "gone.wav"));
    assert_true(has(f, "changed.wav") && pending(f, "changed.wav"));
    assert_true(has(f, "e/moved.wav") && is_read(f, "e/moved.wav"));
    assert_false(has_name(f, "moved.wav"));
    assert_true(has(f, "e/a.wav") && is_read(f, "e/a.wav") && !pending(f, "e/a.wav"));
    assert_true(has(f, "new.wav") && pending(f, "new.wav"));
}

/* Names that were passed on, in the worst order for whoever walks. */
static void scan_finds_rotated_names(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a.wav", "b.wav", "c.wav", "d.wav", "e.wav", "f.wav"};
    enum { COUNT = sizeof names / sizeof *names };
    for (int i = 0; i < COUNT - 1; i++) {
        write_file(f, names[i], names[i]);
        known(f, names[i]);
    }
    for (int i = COUNT - 1; i > 0; i--)
        move(f, names[i - 1], names[i], 0);
    for (int i = 0; i < COUNT; i++) {
        intake_scan(f->in, "");
        intake_scan(f->in, "");
    }
    pool_stop(f->pool);
    for (int i = 1; i < COUNT; i++)
        assert_true(has(f, names[i]) && is_read(f, names[i]));
    assert_false(has_name(f, "a.wav"));
}

/* A part of the store that cannot be read tells nothing. */
static void scan_of_what_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    write_file(f, "d/a.wav", "x");
    known(f, "d/a.wav");
    struct file_id id = status(f, "d/a.wav").id;
    intake_scan(f->in, "d/a.wav/nothing");
    char *path = in_store(f, "d");
    assert_int_equal(chmod(path, 0), 0);
    intake_scan(f->in, "");
    pool_stop(f->pool);
    assert_true(library_has_recording(f->lib, id));
    assert_int_equal(chmod(path, 0700), 0);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(directory_moved),
        TEST(directories_exchanged),
        TEST(directory_renamed_by_the_mount_and_back_behind_it),
        TEST(directory_removed_by_the_mount_at_an_old_place),
        TEST(file_removed_by_the_mount_at_an_old_name),
        TEST(directory_gone),
        TEST(scan_finds_it_all),
        TEST(scan_finds_rotated_names),
        TEST(scan_of_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
