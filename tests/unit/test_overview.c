/* The library at a glance, and what search knows of it: right, and quick also where there is much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/library_store.h"

struct fixture {
    struct library_store s;
    char told[200]; /* "+1 -1": results that are shown, and not any more */
};

static struct digest digest_of(uint32_t content, uint8_t kind)
{
    struct digest d = {{0}};
    memcpy(d.bytes, &content, sizeof content);
    d.bytes[31] = kind;
    return d;
}

static unsigned content_of(const struct digest *key)
{
    uint32_t content;
    memcpy(&content, key->bytes, sizeof content);
    return content;
}

static void on_result(void *context, const struct digest *job, bool shown)
{
    struct fixture *f = context;
    size_t n = strlen(f->told);
    snprintf(f->told + n, sizeof f->told - n, "%s%c%u", n ? " " : "", shown ? '+' : '-', content_of(job));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    store_new(&f->s);
    library_set_hooks(f->s.lib, &(struct library_hooks){.result = on_result, .context = f});
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_free(&f->s);
    free(f);
    return 0;
}

static void add(struct fixture *f, const char *name, uint64_t ino, uint32_t content)
{
    struct place p = {{7, 2}, "", name};
    struct digest d = digest_of(content, 1), key = digest_of(content, 2);
    struct recording_stat st = {.size = 10, .mtime_ns = 1, .ctime_ns = 1, .birth_ns = 1};
    struct file_id id = {7, ino};
    uint64_t changes;
    assert_int_equal(library_add_name(f->s.lib, &p, id, NULL, NULL), 0);
    free(library_path_of(f->s.lib, id, &changes));
    assert_int_equal(library_set_content(f->s.lib, id, changes, &st, &d, &key, "local", "{}"), 0);
}

static void put_result(struct fixture *f, uint32_t content)
{
    static const char transcript[] = "{\"schema\":\"scribefs-transcript/1\",\"sentences\":[]}";
    struct digest key = digest_of(content, 2);
    struct result_writer *w;
    assert_int_equal(results_begin(f->s.results, &key, &w), 0);
    assert_int_equal(result_add(w, "transcript.json", transcript, sizeof transcript - 1), 0);
    assert_int_equal(result_commit(w), 0);
}

static void claim(struct fixture *f)
{
    static const char *const none[] = {NULL};
    struct job_start start;
    int64_t next;
    assert_int_equal(library_claim_job(f->s.lib, (int64_t)time(NULL) * 1000, none, &start, &next), 1);
    job_start_clear(&start);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void the_first_of_each_state_and_the_number_of_all(void **state)
{
    struct fixture *f = *state;
    char name[20];
    for (uint32_t i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "%u.wav", i);
        add(f, name, i, i);
    }
    put_result(f, 9);
    add(f, "done.wav", 9, 9);
    claim(f); /* 1 */
    struct digest second = digest_of(2, 2);
    struct error err = {.class = ERROR_PERMANENT, .code = "media.decode"};
    claim(f);
    library_job_failed(f->s.lib, &second, &err, -1);
    struct item *items;
    size_t count, counts[ITEM_STATES];
    assert_int_equal(library_overview(f->s.lib, 2, &items, &count, counts), 0);
    static const char *const order[] = {"1.wav", "3.wav", "4.wav", "2.wav", "done.wav"};
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(items[i].path, order[i]);
    assert_int_equal(counts[ITEM_RUNNING], 1);
    assert_int_equal(counts[ITEM_QUEUED], 3);
    assert_int_equal(counts[ITEM_FAILED], 1);
    assert_int_equal(counts[ITEM_DONE], 1);
    items_free(items, count);
    assert_int_equal(library_overview(f->s.lib, 0, &items, &count, counts), 0);
    assert_int_equal(count, 0);
    assert_int_equal(counts[ITEM_QUEUED], 3);
    items_free(items, count);
}

static void it_is_quick_where_there_is_much(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 20000 };
    char name[20];
    for (uint32_t i = 1; i <= MANY; i++) {
        snprintf(name, sizeof name, "%u.wav", i);
        add(f, name, i, i);
    }
    struct item *items;
    size_t count, counts[ITEM_STATES];
    double start = now_s();
    assert_int_equal(library_items(f->s.lib, "", &items, &count), 0);
    double all = now_s() - start;
    assert_int_equal(count, MANY);
    items_free(items, count);
    /* The best of some, as the machine may be busy. */
    double least = 1e9;
    for (int i = 0; i < 5; i++) {
        start = now_s();
        assert_int_equal(library_overview(f->s.lib, 50, &items, &count, counts), 0);
        double took = now_s() - start;
        least = took < least ? took : least;
        assert_int_equal(counts[ITEM_QUEUED], MANY);
        assert_int_equal(count, 50);
        items_free(items, count);
    }
    if (least > all / 4)
        fail_msg("an overview takes %.1f ms, a list of all %.1f ms", least * 1e3, all * 1e3);
    print_message("an overview of %d: %.2f ms; a list of all: %.2f ms\n", MANY, least * 1e3, all * 1e3);
}

static void put_key(void *arg, const struct digest *job)
{
    char *text = arg;
    snprintf(text + strlen(text), 20, "%u ", content_of(job));
}

static void search_hears_of_results_and_where_they_are_shown(void **state)
{
    struct fixture *f = *state;
    put_result(f, 1);
    add(f, "a.wav", 1, 1);
    add(f, "b.wav", 2, 1);
    add(f, "c.wav", 3, 2);
    claim(f);
    put_result(f, 2);
    struct digest first = digest_of(1, 2), second = digest_of(2, 2), other = digest_of(3, 2);
    library_job_done(f->s.lib, &second, 1000);
    assert_string_equal(f->told, "+1 +2");
    char keys[100] = "";
    assert_int_equal(library_each_result(f->s.lib, put_key, keys), 0);
    assert_string_equal(keys, "1 2 ");
    char **paths;
    size_t count;
    assert_int_equal(library_shown_with(f->s.lib, &first, &paths, &count), 0);
    assert_int_equal(count, 2);
    assert_true(!strcmp(paths[0], "b.wav") && !strcmp(paths[1], "a.wav"));
    shown_paths_free(paths, count);
    assert_int_equal(library_shown_with(f->s.lib, &other, &paths, &count), 0);
    assert_int_equal(count, 0);
    shown_paths_free(paths, count);
    library_remove_name(f->s.lib, (struct file_id){7, 2}, "a.wav");
    assert_string_equal(f->told, "+1 +2"); /* b.wav still shows it */
    library_remove_name(f->s.lib, (struct file_id){7, 2}, "b.wav");
    assert_string_equal(f->told, "+1 +2 -1");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_first_of_each_state_and_the_number_of_all),
        CASE(it_is_quick_where_there_is_much),
        CASE(search_hears_of_results_and_where_they_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
