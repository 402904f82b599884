/* Drops: what arrives together waits until it is complete, and is held when it is too much to be sent without a question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/jobs/drops.h"

#define MINUTE INT64_C(60000)
#define WINDOW 30000
#define GRACE 3000
#define JOBS 10

struct world {
    struct drops *drops;
    const char *folder[JOBS]; /* NULL: it has gone */
    bool more;
    int most[JOBS]; /* of the folder the job is in */
    char gone[JOBS + 1], held[2 * JOBS + 1]; /* the numbers of jobs, in order */
    char sums[200];
};

static struct digest digest_of(int n)
{
    return (struct digest){{(unsigned char)n}};
}

static char *folder_of(void *context, const struct digest *job)
{
    const struct world *w = context;
    const char *folder = w->folder[job->bytes[0]];
    return folder ? strdup(folder) : NULL;
}

static int64_t most_ms(void *context, const char *folder)
{
    const struct world *w = context;
    for (int n = 0; n < JOBS; n++)
        if (w->folder[n] && strcmp(w->folder[n], folder) == 0)
            return w->most[n] * MINUTE;
    return 20 * MINUTE;
}

static bool more_comes(void *context, const char *top)
{
    (void)top;
    return ((const struct world *)context)->more;
}

static void add(char *to, int n)
{
    size_t len = strlen(to);
    to[len] = (char)('0' + n);
    to[len + 1] = '\0';
}

static void on_go(void *context, const struct digest *job, const struct digest *content)
{
    assert_true(content->bytes[0] >= 100);
    add(((struct world *)context)->gone, job->bytes[0]);
}

static void on_hold(void *context, const struct digest *job)
{
    add(((struct world *)context)->held, job->bytes[0]);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const struct drops_config config = {WINDOW, GRACE, folder_of, most_ms, more_comes, on_go, on_hold, w};
    assert_int_equal(drops_new(&config, &w->drops), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    drops_free(w->drops);
    free(w);
    return 0;
}

static struct drop_question question(struct world *w, int n, const char *folder, int minutes, int most)
{
    w->folder[n] = folder;
    w->most[n] = most;
    return (struct drop_question){.job = digest_of(n),
                                  .content = digest_of(n + 100),
                                  .folder = folder,
                                  .ms = minutes * MINUTE,
                                  .micro = minutes * 1000000,
                                  .currency = "CNY",
                                  .most_ms = most * MINUTE};
}

static enum drop_answer ask(struct world *w, int n, const char *folder, int minutes, int most, int64_t now_ms)
{
    struct drop_question q = question(w, n, folder, minutes, most);
    return drops_ask(w->drops, &q, now_ms);
}

static void on_sum(void *context, const struct drop_sum *sum)
{
    struct world *w = context;
    size_t len = strlen(w->sums);
    snprintf(w->sums + len, sizeof w->sums - len, "%s:%zu:%d:%d%s;", sum->top, sum->count, (int)(sum->ms / MINUTE),
             (int)(sum->micro / 1000000), sum->hidden ? "?" : "");
}

static const char *sums(struct world *w)
{
    w->sums[0] = '\0';
    drops_each(w->drops, on_sum, w);
    return w->sums;
}

static void a_drop_is_weighed_as_a_whole(void **state)
{
    static const struct {
        struct {
            const char *folder;
            int minutes, most, at_s;
        } recordings[3];
        int until_s;
        const char *gone, *sums;
    } rows[] = {
        /* Not before it is complete, and then all. */
        {{{"a", 5, 20, 0}, {"a/b", 5, 20, 10}, {"a", 9, 20, 20}}, 49, "", ""},
        {{{"a", 5, 20, 0}, {"a/b", 5, 20, 10}, {"a", 9, 20, 20}}, 50, "012", ""},
        /* Just as much as may be sent; one minute more. */
        {{{"a", 5, 20, 0}, {"a", 5, 20, 1}, {"a", 10, 20, 2}}, 60, "012", ""},
        {{{"a", 5, 20, 0}, {"a/b", 5, 20, 1}, {"a/c/d", 11, 20, 2}}, 9999, "", "a:3:21:21;"},
        /* Other top folders are other drops, and so is the inbox itself; "ab" is not below "a". */
        {{{"a", 15, 20, 0}, {"ab", 15, 20, 1}, {"", 15, 20, 2}}, 60, "210", ""},
        /* What comes later is another drop. */
        {{{"a", 15, 20, 0}, {"a", 15, 20, 31}, {"b", 1, 20, 62}}, 62, "01", ""},
        /* No limit, no waiting; the lowest limit holds for all. */
        {{{"a/x", 99, 0, 0}, {"a", 6, 20, 0}, {"a/b", 5, 10, 0}}, 60, "", "a:2:11:11;"},
        /* The one that alone is too much. */
        {{{"a", 21, 20, 0}, {"a", 1, 20, 100}, {"b", 1, 20, 100}}, 130, "2", "a:2:22:22;"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = *state;
        for (int n = 0; n < 3; n++) {
            int64_t at_ms = rows[i].recordings[n].at_s * INT64_C(1000);
            drops_look(w->drops, at_ms);
            ask(w, n, rows[i].recordings[n].folder, rows[i].recordings[n].minutes, rows[i].recordings[n].most, at_ms);
        }
        int64_t until_ms = rows[i].until_s * INT64_C(1000), due_ms;
        while ((due_ms = drops_look(w->drops, until_ms)) && due_ms <= until_ms) {}
        assert_string_equal(w->gone, rows[i].gone);
        assert_string_equal(sums(w), rows[i].sums);
        teardown(state);
        setup(state);
    }
}

static void nothing_goes_while_more_comes(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask(w, 1, "a", 5, 9, 0), DROP_WAIT);
    assert_int_equal(drops_look(w->drops, 0), WINDOW);
    w->more = true;
    assert_int_equal(drops_look(w->drops, WINDOW), WINDOW + 1000);
    assert_int_equal(ask(w, 2, "a", 5, 9, 99999), DROP_HELD); /* it takes as long as it takes */
    w->more = false;
    assert_int_equal(drops_look(w->drops, 999999), 0);
    assert_string_equal(w->gone, "");
    assert_string_equal(w->held, "12");
    assert_int_equal(ask(w, 3, "a", 1, 9, 999999), DROP_HELD); /* it joins them */
    assert_string_equal(sums(w), "a:3:11:11;");
}

static void a_clock_that_is_set_back_does_not_keep_it_for_long(void **state)
{
    struct world *w = *state;
    ask(w, 1, "a", 5, 9, 9999999);
    assert_int_equal(drops_look(w->drops, 100), 100 + WINDOW);
    assert_int_equal(drops_look(w->drops, 100 + WINDOW), 0);
    assert_string_equal(w->gone, "1");
    assert_true(drops_empty(w->drops));
}

static void confirmed_it_goes_and_is_not_asked_for_again(void **state)
{
    struct world *w = *state;
    ask(w, 1, "a", 15, 20, 0);
    ask(w, 2, "a", 15, 20, 0);
    ask(w, 3, "b", 30, 20, 0);
    assert_true(drops_confirm(w->drops, &(struct digest){{1}}));
    assert_false(drops_confirm(w->drops, &(struct digest){{1}}));
    assert_string_equal(w->gone, "1");
    drops_look(w->drops, 999999);
    assert_string_equal(w->gone, "1"); /* the others are held all the same */
    assert_int_equal(ask(w, 1, "a", 15, 20, 999999), DROP_GO);
    struct drop_question again = question(w, 5, "c", 50, 20); /* the same content, another job */
    again.content = digest_of(101);
    assert_int_equal(drops_ask(w->drops, &again, 999999), DROP_GO);
    drops_deleted(w->drops, "a", 999999);
    assert_int_equal(drops_look(w->drops, 999999), 999999 + GRACE);
    drops_look(w->drops, 999999 + GRACE);
    assert_string_equal(w->gone, "12"); /* not b's */
    assert_string_equal(sums(w), "b:1:30:30;");
}

static void a_content_is_confirmed_for_all_its_jobs(void **state)
{
    struct world *w = *state;
    ask(w, 1, "a", 30, 20, 0);
    struct drop_question other = question(w, 2, "b", 30, 20);
    other.content = digest_of(101);
    assert_int_equal(drops_ask(w->drops, &other, 0), DROP_HELD);
    drops_confirm(w->drops, &(struct digest){{1}});
    drops_look(w->drops, 0);
    assert_string_equal(w->gone, "12");
    assert_true(drops_empty(w->drops));
}

static void what_small_drops_sent_is_not_counted_again(void **state)
{
    struct world *w = *state;
    ask(w, 1, "a", 15, 20, 0);
    drops_look(w->drops, WINDOW);
    assert_string_equal(w->gone, "1");
    assert_int_equal(ask(w, 1, "a", 15, 20, WINDOW), DROP_GO); /* it is tried again */
    assert_int_equal(ask(w, 2, "a", 15, 20, WINDOW), DROP_WAIT);
    struct digest known = digest_of(103); /* by an earlier daemon */
    drops_remember(w->drops, &known);
    assert_int_equal(ask(w, 3, "a", 15, 20, WINDOW), DROP_GO);
    assert_true(drops_knows(w->drops, &(struct digest){{2}}, &(struct digest){{9}}));
    assert_true(drops_knows(w->drops, &(struct digest){{9}}, &known));
    assert_false(drops_knows(w->drops, &(struct digest){{9}}, &(struct digest){{9}}));
}

static void who_deletes_the_folder_has_not_confirmed(void **state)
{
    struct world *w = *state;
    ask(w, 1, "a", 15, 20, 0);
    ask(w, 2, "a", 15, 20, 0);
    drops_deleted(w->drops, "a", 10);
    drops_look(w->drops, 20);
    assert_string_equal(sums(w), "a:2:30:30?;");
    w->folder[1] = NULL;
    drops_look(w->drops, 30);
    drops_look(w->drops, 999999);
    assert_string_equal(w->gone, "");
    assert_string_equal(sums(w), "a:1:15:15;"); /* held, and told again */
    drops_deleted(w->drops, "a", 999999);
    w->folder[2] = NULL;
    assert_int_equal(drops_look(w->drops, 9999999), 0);
    assert_string_equal(w->gone, "");
    assert_true(drops_empty(w->drops));
}

static void moved_away_it_is_held_where_it_is(void **state)
{
    struct world *w = *state;
    ask(w, 1, "a", 15, 20, 0);
    ask(w, 2, "a", 15, 20, 0);
    drops_deleted(w->drops, "a", 10);
    w->folder[1] = "b/c";
    drops_look(w->drops, 999999);
    assert_string_equal(w->gone, "");
    assert_string_equal(sums(w), "b:1:15:15;a:1:15:15;");
    w->folder[2] = "";
    drops_look(w->drops, 9999999);
    assert_string_equal(sums(w), ":1:15:15;b:1:15:15;");
    w->folder[1] = "d/c"; /* the folder was renamed */
    drops_look(w->drops, 9999999);
    w->folder[1] = "free"; /* where everything may go that is put there */
    w->most[1] = 0;
    drops_look(w->drops, 9999999);
    drops_look(w->drops, 9999999);
    assert_string_equal(w->gone, "");
}

static void what_arrives_after_the_text_was_deleted_is_a_drop_of_its_own(void **state)
{
    struct world *w = *state;
    ask(w, 1, "a", 30, 20, 0);
    drops_deleted(w->drops, "a", 1000);
    ask(w, 2, "a", 25, 20, 1001);
    drops_look(w->drops, 1000 + GRACE);
    assert_string_equal(w->gone, "1");
    assert_string_equal(sums(w), "a:1:25:25;");
    drops_deleted(w->drops, "a", 9000);
    ask(w, 3, "a", 5, 20, 9001);
    drops_look(w->drops, 9000 + GRACE);
    assert_string_equal(w->gone, "12");
    assert_string_equal(sums(w), "");
    drops_look(w->drops, 9001 + WINDOW);
    assert_string_equal(w->gone, "123");
}

static void held_over_a_restart_it_stays_held_whatever_is_left_of_it(void **state)
{
    struct world *w = *state;
    struct drop_question q = question(w, 1, "a", 1, 20);
    q.was_held = true;
    assert_int_equal(drops_ask(w->drops, &q, 0), DROP_HELD);
    drops_look(w->drops, 999999);
    assert_string_equal(w->gone, "");
    drops_deleted(w->drops, "a", 999999);
    drops_look(w->drops, 999999 + GRACE);
    assert_string_equal(w->gone, "1");
}

static void another_limit_weighs_anew_and_none_lets_go(void **state)
{
    struct world *w = *state;
    ask(w, 1, "a", 15, 20, 0);
    ask(w, 2, "a", 15, 20, 0);
    w->most[1] = w->most[2] = 29;
    drops_look(w->drops, WINDOW);
    assert_string_equal(sums(w), "a:2:30:30;");
    w->most[1] = w->most[2] = 30;
    drops_look(w->drops, WINDOW);
    assert_string_equal(w->gone, "12");
    ask(w, 3, "b", 40, 30, 0);
    w->most[3] = 0;
    assert_int_equal(drops_look(w->drops, 1), 0);
    assert_string_equal(w->gone, "123");
    assert_int_equal(ask(w, 4, "c", 40, 0, 0), DROP_GO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_drop_is_weighed_as_a_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_goes_while_more_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_is_set_back_does_not_keep_it_for_long, setup, teardown),
        cmocka_unit_test_setup_teardown(confirmed_it_goes_and_is_not_asked_for_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_content_is_confirmed_for_all_its_jobs, setup, teardown),
        cmocka_unit_test_setup_teardown(what_small_drops_sent_is_not_counted_again, setup, teardown),
        cmocka_unit_test_setup_teardown(who_deletes_the_folder_has_not_confirmed, setup, teardown),
        cmocka_unit_test_setup_teardown(moved_away_it_is_held_where_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(what_arrives_after_the_text_was_deleted_is_a_drop_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(held_over_a_restart_it_stays_held_whatever_is_left_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(another_limit_weighs_anew_and_none_lets_go, setup, teardown),
    };
    return cmocka_run_group_tests_name("drops", tests, NULL, NULL);
}
