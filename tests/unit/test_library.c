/* The library: names of views, what is visible when, whiteouts; before and after a restart. */
#include "tests/unit/library_world.h"

static void views_appear_only_when_announced(void **state)
{
    struct fixture *f = *state;
    struct view view;
    add(f, "talk.mp3", 10);
    assert_false(visible(f, inbox, "talk.transcribing.txt"));
    content(f, 10, 1);
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.transcribing.txt", false, &view), -ENOENT);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.transcribing.txt"));
    assert_int_equal(claim(f), 1);
    finish(f, 1);
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &view), -ENOENT);
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", true, &view), -ENOENT);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_true(visible(f, inbox, "talk.srt"));
    assert_true(visible(f, inbox, "talk.json"));
    assert_false(visible(f, inbox, "talk.transcribing.txt"));
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &view), 0);
    assert_true(view.size > 0);
    struct view_content text;
    assert_int_equal(library_open_view(f->s.lib, &view, &text), 0);
    assert_int_equal(text.size, view.size);
    close(text.fd);
}

static void without_an_announcer_views_appear_at_once(void **state)
{
    struct fixture *f = *state;
    library_set_announcing(f->s.lib, false);
    add(f, "talk.mp3", 10);
    content(f, 10, 1);
    assert_true(visible(f, inbox, "talk.transcribing.txt"));
    claim(f);
    finish(f, 1);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_true(f->invalidated > 0);
}

static void an_announcement_that_fails_shows_the_view_anyway(void **state)
{
    struct fixture *f = *state;
    add(f, "talk.mp3", 10);
    content(f, 10, 1);
    struct announcement a;
    assert_true(library_next_announcement(f->s.lib, &a));
    assert_int_equal(a.kind, ANNOUNCE_CREATE);
    assert_string_equal(a.path, "talk.transcribing.txt");
    library_announced(f->s.lib, &a, -EACCES);
    free(a.path);
    assert_true(visible(f, inbox, "talk.transcribing.txt"));
}

static bool talk_txt_is_real(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "talk.txt") == 0;
}

static void a_taken_stem_keeps_the_extension(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "talk.mp3", 10, 1);
    transcribed(f, "talk.wav", 11, 2);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_true(visible(f, inbox, "talk.wav.txt"));
    struct place p = {sub, "sub", "talk.ogg"};
    assert_int_equal(library_add_name(f->s.lib, &p, (struct file_id){7, 12}, talk_txt_is_real, NULL), 0);
    content(f, 12, 1);
    announce_all(f, sub);
    assert_true(visible(f, sub, "talk.ogg.txt"));
    close_library(f);
    open_library(f);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_true(visible(f, inbox, "talk.wav.txt"));
    assert_true(visible(f, sub, "talk.ogg.txt"));
}

static void a_whiteout_holds_for_the_content_and_over_a_restart(void **state)
{
    struct fixture *f = *state;
    struct view view;
    int count;
    transcribed(f, "talk.mp3", 10, 1);
    assert_int_equal(library_hide_view(f->s.lib, inbox, "talk.txt", false), 0);
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &view), -ENOENT);
    close_library(f);
    open_library(f);
    assert_false(visible(f, inbox, "talk.txt"));
    assert_true(visible(f, inbox, "talk.srt"));
    /* Written again with the same bytes: still hidden. */
    library_invalidate_content(f->s.lib, (struct file_id){7, 10});
    content(f, 10, 1);
    announce_all(f, inbox);
    assert_false(visible(f, inbox, "talk.txt"));
    /* Other bytes: back. */
    library_invalidate_content(f->s.lib, (struct file_id){7, 10});
    content(f, 10, 2);
    assert_int_equal(claim(f), 2);
    finish(f, 2);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_int_equal(library_hide_view(f->s.lib, inbox, "talk.txt", false), 0);
    assert_int_equal(library_restore(f->s.lib, "talk.txt", &count), 0);
    assert_int_equal(count, 1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
}

static void a_rename_keeps_result_and_whiteouts(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "talk.mp3", 10, 1);
    assert_int_equal(library_hide_view(f->s.lib, inbox, "talk.srt", false), 0);
    struct place from = at("talk.mp3"), to = {sub, "sub", "speech.mp3"};
    assert_int_equal(library_rename(f->s.lib, &from, &to, (struct file_id){7, 10}, NULL, NULL), 0);
    announce_all(f, sub);
    assert_true(visible(f, sub, "speech.txt"));
    assert_false(visible(f, sub, "speech.srt"));
    assert_false(visible(f, inbox, "talk.txt"));
    assert_int_equal(claim(f), -1);
}

static void a_new_extension_keeps_the_stem(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "talk.wav", 10, 1);
    struct place from = at("talk.wav"), to = at("talk.WAV");
    assert_int_equal(library_rename(f->s.lib, &from, &to, (struct file_id){7, 10}, NULL, NULL), 0);
    assert_true(visible(f, inbox, "talk.txt"));
    close_library(f);
    open_library(f);
    assert_true(visible(f, inbox, "talk.txt"));
    char *path = library_path_of(f->s.lib, (struct file_id){7, 10}, NULL);
    assert_string_equal(path, "talk.WAV");
    free(path);
}

static void views_of_a_deleted_recording_can_still_be_deleted(void **state)
{
    struct fixture *f = *state;
    struct view view;
    transcribed(f, "talk.mp3", 10, 1);
    library_remove_name(f->s.lib, inbox, "talk.mp3");
    assert_false(visible(f, inbox, "talk.txt"));
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &view), 0);
    assert_int_equal(library_hide_view(f->s.lib, inbox, "talk.txt", false), 0);
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &view), -ENOENT);
    /* The rest goes by itself, with an event. */
    struct announcement a;
    assert_true(library_next_announcement(f->s.lib, &a));
    assert_int_equal(a.kind, ANNOUNCE_DELETE);
    library_announced(f->s.lib, &a, 0);
    free(a.path);
}

static void replacing_a_recording_by_the_same_bytes_costs_nothing(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "talk.mp3", 10, 1);
    library_remove_name(f->s.lib, inbox, "talk.mp3");
    add(f, "talk.mp3", 11);
    content(f, 11, 1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_int_equal(claim(f), -1);
}

static void moving_a_directory_moves_what_is_below(void **state)
{
    struct fixture *f = *state;
    struct place p = {sub, "a/b", "talk.mp3"}, q = {{7, 4}, "ab", "talk.mp3"};
    library_add_name(f->s.lib, &p, (struct file_id){7, 10}, NULL, NULL);
    library_add_name(f->s.lib, &q, (struct file_id){7, 11}, NULL, NULL);
    library_move_directory(f->s.lib, "a", "c");
    char *path = library_path_of(f->s.lib, (struct file_id){7, 10}, NULL);
    assert_string_equal(path, "c/b/talk.mp3");
    free(path);
    path = library_path_of(f->s.lib, (struct file_id){7, 11}, NULL);
    assert_string_equal(path, "ab/talk.mp3");
    free(path);
    library_remove_directory(f->s.lib, "c");
    assert_false(library_has_recording(f->s.lib, (struct file_id){7, 10}));
    assert_true(library_has_recording(f->s.lib, (struct file_id){7, 11}));
}

static void a_hard_link_has_views_of_its_own(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "talk.mp3", 10, 1);
    add(f, "copy.mp3", 10);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "copy.txt"));
    library_remove_name(f->s.lib, inbox, "talk.mp3");
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "copy.txt"));
    assert_true(library_has_recording(f->s.lib, (struct file_id){7, 10}));
}

static void a_changed_device_number_changes_nothing(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "talk.mp3", 10, 1);
    close_library(f);
    struct error err = {0};
    assert_int_equal(index_open(f->s.index_path, &f->s.index, NULL, &err), 0);
    assert_int_equal(results_open(f->s.results_path, &f->s.results), 0);
    assert_int_equal(views_open(f->s.views_path, &f->s.views), 0);
    assert_int_equal(library_new(f->s.index, f->s.results, f->s.views, 99, &f->s.lib), 0);
    assert_int_equal(library_load(f->s.lib), 0);
    assert_true(visible(f, (struct file_id){99, 2}, "talk.txt"));
}

static void exchanged_recordings_keep_their_jobs_and_whiteouts(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "a.mp3", 10, 1);
    transcribed(f, "b.mp3", 11, 2);
    assert_int_equal(library_hide_view(f->s.lib, inbox, "a.srt", false), 0);
    struct place a = at("a.mp3"), b = at("b.mp3");
    assert_int_equal(library_rename(f->s.lib, &a, &b, (struct file_id){7, 10}, NULL, NULL), 0);
    assert_int_equal(library_rename(f->s.lib, &b, &a, (struct file_id){7, 11}, NULL, NULL), 0);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "a.srt"));
    assert_false(visible(f, inbox, "b.srt"));
    char *path = library_path_of(f->s.lib, (struct file_id){7, 10}, NULL);
    assert_string_equal(path, "b.mp3");
    free(path);
    assert_int_equal(claim(f), -1);
}

static void a_directory_renamed_during_an_announcement_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct announcement a;
    struct place p = {sub, "d1", "talk.mp3"};
    library_add_name(f->s.lib, &p, (struct file_id){7, 10}, NULL, NULL);
    content(f, 10, 1);
    assert_true(library_next_announcement(f->s.lib, &a));
    library_move_directory(f->s.lib, "d1", "d2");
    library_announced(f->s.lib, &a, -ENOENT);
    free(a.path);
    assert_true(visible(f, sub, "talk.transcribing.txt"));
}

static void a_directory_found_at_another_path_takes_its_recordings_along(void **state)
{
    struct fixture *f = *state;
    struct place was = {sub, "f", "talk.mp3"}, is = {sub, "g", "talk.mp3"};
    library_add_name(f->s.lib, &was, (struct file_id){7, 10}, NULL, NULL);
    assert_true(library_has_name(f->s.lib, &was, (struct file_id){7, 10}));
    assert_false(library_has_name(f->s.lib, &is, (struct file_id){7, 10}));
    library_add_name(f->s.lib, &is, (struct file_id){7, 10}, NULL, NULL);
    assert_true(library_has_name(f->s.lib, &is, (struct file_id){7, 10}));
    assert_false(library_has_name(f->s.lib, &was, (struct file_id){7, 10}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(views_appear_only_when_announced),
        CASE(without_an_announcer_views_appear_at_once),
        CASE(an_announcement_that_fails_shows_the_view_anyway),
        CASE(a_taken_stem_keeps_the_extension),
        CASE(a_whiteout_holds_for_the_content_and_over_a_restart),
        CASE(a_rename_keeps_result_and_whiteouts),
        CASE(a_new_extension_keeps_the_stem),
        CASE(views_of_a_deleted_recording_can_still_be_deleted),
        CASE(replacing_a_recording_by_the_same_bytes_costs_nothing),
        CASE(moving_a_directory_moves_what_is_below),
        CASE(a_hard_link_has_views_of_its_own),
        CASE(a_changed_device_number_changes_nothing),
        CASE(exchanged_recordings_keep_their_jobs_and_whiteouts),
        CASE(a_directory_renamed_during_an_announcement_loses_nothing),
        CASE(a_directory_found_at_another_path_takes_its_recordings_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
