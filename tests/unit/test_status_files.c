/* Where status texts are shown, folder by folder; and what is told of a recording by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "fs/inbox/facts.h"
#include "tests/unit/library_store.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct fixture {
    struct library_store s;
};

/* Three folders, a recording in each, all queued; without an announcer what is wanted is visible at once. */
static const struct {
    struct file_id id;
    const char *path;
} folders[] = {{{7, 2}, ""}, {{7, 3}, "a"}, {{7, 4}, "a/b"}};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    store_new(&f->s);
    for (size_t i = 0; i < COUNT(folders); i++) {
        struct place p = {folders[i].id, folders[i].path, "talk.wav"};
        struct file_id id = {7, 10 + i};
        struct digest d = {{(uint8_t)(i + 1)}}, key = {{(uint8_t)(i + 100)}};
        struct recording_stat st = {.size = 10, .mtime_ns = 1, .ctime_ns = 1, .birth_ns = 1};
        uint64_t changes;
        assert_int_equal(library_add_name(f->s.lib, &p, id, NULL, NULL), 0);
        free(library_path_of(f->s.lib, id, &changes));
        assert_int_equal(
            library_set_content(f->s.lib, id, changes, &st, &d, &key, "local", "{\"model\":\"small\"}"), 0);
    }
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

/* One character for each folder: "x" shows a status text, "-" does not. */
static void check(struct fixture *f, const char *wanted)
{
    for (size_t i = 0; i < COUNT(folders); i++) {
        struct view v;
        bool shown = library_find_view(f->s.lib, folders[i].id, "talk.transcribing.txt", false, &v) == 0;
        if (shown != (wanted[i] == 'x'))
            fail_msg("folder %zu, wanted %s", i, wanted);
    }
}

static void set(struct fixture *f, const char *path, enum status_files files)
{
    assert_int_equal(library_set_status_files(f->s.lib, path, files), 0);
}

static void the_nearest_rule_counts(void **state)
{
    struct fixture *f = *state;
    check(f, "xxx");
    set(f, "a", STATUS_FILES_NONE);
    check(f, "x--");
    set(f, "a/b", STATUS_FILES_SHOWN);
    check(f, "x-x");
    set(f, "", STATUS_FILES_NONE);
    check(f, "--x");
    set(f, "a", STATUS_FILES_AS_ABOVE);
    check(f, "--x");
    set(f, "a/b", STATUS_FILES_AS_ABOVE);
    check(f, "---");
    set(f, "", STATUS_FILES_SHOWN);
    check(f, "xxx");
    set(f, "ab", STATUS_FILES_NONE); /* only begins like it */
    set(f, "a/bb", STATUS_FILES_NONE);
    check(f, "xxx");
    set(f, "nowhere", STATUS_FILES_AS_ABOVE);
    check(f, "xxx");
}

static void a_rule_follows_its_folder(void **state)
{
    struct fixture *f = *state;
    set(f, "a", STATUS_FILES_NONE);
    set(f, "a/b", STATUS_FILES_SHOWN);
    set(f, "c", STATUS_FILES_SHOWN); /* of a folder that is replaced */
    library_move_directory(f->s.lib, "a", "c");
    check(f, "x-x");
    set(f, "c/b", STATUS_FILES_AS_ABOVE);
    check(f, "x--");
    /* Out of the folder that has the rule. */
    library_move_directory(f->s.lib, "c/b", "b");
    check(f, "x-x");
    /* Another folder at the old place has no rule. */
    set(f, "c", STATUS_FILES_AS_ABOVE);
    library_move_directory(f->s.lib, "c", "a");
    check(f, "xxx");
}

static void a_failure_is_known_without_its_text(void **state)
{
    struct fixture *f = *state;
    set(f, "", STATUS_FILES_NONE);
    struct job_start start;
    int64_t next;
    assert_int_equal(library_claim_job(f->s.lib, 1000, (const char *const[]){NULL}, &start, &next), 1);
    struct error err = {.class = ERROR_PERMANENT, .code = "media.decode"};
    library_job_failed(f->s.lib, &start.key, &err, -1);
    struct item item;
    char *settings;
    struct view v;
    assert_int_equal(library_item(f->s.lib, start.id, &item, &settings), 0);
    assert_int_equal(library_find_view(f->s.lib, folders[0].id, "talk.FAILED.txt", false, &v), -ENOENT);
    assert_int_equal(item.state, ITEM_FAILED);
    cleanup_buffer struct buffer b = {0};
    assert_int_equal(fact_value(&item, settings, "user.scribefs.error", &b), 0);
    assert_string_equal(b.data, "media.decode");
    item_clear(&item);
    free(settings);
    job_start_clear(&start);
    assert_int_equal(library_item(f->s.lib, (struct file_id){7, 99}, &item, &settings), -ENOENT);
    assert_null(settings);
}

static void facts_by_name(void **state)
{
    (void)state;
    static const struct {
        struct item item;
        const char *settings, *name, *value; /* NULL: there is none */
    } cases[] = {
        {{.state = ITEM_ARRIVING}, NULL, "user.scribefs.state", "arriving"},
        {{.state = ITEM_ARRIVING}, NULL, "user.scribefs.progress", NULL},
        {{.state = ITEM_ARRIVING}, NULL, "user.scribefs.job", NULL},
        {{.state = ITEM_QUEUED}, NULL, "user.scribefs.progress", "0"},
        {{.state = ITEM_QUEUED, .position = 3}, NULL, "user.scribefs.progress", "3"},
        {{.state = ITEM_QUEUED, .error = {.class = ERROR_TRANSIENT, .code = "cloud.busy"}},
         NULL,
         "user.scribefs.error",
         "cloud.busy"},
        {{.state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = 31000, .total = 77000},
         NULL,
         "user.scribefs.progress",
         "recognising 31000/77000 ms"},
        {{.state = ITEM_RUNNING, .stage = STAGE_PUBLISHING, .done = -1, .total = 77000},
         NULL,
         "user.scribefs.progress",
         "publishing 0/77000 bytes"},
        {{.state = ITEM_RUNNING, .stage = STAGE_SUBMITTED, .done = 5},
         NULL,
         "user.scribefs.progress",
         "submitted"},
        {{.state = ITEM_DONE}, "{\"model\":\"fun-asr\"}", "user.scribefs.model", "fun-asr"},
        {{.state = ITEM_DONE}, "{}", "user.scribefs.model", NULL},
        {{.state = ITEM_DONE}, NULL, "user.scribefs.model", NULL},
        {{.state = ITEM_DONE}, NULL, "user.scribefs.progress", NULL},
        {{.state = ITEM_DONE, .error = {.code = "cloud.busy"}}, NULL, "user.scribefs.error", NULL},
        {{.state = ITEM_DONE, .backend = "local"}, NULL, "user.scribefs.backend", "local"},
        {{.state = ITEM_DONE, .job = "ab12"}, NULL, "user.scribefs.job", "ab12"},
        {{.state = ITEM_DONE, .job = "ab12"}, NULL, "user.scribefs.jobs", NULL},
        {{.state = ITEM_DONE}, NULL, "user.scribefs.", NULL},
        {{.state = ITEM_DONE}, NULL, "user.state", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_buffer struct buffer b = {0};
        int rc = fact_value(&cases[i].item, cases[i].settings, cases[i].name, &b);
        if (rc != (cases[i].value ? 0 : -ENODATA) || (cases[i].value && strcmp(b.data, cases[i].value) != 0))
            fail_msg("row %zu: %d \"%s\"", i, rc, b.data ? b.data : "");
    }
    assert_true(fact_is_name("user.scribefs.state"));
    assert_false(fact_is_name("user.scribefsx"));
    assert_false(fact_is_name("user.note"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_nearest_rule_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rule_follows_its_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_known_without_its_text, setup, teardown),
        cmocka_unit_test(facts_by_name),
    };
    return cmocka_run_group_tests_name("status_files", tests, NULL, NULL);
}
