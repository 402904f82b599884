/* The cache of rendered views: keys, files that are whole or not there, what is made again, what is pruned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "cache/render/formats.h"
#include "cache/render/look.h"
#include "cache/results.h"
#include "cache/views.h"
#include "tests/unit/scratch.h"

struct fixture {
    char *dir, *results_path, *views_path;
    struct results *results;
    struct views *views;
};

static const char transcript[] = "{\"schema\":\"scribefs-transcript/1\",\"language\":\"en\",\"duration_ms\":2000,"
                                 "\"sentences\":[{\"begin_ms\":0,\"end_ms\":1000,\"text\":\"Hello there.\"}]}";

static struct digest digest_of(uint8_t what)
{
    struct digest d = {{what}};
    d.bytes[31] = 1;
    return d;
}

static void put_result(struct fixture *f, uint8_t what, const char *text, const char *raw)
{
    struct digest key = digest_of(what);
    struct result_writer *w;
    assert_int_equal(results_begin(f->results, &key, &w), 0);
    if (raw)
        assert_int_equal(result_add(w, "raw.json", raw, strlen(raw)), 0);
    assert_int_equal(result_add(w, "transcript.json", text, strlen(text)), 0);
    assert_int_equal(result_commit(w), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->dir = scratch_new();
    f->results_path = scratch_join(f->dir, "results");
    f->views_path = scratch_join(f->dir, "views");
    assert_int_equal(results_open(f->results_path, &f->results), 0);
    assert_int_equal(views_open(f->views_path, &f->views), 0);
    put_result(f, 1, transcript, "{\"raw\": 1}");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    views_close(f->views);
    results_close(f->results);
    scratch_remove(f->dir);
    free(f->results_path);
    free(f->views_path);
    free(f);
    return 0;
}

static struct view_recipe recipe(int format)
{
    return (struct view_recipe){.job = digest_of(1),
                                .made = {.tv_sec = 1700000000},
                                .format = format,
                                .look_json = "{}",
                                .name = "talk.mp3",
                                .recorded_ms = 1600000000000,
                                .size = 10,
                                .digest = digest_of(2),
                                .settings = "{}"};
}

static struct digest key_of(struct view_recipe r)
{
    struct digest key;
    assert_int_equal(views_key(&r, &key), 0);
    return key;
}

static int make(struct fixture *f, struct view_recipe r, struct digest *key, off_t *size)
{
    struct transcript *t = NULL;
    *key = key_of(r);
    int rc = views_make(f->views, f->results, &r, key, &t, size);
    transcript_free(t);
    return rc;
}

/* The path of a view's file, malloc'ed. */
static char *file_of(struct fixture *f, const struct digest *key)
{
    char hex[DIGEST_HEX], *path;
    digest_hex(key, hex);
    if (asprintf(&path, "%s/%.2s/%s", f->views_path, hex, hex) < 0)
        exit(99);
    return path;
}

static void a_key_differs_with_all_that_the_view_depends_on(void **state)
{
    (void)state;
    struct view_recipe same = recipe(FORMAT_TXT), rows[] = {same, same, same, same, same, same};
    rows[0].job = digest_of(9);
    rows[1].made.tv_nsec = 1;
    rows[2].format = FORMAT_SRT;
    rows[3].look_json = "{\"emotion\":1}";
    rows[4].name = "other.mp3";
    rows[5].recorded_ms++;
    struct digest key = key_of(same), again = key_of(same);
    assert_memory_equal(&key, &again, sizeof key);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct digest other = key_of(rows[i]);
        assert_memory_not_equal(&key, &other, sizeof key);
    }
    /* Subtitles say neither name nor time of the recording: a rename costs nothing. */
    struct view_recipe srt = recipe(FORMAT_SRT), renamed = srt;
    renamed.name = "other.mp3";
    renamed.recorded_ms++;
    key = key_of(srt);
    again = key_of(renamed);
    assert_memory_equal(&key, &again, sizeof key);
}

static void a_view_is_made_once_and_then_read(void **state)
{
    struct fixture *f = *state;
    struct digest key = key_of(recipe(FORMAT_TXT));
    off_t size = 0, again = 0;
    char text[4096] = "";
    assert_int_equal(views_file(f->views, &key, &size), -ENOENT);
    assert_int_equal(make(f, recipe(FORMAT_TXT), &key, &size), 0);
    cleanup_close int fd = views_file(f->views, &key, &again);
    assert_true(fd >= 0);
    assert_int_equal(again, size);
    assert_int_equal(pread(fd, text, (size_t)size, 0), size);
    assert_non_null(strstr(text, "Hello there."));
    /* The result is not needed any more. */
    struct digest job = digest_of(1);
    assert_int_equal(results_drop(f->results, &job), 0);
    assert_int_equal(make(f, recipe(FORMAT_TXT), &key, &size), 0);
}

static void what_is_not_whole_is_never_handed_out(void **state)
{
    struct fixture *f = *state;
    struct digest key;
    off_t size, again;
    assert_int_equal(make(f, recipe(FORMAT_SRT), &key, &size), 0);
    cleanup_free char *path = file_of(f, &key);
    const off_t lengths[] = {0, 5, size, size + 31, size + 33};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(truncate(path, lengths[i]), 0);
        assert_int_equal(views_file(f->views, &key, &again), -ENOENT);
        assert_int_equal(make(f, recipe(FORMAT_SRT), &key, &again), 0);
        assert_int_equal(again, size);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(views_file(f->views, &key, &again) < 0);
}

static void the_whole_cache_may_be_deleted_while_it_is_used(void **state)
{
    struct fixture *f = *state;
    struct digest key;
    off_t size, again;
    char c;
    assert_int_equal(make(f, recipe(FORMAT_SRT), &key, &size), 0);
    cleanup_close int fd = views_file(f->views, &key, &again);
    scratch_remove(strdup(f->views_path));
    assert_int_equal(pread(fd, &c, 1, 0), 1);
    assert_int_equal(views_file(f->views, &key, &again), -ENOENT);
    assert_int_equal(make(f, recipe(FORMAT_SRT), &key, &again), 0);
    assert_int_equal(again, size);
}

static void the_providers_bytes_are_those_of_the_result(void **state)
{
    struct fixture *f = *state;
    struct digest key, job = digest_of(1);
    off_t size;
    char text[32] = "";
    assert_int_equal(make(f, recipe(FORMAT_RAW_JSON), &key, &size), 0);
    cleanup_close int fd = views_content(f->views, f->results, FORMAT_RAW_JSON, &job, &key, &size);
    assert_int_equal(read(fd, text, sizeof text - 1), size);
    assert_string_equal(text, "{\"raw\": 1}");
    put_result(f, 5, transcript, NULL);
    struct view_recipe without = recipe(FORMAT_RAW_JSON);
    without.job = digest_of(5);
    assert_int_equal(make(f, without, &key, &size), -ENOENT);
}

static void a_damaged_result_is_told_from_a_disk_that_fails(void **state)
{
    struct fixture *f = *state;
    struct digest key;
    off_t size;
    struct view_recipe broken = recipe(FORMAT_TXT), absent = recipe(FORMAT_TXT);
    put_result(f, 3, "{\"schema\":\"scribefs-", NULL);
    broken.job = digest_of(3);
    absent.job = digest_of(4);
    assert_int_equal(make(f, broken, &key, &size), -EUCLEAN);
    assert_int_equal(make(f, absent, &key, &size), -EUCLEAN);
    cleanup_free char *small = scratch_join(f->dir, "small");
    assert_int_equal(mkdir(small, 0700), 0);
    if (!scratch_mount(small, "size=4k"))
        skip();
    cleanup_free char *path = scratch_join(small, "views");
    struct views *v;
    struct view_recipe r = recipe(FORMAT_JSON);
    struct transcript *t = NULL;
    key = key_of(r);
    cleanup_free char *filler = scratch_join(small, "filler");
    cleanup_close int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, transcript, sizeof transcript), sizeof transcript);
    close(steal_fd(fd));
    assert_int_equal(views_open(path, &v), 0);
    assert_int_equal(views_make(v, f->results, &r, &key, &t, &size), -ENOSPC);
    transcript_free(t);
    views_close(v);
    assert_int_equal(umount(small), 0);
}

static bool there(struct fixture *f, const struct digest *key)
{
    cleanup_free char *path = file_of(f, key);
    return access(path, F_OK) == 0;
}

static void age(struct fixture *f, const struct digest *key, int days)
{
    cleanup_free char *path = file_of(f, key);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - days * 86400}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void what_nobody_lists_or_uses_is_pruned(void **state)
{
    struct fixture *f = *state;
    struct digest listed, unused, recent, used;
    off_t size;
    struct view_recipe other = recipe(FORMAT_SRT);
    other.look_json = "{\"lines\":1}";
    assert_int_equal(make(f, recipe(FORMAT_TXT), &listed, &size), 0);
    assert_int_equal(make(f, recipe(FORMAT_SRT), &unused, &size), 0);
    assert_int_equal(make(f, recipe(FORMAT_JSON), &recent, &size), 0);
    assert_int_equal(make(f, other, &used, &size), 0);
    age(f, &listed, 100);
    age(f, &unused, 8);
    age(f, &recent, 6);
    age(f, &used, 8);
    cleanup_close int fd = views_file(f->views, &used, &size); /* opened by name today */
    assert_int_equal(views_prune(f->views, &listed, 1), 1);
    assert_true(there(f, &listed));
    assert_false(there(f, &unused));
    assert_true(there(f, &recent));
    assert_true(there(f, &used));
    assert_int_equal(views_prune(f->views, NULL, 0), 1);
    assert_false(there(f, &listed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_differs_with_all_that_the_view_depends_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_view_is_made_once_and_then_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_whole_is_never_handed_out, setup, teardown),
        cmocka_unit_test_setup_teardown(the_whole_cache_may_be_deleted_while_it_is_used, setup, teardown),
        cmocka_unit_test_setup_teardown(the_providers_bytes_are_those_of_the_result, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_result_is_told_from_a_disk_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_lists_or_uses_is_pruned, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
