/* What a folder itself says (SETTINGS-ERROR.txt): it comes and goes as views do, with recordings or without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/library_store.h"

#define NOTE SETTINGS_ERROR_NAME

struct fixture {
    struct library_store s;
};

static const struct file_id team = {7, 3}, file = {7, 30};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    store_new(&f->s);
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

/* Says it in `path`, whose directory is `team`; NULL: nothing is said anywhere. */
static void say_in_team(struct fixture *f, const char *path, const char *text)
{
    struct folder_note note = {team, path, file, ".scribefs.conf", {.tv_sec = 100}, text};
    assert_int_equal(library_set_notes(f->s.lib, VIEW_SETTINGS_ERROR, "", &note, text ? 1 : 0), 0);
}

/* What is read there; NULL: a listing does not show it. Static. */
static const char *shown(struct fixture *f, struct view *out)
{
    static char text[100];
    struct view_entry *entries;
    struct view_content content;
    struct view v;
    size_t count;
    assert_int_equal(library_list_views(f->s.lib, team, &entries, &count), 0);
    bool listed =
        count == 1 && strcmp(entries[0].name, NOTE) == 0 && file_id_equal(entries[0].recording, file);
    free(entries);
    if (!listed)
        return NULL;
    assert_int_equal(library_find_view(f->s.lib, team, NOTE, false, &v), 0);
    assert_int_equal(library_open_view(f->s.lib, &v, &content), 0);
    assert_int_equal(v.size, content.size);
    snprintf(text, sizeof text, "%.*s", (int)content.size, content.text);
    free(content.text);
    if (out)
        *out = v;
    return text;
}

/* The announcer does what is next, or fails to. */
static void announce(struct fixture *f, enum announcement_kind kind, bool well)
{
    struct announcement a;
    struct view v;
    assert_true(library_next_announcement(f->s.lib, &a));
    assert_int_equal(a.kind, kind);
    assert_string_equal(a.path, "team/" NOTE);
    if (well && kind == ANNOUNCE_CREATE)
        assert_int_equal(library_confirm_view(f->s.lib, a.directory, a.name, &v), 0);
    if (well && kind == ANNOUNCE_DELETE)
        assert_int_equal(library_withdraw_view(f->s.lib, a.directory, a.name), 0);
    library_announced(f->s.lib, &a, well ? 0 : -EIO);
    free(a.path);
}

static void it_comes_changes_and_goes_with_announcements(void **state)
{
    struct fixture *f = *state;
    struct view before, now;
    library_set_announcing(f->s.lib, true);
    say_in_team(f, "team", "one");
    assert_null(shown(f, NULL)); /* not before everybody is told */
    announce(f, ANNOUNCE_CREATE, true);
    assert_string_equal(shown(f, &before), "one");
    assert_true(file_id_equal(before.recording, file));
    assert_string_equal(before.recording_name, ".scribefs.conf");
    assert_true(view_is_status(before.format));
    assert_int_equal(before.mtime.tv_sec, 100);
    say_in_team(f, "team", "one"); /* no news */
    say_in_team(f, "team", "other");
    announce(f, ANNOUNCE_TOUCH, true);
    assert_string_equal(shown(f, &now), "other");
    assert_true(now.version != before.version);
    struct view_content content;
    assert_int_equal(library_open_view(f->s.lib, &before, &content), -ESTALE);
    say_in_team(f, "team", NULL);
    assert_null(shown(f, NULL));
    /* "rm -r" has seen it in its listing. */
    assert_int_equal(library_find_view(f->s.lib, team, NOTE, false, &now), 0);
    announce(f, ANNOUNCE_DELETE, true);
    assert_int_equal(library_find_view(f->s.lib, team, NOTE, false, &now), -ENOENT);
    assert_null(library_directory_path(f->s.lib, team)); /* nothing is left of it */
    say_in_team(f, "team", "again");
    announce(f, ANNOUNCE_CREATE, false); /* without an event, but there */
    assert_string_equal(shown(f, NULL), "again");
}

static void deleted_it_stays_away_until_it_says_something_else(void **state)
{
    struct fixture *f = *state;
    struct view v;
    say_in_team(f, "team", "one"); /* without an announcer it is there at once */
    assert_string_equal(shown(f, NULL), "one");
    assert_int_equal(library_hide_view(f->s.lib, team, NOTE, false), 0);
    assert_int_equal(library_find_view(f->s.lib, team, NOTE, false, &v), -ENOENT);
    say_in_team(f, "team", "one");
    assert_null(shown(f, NULL));
    say_in_team(f, "team", "two");
    assert_string_equal(shown(f, NULL), "two");
    assert_int_equal(library_hide_view(f->s.lib, team, NOTE, false), 0);
    say_in_team(f, "team", NULL); /* mended, and wrong again */
    say_in_team(f, "team", "two");
    assert_string_equal(shown(f, NULL), "two");
    say_in_team(f, "team", NULL);
    assert_int_equal(library_hide_view(f->s.lib, team, NOTE, false), 0); /* "rm -r" comes to it */
    assert_int_equal(library_find_view(f->s.lib, team, NOTE, false, &v), -ENOENT);
}

static int confirmed;
static void on_confirm(void *context, const char *path)
{
    (void)context;
    assert_string_equal(path, "team");
    confirmed++;
}

static void ask_in_team(struct fixture *f, const char *text)
{
    struct folder_note note = {team, "team", team, ".", {.tv_sec = 100}, text};
    assert_int_equal(library_set_notes(f->s.lib, VIEW_CONFIRM, "", &note, text ? 1 : 0), 0);
}

static void a_question_is_answered_by_who_deletes_it_and_no_mirror(void **state)
{
    struct fixture *f = *state;
    struct view v;
    struct view_content content;
    confirmed = 0;
    library_set_hooks(f->s.lib, &(struct library_hooks){.confirm = on_confirm});
    ask_in_team(f, "question");
    say_in_team(f, "team", "one");
    assert_int_equal(library_find_view(f->s.lib, team, CONFIRM_NAME, false, &v), 0);
    assert_int_equal(library_open_view(f->s.lib, &v, &content), 0);
    assert_string_equal(content.text, "question");
    free(content.text);
    assert_string_equal(v.recording_name, ".");
    assert_int_equal(library_hide_view(f->s.lib, team, NOTE, false), 0); /* one is not the other */
    assert_int_equal(confirmed, 0);
    assert_int_equal(library_hide_view(f->s.lib, team, CONFIRM_NAME, true), 0);
    assert_int_equal(confirmed, 0);
    ask_in_team(f, "question");
    assert_int_equal(library_find_view(f->s.lib, team, CONFIRM_NAME, false, &v), -ENOENT); /* or it is deleted for ever */
    ask_in_team(f, "another");
    assert_int_equal(library_hide_view(f->s.lib, team, CONFIRM_NAME, false), 0);
    assert_int_equal(confirmed, 1);
    ask_in_team(f, NULL);
    ask_in_team(f, "another");
    ask_in_team(f, NULL); /* nothing waits any more, and "rm -r" comes to it */
    assert_int_equal(library_hide_view(f->s.lib, team, CONFIRM_NAME, false), 0);
    assert_int_equal(confirmed, 1);
    assert_true(name_is_status(CONFIRM_NAME));
}

static void it_moves_and_goes_with_its_folder(void **state)
{
    struct fixture *f = *state;
    struct folder_note elsewhere = {team, "elsewhere", file, "scribefs.conf", {0}, "stale"};
    say_in_team(f, "team", "one");
    library_move_directory(f->s.lib, "team", "moved");
    assert_string_equal(shown(f, NULL), "one");
    /* Who still thinks of it at another place is not listened to. */
    assert_int_equal(library_set_notes(f->s.lib, VIEW_SETTINGS_ERROR, "elsewhere", &elsewhere, 1), 0);
    assert_string_equal(shown(f, NULL), "one");
    assert_int_equal(library_set_notes(f->s.lib, VIEW_SETTINGS_ERROR, "other", NULL, 0), 0); /* not below that */
    assert_string_equal(shown(f, NULL), "one");
    library_remove_directory(f->s.lib, "moved");
    assert_null(shown(f, NULL));
    say_in_team(f, "team", "one"); /* it is made anew */
    library_set_announcing(f->s.lib, true);
    library_remove_directory(f->s.lib, "team"); /* freed with the library, while its announcement waits */
}

static void recordings_and_it_share_a_folder(void **state)
{
    struct fixture *f = *state;
    struct place place = {team, "team", "SETTINGS-ERROR.wav"};
    assert_int_equal(library_add_name(f->s.lib, &place, (struct file_id){7, 40}, NULL, NULL), 0);
    say_in_team(f, "team", "one");
    assert_string_equal(shown(f, NULL), "one");
    library_remove_name(f->s.lib, team, "SETTINGS-ERROR.wav");
    assert_string_equal(shown(f, NULL), "one");
    assert_true(name_is_status(NOTE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_comes_changes_and_goes_with_announcements, setup, teardown),
        cmocka_unit_test_setup_teardown(deleted_it_stays_away_until_it_says_something_else, setup, teardown),
        cmocka_unit_test_setup_teardown(a_question_is_answered_by_who_deletes_it_and_no_mirror, setup, teardown),
        cmocka_unit_test_setup_teardown(it_moves_and_goes_with_its_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(recordings_and_it_share_a_folder, setup, teardown),
    };
    return cmocka_run_group_tests_name("notes", tests, NULL, NULL);
}
