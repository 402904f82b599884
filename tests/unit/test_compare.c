/* What is in the store against what the library knows: every way a name, a file or a directory can have
 * changed behind the mount's back, and what the mount does at the same moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "backend/backend.h"
#include "backend/base/loop.h"
#include "cache/index.h"
#include "cache/results.h"
#include "fs/inbox/compare.h"
#include "fs/inbox/intake_private.h"
#include "fs/inbox/store.h"
#include "fs/jobs/pool.h"
#include "tests/unit/scratch.h"

#define EXCHANGE 2 /* RENAME_EXCHANGE */

struct fixture {
    char *dir, *index_path, *results_path, *inbox;
    int inbox_fd;
    struct index *index;
    struct results *results;
    struct library *lib;
    struct loop *loop; /* never run: what settles stays pending */
    struct pool *pool;
    struct intake *in;
};

static void quiet(int priority, const char *format, ...)
{
    (void)priority, (void)format;
}

static int setup(void **state)
{
    static struct backend no_backend;
    static const struct settle_times times = {.quiet_ms = 100000, .slow_ms = 100000, .renamed_ms = 100000};
    struct fixture *f = calloc(1, sizeof *f);
    struct error err = {0};
    struct store_stat st;
    f->dir = scratch_new();
    f->index_path = scratch_join(f->dir, "index.db");
    f->results_path = scratch_join(f->dir, "results");
    f->inbox = scratch_join(f->dir, "inbox");
    assert_int_equal(mkdir(f->inbox, 0755), 0);
    f->inbox_fd = open(f->inbox, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(store_stat(f->inbox_fd, "", &st), 0);
    assert_int_equal(index_open(f->index_path, &f->index, NULL, &err), 0);
    assert_int_equal(results_open(f->results_path, &f->results), 0);
    assert_int_equal(library_new(f->index, f->results, NULL, st.id.dev, &f->lib), 0);
    assert_int_equal(library_load(f->lib), 0);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(pool_new(2, &f->pool), 0);
    assert_int_equal(intake_new(&(struct intake_config){.inbox_fd = f->inbox_fd,
                                                        .library = f->lib,
                                                        .loop = f->loop,
                                                        .pool = f->pool,
                                                        .backend = &no_backend,
                                                        .settle = &times,
                                                        .log = quiet},
                                &f->in),
                     0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pool_stop(f->pool);
    intake_stop(f->in);
    intake_free(f->in);
    pool_free(f->pool);
    loop_free(f->loop);
    library_free(f->lib);
    assert_int_equal(index_close(f->index, 5000), 0);
    results_close(f->results);
    close(f->inbox_fd);
    scratch_remove(f->dir);
    free(f->index_path);
    free(f->results_path);
    free(f->inbox);
    free(f);
    return 0;
}

/* ---- the store ---- */

static char *in_store(const struct fixture *f, const char *path)
{
    return scratch_join(f->inbox, path);
}

static void write_file(const struct fixture *f, const char *path, const char *text)
{
    char *where = in_store(f, path);
    FILE *file = fopen(where, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(where);
}

static void make_directory(const struct fixture *f, const char *path)
{
    char *where = in_store(f, path);
    assert_int_equal(mkdir(where, 0755), 0);
    free(where);
}

static void move(const struct fixture *f, const char *from, const char *to, unsigned flags)
{
    char *a = in_store(f, from), *b = in_store(f, to);
    assert_int_equal(renameat2(AT_FDCWD, a, AT_FDCWD, b, flags), 0);
    free(a);
    free(b);
}

static void remove_file(const struct fixture *f, const char *path)
{
    char *where = in_store(f, path);
    assert_int_equal(remove(where), 0);
    free(where);
}

static struct store_stat status(const struct fixture *f, const char *path)
{
    struct store_stat st;
    char *where = in_store(f, path);
    assert_int_equal(store_stat(AT_FDCWD, where, &st), 0);
    free(where);
    return st;
}

/* Directory and name of a path; the directory must exist. `text` has room for the path. */
static struct place place_of(const struct fixture *f, const char *path, char *text)
{
    strcpy(text, path);
    char *slash = strrchr(text, '/');
    if (slash)
        *slash = '\0';
    const char *directory = slash ? text : "";
    return (struct place){status(f, directory).id, directory, slash ? slash + 1 : path};
}

/* ---- the library ---- */

/* As if the mount had told of it, and it had been read. */
static void known(struct fixture *f, const char *path)
{
    static uint8_t content;
    char text[256];
    struct digest digest = {{++content}};
    struct store_stat st = status(f, path);
    uint64_t changes;
    struct place place = place_of(f, path, text);
    assert_int_equal(library_add_name(f->lib, &place, st.id, NULL, NULL), 0);
    free(library_path_of(f->lib, st.id, &changes));
    assert_int_equal(library_set_content(f->lib, st.id, changes, &st.stat, &digest, &digest, "local", "{}"),
                     0);
}

static bool has(struct fixture *f, const char *path)
{
    struct file_id id;
    char text[256];
    struct place place = place_of(f, path, text);
    return library_find_name(f->lib, &place, &id) == 0 && file_id_equal(id, status(f, path).id);
}

static bool has_name(struct fixture *f, const char *path)
{
    struct file_id id;
    char text[256];
    struct place place = place_of(f, path, text);
    return library_find_name(f->lib, &place, &id) == 0;
}

/* It was not forgotten meanwhile. */
static bool is_read(struct fixture *f, const char *path)
{
    struct store_stat st = status(f, path);
    return library_compare_content(f->lib, st.id, &st.stat) != CONTENT_UNREAD;
}

static bool pending(struct fixture *f, const char *path)
{
    return intake_is_pending(f->in, status(f, path).id);
}

static int compare(struct fixture *f, const char *path, unsigned events)
{
    char text[256];
    struct place place = place_of(f, path, text);
    return compare_name(f->in, &place, events);
}

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

/* ---- at the same moment ---- */

struct rush {
    struct fixture *f;
    atomic_bool over;
};

static void *compare_for_ever(void *argument)
{
    struct rush *r = argument;
    struct fixture *f = r->f;
    struct file_id inbox = status(f, "").id;
    while (!atomic_load(&r->over)) {
        compare_name(f->in, &(struct place){inbox, "", "a.wav"}, COMPARE_GONE);
        compare_name(f->in, &(struct place){inbox, "", "b.wav"}, COMPARE_GONE);
        compare_directory(f->in, inbox, "");
    }
    return NULL;
}

/* The mount renames a recording to and fro: it is never taken for gone in between, or its job would be lost.
 */
static void renamed_by_the_mount_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct rush rush = {.f = f};
    pthread_t threads[2];
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    struct store_stat st = status(f, "a.wav");
    struct file_id inbox = status(f, "").id;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compare_for_ever, &rush), 0);
    for (int i = 0; i < 2000; i++) {
        struct place places[2] = {{inbox, "", "a.wav"}, {inbox, "", "b.wav"}};
        int from = i % 2;
        unsigned turn = intake_names_begin(f->in);
        move(f, places[from].name, places[!from].name, 0);
        sched_yield();
        intake_renamed(f->in, &places[from], &places[!from], st.id);
        intake_names_end(f->in, turn);
        /* Anything else, and it had been forgotten and found again. */
        assert_int_equal(library_compare_content(f->lib, st.id, &st.stat), CONTENT_CURRENT);
    }
    atomic_store(&rush.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(has(f, "a.wav"));
    assert_false(has_name(f, "b.wav"));
}

struct catching_up {
    struct intake *in;
    atomic_bool over;
};

static void *catch_up(void *argument)
{
    struct catching_up *c = argument;
    intake_catch_up(c->in);
    atomic_store(&c->over, true);
    return NULL;
}

static unsigned turn_of(struct intake *in)
{
    pthread_mutex_lock(&in->turns.lock);
    unsigned now = in->turns.now;
    pthread_mutex_unlock(&in->turns.lock);
    return now;
}

/* It waits for the changes that were under way, not for later ones, and holds up nobody. */
static void catching_up(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        struct catching_up c = {.in = f->in};
        pthread_t thread;
        unsigned before = intake_names_begin(f->in);
        assert_int_equal(pthread_create(&thread, NULL, catch_up, &c), 0);
        while (turn_of(f->in) == before)
            sched_yield();
        unsigned later = intake_names_begin(f->in);
        assert_false(atomic_load(&c.over));
        intake_names_end(f->in, before);
        pthread_join(thread, NULL);
        intake_names_end(f->in, later);
    }
    intake_catch_up(f->in); /* nothing to wait for */
}

/* The mount deletes it and makes another: the new one is never removed, nor is the old one found again. */
static void made_anew_by_the_mount_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct rush rush = {.f = f};
    pthread_t threads[2];
    struct place place = {status(f, "").id, "", "a.wav"};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compare_for_ever, &rush), 0);
    for (int i = 0; i < 1000; i++) {
        unsigned turn = intake_names_begin(f->in);
        write_file(f, "a.wav", "x");
        struct file_id id = status(f, "a.wav").id;
        sched_yield();
        intake_added(f->in, &place, id);
        intake_names_end(f->in, turn);
        struct file_id now;
        assert_int_equal(library_find_name(f->lib, &place, &now), 0);
        assert_true(file_id_equal(now, id));
        turn = intake_names_begin(f->in);
        remove_file(f, "a.wav");
        sched_yield();
        intake_removed(f->in, &place, id);
        intake_names_end(f->in, turn);
        assert_int_equal(library_find_name(f->lib, &place, &now), -ENOENT);
    }
    atomic_store(&rush.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* ---- writers ---- */

static void writers(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    char *path = in_store(f, "a.wav");
    int fd = open(path, O_RDONLY | O_CLOEXEC), reader = open(path, O_RDONLY | O_CLOEXEC);
    assert_false(store_has_writer(fd));
    int writer = open(path, O_RDWR | O_CLOEXEC);
    assert_true(writer >= 0);
    assert_true(store_has_writer(fd));
    void *mapping = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
    assert_ptr_not_equal(mapping, MAP_FAILED);
    close(writer);
    assert_true(store_has_writer(fd)); /* by its mapping */
    munmap(mapping, 1);
    assert_false(store_has_writer(fd));
    /* And nobody is kept from writing. */
    writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(writer >= 0);
    close(writer);
    close(reader);
    close(fd);
    free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(directory_moved),
        TEST(directories_exchanged),
        TEST(directory_renamed_by_the_mount_and_back_behind_it),
        TEST(directory_removed_by_the_mount_at_an_old_place),
        TEST(file_removed_by_the_mount_at_an_old_name),
        TEST(directory_gone),
        TEST(scan_finds_it_all),
        TEST(scan_finds_rotated_names),
        TEST(scan_of_what_cannot_be_read),
        TEST(renamed_by_the_mount_meanwhile),
        TEST(made_anew_by_the_mount_meanwhile),
        TEST(catching_up),
        TEST(writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
