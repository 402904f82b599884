/* The poller and its budget: many tasks, and answers that are none. */
#include "tests/unit/poller_tests.h"

/* ---- ten thousand tasks ---- */

static void ten_thousand_tasks_stay_inside_the_budget_and_none_starves(void **state)
{
    static const struct {
        int per_second;
        int64_t latency_ms;
    } cases[] = {{20, 200}, {20, 1500}, {100, 200}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int rate = cases[i].per_second;
        struct mallinfo2 before = mallinfo2();
        clock_t cpu = clock();
        begin(rate, false);
        watch(MOST_TASKS, 0);
        struct mallinfo2 after = mallinfo2();
        size_t each = (after.uordblks - before.uordblks) / MOST_TASKS;
        pass(3 * MOST_TASKS * SECOND / rate);
        /* A round takes as many seconds as there are tasks for each query a second, and a twentieth. */
        int64_t round = MOST_TASKS * SECOND / rate * 21 / 20 + 10 * SECOND, longest = 0;
        for (int t = 0; t < MOST_TASKS; t++) {
            int64_t gap =
                sim.now - sim.of[t].last > sim.of[t].longest ? sim.now - sim.of[t].last : sim.of[t].longest;
            longest = gap > longest ? gap : longest;
        }
        print_message(
            "%d tasks, %d queries a second: at most %d in any second, %lld s without one, %d under way; "
            "%zu bytes for each task, %.0f us of processor for each query\n",
            MOST_TASKS, rate, sim.most_a_second, (long long)(longest / SECOND), sim.most_under_way, each,
            (double)(clock() - cpu) * 1e6 / CLOCKS_PER_SEC / sim.queries);
        assert_in_range(sim.most_a_second, rate * 9 / 10, rate);
        assert_true(longest <= round);
        assert_true(sim.most_under_way <= 40);
        assert_true(each < 1024);
        /* Nothing is lost on the way. */
        sim.answer = all_end;
        pass(round + 10 * SECOND);
        assert_int_equal(ended(MOST_TASKS), MOST_TASKS);
        end();
    }
}

static void the_one_that_waits_longest_is_next(void **state)
{
    (void)state;
    begin(20, false);
    watch(1000, 0);
    pass(5 * MINUTE);
    int least = sim.of[0].asked, most = least;
    for (int t = 1; t < 1000; t++) {
        least = sim.of[t].asked < least ? sim.of[t].asked : least;
        most = sim.of[t].asked > most ? sim.of[t].asked : most;
    }
    assert_in_range(most - least, 0, 1);
    end();
}

static int turns;

static void on_turn(void *context)
{
    (void)context;
    turns++;
}

/* What else asks within the budget of queries is not kept waiting by the crowd. */
static void others_in_line_get_their_turn(void **state)
{
    (void)state;
    begin(20, false);
    watch(MOST_TASKS, MINUTE);
    pass(10 * SECOND);
    turns = 0;
    for (int i = 0; i < 10; i++)
        assert_non_null(budget_wait(budget, on_turn, NULL));
    pass(2 * SECOND);
    assert_int_equal(turns, 10);
    end();
}

static void pauses_grow_with_the_age_of_a_task(void **state)
{
    static const struct {
        const char *name;
        int64_t age_ms;
        bool slowly;
        int64_t first_ms, pause_ms;
    } cases[] = {
        {"new", 0, false, 2000, 2000},
        {"from before a restart", 10 * SECOND, false, 0, 2000},
        {"half a minute", 31 * SECOND, false, 0, 3000},
        {"two minutes", 121 * SECOND, false, 0, 5000},
        {"three hours", 180 * MINUTE, false, 0, 5000},
        {"new, and told by events", 0, true, 30000, 45000},
        {"old, and told by events", 180 * MINUTE, true, 0, 75000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(20, cases[i].slowly);
        int64_t start = sim.now;
        watch(1, cases[i].age_ms);
        pass(4 * MINUTE);
        int64_t first = sim.of[0].times[0] - start, pause = sim.of[0].times[1] - sim.of[0].times[0] - 200;
        if (labs(first - cases[i].first_ms) > 50 || labs(pause - cases[i].pause_ms) > 50)
            fail_msg("%s: first after %lld ms, then %lld", cases[i].name, (long long)first, (long long)pause);
        end();
    }
}

/* ---- answers that are none ---- */

/* What a failed query means for its task and for the others: the pause of each in milliseconds. */
static void whom_a_failed_query_concerns(void **state)
{
    static const struct {
        const char *name;
        struct reply reply;
        int times;
        int64_t own_ms[3]; /* its own pauses, beginning with the one after the first failure */
        int64_t others_ms; /* the longest time in which nobody is asked */
        bool ends;         /* it is not asked about again */
    } cases[] = {
        {"500", SAYS(500, "{\"code\":\"InternalError\"}"), 3, {2000, 2000, 4000}, 0, false},
        {"503 of a gateway", SAYS(503, "<html>"), 3, {2000, 2000, 4000}, 0, false},
        {"no connection", NO_ANSWER(HTTP_NO_CONNECTION, 1), 3, {2000, 2000, 4000}, 0, false},
        {"a connection that breaks", NO_ANSWER(HTTP_BROKEN, 100), 3, {2000, 2000, 4000}, 0, false},
        {"a timeout", NO_ANSWER(HTTP_TIMEOUT, 30000), 3, {3000, 3000, 4000}, 0, false}, /* it grows older */
        {"an answer nobody understands", SAYS(200, "<html>"), 3, {2000, 2000, 4000}, 0, false},
        {"an answer without a state", SAYS(200, "{\"output\":{}}"), 3, {2000, 2000, 4000}, 0, false},
        {"429", SAYS(429, ""), 1, {2000, 2000, 2000}, 1000, false},
        {"429, twice", SAYS(429, ""), 2, {2000, 2000, 2000}, 1000, false},
        {"throttling with another status",
         SAYS(400, "{\"code\":\"Throttling.RateQuota\"}"),
         1,
         {2000, 2000, 2000},
         1000,
         false},
        {"429 that says how long",
         {.status = 429, .latency_ms = 50, .retry_after_ms = 7000},
         1,
         {2000, 2000, 2000},
         7000,
         false},
        {"429 that asks for a day",
         {.status = 429, .latency_ms = 50, .retry_after_ms = 24 * 60 * MINUTE},
         1,
         {2000},
         10 * MINUTE,
         false},
        {"a key that is refused", SAYS(401, "{\"code\":\"InvalidApiKey\"}"), 1, {0}, 0, true},
        {"another refusal", SAYS(400, "{\"code\":\"InvalidParameter\"}"), 1, {0}, 0, true},
        {"a certificate that is not trusted", NO_ANSWER(HTTP_UNTRUSTED, 10), 1, {0}, 0, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(20, false);
        fault = cases[i].reply;
        fault_from = 2;
        fault_to = 1 + cases[i].times;
        sim.answer = first_task_fails;
        watch(10, 0);
        int64_t quiet = 0;
        for (int64_t until = sim.now + 12 * MINUTE, last = sim.now; sim.now < until;) {
            int before = sim.queries;
            pass(10);
            if (sim.queries == before)
                continue;
            int64_t without = sim.now - last;
            quiet = last > 1002500 && without > quiet ? without : quiet;
            last = sim.now;
        }
        /* Ten tasks leave a quiet time of some two to five seconds by themselves; a pause for all comes on
         * top. */
        int64_t own = 5500;
        if (quiet > own + cases[i].others_ms || quiet < cases[i].others_ms)
            fail_msg("%s: nobody was asked about for %lld ms", cases[i].name, (long long)quiet);
        if (sim.of[0].failed != cases[i].ends)
            fail_msg("%s: given up %d times", cases[i].name, sim.of[0].failed);
        for (int n = 0; n < 3 && !cases[i].ends && cases[i].own_ms[n] && !cases[i].others_ms; n++) {
            int64_t pause = sim.of[0].times[n + 2] - sim.of[0].times[n + 1] - cases[i].reply.latency_ms;
            if (n < cases[i].times && labs(pause - cases[i].own_ms[n]) > 60)
                fail_msg("%s: pause %d is %lld ms", cases[i].name, n, (long long)pause);
        }
        for (int t = 1; t < 10; t++)
            if (sim.of[t].failed)
                fail_msg("%s: another failed with it", cases[i].name);
        end();
    }
}

static struct reply one_is_poisoned(int task, int nth)
{
    (void)nth;
    return task == 0 ? SAYS(500, "") : RUNS;
}

static void one_that_always_fails_is_asked_about_once_a_minute_and_holds_nobody_up(void **state)
{
    (void)state;
    begin(20, false);
    sim.answer = one_is_poisoned;
    watch(200, 0);
    pass(10 * MINUTE);
    int failed = sim.of[0].asked;
    pass(10 * MINUTE);
    assert_in_range(sim.of[0].asked - failed, 9, 11);
    for (int t = 1; t < 200; t++)
        if (sim.of[t].longest > 13 * SECOND)
            fail_msg("task %d waited %lld ms", t, (long long)sim.of[t].longest);
    end();
}

static struct reply nobody_understands(int task, int nth)
{
    (void)nth;
    return task == 0 ? SAYS(200, "nonsense") : RUNS;
}

static struct reply the_first_recovers_in_between(int task, int nth)
{
    return task == 0 && (nth == 2 || nth == 3 || nth == 4 || nth == 6) ? SAYS(500, "") : RUNS;
}

static void an_answer_makes_earlier_failures_forgotten(void **state)
{
    (void)state;
    begin(20, false);
    sim.answer = the_first_recovers_in_between;
    watch(2, 0);
    pass(MINUTE);
    assert_in_range(sim.of[0].times[4] - sim.of[0].times[3], 4000, 4150); /* after the third failure */
    assert_in_range(sim.of[0].times[6] - sim.of[0].times[5], 2000, 2150); /* the first again */
    end();
}

static void nonsense_is_listened_to_ten_times(void **state)
{
    (void)state;
    begin(20, false);
    sim.answer = nobody_understands;
    watch(2, 0);
    pass(15 * MINUTE);
    assert_int_equal(sim.of[0].failed, 1);
    assert_int_equal(sim.of[0].asked, 10);
    assert_int_equal(sim.of[1].failed, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_tasks_stay_inside_the_budget_and_none_starves),
        cmocka_unit_test(the_one_that_waits_longest_is_next),
        cmocka_unit_test(others_in_line_get_their_turn),
        cmocka_unit_test(pauses_grow_with_the_age_of_a_task),
        cmocka_unit_test(whom_a_failed_query_concerns),
        cmocka_unit_test(one_that_always_fails_is_asked_about_once_a_minute_and_holds_nobody_up),
        cmocka_unit_test(an_answer_makes_earlier_failures_forgotten),
        cmocka_unit_test(nonsense_is_listened_to_ten_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
