/* The poller, its budget and its idea of an outage, in a time that is only counted: loop and HTTP are played
 * here, so that hours pass in a moment and every second can be checked. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backend/base/loop.h"
#include "backend/dashscope/budget.h"
#include "backend/dashscope/outage.h"
#include "backend/dashscope/parse.h"
#include "backend/dashscope/poller.h"
#include "backend/dashscope/service.h"
#include "backend/http.h"

/* ---- time, timers and requests, in place of backend/base/loop.c and backend/http.c ---- */

enum { MOST_REQUESTS = 64, MOST_TASKS = 10000 };
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)

struct loop_timer {
    void (*fn)(void *arg);
    void *arg;
    int64_t at; /* negative: unarmed */
    struct loop_timer *next;
};

struct http_request {
    struct http_call call;
    int task;
    int64_t at;
};

/* What the service says to a query about a task. */
struct reply {
    enum http_end end;
    int status;
    const char *body;
    int64_t latency_ms, retry_after_ms;
};

static struct {
    int64_t now;
    struct loop_timer *timers;
    struct http_request *requests[MOST_REQUESTS];
    int under_way, most_under_way;
    struct reply (*answer)(int task, int nth);

    int queries;
    int64_t recent[101]; /* times of the latest queries, a ring */
    int most_a_second;
    struct {
        int asked, ended, failed;
        int64_t last, longest; /* query; between two */
        int64_t times[16];
    } of[MOST_TASKS];
} sim;

int64_t loop_now_ms(void)
{
    return sim.now;
}

struct loop_timer *loop_timer(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *timer = calloc(1, sizeof *timer);
    (void)loop;
    *timer = (struct loop_timer){fn, arg, -1, sim.timers};
    sim.timers = timer;
    return timer;
}

void loop_timer_after(struct loop_timer *timer, int64_t ms)
{
    timer->at = sim.now + ms;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->at = -1;
}

void loop_timer_free(struct loop_timer *timer)
{
    for (struct loop_timer **at = &sim.timers; *at; at = &(*at)->next)
        if (*at == timer) {
            *at = timer->next;
            free(timer);
            return;
        }
}

static void count_query(int task)
{
    int n = sim.queries++, in_a_second = 0;
    enum { RING = sizeof sim.recent / sizeof *sim.recent };
    sim.recent[n % RING] = sim.now;
    for (int i = n; i >= 0 && i > n - RING && sim.recent[i % RING] > sim.now - SECOND; i--)
        in_a_second++;
    if (in_a_second > sim.most_a_second)
        sim.most_a_second = in_a_second;
    int64_t gap = sim.now - sim.of[task].last;
    if (gap > sim.of[task].longest)
        sim.of[task].longest = gap;
    sim.of[task].last = sim.now;
    if (sim.of[task].asked < 16)
        sim.of[task].times[sim.of[task].asked] = sim.now;
    sim.of[task].asked++;
}

struct http_request *http_start(struct http *http, const struct http_call *call, struct error *err)
{
    (void)http, (void)err;
    struct http_request *request = calloc(1, sizeof *request);
    request->call = *call;
    request->task = atoi(strstr(call->url, "/tasks/t") + strlen("/tasks/t"));
    count_query(request->task);
    request->at = sim.now + sim.answer(request->task, sim.of[request->task].asked).latency_ms;
    assert_true(sim.under_way < MOST_REQUESTS);
    sim.requests[sim.under_way++] = request;
    if (sim.under_way > sim.most_under_way)
        sim.most_under_way = sim.under_way;
    return request;
}

static void forget(struct http_request *request)
{
    for (int i = 0; i < sim.under_way; i++)
        if (sim.requests[i] == request)
            sim.requests[i] = sim.requests[--sim.under_way];
    free(request);
}

void http_cancel(struct http_request *request)
{
    if (request)
        forget(request);
}

const char *http_header(const struct http_response *response, const char *name)
{
    (void)response, (void)name;
    return NULL;
}

static void finish(struct http_request *request)
{
    struct http_call call = request->call;
    struct reply reply = sim.answer(request->task, sim.of[request->task].asked);
    const char *body = reply.body ? reply.body : "";
    forget(request);
    call.done(call.context, &(struct http_response){.end = reply.end,
                                                    .status = reply.status,
                                                    .body = body,
                                                    .length = strlen(body),
                                                    .retry_after_ms = reply.retry_after_ms});
}

/* The next thing that happens before `until`; false when nothing does. */
static bool step(int64_t until)
{
    struct loop_timer *timer = NULL;
    struct http_request *request = NULL;
    for (struct loop_timer *t = sim.timers; t; t = t->next)
        if (t->at >= 0 && (!timer || t->at < timer->at))
            timer = t;
    for (int i = 0; i < sim.under_way; i++)
        if (!request || sim.requests[i]->at < request->at)
            request = sim.requests[i];
    bool answers = request && (!timer || request->at <= timer->at);
    int64_t at = answers ? request->at : timer ? timer->at : until;
    if (at >= until)
        return false;
    sim.now = at > sim.now ? at : sim.now;
    if (answers) {
        finish(request);
    } else {
        timer->at = -1;
        timer->fn(timer->arg);
    }
    return true;
}

static void pass(int64_t ms)
{
    int64_t until = sim.now + ms;
    while (step(until))
        ;
    sim.now = until;
}

/* ---- a poller among them ---- */

static struct service service;
static struct budget *budget;
static struct poller *poller;
static struct polled *watched[MOST_TASKS];

static void on_running(void *context)
{
    (void)context;
}

static int number(void *context)
{
    return (int)((struct polled **)context - watched);
}

static void on_answer(void *context, const struct task_answer *answer)
{
    assert_int_equal(answer->status, TASK_CANCELED);
    sim.of[number(context)].ended++;
    watched[number(context)] = NULL;
}

static void on_failed(void *context, const struct error *error)
{
    (void)error;
    sim.of[number(context)].failed++;
    watched[number(context)] = NULL;
}

static const struct poller_events events = {on_running, on_answer, on_failed};

#define RUNS                                                                                                 \
    ((struct reply){.status = 200,                                                                           \
                    .body = "{\"output\":{\"task_id\":\"x\",\"task_status\":\"RUNNING\"}}",                  \
                    .latency_ms = 200,                                                                       \
                    .retry_after_ms = -1})
#define ENDS                                                                                                 \
    ((struct reply){.status = 200,                                                                           \
                    .body = "{\"output\":{\"task_id\":\"x\",\"task_status\":\"CANCELED\"}}",                 \
                    .latency_ms = 200,                                                                       \
                    .retry_after_ms = -1})
#define SAYS(code, text)                                                                                     \
    ((struct reply){.status = (code), .body = (text), .latency_ms = 50, .retry_after_ms = -1})
#define NO_ANSWER(how, ms) ((struct reply){.end = (how), .latency_ms = (ms), .retry_after_ms = -1})

static struct reply all_run(int task, int nth)
{
    (void)task, (void)nth;
    return RUNS;
}

static struct reply all_end(int task, int nth)
{
    (void)task, (void)nth;
    return ENDS;
}

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void begin(int per_second, bool slowly)
{
    memset(&sim, 0, sizeof sim);
    memset(watched, 0, sizeof watched);
    sim.now = 1000000;
    sim.answer = all_run;
    setenv("DASHSCOPE_API_KEY", "sk-simulated", 1);
    assert_int_equal(
        service_init(&service, NULL, &(struct dashscope_settings){.host = "http://127.0.0.1:1"}, NULL), 0);
    budget = budget_new(NULL, per_second * 60);
    poller = poller_new(&(struct poller_config){
        .service = &service, .budget = budget, .first_ms = 2 * SECOND, .slowly = slowly});
    assert_non_null(poller);
}

static void watch(int count, int64_t age_ms)
{
    for (int i = 0; i < count; i++) {
        char id[20];
        snprintf(id, sizeof id, "t%d", i);
        sim.of[i].last = sim.now;
        watched[i] = poller_watch(poller, id, wall_ms() - age_ms, &events, &watched[i]);
        assert_non_null(watched[i]);
    }
}

static void end(void)
{
    poller_free(poller);
    budget_free(budget);
    service_clear(&service);
    assert_null(sim.timers);
    assert_int_equal(sim.under_way, 0);
}

static int ended(int count)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        n += sim.of[i].ended;
    return n;
}

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

static struct reply fault;
static int fault_from, fault_to; /* queries about the task 0, from 1 */

static struct reply first_task_fails(int task, int nth)
{
    return task == 0 && nth >= fault_from && nth <= fault_to ? fault : RUNS;
}

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
        cmocka_unit_test(ten_thousand_tasks_stay_inside_the_budget_and_none_starves),
        cmocka_unit_test(the_one_that_waits_longest_is_next),
        cmocka_unit_test(others_in_line_get_their_turn),
        cmocka_unit_test(pauses_grow_with_the_age_of_a_task),
        cmocka_unit_test(whom_a_failed_query_concerns),
        cmocka_unit_test(one_that_always_fails_is_asked_about_once_a_minute_and_holds_nobody_up),
        cmocka_unit_test(an_answer_makes_earlier_failures_forgotten),
        cmocka_unit_test(nonsense_is_listened_to_ten_times),
        cmocka_unit_test(an_outage_is_several_different_failures_in_succession),
        cmocka_unit_test(while_the_service_is_away_one_asks_for_all),
        cmocka_unit_test(a_service_that_fails_now_and_then_is_not_taken_for_one_that_is_away),
        cmocka_unit_test(tasks_may_leave_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
