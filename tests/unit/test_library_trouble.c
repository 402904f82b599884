/* The library when something goes wrong, and without an announcer: no view and no event is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/base/cleanup.h"
#include "cache/render/formats.h"
#include "cache/render/look.h"
#include "tests/unit/library_store.h"

struct fixture {
    struct library_store s;
    int told_done, told_failed; /* atomic */
    int shown;                  /* the results that search should have */
};

static const struct file_id inbox = {7, 2};

/* Called once, in the place of the next fsync() of this thread: 0, or the errno it then fails with. */
static _Thread_local int (*instead_of_fsync)(struct fixture *f);
static _Thread_local struct fixture *for_fsync;

int fsync(int fd)
{
    int (*fn)(struct fixture *f) = instead_of_fsync;
    if (!fn)
        return (int)syscall(SYS_fsync, fd);
    instead_of_fsync = NULL;
    errno = fn(for_fsync);
    return errno ? -1 : 0;
}

static void on_told(void *context, const struct item *item)
{
    struct fixture *f = context;
    __atomic_add_fetch(item->state == ITEM_FAILED ? &f->told_failed : &f->told_done, 1, __ATOMIC_SEQ_CST);
}

static void on_result(void *context, const struct digest *job, bool shown)
{
    (void)job;
    ((struct fixture *)context)->shown += shown ? 1 : -1;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    store_new(&f->s);
    library_set_hooks(f->s.lib, &(struct library_hooks){.told = on_told, .result = on_result, .context = f});
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

static struct digest key_of(int what)
{
    return (struct digest){{(uint8_t)(what + 100)}};
}

static void add(struct fixture *f, const char *name, int what)
{
    struct place p = {inbox, "", name};
    struct file_id id = {7, 10 + (uint64_t)what};
    struct digest d = {{(uint8_t)what}}, key = key_of(what);
    struct recording_stat st = {.size = 10, .mtime_ns = 1, .ctime_ns = 1, .birth_ns = 1};
    uint64_t changes;
    assert_int_equal(library_add_name(f->s.lib, &p, id, NULL, NULL), 0);
    free(library_path_of(f->s.lib, id, &changes));
    assert_int_equal(library_set_content(f->s.lib, id, changes, &st, &d, &key, "local", "{}"), 0);
}

static void claim(struct fixture *f)
{
    struct job_start start;
    int64_t next;
    assert_int_equal(library_claim_job(f->s.lib, 1000, (const char *const[]){NULL}, &start, &next), 1);
    job_start_clear(&start);
}

static void put_words(struct fixture *f, const struct digest *key, const char *words)
{
    char transcript[300];
    struct result_writer *w;
    snprintf(transcript, sizeof transcript,
             "{\"schema\":\"scribefs-transcript/1\",\"sentences\":["
             "{\"begin_ms\":0,\"end_ms\":900,\"channel\":0,\"text\":\"%s\"}]}",
             words);
    assert_int_equal(results_begin(f->s.results, key, &w), 0);
    assert_int_equal(result_add(w, "transcript.json", transcript, strlen(transcript)), 0);
    assert_int_equal(result_commit(w), 0);
}

static void put_result(struct fixture *f, const struct digest *key)
{
    put_words(f, key, "hello");
}

static void transcribe(struct fixture *f, const char *name, int what)
{
    struct digest key = key_of(what);
    add(f, name, what);
    claim(f);
    put_result(f, &key);
    library_job_done(f->s.lib, &key, 1000);
}

static bool visible(struct fixture *f, const char *name)
{
    struct view view;
    return library_find_view(f->s.lib, inbox, name, false, &view) == 0;
}

static void render_all(struct fixture *f)
{
    int rc;
    do
        rc = library_render(f->s.lib);
    while (rc > 0);
    assert_int_equal(rc, 0);
}

/* ---- tests ---- */

/* Everything is looked at again, and the other one is to look another way. */
static int ask_for_all_again(struct fixture *f)
{
    struct render_look look = {.listed = 1u << FORMAT_MD};
    assert_int_equal(library_set_status_files(f->s.lib, "", STATUS_FILES_SHOWN), 0);
    assert_int_equal(library_set_look(f->s.lib, inbox, "other.wav", &look), 0);
    return ENOSPC;
}

static void a_view_that_cannot_be_made_takes_no_other_out_of_the_queue(void **state)
{
    struct fixture *f = *state;
    transcribe(f, "other.wav", 1);
    render_all(f);
    assert_true(visible(f, "other.txt"));
    transcribe(f, "talk.wav", 2);
    for_fsync = f;
    instead_of_fsync = ask_for_all_again;
    assert_int_equal(library_render(f->s.lib), -ENOSPC);
    assert_null(instead_of_fsync);
    render_all(f);
    assert_true(visible(f, "talk.txt"));
    assert_true(visible(f, "other.md"));
}

static int remove_the_cache(struct fixture *f)
{
    scratch_remove(strdup(f->s.views_path));
    return 0;
}

static void a_cache_that_is_removed_while_a_view_is_made_costs_no_view(void **state)
{
    struct fixture *f = *state;
    transcribe(f, "talk.wav", 1);
    for_fsync = f;
    instead_of_fsync = remove_the_cache;
    render_all(f);
    assert_null(instead_of_fsync);
    assert_true(visible(f, "talk.txt"));
    assert_true(visible(f, "talk.srt"));
    assert_true(visible(f, "talk.json"));
}

static void *announce(void *arg)
{
    struct fixture *f = arg;
    struct announcement a;
    while (library_next_announcement(f->s.lib, &a))
        free(a.path);
    return NULL;
}

static void without_an_announcer_every_outcome_is_told(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    struct error err = {.class = ERROR_PERMANENT, .code = "media.decode"};
    struct digest key = key_of(1);
    library_set_announcing(f->s.lib, false);
    add(f, "talk.wav", 1);
    claim(f);
    assert_true(visible(f, "talk.transcribing.txt"));
    library_job_failed(f->s.lib, &key, &err, -1);
    assert_true(visible(f, "talk.FAILED.txt"));
    assert_int_equal(pthread_create(&thread, NULL, announce, f), 0);
    for (int i = 0; i < 2000 && !__atomic_load_n(&f->told_failed, __ATOMIC_SEQ_CST); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    library_stop_announcing(f->s.lib);
    pthread_join(thread, NULL);
    assert_int_equal(f->told_failed, 1);
}

/* The result of job 1 is damaged, and that is noticed. */
static void lose(struct fixture *f)
{
    char hex[DIGEST_HEX], path[100];
    struct digest key = key_of(1);
    struct view view;
    digest_hex(&key, hex);
    snprintf(path, sizeof path, "%.2s/%s/transcript.json", hex, hex);
    cleanup_free char *file = scratch_join(f->s.results_path, path);
    assert_int_equal(truncate(file, 3), 0);
    assert_int_equal(library_find_unlisted(f->s.lib, inbox, "talk.md", &view), -ENOENT);
}

static void a_view_on_its_way_out_does_not_come_back_with_what_was_lost(void **state)
{
    struct fixture *f = *state;
    struct digest key = key_of(1);
    struct view before, after;
    transcribe(f, "talk.wav", 1);
    library_set_announcing(f->s.lib, true);
    render_all(f);
    assert_int_equal(library_confirm_view(f->s.lib, inbox, "talk.srt", &before), 0);
    lose(f);
    assert_false(visible(f, "talk.srt")); /* and nobody has announced that yet */
    claim(f);
    put_words(f, &key, "other words");
    library_job_done(f->s.lib, &key, 1000);
    render_all(f);
    assert_int_equal(library_find_view(f->s.lib, inbox, "talk.srt", false, &after), 0);
    assert_int_equal(after.size, before.size + (off_t)strlen("other words") - (off_t)strlen("hello"));
}

static void a_result_that_is_lost_is_not_searched(void **state)
{
    struct fixture *f = *state;
    transcribe(f, "talk.wav", 1);
    render_all(f);
    assert_int_equal(f->shown, 1);
    lose(f);
    assert_int_equal(f->shown, 0);
    library_remove_name(f->s.lib, inbox, "talk.wav");
    assert_int_equal(f->shown, 0);
}

static void a_result_that_is_ready_for_a_rerun_is_searched(void **state)
{
    struct fixture *f = *state;
    struct digest content = {{1}}, key = key_of(50);
    transcribe(f, "talk.wav", 1);
    put_result(f, &key);
    assert_int_equal(library_rerun(f->s.lib, "talk.wav", &content, &key, "local", "{\"model\":\"other\"}"), 1);
    assert_int_equal(f->shown, 1); /* that one, and no longer the first */
    library_remove_name(f->s.lib, inbox, "talk.wav");
    assert_int_equal(f->shown, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        CASE(a_view_that_cannot_be_made_takes_no_other_out_of_the_queue),
        CASE(a_cache_that_is_removed_while_a_view_is_made_costs_no_view),
        CASE(without_an_announcer_every_outcome_is_told),
        CASE(a_view_on_its_way_out_does_not_come_back_with_what_was_lost),
        CASE(a_result_that_is_lost_is_not_searched),
        CASE(a_result_that_is_ready_for_a_rerun_is_searched),
    };
    return cmocka_run_group_tests_name("library_trouble", tests, NULL, NULL);
}
