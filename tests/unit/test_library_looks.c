/* The library: views whose look changes, and recordings that are transcribed again. */
#include "tests/unit/library_world.h"


static const char *text_of(struct fixture *f, const char *name, char out[4096])
{
    struct view view;
    struct view_content content;
    assert_int_equal(library_find_any_view(f->s.lib, inbox, name, &view), 0);
    assert_int_equal(library_open_view(f->s.lib, &view, &content), 0);
    assert_int_equal(pread(content.fd, out, content.size, 0), (ssize_t)content.size);
    out[content.size] = '\0';
    close(content.fd);
    return out;
}

static void a_changed_look_is_rendered_anew_and_touched(void **state)
{
    struct fixture *f = *state;
    struct view before, after;
    char text[4096];
    transcribed(f, "talk.mp3", 10, 1);
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &before), 0);
    struct render_look look = {.listed = 1u << VIEW_TXT | 1u << FORMAT_VTT, .no_header = true};
    assert_non_null(strstr(text_of(f, "talk.txt", text), "talk"));
    assert_int_equal(library_set_look(f->s.lib, inbox, "talk.mp3", &look), 0);
    /* Until it is rendered it is what it was. */
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &after), 0);
    assert_int_equal(after.version, before.version);
    announce_all(f, inbox);
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &after), 0);
    assert_int_not_equal(after.version, before.version);
    assert_true(after.mtime.tv_sec >= before.mtime.tv_sec);
    assert_null(strstr(text_of(f, "talk.txt", text), "talk"));
    assert_true(visible(f, inbox, "talk.vtt"));
    assert_false(visible(f, inbox, "talk.srt"));
    assert_int_equal(library_find_unlisted(f->s.lib, inbox, "talk.srt", &before), 0);
    assert_true(before.unlisted);
    /* All of it is known after a restart, with the same times; and back to the default it is as it was. */
    close_library(f);
    open_library(f);
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &before), 0);
    assert_int_equal(after.version, before.version);
    assert_true(visible(f, inbox, "talk.vtt"));
    assert_int_equal(library_set_look(f->s.lib, inbox, "talk.mp3", NULL), 0);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.srt"));
    assert_non_null(strstr(text_of(f, "talk.txt", text), "talk"));
    assert_int_equal(library_set_look(f->s.lib, inbox, "other.mp3", NULL), -ENOENT);
}

static void a_rerun_keeps_what_was_there(void **state)
{
    struct fixture *f = *state;
    struct digest d = digest_of(1), second = digest_of(150);
    struct view view;
    transcribed(f, "talk.mp3", 10, 1);
    assert_int_equal(library_rerun(f->s.lib, "talk.mp3", &d, &(struct digest){{101, [31] = 1}}, "local", "{}"), 0);
    assert_int_equal(library_rerun(f->s.lib, "gone.mp3", &d, &second, "local", "{}"), -ENOENT);
    assert_int_equal(library_rerun(f->s.lib, "talk.mp3", &d, &second, "local", "{\"run\":2}"), 1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_true(visible(f, inbox, "talk.transcribing.txt"));
    assert_int_equal(library_find_unlisted(f->s.lib, inbox, "talk.v1.txt", &view), -ENOENT);
    /* It is known after a restart. */
    close_library(f);
    open_library(f);
    assert_int_equal(claim(f), 1);
    put_result(f, 50);
    library_job_done(f->s.lib, &second, 1000);
    announce_all(f, inbox);
    assert_false(visible(f, inbox, "talk.transcribing.txt"));
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &view), 0);
    assert_memory_equal(&view.job, &second, sizeof second);
    for (int i = 0; i < 2; i++) {
        struct digest first = digest_of(101);
        assert_int_equal(library_find_unlisted(f->s.lib, inbox, "talk.v1.txt", &view), 0);
        assert_memory_equal(&view.job, &first, sizeof first);
        assert_int_equal(library_find_unlisted(f->s.lib, inbox, "talk.v2.txt", &view), -ENOENT);
        assert_int_equal(library_hide_view(f->s.lib, inbox, "talk.v1.txt", false), -EPERM);
        close_library(f);
        open_library(f);
    }
    /* Another content has none. */
    library_invalidate_content(f->s.lib, (struct file_id){7, 10});
    content(f, 10, 2);
    assert_int_equal(library_find_unlisted(f->s.lib, inbox, "talk.v1.txt", &view), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_changed_look_is_rendered_anew_and_touched),
        CASE(a_rerun_keeps_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
