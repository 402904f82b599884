/* The library: names of views, what is visible when, whiteouts, jobs; before and after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/index.h"
#include "cache/render/look.h"
#include "cache/results.h"
#include "cache/views.h"
#include "fs/library.h"
#include "tests/unit/scratch.h"

struct fixture {
    char *dir, *index_path, *results_path, *views_path;
    struct index *index;
    struct results *results;
    struct views *views;
    struct library *lib;
    int work, changed, invalidated;
    struct file_id reread;
};

static void on_invalidate(void *context, struct file_id directory, const char *name)
{
    (void)directory, (void)name;
    ((struct fixture *)context)->invalidated++;
}

static void on_change(void *context)
{
    ((struct fixture *)context)->changed++;
}

static void on_work(void *context)
{
    ((struct fixture *)context)->work++;
}

static void on_reread(void *context, struct file_id id)
{
    ((struct fixture *)context)->reread = id;
}

static void open_library(struct fixture *f)
{
    struct error err = {0};
    assert_int_equal(index_open(f->index_path, &f->index, NULL, &err), 0);
    assert_int_equal(results_open(f->results_path, &f->results), 0);
    assert_int_equal(views_open(f->views_path, &f->views), 0);
    assert_int_equal(library_new(f->index, f->results, f->views, 7, &f->lib), 0);
    assert_int_equal(library_load(f->lib), 0);
    library_set_hooks(f->lib, &(struct library_hooks){.invalidate = on_invalidate,
                                                      .changed = on_change,
                                                      .work = on_work,
                                                      .reread = on_reread,
                                                      .context = f});
    library_set_announcing(f->lib, true);
}

static void close_library(struct fixture *f)
{
    library_free(f->lib);
    assert_int_equal(index_close(f->index, 5000), 0);
    results_close(f->results);
    views_close(f->views);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->dir = scratch_new();
    f->index_path = scratch_join(f->dir, "index.db");
    f->results_path = scratch_join(f->dir, "results");
    f->views_path = scratch_join(f->dir, "views");
    open_library(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_library(f);
    scratch_remove(f->dir);
    free(f->index_path);
    free(f->results_path);
    free(f->views_path);
    free(f);
    return 0;
}

static const struct file_id inbox = {7, 2}, sub = {7, 3};

static struct place at(const char *name)
{
    return (struct place){inbox, "", name};
}

static void add(struct fixture *f, const char *name, uint64_t ino)
{
    struct place p = at(name);
    assert_int_equal(library_add_name(f->lib, &p, (struct file_id){7, ino}, NULL, NULL), 0);
}

static struct digest digest_of(int content)
{
    struct digest d = {{0}};
    d.bytes[0] = (uint8_t)content;
    d.bytes[31] = 1;
    return d;
}

static void content(struct fixture *f, uint64_t ino, int what)
{
    struct digest d = digest_of(what), key = digest_of(what + 100);
    struct recording_stat st = {.size = 10, .mtime_ns = what, .ctime_ns = what, .birth_ns = 1};
    struct file_id id = {7, ino};
    uint64_t changes;
    free(library_path_of(f->lib, id, &changes));
    assert_int_equal(library_set_content(f->lib, id, changes, &st, &d, &key, "local", "{}"), 0);
}

static void put_result(struct fixture *f, int what)
{
    struct digest key = digest_of(what + 100);
    struct result_writer *w;
    assert_int_equal(results_begin(f->results, &key, &w), 0);
    static const char transcript[] = "{\"schema\":\"scribefs-transcript/1\",\"sentences\":[]}";
    assert_int_equal(result_add(w, "transcript.json", transcript, sizeof transcript - 1), 0);
    assert_int_equal(result_commit(w), 0);
}

static const char *const none_held[] = {NULL};

/* Claims the next job and returns its number, or -1. */
static int claim(struct fixture *f)
{
    struct job_start start;
    int64_t next;
    if (library_claim_job(f->lib, 1000, none_held, &start, &next) != 1)
        return -1;
    int what = start.digest.bytes[0];
    job_start_clear(&start);
    return what;
}

static void finish(struct fixture *f, int what)
{
    struct digest key = digest_of(what + 100);
    put_result(f, what);
    library_job_done(f->lib, &key, 1000);
}

/* Does what the pool would. */
static void render_all(struct fixture *f)
{
    int rc;
    do
        rc = library_render(f->lib);
    while (rc > 0);
    assert_int_equal(rc, 0);
}

/* Does what the announcer would, until nothing is left that is due. Returns how many announcements there
 * were. */
static int announce_all(struct fixture *f, struct file_id directory)
{
    int n = 0;
    render_all(f);
    for (;;) {
        struct item *items;
        size_t count;
        bool waiting = false;
        assert_int_equal(library_items(f->lib, "", &items, &count), 0);
        for (size_t i = 0; i < count; i++)
            waiting |= items[i].announcing;
        items_free(items, count);
        if (!waiting)
            return n;
        struct announcement a;
        assert_true(library_next_announcement(f->lib, &a));
        const char *slash = strrchr(a.path, '/');
        const char *name = slash ? slash + 1 : a.path;
        struct view view;
        if (a.kind == ANNOUNCE_CREATE)
            library_confirm_view(f->lib, directory, name, &view);
        else if (a.kind == ANNOUNCE_DELETE)
            library_withdraw_view(f->lib, directory, name);
        library_announced(f->lib, &a, 0);
        free(a.path);
        n++;
    }
}

static bool visible(struct fixture *f, struct file_id directory, const char *name)
{
    struct view_entry *entries;
    size_t count;
    bool found = false;
    render_all(f);
    assert_int_equal(library_list_views(f->lib, directory, &entries, &count), 0);
    for (size_t i = 0; i < count; i++)
        found |= strcmp(entries[i].name, name) == 0;
    free(entries);
    struct view view;
    /* A listing and a lookup agree on what is there. */
    if (found)
        assert_int_equal(library_find_view(f->lib, directory, name, false, &view), 0);
    return found;
}

/* One recording, transcribed and announced. */
static void transcribed(struct fixture *f, const char *name, uint64_t ino, int what)
{
    add(f, name, ino);
    content(f, ino, what);
    assert_int_equal(claim(f), what);
    finish(f, what);
    announce_all(f, inbox);
}

static void views_appear_only_when_announced(void **state)
{
    struct fixture *f = *state;
    struct view view;
    add(f, "talk.mp3", 10);
    assert_false(visible(f, inbox, "talk.transcribing.txt"));
    content(f, 10, 1);
    assert_int_equal(library_find_view(f->lib, inbox, "talk.transcribing.txt", false, &view), -ENOENT);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.transcribing.txt"));
    assert_int_equal(claim(f), 1);
    finish(f, 1);
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &view), -ENOENT);
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", true, &view), -ENOENT);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_true(visible(f, inbox, "talk.srt"));
    assert_true(visible(f, inbox, "talk.json"));
    assert_false(visible(f, inbox, "talk.transcribing.txt"));
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &view), 0);
    assert_true(view.size > 0);
    struct view_content text;
    assert_int_equal(library_open_view(f->lib, &view, &text), 0);
    assert_int_equal(text.size, view.size);
    close(text.fd);
}

static void without_an_announcer_views_appear_at_once(void **state)
{
    struct fixture *f = *state;
    library_set_announcing(f->lib, false);
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
    assert_true(library_next_announcement(f->lib, &a));
    assert_int_equal(a.kind, ANNOUNCE_CREATE);
    assert_string_equal(a.path, "talk.transcribing.txt");
    library_announced(f->lib, &a, -EACCES);
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
    assert_int_equal(library_add_name(f->lib, &p, (struct file_id){7, 12}, talk_txt_is_real, NULL), 0);
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
    assert_int_equal(library_hide_view(f->lib, inbox, "talk.txt", false), 0);
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &view), -ENOENT);
    close_library(f);
    open_library(f);
    assert_false(visible(f, inbox, "talk.txt"));
    assert_true(visible(f, inbox, "talk.srt"));
    /* Written again with the same bytes: still hidden. */
    library_invalidate_content(f->lib, (struct file_id){7, 10});
    content(f, 10, 1);
    announce_all(f, inbox);
    assert_false(visible(f, inbox, "talk.txt"));
    /* Other bytes: back. */
    library_invalidate_content(f->lib, (struct file_id){7, 10});
    content(f, 10, 2);
    assert_int_equal(claim(f), 2);
    finish(f, 2);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_int_equal(library_hide_view(f->lib, inbox, "talk.txt", false), 0);
    assert_int_equal(library_restore(f->lib, "talk.txt", &count), 0);
    assert_int_equal(count, 1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
}

static void a_rename_keeps_result_and_whiteouts(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "talk.mp3", 10, 1);
    assert_int_equal(library_hide_view(f->lib, inbox, "talk.srt", false), 0);
    struct place from = at("talk.mp3"), to = {sub, "sub", "speech.mp3"};
    assert_int_equal(library_rename(f->lib, &from, &to, (struct file_id){7, 10}, NULL, NULL), 0);
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
    assert_int_equal(library_rename(f->lib, &from, &to, (struct file_id){7, 10}, NULL, NULL), 0);
    assert_true(visible(f, inbox, "talk.txt"));
    close_library(f);
    open_library(f);
    assert_true(visible(f, inbox, "talk.txt"));
    char *path = library_path_of(f->lib, (struct file_id){7, 10}, NULL);
    assert_string_equal(path, "talk.WAV");
    free(path);
}

static void views_of_a_deleted_recording_can_still_be_deleted(void **state)
{
    struct fixture *f = *state;
    struct view view;
    transcribed(f, "talk.mp3", 10, 1);
    library_remove_name(f->lib, inbox, "talk.mp3");
    assert_false(visible(f, inbox, "talk.txt"));
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &view), 0);
    assert_int_equal(library_hide_view(f->lib, inbox, "talk.txt", false), 0);
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &view), -ENOENT);
    /* The rest goes by itself, with an event. */
    struct announcement a;
    assert_true(library_next_announcement(f->lib, &a));
    assert_int_equal(a.kind, ANNOUNCE_DELETE);
    library_announced(f->lib, &a, 0);
    free(a.path);
}

static void replacing_a_recording_by_the_same_bytes_costs_nothing(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "talk.mp3", 10, 1);
    library_remove_name(f->lib, inbox, "talk.mp3");
    add(f, "talk.mp3", 11);
    content(f, 11, 1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_int_equal(claim(f), -1);
}

static void deleting_the_last_recording_cancels_the_job(void **state)
{
    struct fixture *f = *state;
    struct digest key, expected = digest_of(101);
    add(f, "a.mp3", 10);
    add(f, "b.mp3", 11);
    content(f, 10, 1);
    content(f, 11, 1);
    assert_int_equal(claim(f), 1);
    assert_int_equal(claim(f), -1); /* one job for both */
    library_remove_name(f->lib, inbox, "a.mp3");
    assert_false(library_next_cancelled(f->lib, &key));
    library_remove_name(f->lib, inbox, "b.mp3");
    assert_true(library_next_cancelled(f->lib, &key));
    assert_memory_equal(&key, &expected, sizeof key);
    assert_false(library_next_cancelled(f->lib, &key));
}

static void a_failure_is_shown_and_deleting_it_retries(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101);
    struct error err = {.class = ERROR_PERMANENT, .code = "media.not_audio", .detail = "no"};
    add(f, "talk.mp3", 10);
    content(f, 10, 1);
    assert_int_equal(claim(f), 1);
    library_job_failed(f->lib, &key, &err, -1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.FAILED.txt"));
    close_library(f);
    open_library(f);
    assert_true(visible(f, inbox, "talk.FAILED.txt"));
    assert_int_equal(claim(f), -1);
    assert_int_equal(library_hide_view(f->lib, inbox, "talk.FAILED.txt", false), 0);
    assert_int_equal(claim(f), 1);
    library_job_failed(f->lib, &key, &err, -1);
    /* What makes this folder like another wishes nothing, and is not asked to delete it again. */
    announce_all(f, inbox);
    assert_int_equal(library_hide_view(f->lib, inbox, "talk.FAILED.txt", true), 0);
    assert_int_equal(claim(f), -1);
    close_library(f);
    open_library(f);
    assert_false(visible(f, inbox, "talk.FAILED.txt"));
    int count;
    assert_int_equal(library_retry(f->lib, "talk.mp3", &count), 0);
    assert_int_equal(claim(f), 1);
    library_job_failed(f->lib, &key, &err, -1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.FAILED.txt"));
    /* The same content under another name is a wish to try again. */
    add(f, "again.mp3", 11);
    content(f, 11, 1);
    assert_int_equal(claim(f), 1);
}

static size_t failed_with(struct fixture *f, const char *code)
{
    struct item *items;
    size_t count, n = 0;
    assert_int_equal(library_items(f->lib, "", &items, &count), 0);
    for (size_t i = 0; i < count; i++)
        n += items[i].state == ITEM_FAILED && strcmp(items[i].error.code, code) == 0;
    items_free(items, count);
    return n;
}

static void what_was_cancelled_stays_so_until_it_is_asked_for(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101), told;
    int count;
    add(f, "one.mp3", 10);
    content(f, 10, 1);
    add(f, "two.mp3", 11);
    content(f, 11, 2);
    assert_int_equal(claim(f), 1);
    library_job_checkpoint(f->lib, &key, "task 7");
    assert_int_equal(library_cancel(f->lib, "three.mp3", &count), -ENOENT);
    assert_int_equal(library_cancel(f->lib, "", &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(library_cancel(f->lib, "", &count), 0);
    assert_int_equal(count, 0);
    /* The one that waited has ended; the runner is told of the other, and what it has left elsewhere is known. */
    assert_int_equal(failed_with(f, "job.cancelled"), 1);
    assert_true(library_next_cancelled(f->lib, &told));
    assert_memory_equal(&told, &key, sizeof key);
    assert_false(library_next_cancelled(f->lib, &told));
    assert_int_equal(failed_with(f, "job.cancelled"), 2);
    struct orphan_start orphan;
    int64_t next;
    assert_int_equal(library_claim_orphan(f->lib, 1000, &orphan, &next), 1);
    assert_string_equal(orphan.checkpoint, "task 7");
    orphan_start_clear(&orphan);
    close_library(f);
    open_library(f);
    assert_int_equal(claim(f), -1);
    assert_int_equal(failed_with(f, "job.cancelled"), 2);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "one.FAILED.txt"));
    assert_int_equal(library_retry(f->lib, "two.mp3", &count), 0);
    assert_int_equal(claim(f), 2);
    /* Cancelled while its result was on the way to the disk: it is paid for, and shown. */
    assert_int_equal(library_cancel(f->lib, "two.mp3", &count), 0);
    assert_int_equal(count, 1);
    assert_true(library_next_cancelled(f->lib, &told));
    finish(f, 2);
    assert_int_equal(failed_with(f, "job.cancelled"), 1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "two.txt"));
}

static void a_failure_after_a_cancel_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101);
    struct error err = {0};
    int count;
    add(f, "one.mp3", 10);
    content(f, 10, 1);
    assert_int_equal(claim(f), 1);
    assert_int_equal(library_cancel(f->lib, "one.mp3", &count), 0);
    error_set(&err, ERROR_TRANSIENT, EIO, "cloud.network", "no route");
    library_job_failed(f->lib, &key, &err, 500);
    assert_int_equal(failed_with(f, "job.cancelled"), 1);
    assert_int_equal(claim(f), -1);
}

static void a_postponed_job_waits_for_its_time(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101);
    struct job_start start;
    int64_t next;
    add(f, "talk.mp3", 10);
    content(f, 10, 1);
    assert_int_equal(claim(f), 1);
    library_job_failed(f->lib, &key, &(struct error){.class = ERROR_TRANSIENT, .code = "io.space"}, 5000);
    assert_int_equal(library_claim_job(f->lib, 4999, none_held, &start, &next), 0);
    assert_int_equal(next, 5000);
    assert_int_equal(library_claim_job(f->lib, 5000, none_held, &start, &next), 1);
    assert_int_equal(start.attempts, 2);
    job_start_clear(&start);
}

static void a_clock_that_is_set_back_keeps_no_job_waiting(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101);
    struct job_start start;
    int64_t next;
    const int64_t minute = 60000, now = 1000 * minute;
    const struct error err = {.class = ERROR_TRANSIENT, .code = "io.space"};
    add(f, "talk.mp3", 10);
    content(f, 10, 1);
    assert_int_equal(claim(f), 1);
    library_job_failed(f->lib, &key, &err, now + 40 * minute);
    assert_int_equal(library_claim_job(f->lib, now, none_held, &start, &next), 0);
    assert_int_equal(next, now + 40 * minute);
    /* Half an hour back: it is waited for. A day back: that is no time a job was ever put off to. */
    assert_int_equal(library_claim_job(f->lib, now - 20 * minute, none_held, &start, &next), 0);
    assert_int_equal(library_claim_job(f->lib, now - 24 * 60 * minute, none_held, &start, &next), 1);
    job_start_clear(&start);
    /* The same after a restart. */
    library_job_failed(f->lib, &key, &err, now + 40 * minute);
    close_library(f);
    open_library(f);
    assert_int_equal(library_claim_job(f->lib, now, none_held, &start, &next), 0);
    assert_int_equal(library_claim_job(f->lib, now - 24 * 60 * minute, none_held, &start, &next), 1);
    job_start_clear(&start);
}

static void an_interrupted_job_is_queued_again(void **state)
{
    struct fixture *f = *state;
    add(f, "talk.mp3", 10);
    content(f, 10, 1);
    assert_int_equal(claim(f), 1);
    close_library(f);
    open_library(f);
    assert_int_equal(claim(f), 1);
}

static void a_result_stored_before_a_crash_is_used(void **state)
{
    struct fixture *f = *state;
    add(f, "talk.mp3", 10);
    content(f, 10, 1);
    assert_int_equal(claim(f), 1);
    put_result(f, 1); /* and then the power fails */
    close_library(f);
    open_library(f);
    assert_int_equal(claim(f), -1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
}

static void a_lost_result_is_made_again(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101);
    struct view view;
    struct view_content text;
    transcribed(f, "talk.mp3", 10, 1);
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &view), 0);
    assert_int_equal(results_drop(f->results, &key), 0);
    scratch_remove(strdup(f->views_path));
    assert_int_equal(library_open_view(f->lib, &view, &text), -EUCLEAN);
    assert_int_equal(claim(f), 1);
}

static void moving_a_directory_moves_what_is_below(void **state)
{
    struct fixture *f = *state;
    struct place p = {sub, "a/b", "talk.mp3"}, q = {{7, 4}, "ab", "talk.mp3"};
    library_add_name(f->lib, &p, (struct file_id){7, 10}, NULL, NULL);
    library_add_name(f->lib, &q, (struct file_id){7, 11}, NULL, NULL);
    library_move_directory(f->lib, "a", "c");
    char *path = library_path_of(f->lib, (struct file_id){7, 10}, NULL);
    assert_string_equal(path, "c/b/talk.mp3");
    free(path);
    path = library_path_of(f->lib, (struct file_id){7, 11}, NULL);
    assert_string_equal(path, "ab/talk.mp3");
    free(path);
    library_remove_directory(f->lib, "c");
    assert_false(library_has_recording(f->lib, (struct file_id){7, 10}));
    assert_true(library_has_recording(f->lib, (struct file_id){7, 11}));
}

static void a_hard_link_has_views_of_its_own(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "talk.mp3", 10, 1);
    add(f, "copy.mp3", 10);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "copy.txt"));
    library_remove_name(f->lib, inbox, "talk.mp3");
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "copy.txt"));
    assert_true(library_has_recording(f->lib, (struct file_id){7, 10}));
}

static void what_cannot_be_read_is_said_and_read_again_on_request(void **state)
{
    struct fixture *f = *state;
    add(f, "talk.mp3", 10);
    library_set_unreadable(
        f->lib, (struct file_id){7, 10},
        &(struct error){.class = ERROR_PERSON, .code = "io.read", .detail = "Permission denied"});
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.FAILED.txt"));
    assert_int_equal(library_hide_view(f->lib, inbox, "talk.FAILED.txt", false), 0);
    assert_int_equal(f->reread.ino, 10);
    content(f, 10, 1);
    assert_int_equal(claim(f), 1);
}

static void a_changed_device_number_changes_nothing(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "talk.mp3", 10, 1);
    close_library(f);
    struct error err = {0};
    assert_int_equal(index_open(f->index_path, &f->index, NULL, &err), 0);
    assert_int_equal(results_open(f->results_path, &f->results), 0);
    assert_int_equal(views_open(f->views_path, &f->views), 0);
    assert_int_equal(library_new(f->index, f->results, f->views, 99, &f->lib), 0);
    assert_int_equal(library_load(f->lib), 0);
    assert_true(visible(f, (struct file_id){99, 2}, "talk.txt"));
}

static void a_digest_of_what_changed_meanwhile_is_not_taken(void **state)
{
    struct fixture *f = *state;
    struct digest d = digest_of(1), key = digest_of(101);
    struct recording_stat st = {.size = 10};
    uint64_t changes;
    add(f, "talk.mp3", 10);
    free(library_path_of(f->lib, (struct file_id){7, 10}, &changes));
    library_invalidate_content(f->lib, (struct file_id){7, 10});
    assert_int_equal(
        library_set_content(f->lib, (struct file_id){7, 10}, changes, &st, &d, &key, "local", "{}"), 0);
    assert_int_equal(claim(f), -1);
}

static void a_job_whose_recording_changes_is_begun_again_with_another(void **state)
{
    struct fixture *f = *state;
    struct digest key, expected = digest_of(101);
    struct job_start start;
    int64_t next;
    add(f, "a.mp3", 10);
    add(f, "b.mp3", 11);
    content(f, 10, 1);
    content(f, 11, 1);
    assert_int_equal(library_claim_job(f->lib, 1000, none_held, &start, &next), 1);
    struct file_id reading = start.id;
    job_start_clear(&start);
    library_invalidate_content(f->lib, reading);
    assert_true(library_next_cancelled(f->lib, &key));
    assert_memory_equal(&key, &expected, sizeof key);
    assert_int_equal(library_claim_job(f->lib, 1000, none_held, &start, &next), 1);
    assert_true(start.id.ino != reading.ino);
    assert_int_equal(start.attempts, 1);
    job_start_clear(&start);
}

static void exchanged_recordings_keep_their_jobs_and_whiteouts(void **state)
{
    struct fixture *f = *state;
    transcribed(f, "a.mp3", 10, 1);
    transcribed(f, "b.mp3", 11, 2);
    assert_int_equal(library_hide_view(f->lib, inbox, "a.srt", false), 0);
    struct place a = at("a.mp3"), b = at("b.mp3");
    assert_int_equal(library_rename(f->lib, &a, &b, (struct file_id){7, 10}, NULL, NULL), 0);
    assert_int_equal(library_rename(f->lib, &b, &a, (struct file_id){7, 11}, NULL, NULL), 0);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "a.srt"));
    assert_false(visible(f, inbox, "b.srt"));
    char *path = library_path_of(f->lib, (struct file_id){7, 10}, NULL);
    assert_string_equal(path, "b.mp3");
    free(path);
    assert_int_equal(claim(f), -1);
}

static void a_directory_renamed_during_an_announcement_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct announcement a;
    struct place p = {sub, "d1", "talk.mp3"};
    library_add_name(f->lib, &p, (struct file_id){7, 10}, NULL, NULL);
    content(f, 10, 1);
    assert_true(library_next_announcement(f->lib, &a));
    library_move_directory(f->lib, "d1", "d2");
    library_announced(f->lib, &a, -ENOENT);
    free(a.path);
    assert_true(visible(f, sub, "talk.transcribing.txt"));
}

static void a_directory_found_at_another_path_takes_its_recordings_along(void **state)
{
    struct fixture *f = *state;
    struct place was = {sub, "f", "talk.mp3"}, is = {sub, "g", "talk.mp3"};
    library_add_name(f->lib, &was, (struct file_id){7, 10}, NULL, NULL);
    assert_true(library_has_name(f->lib, &was, (struct file_id){7, 10}));
    assert_false(library_has_name(f->lib, &is, (struct file_id){7, 10}));
    library_add_name(f->lib, &is, (struct file_id){7, 10}, NULL, NULL);
    assert_true(library_has_name(f->lib, &is, (struct file_id){7, 10}));
    assert_false(library_has_name(f->lib, &was, (struct file_id){7, 10}));
}

static void a_held_backend_rests_but_for_what_somebody_asks_for(void **state)
{
    struct fixture *f = *state;
    static const char *const held[] = {"local", NULL};
    struct digest key = digest_of(101);
    struct job_start start;
    int64_t next;
    int count;
    add(f, "talk.mp3", 10);
    content(f, 10, 1);
    assert_int_equal(library_claim_job(f->lib, 1000, held, &start, &next), 0);
    assert_int_equal(claim(f), 1);
    library_job_failed(f->lib, &key, &(struct error){.class = ERROR_PERMANENT, .code = "x"}, -1);
    assert_int_equal(library_retry(f->lib, "talk.mp3", &count), 0);
    assert_int_equal(library_claim_job(f->lib, 1000, held, &start, &next), 1);
    job_start_clear(&start);
}

static int claim_at(struct fixture *f, int64_t now_ms, int64_t *next_ms)
{
    struct job_start start;
    if (library_claim_job(f->lib, now_ms, none_held, &start, next_ms) != 1)
        return -1;
    int what = start.digest.bytes[0];
    job_start_clear(&start);
    return what;
}

static struct item item_of(struct fixture *f, const char *name)
{
    struct item *items, item;
    size_t count;
    assert_int_equal(library_items(f->lib, name, &items, &count), 0);
    assert_int_equal(count, 1);
    item = items[0];
    free(items);
    return item;
}

/* The limit of a day: the first is turned away, what was begun goes on, the others wait and say why. */
static void a_full_day_holds_what_was_not_begun(void **state)
{
    struct fixture *f = *state;
    struct digest first = digest_of(101), begun = digest_of(102);
    const struct error full = {.class = ERROR_TRANSIENT, .code = "limit.day"};
    int64_t next, now = (int64_t)time(NULL) * 1000, until = now + 3600000;
    add(f, "begun.mp3", 12);
    content(f, 12, 2);
    assert_int_equal(claim_at(f, now, &next), 2);
    add(f, "first.mp3", 11);
    content(f, 11, 1);
    assert_int_equal(claim_at(f, now, &next), 1);
    add(f, "other.mp3", 13);
    content(f, 13, 3);
    library_job_checkpoint(f->lib, &begun, "{}");
    library_job_released(f->lib, &begun);
    library_job_postponed(f->lib, &first, "", &full, now, until);

    assert_int_equal(library_held_until(f->lib, now, NULL), until);
    struct item item = item_of(f, "other.mp3");
    assert_int_equal(item.state, ITEM_QUEUED);
    assert_string_equal(item.error.code, "limit.day");
    assert_int_equal(item.not_before_ms, until);
    item_clear(&item);
    item = item_of(f, "begun.mp3");
    assert_string_equal(item.error.code, "");
    item_clear(&item);
    assert_int_equal(claim_at(f, now, &next), 2);
    assert_int_equal(claim_at(f, now, &next), -1);
    assert_int_equal(next, until);
    library_job_postponed(f->lib, &begun, "", &full, now, until); /* it was only published */
    assert_int_equal(claim_at(f, now, &next), -1);

    assert_int_equal(library_held_until(f->lib, now - 1, NULL), 0); /* the clock was set back */
    assert_int_equal(library_held_until(f->lib, until, NULL), 0);
    assert_int_equal(claim_at(f, until, &next), 2); /* turned away last, it is first */
    assert_int_equal(claim_at(f, until, &next), 1);
    assert_int_equal(claim_at(f, until, &next), 3);
    item = item_of(f, "first.mp3");
    assert_int_equal(item.attempts, 1); /* waiting was none */
    item_clear(&item);
}

static int64_t waits_until(struct fixture *f, const char *name)
{
    struct item item = item_of(f, name);
    int64_t until = item.state == ITEM_QUEUED ? item.not_before_ms : 0;
    item_clear(&item);
    return until;
}

/* The limit of a folder: what is below it waits, the others do not; when limits change all ask again. */
static void a_folder_holds_only_what_is_in_it(void **state)
{
    struct fixture *f = *state;
    struct digest first = digest_of(101), other = digest_of(103);
    const struct place places[] = {
        {{7, 200}, "team", "first.mp3"}, {{7, 201}, "team/deep", "second.mp3"}, {{7, 202}, "teams", "other.mp3"}};
    const struct error full = {.class = ERROR_TRANSIENT, .code = "limit.folder_day"};
    const struct error month = {.class = ERROR_TRANSIENT, .code = "limit.month"};
    int64_t next, now = (int64_t)time(NULL) * 1000, day = now + 3600000, later = now + 7200000;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(library_add_name(f->lib, &places[i], (struct file_id){7, 11 + i}, NULL, NULL), 0);
        content(f, 11 + i, 1 + i);
    }
    assert_int_equal(claim_at(f, now, &next), 1);
    library_job_postponed(f->lib, &first, "team", &full, now, day);
    assert_int_equal(library_held_until(f->lib, now, NULL), 0); /* of all */
    assert_int_equal(waits_until(f, "team/deep/second.mp3"), day);
    assert_int_equal(waits_until(f, "teams/other.mp3"), 0);
    assert_int_equal(claim_at(f, now, &next), 3);
    assert_int_equal(claim_at(f, now, &next), -1);
    assert_int_equal(next, day);

    library_job_postponed(f->lib, &other, "", &month, now, later); /* the longest counts */
    assert_int_equal(library_held_until(f->lib, now, NULL), later);
    assert_int_equal(waits_until(f, "team/deep/second.mp3"), later);
    assert_int_equal(claim_at(f, day, &next), -1);
    assert_true(library_forget_holds(f->lib));
    assert_false(library_forget_holds(f->lib));
    assert_int_equal(waits_until(f, "team/deep/second.mp3"), 0);
    assert_int_equal(claim_at(f, now, &next), 3);
    assert_int_equal(claim_at(f, now, &next), 1);
    assert_int_equal(claim_at(f, now, &next), 2);
}

static void a_restart_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101);
    int64_t next, now = (int64_t)time(NULL) * 1000;
    add(f, "talk.mp3", 11);
    content(f, 11, 1);
    assert_int_equal(claim_at(f, now, &next), 1);
    library_job_checkpoint(f->lib, &key, "{}");
    library_job_postponed(f->lib, &key, "", &(struct error){.class = ERROR_TRANSIENT, .code = "limit.day"}, now,
                          now + 3600000);
    close_library(f);
    open_library(f);
    assert_int_equal(claim_at(f, now, &next), 1);
}

static void nobody_wants_what_waited_any_more(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101);
    int64_t next, now = (int64_t)time(NULL) * 1000;
    add(f, "talk.mp3", 11);
    content(f, 11, 1);
    assert_int_equal(claim_at(f, now, &next), 1);
    library_remove_name(f->lib, inbox, "talk.mp3");
    library_job_postponed(f->lib, &key, "", &(struct error){.class = ERROR_TRANSIENT, .code = "limit.day"}, now,
                          now + 3600000);
    assert_int_equal(claim_at(f, now + 3600000, &next), -1);
}

static void an_item_says_what_it_cost(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101);
    const struct backend_charge told[] = {
        {.at_ms = 1, .kind = CHARGE_POSSIBLE, .billed_ms = 9000, .cost_micro = 90, .currency = "CNY"},
        {.at_ms = 2, .kind = CHARGE_POSSIBLE, .billed_ms = 5000, .cost_micro = 50, .currency = "CNY"},
        {.at_ms = 3, .kind = CHARGE_POSSIBLE, .billed_ms = 7000, .cost_micro = 70, .currency = "CNY"},
        {.at_ms = 2, .kind = CHARGE_BILLED, .billed_ms = 4000, .cost_micro = 40, .currency = "CNY"},
        {.at_ms = 3, .kind = CHARGE_NONE},
        {.at_ms = 4, .kind = CHARGE_ESTIMATED, .billed_ms = 1000, .cost_micro = 10, .currency = "CNY"},
    };
    add(f, "talk.mp3", 11);
    content(f, 11, 1);
    struct item item = item_of(f, "talk.mp3");
    assert_false(item.cost.possible);
    item_clear(&item);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        library_job_charged(f->lib, &key, &told[i]);
    item = item_of(f, "talk.mp3");
    assert_int_equal(item.cost.billed_ms, 5000);
    assert_int_equal(item.cost.cost_micro, 50);
    assert_int_equal(item.cost.possible_ms, 9000);
    assert_true(item.cost.possible && item.cost.estimated);
    assert_string_equal(item.cost.currency, "CNY");
    item_clear(&item);
    index_put_charge(f->index, &(struct index_charge){.job = key,
                                                      .at_ms = 2,
                                                      .kind = CHARGE_BILLED,
                                                      .model = "m",
                                                      .billed_ms = 4000,
                                                      .cost_micro = 40,
                                                      .currency = "CNY"});
    close_library(f);
    open_library(f);
    item = item_of(f, "talk.mp3");
    assert_int_equal(item.cost.billed_ms, 4000);
    assert_int_equal(item.cost.cost_micro, 40);
    item_clear(&item);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const char *text_of(struct fixture *f, const char *name, char out[4096])
{
    struct view view;
    struct view_content content;
    assert_int_equal(library_find_any_view(f->lib, inbox, name, &view), 0);
    assert_int_equal(library_open_view(f->lib, &view, &content), 0);
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
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &before), 0);
    struct render_look look = {.listed = 1u << VIEW_TXT | 1u << FORMAT_VTT, .no_header = true};
    assert_non_null(strstr(text_of(f, "talk.txt", text), "talk"));
    assert_int_equal(library_set_look(f->lib, inbox, "talk.mp3", &look), 0);
    /* Until it is rendered it is what it was. */
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &after), 0);
    assert_int_equal(after.version, before.version);
    announce_all(f, inbox);
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &after), 0);
    assert_int_not_equal(after.version, before.version);
    assert_true(after.mtime.tv_sec >= before.mtime.tv_sec);
    assert_null(strstr(text_of(f, "talk.txt", text), "talk"));
    assert_true(visible(f, inbox, "talk.vtt"));
    assert_false(visible(f, inbox, "talk.srt"));
    assert_int_equal(library_find_unlisted(f->lib, inbox, "talk.srt", &before), 0);
    assert_true(before.unlisted);
    /* All of it is known after a restart, with the same times; and back to the default it is as it was. */
    close_library(f);
    open_library(f);
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &before), 0);
    assert_int_equal(after.version, before.version);
    assert_true(visible(f, inbox, "talk.vtt"));
    assert_int_equal(library_set_look(f->lib, inbox, "talk.mp3", NULL), 0);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.srt"));
    assert_non_null(strstr(text_of(f, "talk.txt", text), "talk"));
    assert_int_equal(library_set_look(f->lib, inbox, "other.mp3", NULL), -ENOENT);
}

static void a_rerun_keeps_what_was_there(void **state)
{
    struct fixture *f = *state;
    struct digest d = digest_of(1), second = digest_of(150);
    struct view view;
    transcribed(f, "talk.mp3", 10, 1);
    assert_int_equal(library_rerun(f->lib, "talk.mp3", &d, &(struct digest){{101, [31] = 1}}, "local", "{}"), 0);
    assert_int_equal(library_rerun(f->lib, "gone.mp3", &d, &second, "local", "{}"), -ENOENT);
    assert_int_equal(library_rerun(f->lib, "talk.mp3", &d, &second, "local", "{\"run\":2}"), 1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.txt"));
    assert_true(visible(f, inbox, "talk.transcribing.txt"));
    assert_int_equal(library_find_unlisted(f->lib, inbox, "talk.v1.txt", &view), -ENOENT);
    /* It is known after a restart. */
    close_library(f);
    open_library(f);
    assert_int_equal(claim(f), 1);
    put_result(f, 50);
    library_job_done(f->lib, &second, 1000);
    announce_all(f, inbox);
    assert_false(visible(f, inbox, "talk.transcribing.txt"));
    assert_int_equal(library_find_view(f->lib, inbox, "talk.txt", false, &view), 0);
    assert_memory_equal(&view.job, &second, sizeof second);
    for (int i = 0; i < 2; i++) {
        struct digest first = digest_of(101);
        assert_int_equal(library_find_unlisted(f->lib, inbox, "talk.v1.txt", &view), 0);
        assert_memory_equal(&view.job, &first, sizeof first);
        assert_int_equal(library_find_unlisted(f->lib, inbox, "talk.v2.txt", &view), -ENOENT);
        assert_int_equal(library_hide_view(f->lib, inbox, "talk.v1.txt", false), -EPERM);
        close_library(f);
        open_library(f);
    }
    /* Another content has none. */
    library_invalidate_content(f->lib, (struct file_id){7, 10});
    content(f, 10, 2);
    assert_int_equal(library_find_unlisted(f->lib, inbox, "talk.v1.txt", &view), -ENOENT);
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
        CASE(deleting_the_last_recording_cancels_the_job),
        CASE(a_failure_is_shown_and_deleting_it_retries),
        CASE(what_was_cancelled_stays_so_until_it_is_asked_for),
        CASE(a_failure_after_a_cancel_is_not_tried_again),
        CASE(a_postponed_job_waits_for_its_time),
        CASE(a_clock_that_is_set_back_keeps_no_job_waiting),
        CASE(an_interrupted_job_is_queued_again),
        CASE(a_result_stored_before_a_crash_is_used),
        CASE(a_lost_result_is_made_again),
        CASE(moving_a_directory_moves_what_is_below),
        CASE(a_hard_link_has_views_of_its_own),
        CASE(what_cannot_be_read_is_said_and_read_again_on_request),
        CASE(a_changed_device_number_changes_nothing),
        CASE(a_digest_of_what_changed_meanwhile_is_not_taken),
        CASE(a_job_whose_recording_changes_is_begun_again_with_another),
        CASE(exchanged_recordings_keep_their_jobs_and_whiteouts),
        CASE(a_directory_renamed_during_an_announcement_loses_nothing),
        CASE(a_directory_found_at_another_path_takes_its_recordings_along),
        CASE(a_held_backend_rests_but_for_what_somebody_asks_for),
        CASE(a_full_day_holds_what_was_not_begun),
        CASE(a_folder_holds_only_what_is_in_it),
        CASE(a_restart_ends_the_wait),
        CASE(nobody_wants_what_waited_any_more),
        CASE(an_item_says_what_it_cost),
        cmocka_unit_test_setup_teardown(a_changed_look_is_rendered_anew_and_touched, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rerun_keeps_what_was_there, setup, teardown),
    };
    return cmocka_run_group_tests_name("library", tests, NULL, NULL);
}
