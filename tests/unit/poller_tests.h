/* What the tests of the poller have in common: a time that is only counted, with loop and HTTP played. */
#pragma once

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

static inline void count_query(int task)
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

static inline void forget(struct http_request *request)
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

static inline void finish(struct http_request *request)
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
static inline bool step(int64_t until)
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

static inline void pass(int64_t ms)
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

static inline void on_running(void *context)
{
    (void)context;
}

static inline int number(void *context)
{
    return (int)((struct polled **)context - watched);
}

static inline void on_answer(void *context, const struct task_answer *answer)
{
    assert_int_equal(answer->status, TASK_CANCELED);
    sim.of[number(context)].ended++;
    watched[number(context)] = NULL;
}

static inline void on_failed(void *context, const struct error *error)
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

static inline struct reply all_run(int task, int nth)
{
    (void)task, (void)nth;
    return RUNS;
}

static inline struct reply all_end(int task, int nth)
{
    (void)task, (void)nth;
    return ENDS;
}

static inline int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void begin(int per_second, bool slowly)
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

static inline void watch(int count, int64_t age_ms)
{
    for (int i = 0; i < count; i++) {
        char id[20];
        snprintf(id, sizeof id, "t%d", i);
        sim.of[i].last = sim.now;
        watched[i] = poller_watch(poller, id, wall_ms() - age_ms, &events, &watched[i]);
        assert_non_null(watched[i]);
    }
}

static inline void end(void)
{
    poller_free(poller);
    budget_free(budget);
    service_clear(&service);
    assert_null(sim.timers);
    assert_int_equal(sim.under_way, 0);
}

static inline int ended(int count)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        n += sim.of[i].ended;
    return n;
}

static struct reply fault;
static int fault_from, fault_to; /* queries about the task 0, from 1 */

static inline struct reply first_task_fails(int task, int nth)
{
    return task == 0 && nth >= fault_from && nth <= fault_to ? fault : RUNS;
}
