/* The library: jobs that fail, wait, are cancelled and interrupted, and what they cost. */
#include "tests/unit/library_world.h"

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
    library_remove_name(f->s.lib, inbox, "a.mp3");
    assert_false(library_next_cancelled(f->s.lib, &key));
    library_remove_name(f->s.lib, inbox, "b.mp3");
    assert_true(library_next_cancelled(f->s.lib, &key));
    assert_memory_equal(&key, &expected, sizeof key);
    assert_false(library_next_cancelled(f->s.lib, &key));
}

static void a_failure_is_shown_and_deleting_it_retries(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101);
    struct error err = {.class = ERROR_PERMANENT, .code = "media.not_audio", .detail = "no"};
    add(f, "talk.mp3", 10);
    content(f, 10, 1);
    assert_int_equal(claim(f), 1);
    library_job_failed(f->s.lib, &key, &err, -1);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.FAILED.txt"));
    close_library(f);
    open_library(f);
    assert_true(visible(f, inbox, "talk.FAILED.txt"));
    assert_int_equal(claim(f), -1);
    assert_int_equal(library_hide_view(f->s.lib, inbox, "talk.FAILED.txt", false), 0);
    assert_int_equal(claim(f), 1);
    library_job_failed(f->s.lib, &key, &err, -1);
    /* What makes this folder like another wishes nothing, and is not asked to delete it again. */
    announce_all(f, inbox);
    assert_int_equal(library_hide_view(f->s.lib, inbox, "talk.FAILED.txt", true), 0);
    assert_int_equal(claim(f), -1);
    close_library(f);
    open_library(f);
    assert_false(visible(f, inbox, "talk.FAILED.txt"));
    int count;
    assert_int_equal(library_retry(f->s.lib, "talk.mp3", &count), 0);
    assert_int_equal(claim(f), 1);
    library_job_failed(f->s.lib, &key, &err, -1);
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
    assert_int_equal(library_items(f->s.lib, "", &items, &count), 0);
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
    library_job_checkpoint(f->s.lib, &key, "task 7");
    assert_int_equal(library_cancel(f->s.lib, "three.mp3", &count), -ENOENT);
    assert_int_equal(library_cancel(f->s.lib, "", &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(library_cancel(f->s.lib, "", &count), 0);
    assert_int_equal(count, 0);
    /* The one that waited has ended; the runner is told of the other, and what it has left elsewhere is known. */
    assert_int_equal(failed_with(f, "job.cancelled"), 1);
    assert_true(library_next_cancelled(f->s.lib, &told));
    assert_memory_equal(&told, &key, sizeof key);
    assert_false(library_next_cancelled(f->s.lib, &told));
    assert_int_equal(failed_with(f, "job.cancelled"), 2);
    struct orphan_start orphan;
    int64_t next;
    assert_int_equal(library_claim_orphan(f->s.lib, 1000, &orphan, &next), 1);
    assert_string_equal(orphan.checkpoint, "task 7");
    orphan_start_clear(&orphan);
    close_library(f);
    open_library(f);
    assert_int_equal(claim(f), -1);
    assert_int_equal(failed_with(f, "job.cancelled"), 2);
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "one.FAILED.txt"));
    assert_int_equal(library_retry(f->s.lib, "two.mp3", &count), 0);
    assert_int_equal(claim(f), 2);
    /* Cancelled while its result was on the way to the disk: it is paid for, and shown. */
    assert_int_equal(library_cancel(f->s.lib, "two.mp3", &count), 0);
    assert_int_equal(count, 1);
    assert_true(library_next_cancelled(f->s.lib, &told));
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
    assert_int_equal(library_cancel(f->s.lib, "one.mp3", &count), 0);
    error_set(&err, ERROR_TRANSIENT, EIO, "cloud.network", "no route");
    library_job_failed(f->s.lib, &key, &err, 500);
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
    library_job_failed(f->s.lib, &key, &(struct error){.class = ERROR_TRANSIENT, .code = "io.space"}, 5000);
    assert_int_equal(library_claim_job(f->s.lib, 4999, none_held, &start, &next), 0);
    assert_int_equal(next, 5000);
    assert_int_equal(library_claim_job(f->s.lib, 5000, none_held, &start, &next), 1);
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
    library_job_failed(f->s.lib, &key, &err, now + 40 * minute);
    assert_int_equal(library_claim_job(f->s.lib, now, none_held, &start, &next), 0);
    assert_int_equal(next, now + 40 * minute);
    /* Half an hour back: it is waited for. A day back: that is no time a job was ever put off to. */
    assert_int_equal(library_claim_job(f->s.lib, now - 20 * minute, none_held, &start, &next), 0);
    assert_int_equal(library_claim_job(f->s.lib, now - 24 * 60 * minute, none_held, &start, &next), 1);
    job_start_clear(&start);
    /* The same after a restart. */
    library_job_failed(f->s.lib, &key, &err, now + 40 * minute);
    close_library(f);
    open_library(f);
    assert_int_equal(library_claim_job(f->s.lib, now, none_held, &start, &next), 0);
    assert_int_equal(library_claim_job(f->s.lib, now - 24 * 60 * minute, none_held, &start, &next), 1);
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
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.txt", false, &view), 0);
    assert_int_equal(results_drop(f->s.results, &key), 0);
    scratch_remove(strdup(f->s.views_path));
    assert_int_equal(library_open_view(f->s.lib, &view, &text), -EUCLEAN);
    assert_int_equal(claim(f), 1);
}

/* Two readers have seen the same damage, and the second comes when the result has been made anew. */
static void a_result_made_anew_is_not_lost_by_a_late_report(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(101);
    transcribed(f, "talk.mp3", 10, 1);
    assert_int_equal(results_drop(f->s.results, &key), 0);
    library_result_lost(f->s.lib, &key);
    finish(f, claim(f));
    library_result_lost(f->s.lib, &key);
    assert_int_equal(claim(f), -1);
    cleanup_close int fd = results_file(f->s.results, &key, "transcript.json");
    assert_true(fd >= 0);
}

static void what_cannot_be_read_is_said_and_read_again_on_request(void **state)
{
    struct fixture *f = *state;
    add(f, "talk.mp3", 10);
    library_set_unreadable(
        f->s.lib, (struct file_id){7, 10},
        &(struct error){.class = ERROR_PERSON, .code = "io.read", .detail = "Permission denied"});
    announce_all(f, inbox);
    assert_true(visible(f, inbox, "talk.FAILED.txt"));
    assert_int_equal(library_hide_view(f->s.lib, inbox, "talk.FAILED.txt", false), 0);
    assert_int_equal(f->reread.ino, 10);
    content(f, 10, 1);
    assert_int_equal(claim(f), 1);
}

static void a_digest_of_what_changed_meanwhile_is_not_taken(void **state)
{
    struct fixture *f = *state;
    struct digest d = digest_of(1), key = digest_of(101);
    struct recording_stat st = {.size = 10};
    uint64_t changes;
    add(f, "talk.mp3", 10);
    free(library_path_of(f->s.lib, (struct file_id){7, 10}, &changes));
    library_invalidate_content(f->s.lib, (struct file_id){7, 10});
    assert_int_equal(
        library_set_content(f->s.lib, (struct file_id){7, 10}, changes, &st, &d, &key, "local", "{}"), 0);
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
    assert_int_equal(library_claim_job(f->s.lib, 1000, none_held, &start, &next), 1);
    struct file_id reading = start.id;
    job_start_clear(&start);
    library_invalidate_content(f->s.lib, reading);
    assert_true(library_next_cancelled(f->s.lib, &key));
    assert_memory_equal(&key, &expected, sizeof key);
    assert_int_equal(library_claim_job(f->s.lib, 1000, none_held, &start, &next), 1);
    assert_true(start.id.ino != reading.ino);
    assert_int_equal(start.attempts, 1);
    job_start_clear(&start);
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
    assert_int_equal(library_claim_job(f->s.lib, 1000, held, &start, &next), 0);
    assert_int_equal(claim(f), 1);
    library_job_failed(f->s.lib, &key, &(struct error){.class = ERROR_PERMANENT, .code = "x"}, -1);
    assert_int_equal(library_retry(f->s.lib, "talk.mp3", &count), 0);
    assert_int_equal(library_claim_job(f->s.lib, 1000, held, &start, &next), 1);
    job_start_clear(&start);
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
    library_job_checkpoint(f->s.lib, &begun, "{}");
    library_job_released(f->s.lib, &begun);
    library_job_postponed(f->s.lib, &first, "", &full, now, until);

    assert_int_equal(library_held_until(f->s.lib, now, NULL), until);
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
    library_job_postponed(f->s.lib, &begun, "", &full, now, until); /* it was only published */
    assert_int_equal(claim_at(f, now, &next), -1);

    assert_int_equal(library_held_until(f->s.lib, now - 1, NULL), 0); /* the clock was set back */
    assert_int_equal(library_held_until(f->s.lib, until, NULL), 0);
    assert_int_equal(claim_at(f, until, &next), 2); /* turned away last, it is first */
    assert_int_equal(claim_at(f, until, &next), 1);
    assert_int_equal(claim_at(f, until, &next), 3);
    item = item_of(f, "first.mp3");
    assert_int_equal(item.attempts, 1); /* waiting was none */
    item_clear(&item);
}

static void what_is_withheld_waits_until_it_is_let_go(void **state)
{
    struct fixture *f = *state;
    struct digest one = digest_of(101), two = digest_of(102), *keys;
    const struct error window = {.class = ERROR_PERSON, .code = HOLD_WINDOW};
    const struct error held = {.class = ERROR_PERSON, .code = HOLD_CONFIRM};
    const struct backend_charge most = {.billed_ms = 60000, .cost_micro = 500, .currency = "CNY"};
    size_t count;
    int changed;
    add(f, "a.mp3", 11);
    content(f, 11, 1);
    add(f, "b.mp3", 12);
    content(f, 12, 2);
    add(f, "c.mp3", 13);
    content(f, 13, 3);
    assert_int_equal(claim(f), 1);
    library_job_withheld(f->s.lib, &one, &window, &most);
    assert_int_equal(claim(f), 2);
    library_job_withheld(f->s.lib, &two, &window, &most);
    assert_int_equal(library_withheld(f->s.lib).count, 0); /* nobody is asked yet */
    library_job_withheld_why(f->s.lib, &one, &held);
    library_job_withheld_why(f->s.lib, &two, &held);
    struct withheld sum = library_withheld(f->s.lib);
    assert_int_equal(sum.count, 2);
    assert_int_equal(sum.ms, 120000);
    assert_int_equal(sum.micro, 1000);
    add(f, "d.mp3", 14);
    content(f, 14, 4);
    struct item item = item_of(f, "d.mp3");
    assert_int_equal(item.position, 1); /* it passes them by */
    item_clear(&item);
    item = item_of(f, "a.mp3");
    assert_string_equal(item.error.code, HOLD_CONFIRM);
    assert_int_equal(item.most_ms, 60000);
    assert_int_equal(item.attempts, 0);
    item_clear(&item);
    assert_int_equal(claim(f), 3);
    assert_int_equal(claim(f), 4);
    assert_int_equal(claim(f), -1);
    assert_int_equal(library_withheld_at(f->s.lib, "b.mp3", &keys, &count), 0);
    assert_int_equal(count, 1);
    assert_memory_equal(&keys[0], &two, sizeof two);
    free(keys);
    assert_int_equal(library_withheld_at(f->s.lib, "", &keys, &count), 0);
    assert_int_equal(count, 2);
    free(keys);
    library_let_go(f->s.lib, &two);
    assert_int_equal(claim(f), 2);
    library_cancel(f->s.lib, "a.mp3", &changed);
    assert_int_equal(library_withheld(f->s.lib).count, 0);
    library_retry(f->s.lib, "a.mp3", &changed);
    assert_int_equal(claim(f), 1);
    library_job_withheld(f->s.lib, &one, &held, &most);
    close_library(f);
    open_library(f); /* whoever held it asks again, and is told that it was held */
    struct job_start start;
    int64_t next;
    int first;
    do {
        assert_int_equal(library_claim_job(f->s.lib, 1000, none_held, &start, &next), 1);
        first = start.digest.bytes[0];
        assert_int_equal(start.was_held, first == 1);
        job_start_clear(&start);
    } while (first != 1);
}

static bool asked_for(void *context, const struct digest *job, const struct digest *content)
{
    (void)content;
    return job->bytes[0] == *(int *)context;
}

static void more_comes_while_jobs_have_not_been_asked_for(void **state)
{
    struct fixture *f = *state;
    const struct recording_stat st = {.size = 10, .mtime_ns = 2, .ctime_ns = 2, .birth_ns = 1};
    const struct file_id id = {7, 12};
    struct digest key = digest_of(102), digest = digest_of(2);
    int nobody = 0, all = 102;
    uint64_t changes;
    add(f, "a.mp3", 11);
    content(f, 11, 1);
    assert_false(library_more_comes(f->s.lib, "", asked_for, &nobody)); /* nobody asks for those of this machine */
    add(f, "b.mp3", 12);
    free(library_path_of(f->s.lib, id, &changes));
    assert_int_equal(library_set_content(f->s.lib, id, changes, &st, &digest, &key, "dashscope", "{}"), 0);
    assert_true(library_more_comes(f->s.lib, "", asked_for, &nobody));
    assert_false(library_more_comes(f->s.lib, "", asked_for, &all));
    assert_false(library_more_comes(f->s.lib, "team", asked_for, &nobody));
    assert_int_equal(claim(f), 1);
    assert_int_equal(claim(f), 2);
    assert_true(library_more_comes(f->s.lib, "", asked_for, &nobody));
    char *folder = library_job_folder(f->s.lib, &key);
    assert_string_equal(folder, "");
    free(folder);
    library_job_progress(f->s.lib, &key, STAGE_PUBLISHING, 0, 0);
    assert_false(library_more_comes(f->s.lib, "", asked_for, &nobody));
    library_job_failed(f->s.lib, &key, &(struct error){.class = ERROR_PERMANENT, .code = "media.decode"}, -1);
    assert_null(library_job_folder(f->s.lib, &key));
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
        assert_int_equal(library_add_name(f->s.lib, &places[i], (struct file_id){7, 11 + i}, NULL, NULL), 0);
        content(f, 11 + i, 1 + i);
    }
    assert_int_equal(claim_at(f, now, &next), 1);
    library_job_postponed(f->s.lib, &first, "team", &full, now, day);
    assert_int_equal(library_held_until(f->s.lib, now, NULL), 0); /* of all */
    assert_int_equal(waits_until(f, "team/deep/second.mp3"), day);
    assert_int_equal(waits_until(f, "teams/other.mp3"), 0);
    assert_int_equal(claim_at(f, now, &next), 3);
    assert_int_equal(claim_at(f, now, &next), -1);
    assert_int_equal(next, day);

    library_job_postponed(f->s.lib, &other, "", &month, now, later); /* the longest counts */
    assert_int_equal(library_held_until(f->s.lib, now, NULL), later);
    assert_int_equal(waits_until(f, "team/deep/second.mp3"), later);
    assert_int_equal(claim_at(f, day, &next), -1);
    assert_true(library_forget_holds(f->s.lib));
    assert_false(library_forget_holds(f->s.lib));
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
    library_job_checkpoint(f->s.lib, &key, "{}");
    library_job_postponed(f->s.lib, &key, "", &(struct error){.class = ERROR_TRANSIENT, .code = "limit.day"}, now,
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
    library_remove_name(f->s.lib, inbox, "talk.mp3");
    library_job_postponed(f->s.lib, &key, "", &(struct error){.class = ERROR_TRANSIENT, .code = "limit.day"}, now,
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
        library_job_charged(f->s.lib, &key, &told[i]);
    item = item_of(f, "talk.mp3");
    assert_int_equal(item.cost.billed_ms, 5000);
    assert_int_equal(item.cost.cost_micro, 50);
    assert_int_equal(item.cost.possible_ms, 9000);
    assert_true(item.cost.possible && item.cost.estimated);
    assert_string_equal(item.cost.currency, "CNY");
    item_clear(&item);
    index_put_charge(f->s.index, &(struct index_charge){.job = key,
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(deleting_the_last_recording_cancels_the_job),
        CASE(a_failure_is_shown_and_deleting_it_retries),
        CASE(what_was_cancelled_stays_so_until_it_is_asked_for),
        CASE(a_failure_after_a_cancel_is_not_tried_again),
        CASE(a_postponed_job_waits_for_its_time),
        CASE(a_clock_that_is_set_back_keeps_no_job_waiting),
        CASE(an_interrupted_job_is_queued_again),
        CASE(a_result_stored_before_a_crash_is_used),
        CASE(a_lost_result_is_made_again),
        CASE(a_result_made_anew_is_not_lost_by_a_late_report),
        CASE(what_cannot_be_read_is_said_and_read_again_on_request),
        CASE(a_digest_of_what_changed_meanwhile_is_not_taken),
        CASE(a_job_whose_recording_changes_is_begun_again_with_another),
        CASE(a_held_backend_rests_but_for_what_somebody_asks_for),
        CASE(a_full_day_holds_what_was_not_begun),
        CASE(a_folder_holds_only_what_is_in_it),
        CASE(what_is_withheld_waits_until_it_is_let_go),
        CASE(more_comes_while_jobs_have_not_been_asked_for),
        CASE(a_restart_ends_the_wait),
        CASE(nobody_wants_what_waited_any_more),
        CASE(an_item_says_what_it_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
