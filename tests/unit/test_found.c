/* What a search found, as names below MOUNT/search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/base/cleanup.h"
#include "cache/index.h"
#include "cache/results.h"
#include "cache/views.h"
#include "fs/library.h"
#include "fs/mount/found.h"
#include "fs/mount/internal.h"
#include "tests/unit/scratch.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void every_name_leads_to_its_recording(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
        bool may;
    } rows[] = {
        {"talk.mp3", "talk.mp3", true},
        {"a/talk.mp3", NULL, false},
        {"b/talk.mp3", "talk (2).mp3", true},
        {"c/talk (2).mp3", NULL, true}, /* the name is taken */
        {"d/talk.mp3", "talk (3).mp3", true},
        {"e/talk (1).mp3", "talk (1).mp3", true},
        {"f/hits.txt", "hits (2).txt", true},
        {"g/hits.txt", "hits (3).txt", true},
        {"h/.x (2)", ".x (2)", true},
        {"i/ (2).mp3", " (2).mp3", true},
        {"j/no extension", "no extension", true},
        {"k/no extension", "no extension (2)", true},
        {"l/).mp3", ").mp3", true},
        {"m/(2).mp3", "(2).mp3", true},
        {"n/talk (99999999999999999999).mp3", "talk (99999999999999999999).mp3", true},
    };
    struct found_entry entries[COUNT(rows)];
    bool may[COUNT(rows)];
    const struct found_list list = {.entries = entries, .count = COUNT(rows)};
    for (size_t i = 0; i < COUNT(rows); i++) {
        entries[i] = (struct found_entry){.path = (char *)rows[i].path};
        may[i] = rows[i].may;
    }
    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[NAME_SIZE];
        if (!rows[i].name)
            continue;
        assert_true(found_name(&list, may, i, name));
        assert_string_equal(name, rows[i].name);
        if (found_by_name(&list, may, name) != i)
            fail_msg("%s", name);
    }
    static const char *const none[] = {"talk (4).mp3", "talk (0).mp3", "talk (02).mp3", "talk(2).mp3", "hits.txt",
                                       "no extension (1)", "hits (1).txt", "", "()", " ()"};
    for (size_t i = 0; i < COUNT(none); i++)
        if (found_by_name(&list, may, none[i]) != list.count)
            fail_msg("\"%s\"", none[i]);
}

static void any_number_of_copies_is_no_more_than_a_page(void **state)
{
    (void)state;
    enum { COPIES = FOUND_PATHS_MOST + 10 };
    struct index *index;
    struct results *results;
    struct views *views;
    struct library *lib;
    struct error err = {0};
    struct digest job = {{1}};
    char *dir = scratch_new();
    cleanup_free char *index_path = scratch_join(dir, "index.db"), *results_path = scratch_join(dir, "results"),
                      *views_path = scratch_join(dir, "views");
    assert_int_equal(index_open(index_path, &index, NULL, &err), 0);
    assert_int_equal(results_open(results_path, &results), 0);
    assert_int_equal(views_open(views_path, &views), 0);
    struct result_writer *writer;
    static const char transcript[] = "{\"schema\":\"scribefs-transcript/1\",\"sentences\":[]}";
    assert_int_equal(results_begin(results, &job, &writer), 0);
    assert_int_equal(result_add(writer, "transcript.json", transcript, sizeof transcript - 1), 0);
    assert_int_equal(result_commit(writer), 0);
    assert_int_equal(library_new(index, results, views, 7, &lib), 0);
    for (int i = 0; i < COPIES; i++) {
        char name[30];
        uint64_t changes;
        snprintf(name, sizeof name, "%d.wav", i);
        struct file_id id = {7, 10};
        assert_int_equal(library_add_name(lib, &(struct place){{7, 2}, "", name}, id, NULL, NULL), 0);
        if (i > 0)
            continue;
        free(library_path_of(lib, id, &changes));
        assert_int_equal(library_set_content(lib, id, changes, &(struct recording_stat){.size = 1}, &job, &job,
                                             "local", "{}"),
                         0);
    }
    struct mount *m = calloc(1, sizeof *m);
    struct search_answer *answer = calloc(1, sizeof *answer);
    struct search_found *found = calloc(1, sizeof *found);
    assert_true(m && answer && found);
    m->config.library = lib;
    pthread_mutex_init(&m->found_lock, NULL);
    *found = (struct search_found){.job = job};
    *answer = (struct search_answer){.found = found, .count = 1};
    struct found_list *list = found_new(m, "words", answer);
    assert_non_null(list);
    assert_int_equal(list->count, FOUND_PATHS_MOST);
    assert_true(list->answer->more);
    found_put(m, list);
    found_clear(m);
    pthread_mutex_destroy(&m->found_lock);
    free(m);
    library_free(lib);
    assert_int_equal(index_close(index, 5000), 0);
    results_close(results);
    views_close(views);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_leads_to_its_recording),
        cmocka_unit_test(any_number_of_copies_is_no_more_than_a_page),
    };
    return cmocka_run_group_tests_name("found", tests, NULL, NULL);
}
