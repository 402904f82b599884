/* The poller of the cloud backend with many tasks, and with a service that is down. */
#include "tests/unit/dashscope_tests.h"

/* ---- the poller with many ---- */

enum { MANY = 1000 };

struct crowd {
    struct studio *studio;
    int ended, asked_most;
    int asked[MANY];
};

static void crowd_serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    struct crowd *c = context;
    int n = atoi(request->target + strlen("/api/v1/tasks/n-"));
    c->asked[n]++;
    if (c->asked[n] > c->asked_most)
        c->asked_most = c->asked[n];
    for (int i = 0; i < MANY && c->asked[n] == 2; i++)
        if (c->asked[i] == 0)
            fail_msg("task %d was asked about twice before task %d once", n, i);
    web_say(reply, 200,
            c->asked[n] == 2 ? "{\"output\":{\"task_id\":\"x\",\"task_status\":\"CANCELED\"}}"
                             : STUDIO_RUNNING);
}

static void crowd_running(void *context)
{
    (void)context;
}

static void crowd_answer(void *context, const struct task_answer *answer)
{
    struct crowd *c = context;
    assert_int_equal(answer->status, TASK_CANCELED);
    if (++c->ended == MANY)
        loop_stop(c->studio->loop);
}

static void crowd_failed(void *context, const struct error *error)
{
    (void)context;
    fail_msg("%s", error->detail);
}

static void thousands_of_tasks_share_one_budget_and_none_starves(void **state)
{
    static const struct poller_events events = {crowd_running, crowd_answer, crowd_failed};
    enum { PER_SECOND = 500 };
    struct studio *s = *state;
    struct crowd *c = calloc(1, sizeof *c);
    struct service service;
    c->studio = s;
    s->web->handle = crowd_serve;
    s->web->context = c;
    assert_int_equal(
        service_init(&service, s->http, &(struct dashscope_settings){.host = s->web->base}, NULL), 0);
    struct budget *budget = budget_new(s->loop, PER_SECOND * 60);
    struct poller *poller = poller_new(
        &(struct poller_config){.loop = s->loop, .service = &service, .budget = budget, .first_ms = 10});
    int64_t start = loop_now_ms();
    for (int i = 0; i < MANY; i++) {
        char id[20];
        snprintf(id, sizeof id, "n-%d", i);
        assert_non_null(poller_watch(poller, id, (int64_t)time(NULL) * 1000, &events, c));
    }
    loop_run(s->loop);
    int64_t took = loop_now_ms() - start;
    assert_int_equal(c->ended, MANY);
    assert_int_equal(c->asked_most, 2);
    if (took < 2 * MANY * 1000 / PER_SECOND)
        fail_msg("%d queries in %lld ms", 2 * MANY, (long long)took);
    assert_true(s->web->connections <= 41);
    poller_free(poller);
    budget_free(budget);
    service_clear(&service);
    free(c);
}

static void down_serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    struct crowd *c = context;
    (void)request;
    c->asked[0]++;
    if (c->asked[0] <= 2)
        web_say(reply, 503, "<html>");
    else
        web_say(reply, 200, "{\"output\":{\"task_id\":\"x\",\"task_status\":\"CANCELED\"}}");
    c->ended = c->asked[0] > 2 ? MANY - 1 : 0;
}

static void a_service_that_is_down_is_asked_less_and_less(void **state)
{
    static const struct poller_events events = {crowd_running, crowd_answer, crowd_failed};
    struct studio *s = *state;
    struct crowd *c = calloc(1, sizeof *c);
    struct service service;
    c->studio = s;
    s->web->handle = down_serve;
    s->web->context = c;
    assert_int_equal(
        service_init(&service, s->http, &(struct dashscope_settings){.host = s->web->base}, NULL), 0);
    struct budget *budget = budget_new(s->loop, 60000);
    struct poller *poller = poller_new(
        &(struct poller_config){.loop = s->loop, .service = &service, .budget = budget, .first_ms = 1});
    int64_t start = loop_now_ms();
    poller_watch(poller, "t", (int64_t)time(NULL) * 1000, &events, c);
    loop_run(s->loop);
    assert_int_equal(c->asked[0], 3);
    assert_true(loop_now_ms() - start >= 3000); /* a pause of one second, then of two */
    poller_free(poller);
    budget_free(budget);
    service_clear(&service);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(thousands_of_tasks_share_one_budget_and_none_starves),
        CASE(a_service_that_is_down_is_asked_less_and_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
