/* The poller while the service is away, or answers now and then only. */
#include "tests/unit/poller_tests.h"

/* ---- outages ---- */

/* Letters are askers that fail, capitals those that ask for all; '.' is an answer. */
static void an_outage_is_several_different_failures_in_succession(void **state)
{
    static const struct {
        const char *name, *events;
        bool on;
        int64_t pause_ms;
        int paused; /* how often all had to pause */
    } cases[] = {
        {"nothing yet", "", false, 0, 0},
        {"one", "a", false, 0, 0},
        {"one again and again", "aaaaaaaaaaaa", false, 0, 0},
        {"four", "abcd", false, 0, 0},
        {"two in turn", "abababababab", false, 0, 0},
        {"five", "abcde", true, 1000, 1},
        {"five with an answer between them", "abcd.e", false, 0, 0},
        {"the same five after an answer", "abcd.abcd", false, 0, 0},
        {"the same five, all after an answer", "abcd.abcde", true, 1000, 1},
        {"those that were under way", "abcdefghijk", true, 1000, 1},
        {"a probe fails", "abcdeA", true, 2000, 2},
        {"probes fail", "abcdeABC", true, 8000, 4},
        {"probes fail for long", "abcdeABCDEFGHIJKLM", true, 60000, 14},
        {"a probe is answered", "abcdeAB.", false, 0, 3},
        {"another outage begins anew", "abcdeAB.abcde", true, 1000, 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outage o = {0};
        struct outage_asker askers[26] = {{0}};
        int paused = 0;
        for (const char *c = cases[i].events; *c; c++) {
            if (*c == '.')
                outage_answered(&o);
            else
                paused += outage_failed(&o, &askers[(*c | 0x20) - 'a'], *c < 'a');
        }
        if (outage_is_on(&o) != cases[i].on || outage_pause_ms(&o) != cases[i].pause_ms ||
            paused != cases[i].paused)
            fail_msg("%s: %d, %lld ms, %d pauses", cases[i].name, outage_is_on(&o),
                     (long long)outage_pause_ms(&o), paused);
    }
}

static int64_t down_from, down_to;
static struct reply down;

static struct reply away_for_a_while(int task, int nth)
{
    (void)task, (void)nth;
    return sim.now >= down_from && sim.now < down_to ? down : RUNS;
}

static void while_the_service_is_away_one_asks_for_all(void **state)
{
    static const struct {
        const char *name;
        struct reply down;
        int tasks, minutes;
        int most; /* queries during the outage */
    } cases[] = {
        {"it refuses connections", NO_ANSWER(HTTP_NO_CONNECTION, 1), 10000, 10, 30},
        {"it does not answer", NO_ANSWER(HTTP_TIMEOUT, 30000), 10000, 10, 60},
        {"its gateway says 502", SAYS(502, "<html>"), 10000, 10, 30},
        {"a portal answers for it", SAYS(200, "<html>"), 10000, 10, 30},
        {"ten hours", NO_ANSWER(HTTP_NO_CONNECTION, 1), 10000, 600, 620},
        {"a few tasks", SAYS(503, ""), 5, 10, 60},
        {"a single task", SAYS(503, ""), 1, 10, 20},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(20, false);
        watch(cases[i].tasks, 0);
        pass(MINUTE);
        down = cases[i].down;
        down_from = sim.now;
        down_to = sim.now + cases[i].minutes * MINUTE;
        sim.answer = away_for_a_while;
        int before = sim.queries;
        pass(cases[i].minutes * MINUTE);
        if (sim.queries - before > cases[i].most || sim.queries - before < cases[i].minutes)
            fail_msg("%s: %d queries", cases[i].name, sim.queries - before);
        /* It is back: within a minute (and what the last one waits for) somebody notices, and the others
         * follow. */
        pass(MINUTE + 35 * SECOND);
        sim.answer = all_end;
        pass(cases[i].tasks * SECOND / 20 * 21 / 20 + MINUTE + 10 * SECOND);
        if (ended(cases[i].tasks) != cases[i].tasks)
            fail_msg("%s: %d of %d ended", cases[i].name, ended(cases[i].tasks), cases[i].tasks);
        end();
    }
}

static struct reply one_in_ten_fails(int task, int nth)
{
    return (task * 7 + nth * 13) % 10 == 0 ? SAYS(500, "") : RUNS;
}

static void a_service_that_fails_now_and_then_is_not_taken_for_one_that_is_away(void **state)
{
    (void)state;
    begin(20, false);
    sim.answer = one_in_ten_fails;
    watch(1000, 0);
    pass(10 * MINUTE);
    /* Ten minutes of nearly 20 a second: nobody paused for the others. */
    assert_in_range(sim.queries, 11000, 12000);
    end();
}

static void tasks_may_leave_at_any_moment(void **state)
{
    (void)state;
    for (int64_t moment = 0; moment < 20 * SECOND; moment += 130) {
        begin(20, false);
        down = SAYS(503, "");
        down_from = sim.now + 6 * SECOND;
        down_to = sim.now + 12 * SECOND;
        sim.answer = away_for_a_while;
        watch(30, 0);
        pass(moment);
        for (int t = 0; t < 30; t += 2) {
            poller_drop(watched[t]);
            assert_false(poller_watches(poller, t == 0 ? "t0" : "t2"));
        }
        sim.answer = all_end;
        pass(2 * MINUTE);
        assert_int_equal(ended(30), 15);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outage_is_several_different_failures_in_succession),
        cmocka_unit_test(while_the_service_is_away_one_asks_for_all),
        cmocka_unit_test(a_service_that_fails_now_and_then_is_not_taken_for_one_that_is_away),
        cmocka_unit_test(tasks_may_leave_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
