/* What the settings of folders mean for jobs: what stays here, in which order, and what is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/library_store.h"

#define TOP ((struct file_id){7, 100})
static const char *const held[] = {NULL};

struct fixture {
    struct library_store s;
    int rereads;
    uint64_t reread; /* the last one */
};

static void on_reread(void *context, struct file_id id)
{
    struct fixture *f = context;
    f->rereads++;
    f->reread = id.ino;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    store_new(&f->s);
    library_set_hooks(f->s.lib, &(struct library_hooks){.reread = on_reread, .context = f});
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

static void add(struct fixture *f, const char *name, uint64_t ino)
{
    struct place place = {TOP, "", name};
    assert_int_equal(library_add_name(f->s.lib, &place, (struct file_id){7, ino}, NULL, NULL), 0);
}

/* Its content, a letter, is known; the job is for that backend. */
static int content(struct fixture *f, uint64_t ino, char letter, const char *backend)
{
    struct digest digest = {{(uint8_t)letter}}, key = {{(uint8_t)letter, (uint8_t)backend[0]}};
    uint64_t changes;
    struct file_id id = {7, ino};
    free(library_path_of(f->s.lib, id, &changes));
    return library_set_content(f->s.lib, id, changes, &(struct recording_stat){.size = 1}, &digest, &key,
                               backend, "{}");
}

static void policy(struct fixture *f, const char *name, struct name_policy p)
{
    library_set_policy(f->s.lib, TOP, name, &p);
}

/* The next job's recording and backend as "name backend", or "". */
static void assert_next(struct fixture *f, const char *what)
{
    struct job_start start;
    int64_t next;
    char said[300] = "";
    if (library_claim_job(f->s.lib, 1000, held, &start, &next) == 1) {
        snprintf(said, sizeof said, "%s %s", start.path, start.backend);
        job_start_clear(&start);
    }
    assert_string_equal(said, what);
}

static void a_local_recording_gets_no_job_elsewhere_nor_does_a_copy(void **state)
{
    struct fixture *f = *state;
    add(f, "a.mp3", 1);
    policy(f, "a.mp3", (struct name_policy){.local = true});
    assert_int_equal(content(f, 1, 'x', "cloud"), -EAGAIN);
    assert_int_equal(content(f, 1, 'x', "local"), 0);
    add(f, "copy.mp3", 2);
    assert_int_equal(content(f, 2, 'x', "cloud"), -EAGAIN);
    add(f, "other.mp3", 3);
    assert_int_equal(content(f, 3, 'y', "cloud"), 0);
    /* The one that had to stay has gone: the copy may be sent. */
    library_remove_name(f->s.lib, TOP, "a.mp3");
    assert_int_equal(content(f, 2, 'x', "cloud"), 0);
}

static void of_what_is_apart_and_its_copies_nobody_elsewhere_is_told(void **state)
{
    struct fixture *f = *state;
    add(f, "a.mp3", 1);
    add(f, "copy.mp3", 2);
    add(f, "other.mp3", 3);
    assert_int_equal(content(f, 1, 'x', "local"), 0);
    assert_int_equal(content(f, 2, 'x', "local"), 0);
    assert_int_equal(content(f, 3, 'y', "local"), 0);
    policy(f, "other.mp3", (struct name_policy){.local = true}); /* as the store says, not a folder */
    assert_false(library_is_apart(f->s.lib, "a.mp3"));
    policy(f, "a.mp3", (struct name_policy){.local = true, .apart = true});
    assert_true(library_is_apart(f->s.lib, "a.mp3"));
    assert_true(library_is_apart(f->s.lib, "copy.mp3"));
    assert_false(library_is_apart(f->s.lib, "other.mp3"));
    assert_false(library_is_apart(f->s.lib, "nowhere/a.mp3"));
}

static void a_queued_job_is_withdrawn_when_its_recording_has_to_stay(void **state)
{
    struct fixture *f = *state;
    add(f, "a.mp3", 1);
    assert_int_equal(content(f, 1, 'x', "cloud"), 0);
    policy(f, "a.mp3", (struct name_policy){.local = true});
    assert_int_equal(f->reread, 1);
    assert_next(f, "");
    assert_int_equal(content(f, 1, 'x', "local"), 0);
    assert_next(f, "a.mp3 local");
}

static void a_running_job_is_cancelled_when_a_copy_has_to_stay(void **state)
{
    struct fixture *f = *state;
    struct digest key;
    add(f, "a.mp3", 1);
    assert_int_equal(content(f, 1, 'x', "cloud"), 0);
    assert_next(f, "a.mp3 cloud");
    add(f, "b.mp3", 2);
    policy(f, "b.mp3", (struct name_policy){.local = true});
    assert_int_equal(f->rereads, 0); /* nobody knows yet what is in it */
    assert_int_equal(content(f, 2, 'x', "local"), 0);
    assert_int_equal(f->reread, 1);
    assert_true(library_next_cancelled(f->s.lib, &key));
    assert_int_equal(key.bytes[1], 'c');
    assert_int_equal(content(f, 1, 'x', "cloud"), -EAGAIN);
}

static void a_failed_job_is_not_tried_again_elsewhere(void **state)
{
    struct fixture *f = *state;
    struct error err = {.class = ERROR_PERMANENT, .code = "media.decode"};
    struct digest key = {{'x', 'c'}};
    int count;
    add(f, "a.mp3", 1);
    assert_int_equal(content(f, 1, 'x', "cloud"), 0);
    assert_next(f, "a.mp3 cloud");
    library_job_failed(f->s.lib, &key, &err, -1);
    policy(f, "a.mp3", (struct name_policy){.local = true});
    library_retry(f->s.lib, "", &count);
    assert_next(f, "");
    assert_int_equal(f->reread, 1);
}

static void a_recording_keeps_its_place_of_safety_while_it_is_renamed(void **state)
{
    struct fixture *f = *state;
    add(f, "a.mp3", 1);
    policy(f, "a.mp3", (struct name_policy){.local = true});
    assert_int_equal(content(f, 1, 'x', "local"), 0);
    assert_int_equal(library_rename(f->s.lib, &(struct place){TOP, "", "a.mp3"},
                                    &(struct place){TOP, "", "b.mp3"}, (struct file_id){7, 1}, NULL, NULL),
                     0);
    add(f, "copy.mp3", 2);
    assert_int_equal(content(f, 2, 'x', "cloud"), -EAGAIN);
}

static void higher_priority_comes_first_and_within_one_the_oldest(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a.mp3", "b.mp3", "c.mp3", "d.mp3", "e.mp3"};
    for (uint64_t i = 0; i < 5; i++) {
        add(f, names[i], i + 1);
        if (i == 1 || i == 3)
            policy(f, names[i], (struct name_policy){.priority = 5});
        assert_int_equal(content(f, i + 1, (char)('a' + i), "local"), 0);
    }
    policy(f, "e.mp3", (struct name_policy){.priority = -1});
    assert_next(f, "b.mp3 local");
    policy(f, "c.mp3", (struct name_policy){.priority = 9}); /* while it waits */
    assert_next(f, "c.mp3 local");
    assert_next(f, "d.mp3 local");
    assert_next(f, "a.mp3 local");
    assert_next(f, "e.mp3 local");
    assert_next(f, "");
}

/* Against a list that is searched: whatever is changed and taken in between, in any order. */
static void the_order_of_a_queue_holds_whatever_happens_to_it(void **state)
{
    enum { MANY = 60, CHANGES = 2000 };
    struct fixture *f = *state;
    struct {
        int priority, turn;
        bool waits;
    } model[MANY] = {0};
    char name[20], next[40];
    unsigned seed = 7;
    int turn = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%02d.mp3", i);
        add(f, name, (uint64_t)i + 1);
        assert_int_equal(content(f, (uint64_t)i + 1, (char)(i + 1), "local"), 0);
        model[i].turn = turn++;
        model[i].waits = true;
    }
    for (int n = 0; n < CHANGES + MANY; n++) {
        int i = rand_r(&seed) % MANY, priority = rand_r(&seed) % 4 * 67 - 100; /* -100, -33, 34, 101: 100 at most */
        priority = priority > PRIORITY_MOST ? PRIORITY_MOST : priority;
        if (n < CHANGES && rand_r(&seed) % 60) {
            snprintf(name, sizeof name, "%02d.mp3", i);
            policy(f, name, (struct name_policy){.priority = priority});
            if (model[i].waits && model[i].priority != priority)
                model[i].turn = turn++;
            model[i].priority = priority;
            continue;
        }
        int first = -1;
        for (int k = 0; k < MANY; k++)
            if (model[k].waits && (first < 0 || model[k].priority > model[first].priority ||
                                   (model[k].priority == model[first].priority && model[k].turn < model[first].turn)))
                first = k;
        snprintf(next, sizeof next, "%02d.mp3 local", first);
        assert_next(f, first < 0 ? "" : next);
        if (first >= 0)
            model[first].waits = false;
    }
}

static void what_is_skipped_is_not_begun_and_is_no_item(void **state)
{
    struct fixture *f = *state;
    struct item *items;
    size_t count;
    struct file_id id = {7, 1};
    struct recording_stat st = {.size = 1, .ctime_ns = 5};
    add(f, "a.mp3", 1);
    assert_int_equal(content(f, 1, 'x', "local"), 0);
    policy(f, "a.mp3", (struct name_policy){.skip = true});
    assert_true(library_is_skipped(f->s.lib, id));
    assert_next(f, "");
    assert_int_equal(library_items(f->s.lib, "", &items, &count), 0);
    assert_int_equal(count, 0);
    items_free(items, count);
    library_set_skipped(f->s.lib, id, &st);
    assert_int_equal(library_compare_content(f->s.lib, id, &st), CONTENT_CURRENT);
    assert_int_equal(f->rereads, 0);
    policy(f, "a.mp3", (struct name_policy){0});
    assert_int_equal(f->reread, 1);
    assert_int_equal(library_compare_content(f->s.lib, id, &st), CONTENT_UNREAD);
}

static void status_texts_can_be_switched_off(void **state)
{
    struct fixture *f = *state;
    struct view v;
    add(f, "a.mp3", 1);
    policy(f, "a.mp3", (struct name_policy){.no_status = true});
    assert_int_equal(content(f, 1, 'x', "local"), 0);
    assert_int_equal(library_find_view(f->s.lib, TOP, "a.transcribing.txt", false, &v), -ENOENT);
    policy(f, "a.mp3", (struct name_policy){0});
    assert_int_equal(library_find_view(f->s.lib, TOP, "a.transcribing.txt", false, &v), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_local_recording_gets_no_job_elsewhere_nor_does_a_copy),
        CASE(of_what_is_apart_and_its_copies_nobody_elsewhere_is_told),
        CASE(a_queued_job_is_withdrawn_when_its_recording_has_to_stay),
        CASE(a_running_job_is_cancelled_when_a_copy_has_to_stay),
        CASE(a_failed_job_is_not_tried_again_elsewhere),
        CASE(a_recording_keeps_its_place_of_safety_while_it_is_renamed),
        CASE(higher_priority_comes_first_and_within_one_the_oldest),
        CASE(the_order_of_a_queue_holds_whatever_happens_to_it),
        CASE(what_is_skipped_is_not_begun_and_is_no_item),
        CASE(status_texts_can_be_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
