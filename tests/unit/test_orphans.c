/* What abandoned jobs have left elsewhere: kept by the library until a backend has taken it back, over
 * restarts, whatever the backend says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "backend/base/loop.h"
#include "fs/jobs/discards.h"
#include "tests/unit/library_store.h"

struct fixture {
    struct library_store s;
    int work;
};

static const struct file_id inbox = {7, 2};
static const char *const none_held[] = {NULL};

static void on_work(void *context)
{
    ((struct fixture *)context)->work++;
}

static void wire(struct fixture *f)
{
    library_set_hooks(f->s.lib, &(struct library_hooks){.work = on_work, .context = f});
}

static void open_library(struct fixture *f)
{
    store_open_library(&f->s);
    wire(f);
}

static void close_library(struct fixture *f)
{
    store_close_library(&f->s);
}

static void reopen(struct fixture *f)
{
    close_library(f);
    open_library(f);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    store_new(&f->s);
    wire(f);
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

static struct digest digest_of(int content)
{
    struct digest d = {{0}};
    d.bytes[0] = (uint8_t)content;
    d.bytes[31] = 1;
    return d;
}

static void add(struct fixture *f, const char *name, uint64_t ino, int what)
{
    struct digest d = digest_of(what), key = digest_of(what + 100);
    struct place p = {inbox, "", name};
    struct file_id id = {7, ino};
    struct recording_stat st = {.size = 10, .mtime_ns = what, .ctime_ns = what, .birth_ns = 1};
    uint64_t changes;
    assert_int_equal(library_add_name(f->s.lib, &p, id, NULL, NULL), 0);
    free(library_path_of(f->s.lib, id, &changes));
    assert_int_equal(library_set_content(f->s.lib, id, changes, &st, &d, &key, "cloud", "{}"), 0);
}

static void begin(struct fixture *f, const char *checkpoint)
{
    struct job_start start;
    int64_t next;
    assert_int_equal(library_claim_job(f->s.lib, 1000, none_held, &start, &next), 1);
    if (checkpoint)
        library_job_checkpoint(f->s.lib, &start.key, checkpoint);
    job_start_clear(&start);
}

static void cancelled(struct fixture *f)
{
    struct digest key;
    while (library_next_cancelled(f->s.lib, &key))
        ;
}

/* What is left and due, in order, with a space behind each; claimed by this. */
static const char *orphans(struct fixture *f)
{
    static char text[1000];
    struct orphan_start start;
    int64_t next;
    text[0] = '\0';
    while (library_claim_orphan(f->s.lib, 1000, &start, &next) == 1) {
        assert_string_equal(start.backend, "cloud");
        strcat(text, start.checkpoint);
        strcat(text, " ");
        orphan_start_clear(&start);
    }
    return text;
}

/* ---- the library ---- */

enum step { END, ADD, BEGIN, CHECKPOINT, REMOVE, CANCEL, DONE, LATER, FAIL, RELEASE, CHANGE, AGAIN, RESTART };

static void take(struct fixture *f, enum step step)
{
    struct digest key = digest_of(101);
    struct error err = {.class = ERROR_TRANSIENT, .code = "x"};
    switch (step) {
    case ADD:
        add(f, "talk.wav", 11, 1);
        break;
    case AGAIN:
        add(f, "again.wav", 12, 1);
        break;
    case BEGIN:
        begin(f, NULL);
        break;
    case CHECKPOINT:
        begin(f, "cp");
        break;
    case REMOVE:
        library_remove_name(f->s.lib, inbox, "talk.wav");
        break;
    case CANCEL:
        cancelled(f);
        break;
    case DONE: {
        struct result_writer *w;
        assert_int_equal(results_begin(f->s.results, &key, &w), 0);
        static const char transcript[] = "{\"schema\":\"scribefs-transcript/1\",\"sentences\":[]}";
        assert_int_equal(result_add(w, "transcript.json", transcript, sizeof transcript - 1), 0);
        assert_int_equal(result_commit(w), 0);
        library_job_done(f->s.lib, &key, 1000);
        break;
    }
    case LATER:
        library_job_failed(f->s.lib, &key, &err, 500);
        break;
    case FAIL:
        library_job_failed(f->s.lib, &key, &err, -1);
        break;
    case RELEASE:
        library_job_released(f->s.lib, &key);
        break;
    case CHANGE:
        library_invalidate_content(f->s.lib, (struct file_id){7, 11});
        break;
    case RESTART:
        reopen(f);
        break;
    case END:
        break;
    }
}

static void what_a_checkpoint_names_outlives_its_job(void **state)
{
    static const struct {
        const char *name;
        enum step steps[8];
        const char *left;
    } cases[] = {
        {"never begun", {ADD, REMOVE}, ""},
        {"begun, and nothing left anywhere yet", {ADD, BEGIN, REMOVE, CANCEL}, ""},
        {"at work", {ADD, CHECKPOINT}, ""},
        {"deleted at work", {ADD, CHECKPOINT, REMOVE, CANCEL}, "cp "},
        {"changed at work", {ADD, CHECKPOINT, CHANGE, CANCEL}, "cp "},
        {"deleted while it waits to be tried again", {ADD, CHECKPOINT, LATER, REMOVE}, "cp "},
        {"deleted while it waits for room", {ADD, CHECKPOINT, RELEASE, REMOVE}, "cp "},
        {"deleted, and then it fails", {ADD, CHECKPOINT, REMOVE, LATER}, "cp "},
        {"deleted, and then it is released", {ADD, CHECKPOINT, REMOVE, RELEASE}, "cp "},
        {"done", {ADD, CHECKPOINT, DONE, REMOVE}, ""},
        {"failed for good", {ADD, CHECKPOINT, FAIL, REMOVE}, ""},
        {"deleted after a crash", {ADD, CHECKPOINT, RESTART, REMOVE}, "cp "},
        {"a crash after it was deleted", {ADD, CHECKPOINT, REMOVE, CANCEL, RESTART}, "cp "},
        {"a crash before the runner heard of it", {ADD, CHECKPOINT, REMOVE, RESTART}, "cp "},
        {"three crashes", {ADD, CHECKPOINT, REMOVE, RESTART, RESTART, RESTART}, "cp "},
        {"deleted, but another has the same content", {ADD, AGAIN, CHECKPOINT, REMOVE, CANCEL}, ""},
        {"the same content came back", {ADD, CHECKPOINT, REMOVE, CANCEL, AGAIN, RESTART}, "cp "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = *state;
        for (int n = 0; n < 8 && cases[i].steps[n]; n++)
            take(f, cases[i].steps[n]);
        const char *left = orphans(f);
        if (strcmp(left, cases[i].left) != 0)
            fail_msg("%s: left \"%s\"", cases[i].name, left);
        teardown(state);
        setup(state);
    }
}

static void the_same_content_gets_a_job_that_knows_nothing_of_it(void **state)
{
    struct fixture *f = *state;
    struct job_start start;
    int64_t next;
    take(f, ADD);
    take(f, CHECKPOINT);
    take(f, REMOVE);
    take(f, CANCEL);
    take(f, AGAIN);
    assert_int_equal(library_claim_job(f->s.lib, 1000, none_held, &start, &next), 1);
    assert_null(start.checkpoint);
    assert_int_equal(start.attempts, 1);
    job_start_clear(&start);
    library_job_checkpoint(f->s.lib, &(struct digest){{101, [31] = 1}}, "another");
    assert_string_equal(orphans(f), "cp ");
    reopen(f);
    assert_string_equal(orphans(f), "cp ");
    assert_int_equal(library_claim_job(f->s.lib, 1000, none_held, &start, &next), 1);
    assert_string_equal(start.checkpoint, "another");
    job_start_clear(&start);
}

static void one_is_handed_out_once_until_it_is_gone(void **state)
{
    struct fixture *f = *state;
    struct orphan_start start;
    int64_t next = 7;
    library_leave(f->s.lib, "cloud", "one");
    library_leave(f->s.lib, "cloud", "one"); /* the very same */
    library_leave(f->s.lib, "cloud", "two");
    assert_int_equal(f->work, 2);
    assert_int_equal(library_claim_orphan(f->s.lib, 1000, &start, &next), 1);
    assert_string_equal(start.checkpoint, "one");
    assert_int_equal(start.attempts, 1);
    assert_true(start.created_ms > 0);
    assert_string_equal(orphans(f), "two ");
    library_orphan_again(f->s.lib, &start.key, 5000);
    orphan_start_clear(&start);
    assert_int_equal(library_claim_orphan(f->s.lib, 1000, &start, &next), 0);
    assert_int_equal(next, 5000);
    assert_int_equal(library_claim_orphan(f->s.lib, 5000, &start, &next), 1);
    assert_int_equal(start.attempts, 2);
    library_orphan_gone(f->s.lib, &start.key);
    library_orphan_gone(f->s.lib, &start.key);
    orphan_start_clear(&start);
    reopen(f);
    assert_string_equal(orphans(f), "two ");
}

/* ---- having it taken back ---- */

struct fake {
    struct backend backend; /* first */
    struct error answer;
    int asked;
    bool refuses;
    char checkpoint[100];
};

struct answer {
    struct fake *fake;
    void (*done)(void *context, const struct error *error);
    void *context;
};

static struct loop *loop;

static void answer_now(void *arg)
{
    struct answer a = *(struct answer *)arg;
    free(arg);
    a.done(a.context, &a.fake->answer);
}

static int fake_discard(struct backend *backend, const char *checkpoint,
                        void (*done)(void *context, const struct error *error), void *context)
{
    struct fake *fake = (struct fake *)backend;
    fake->asked++;
    snprintf(fake->checkpoint, sizeof fake->checkpoint, "%s", checkpoint);
    if (fake->refuses)
        return -12;
    struct answer *a = malloc(sizeof *a);
    *a = (struct answer){fake, done, context};
    return loop_post(loop, answer_now, a);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void quiet(int priority, const char *format, ...)
{
    (void)priority, (void)format;
}

static void it_is_tried_until_nothing_is_left(void **state)
{
    static const struct backend_operations able = {.discard = fake_discard}, unable = {.discard = NULL};
    static const struct {
        const char *name, *backend;
        const struct backend_operations *operations;
        enum error_class answer;
        bool refuses, old;
        int asked;
        bool stays;    /* after a restart */
        int64_t again; /* 0: not before a restart; 1: in some seconds */
    } cases[] = {
        {"it works", "cloud", &able, ERROR_NONE, false, false, 1, false, 0},
        {"the network is down", "cloud", &able, ERROR_TRANSIENT, false, false, 1, true, 1},
        {"somebody has to do something", "cloud", &able, ERROR_PERSON, false, false, 1, true, 0},
        {"it never works", "cloud", &able, ERROR_PERMANENT, false, false, 1, true, 0},
        {"out of memory", "cloud", &able, ERROR_NONE, true, false, 1, true, 0},
        {"a backend that leaves nothing", "cloud", &unable, ERROR_NONE, false, false, 0, false, 0},
        {"a backend that is not set up", "another", &able, ERROR_NONE, false, false, 0, true, 0},
        {"it has not worked for a month", "cloud", &able, ERROR_PERSON, false, true, 1, false, 0},
        {"it works after a month", "cloud", &able, ERROR_NONE, false, true, 1, false, 0},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake fake = {.backend = {cases[i].backend, cases[i].operations},
                            .answer = {.class = cases[i].answer, .code = "x"},
                            .refuses = cases[i].refuses};
        struct backend *backends[] = {&fake.backend};
        struct discards *discards;
        struct orphan_start start;
        int64_t next = 0, now = (int64_t)time(NULL) * 1000;
        library_leave(f->s.lib, "cloud", cases[i].name);
        if (cases[i].old) {
            assert_int_equal(library_claim_orphan(f->s.lib, now, &start, &next), 1);
            index_put_job(f->s.index, &(struct index_job){.key = start.key,
                                                        .settings = "",
                                                        .backend = "cloud",
                                                        .state = JOB_QUEUED,
                                                        .checkpoint = cases[i].name,
                                                        .created_ms = now - INT64_C(31) * 24 * 3600000});
            orphan_start_clear(&start);
            reopen(f);
        }
        assert_int_equal(loop_new(&loop), 0);
        assert_int_equal(
            discards_new(
                &(struct discards_config){
                    .library = f->s.lib, .loop = loop, .backends = backends, .backend_count = 1, .log = quiet},
                &discards),
            0);
        discards_look(discards);
        loop_post(loop, stop, loop);
        loop_run(loop);
        int claimed = library_claim_orphan(f->s.lib, now, &start, &next);
        bool soon = next > now && next < now + 60000;
        if (claimed != 0 || fake.asked != cases[i].asked || soon != (cases[i].again == 1))
            fail_msg("%s: asked %d times, claimed %d, next in %lld ms", cases[i].name, fake.asked, claimed,
                     (long long)(next - now));
        if (fake.asked)
            assert_string_equal(fake.checkpoint, cases[i].name);
        discards_free(discards);
        loop_free(loop);
        reopen(f);
        claimed = library_claim_orphan(f->s.lib, now, &start, &next);
        if (claimed != cases[i].stays)
            fail_msg("%s: %s after a restart", cases[i].name, claimed ? "still there" : "gone");
        if (claimed) {
            library_orphan_gone(f->s.lib, &start.key);
            orphan_start_clear(&start);
        }
    }
}

static void a_few_at_a_time(void **state)
{
    static const struct backend_operations able = {.discard = fake_discard};
    struct fixture *f = *state;
    struct fake fake = {.backend = {"cloud", &able}};
    struct backend *backends[] = {&fake.backend};
    struct discards *discards;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(
        discards_new(
            &(struct discards_config){
                .library = f->s.lib, .loop = loop, .backends = backends, .backend_count = 1, .log = quiet},
            &discards),
        0);
    for (int i = 0; i < 50; i++) {
        char checkpoint[20];
        snprintf(checkpoint, sizeof checkpoint, "cp-%d", i);
        library_leave(f->s.lib, "cloud", checkpoint);
    }
    discards_look(discards);
    assert_in_range(fake.asked, 1, 8);
    while (fake.asked < 50) {
        loop_post(loop, stop, loop);
        loop_run(loop);
    }
    loop_post(loop, stop, loop);
    loop_run(loop);
    discards_stop(discards);
    library_leave(f->s.lib, "cloud", "late");
    discards_look(discards);
    assert_int_equal(fake.asked, 50);
    assert_string_equal(orphans(f), "late ");
    discards_free(discards);
    loop_free(loop);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_a_checkpoint_names_outlives_its_job),
        CASE(the_same_content_gets_a_job_that_knows_nothing_of_it),
        CASE(one_is_handed_out_once_until_it_is_gone),
        CASE(it_is_tried_until_nothing_is_left),
        CASE(a_few_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
