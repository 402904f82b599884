/* What is in the store against what the library knows: every way one name or one file can have changed. */
#include "tests/unit/compare_tests.h"

/* ---- one name ---- */

static void new_file(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    assert_int_equal(compare(f, "a.wav", COMPARE_WRITTEN), 0);
    assert_true(has(f, "a.wav"));
    assert_true(pending(f, "a.wav"));
}

static void other_names(void **state)
{
    struct fixture *f = *state;
    make_directory(f, ".hidden");
    make_directory(f, "folder.wav");
    static const char *const names[] = {"a.txt", ".a.wav", "a.wav.part", ".hidden/a.wav"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        write_file(f, names[i], "x");
        assert_int_equal(compare(f, names[i], COMPARE_WRITTEN | COMPARE_GONE), 0);
        assert_false(has_name(f, names[i]));
    }
    char *link = in_store(f, "link.wav");
    assert_int_equal(symlink("a.txt", link), 0);
    free(link);
    assert_int_equal(compare(f, "link.wav", 0), 0);
    assert_false(has_name(f, "link.wav"));
    assert_int_equal(compare(f, "folder.wav", 0), 0);
    assert_false(has_name(f, "folder.wav"));
}

/* What the mount did itself is seen here as well. */
static void nothing_new(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    for (unsigned events = 0; events < 16; events++)
        assert_int_equal(compare(f, "a.wav", events), 0);
    assert_false(pending(f, "a.wav"));
    assert_true(is_read(f, "a.wav"));
    char *path = in_store(f, "a.wav");
    assert_int_equal(chmod(path, 0600), 0);
    free(path);
    assert_int_equal(compare(f, "a.wav", COMPARE_CLOSED), 0);
    assert_false(pending(f, "a.wav"));
}

static void empty_file(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "");
    assert_int_equal(compare(f, "a.wav", 0), 0);
    assert_true(has(f, "a.wav"));
}

static void rewritten(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    write_file(f, "a.wav", "longer");
    assert_int_equal(compare(f, "a.wav", COMPARE_WRITTEN), 0);
    assert_false(is_read(f, "a.wav")); /* its views have gone */
    assert_true(pending(f, "a.wav"));
}

/* `touch`, or a write through a mapping: read again, and its views stay until that says that it is another
 * content. */
static void touched(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    char *path = in_store(f, "a.wav");
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    free(path);
    assert_int_equal(compare(f, "a.wav", COMPARE_CLOSED), 0);
    assert_true(is_read(f, "a.wav"));
    assert_true(pending(f, "a.wav"));
    /* What was written may be what is known already: names are looked at some time after their events. */
    assert_int_equal(compare(f, "a.wav", COMPARE_WRITTEN | COMPARE_CLOSED), 0);
    assert_true(is_read(f, "a.wav"));
}

/* Size and time as before, as `rsync -t --inplace` may leave them: the time of the status change tells. */
static void rewritten_with_the_old_time(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    struct store_stat was = status(f, "a.wav");
    write_file(f, "a.wav", "y");
    char *path = in_store(f, "a.wav");
    struct timespec t = {.tv_sec = was.stat.mtime_ns / 1000000000, .tv_nsec = was.stat.mtime_ns % 1000000000};
    struct timespec times[2] = {t, t};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    free(path);
    assert_int_equal(compare(f, "a.wav", COMPARE_WRITTEN), 0);
    assert_true(pending(f, "a.wav"));
}

static void removed(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    remove_file(f, "a.wav");
    assert_int_equal(compare(f, "a.wav", 0), 1);
    assert_true(has_name(f, "a.wav"));
    assert_int_equal(compare(f, "a.wav", COMPARE_GONE), 0);
    assert_false(has_name(f, "a.wav"));
}

static void renamed(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    static const char *const to[] = {"b.wav", "d/b.wav", "a.mp3"};
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    const char *from = "a.wav";
    for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
        move(f, from, to[i], 0);
        assert_int_equal(compare(f, from, 0), 1);
        assert_int_equal(compare(f, to[i], 0), 0);
        assert_int_equal(compare(f, from, COMPARE_GONE), 0);
        assert_true(has(f, to[i]));
        assert_false(has_name(f, from));
        assert_true(is_read(f, to[i]));
        assert_false(pending(f, to[i]));
        from = to[i];
    }
}

static void renamed_before_it_was_read(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    assert_int_equal(compare(f, "a.wav", 0), 0);
    move(f, "a.wav", "b.wav", 0);
    assert_int_equal(compare(f, "b.wav", 0), 0);
    assert_int_equal(compare(f, "a.wav", COMPARE_GONE), 0);
    assert_true(has(f, "b.wav"));
    assert_true(pending(f, "b.wav"));
}

static void renamed_to_another_kind(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    move(f, "a.wav", "a.bak", 0);
    assert_int_equal(compare(f, "a.bak", 0), 0);
    assert_int_equal(compare(f, "a.wav", COMPARE_GONE), 0);
    assert_false(has_name(f, "a.wav"));
}

static void exchanged(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    write_file(f, "b.wav", "y");
    known(f, "a.wav");
    known(f, "b.wav");
    move(f, "a.wav", "b.wav", EXCHANGE);
    compare(f, "a.wav", 0);
    compare(f, "b.wav", 0);
    compare(f, "a.wav", COMPARE_GONE);
    compare(f, "b.wav", COMPARE_GONE);
    assert_true(has(f, "a.wav") && has(f, "b.wav"));
    assert_true(is_read(f, "a.wav") && is_read(f, "b.wav"));
}

/* As log files are rotated: each takes the name of the next. */
static void rotated(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a.wav", "b.wav", "c.wav", "d.wav"};
    for (int i = 0; i < 3; i++) {
        write_file(f, names[i], names[i]);
        known(f, names[i]);
    }
    for (int i = 3; i > 0; i--)
        move(f, names[i - 1], names[i], 0);
    for (int i = 0; i < 4; i++)
        compare(f, names[i], 0);
    for (int round = 0; round < 3; round++)
        for (int i = 3; i >= 0; i--)
            compare(f, names[i], COMPARE_GONE);
    for (int i = 1; i < 4; i++)
        assert_true(has(f, names[i]) && is_read(f, names[i]));
    assert_false(has_name(f, "a.wav"));
}

static void linked(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    char *a = in_store(f, "a.wav"), *b = in_store(f, "b.wav");
    assert_int_equal(link(a, b), 0);
    known(f, "a.wav");
    assert_int_equal(compare(f, "b.wav", 0), 0);
    assert_true(has(f, "a.wav") && has(f, "b.wav"));
    assert_true(is_read(f, "b.wav"));
    assert_false(pending(f, "b.wav"));
    free(a);
    free(b);
}

static void replaced(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    struct file_id old = status(f, "a.wav").id;
    write_file(f, "new", "y");
    move(f, "new", "a.wav", 0);
    assert_int_equal(compare(f, "a.wav", 0), 1);
    assert_int_equal(compare(f, "a.wav", COMPARE_GONE), 0);
    assert_true(has(f, "a.wav"));
    assert_true(pending(f, "a.wav"));
    assert_false(library_has_recording(f->lib, old));
}

/* A file that was deleted, and another that got its inode number and a new name: no rename. */
static void inode_number_used_again(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    char text[256];
    struct place place = place_of(f, "a.wav", text);
    struct store_stat st = status(f, "a.wav");
    struct digest digest = {{99}};
    st.stat.birth_ns -= 1000000000;
    assert_int_equal(library_add_name(f->lib, &place, st.id, NULL, NULL), 0);
    assert_int_equal(library_set_content(f->lib, st.id, 0, &st.stat, &digest, &digest, "local", "{}"), 0);
    move(f, "a.wav", "b.wav", 0);
    assert_int_equal(compare(f, "b.wav", 0), 0);
    assert_false(is_read(f, "b.wav"));
    assert_int_equal(compare(f, "a.wav", COMPARE_GONE), 0);
    assert_true(has(f, "b.wav"));
    assert_true(pending(f, "b.wav"));
}

static void a_name_in_a_directory_that_moved(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    write_file(f, "d/a.wav", "x");
    known(f, "d/a.wav");
    struct place old = {status(f, "d").id, "d", "a.wav"};
    move(f, "d", "e", 0);
    assert_int_equal(compare_name(f->in, &old, COMPARE_GONE), -ESTALE);
    assert_true(is_read(f, "e/a.wav"));
    /* A name in it is enough to know where the whole directory is. */
    assert_int_equal(compare(f, "e/a.wav", 0), 0);
    assert_true(has(f, "e/a.wav"));
    assert_true(is_read(f, "e/a.wav"));
    /* A scan may ask for what it had listed before. */
    compare_name(f->in, &old, COMPARE_ALL);
    assert_true(has(f, "e/a.wav"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(new_file),
        TEST(other_names),
        TEST(nothing_new),
        TEST(empty_file),
        TEST(rewritten),
        TEST(touched),
        TEST(rewritten_with_the_old_time),
        TEST(removed),
        TEST(renamed),
        TEST(renamed_before_it_was_read),
        TEST(renamed_to_another_kind),
        TEST(exchanged),
        TEST(rotated),
        TEST(linked),
        TEST(replaced),
        TEST(inode_number_used_again),
        TEST(a_name_in_a_directory_that_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
