/* The poller: a heap of tasks by the time their next query is due, one timer, and a bounded number of queries
 * under way. */
#include "backend/dashscope/poller.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HASH_NONFATAL_OOM 1 /* a library never ends the program */
#include <uthash.h>

#include "backend/base/loop.h"
#include "backend/dashscope/budget.h"
#include "backend/dashscope/parse.h"
#include "backend/dashscope/service.h"

enum { MOST_UNDER_WAY = 40, MOST_BAD_ANSWERS = 10 };
#define QUERY_MS 30000
#define YOUNG_MS 30000   /* so long a task is asked about often … */
#define MIDDLE_MS 120000 /* … and so long less often */
#define UNKNOWN_MS                                                                                           \
    120000        /* a task as young as that cannot have been forgotten: the service does not know it yet */
#define SLOWLY 15 /* times longer pauses when the queries are a net only */
#define QUERY_BYTES ((size_t)4 << 20)

struct polled {
    struct poller *poller;
    char *task_id;
    int64_t submitted_ms; /* wall clock */
    struct poller_events events;
    void *context;
    int64_t due_ms; /* CLOCK_MONOTONIC */
    size_t place;   /* in the heap, from 1; 0: a query is under way */
    struct http_request *request;
    bool running, ask_again; /* ask_again: told while a query was under way */
    int bad_answers;
    UT_hash_handle hh;
};

struct poller {
    struct poller_config config;
    struct loop_timer *timer;
    struct polled **heap; /* heap[0] unused */
    size_t heap_len, heap_cap;
    struct polled *tasks; /* by id */
    int under_way;
};

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the heap ---- */

static void put(struct poller *p, size_t place, struct polled *task)
{
    p->heap[place] = task;
    task->place = place;
}

static void rise(struct poller *p, size_t place, struct polled *task)
{
    for (; place > 1 && task->due_ms < p->heap[place / 2]->due_ms; place /= 2)
        put(p, place, p->heap[place / 2]);
    put(p, place, task);
}

static void sink(struct poller *p, size_t place, struct polled *task)
{
    for (size_t child; (child = place * 2) <= p->heap_len; place = child) {
        if (child < p->heap_len && p->heap[child + 1]->due_ms < p->heap[child]->due_ms)
            child++;
        if (p->heap[child]->due_ms >= task->due_ms)
            break;
        put(p, place, p->heap[child]);
    }
    put(p, place, task);
}

static void take_out(struct poller *p, struct polled *task)
{
    size_t place = task->place;
    if (!place)
        return;
    task->place = 0;
    struct polled *last = p->heap[p->heap_len--];
    if (last == task)
        return;
    if (place > 1 && last->due_ms < p->heap[place / 2]->due_ms)
        rise(p, place, last);
    else
        sink(p, place, last);
}

/* ---- when ---- */

static int64_t pause_ms(const struct polled *task)
{
    const struct poller_config *config = &task->poller->config;
    int64_t age = wall_ms() - task->submitted_ms, pause = config->first_ms;
    if (age > MIDDLE_MS)
        pause = pause * 5 / 2;
    else if (age > YOUNG_MS)
        pause = pause * 3 / 2;
    return config->slowly ? pause * SLOWLY : pause;
}

static void ask_those_due(void *arg);

static void wake(struct poller *p)
{
    if (!p->heap_len || p->under_way >= MOST_UNDER_WAY)
        return;
    int64_t wait = p->heap[1]->due_ms - loop_now_ms();
    loop_timer_after(p->timer, wait > 0 ? wait : 0);
}

static void schedule(struct polled *task, int64_t in_ms)
{
    struct poller *p = task->poller;
    task->due_ms = loop_now_ms() + in_ms;
    rise(p, ++p->heap_len, task);
    wake(p);
}

/* ---- queries ---- */

static void remove_task(struct polled *task)
{
    struct poller *p = task->poller;
    take_out(p, task);
    if (task->request) {
        http_cancel(task->request);
        p->under_way--;
    }
    HASH_DEL(p->tasks, task);
    free(task->task_id);
    free(task);
    wake(p);
}

static void give_up(struct polled *task, const struct error *error)
{
    struct poller_events events = task->events;
    void *context = task->context;
    remove_task(task);
    events.failed(context, error);
}

/* True: the task has ended and is gone. */
static bool take_answer(struct polled *task, const struct task_answer *answer)
{
    bool young = wall_ms() - task->submitted_ms < UNKNOWN_MS;
    if (answer->status == TASK_PENDING || (answer->status == TASK_UNKNOWN && young))
        return false;
    if (answer->status == TASK_RUNNING) {
        bool first = !task->running;
        task->running = true;
        if (first)
            task->events.running(task->context);
        return false;
    }
    struct poller_events events = task->events;
    void *context = task->context;
    remove_task(task);
    events.answer(context, answer);
    return true;
}

/* An answer that is none: the network, the service, something in between. */
static void no_answer(struct polled *task, const struct http_response *response, const struct error *err)
{
    if (service_is_busy(response)) {
        budget_refused(task->poller->config.budget, response->retry_after_ms);
        schedule(task, pause_ms(task));
    } else if (err->class == ERROR_TRANSIENT && ++task->bad_answers < MOST_BAD_ANSWERS) {
        schedule(task, pause_ms(task));
    } else {
        give_up(task, err);
    }
}

static void on_answer(void *context, const struct http_response *response)
{
    struct polled *task = context;
    struct poller *p = task->poller;
    struct error err = {0};
    struct task_answer answer;
    task->request = NULL;
    p->under_way--;
    int rc = service_check(response, "asking about a task", NULL, &err);
    if (rc == 0)
        rc = parse_task(response->body, response->length, &answer, &err);
    if (rc != 0) {
        no_answer(task, response, &err);
        wake(p);
        return;
    }
    budget_accepted(p->config.budget);
    task->bad_answers = 0;
    bool ask_again = task->ask_again;
    task->ask_again = false;
    if (!take_answer(task, &answer))
        schedule(task, ask_again ? 0 : pause_ms(task));
    task_answer_clear(&answer);
    wake(p);
}

static void ask(struct polled *task)
{
    struct poller *p = task->poller;
    struct error err = {0};
    char path[300];
    take_out(p, task);
    if (!service_task_path(task->task_id, "", path, sizeof path)) {
        error_set(&err, ERROR_TRANSIENT, EBADMSG, "cloud.answer",
                  "the service named a task in a way that cannot be asked for");
        give_up(task, &err);
        return;
    }
    task->request = service_send(p->config.service,
                                 &(struct service_call){.method = "GET",
                                                        .path = path,
                                                        .total_ms = QUERY_MS,
                                                        .patience_seconds = QUERY_MS / 1000,
                                                        .response_limit = QUERY_BYTES,
                                                        .done = on_answer,
                                                        .context = task},
                                 &err);
    if (task->request)
        p->under_way++;
    else
        give_up(task, &err);
}

static void ask_those_due(void *arg)
{
    struct poller *p = arg;
    while (p->heap_len && p->under_way < MOST_UNDER_WAY && p->heap[1]->due_ms <= loop_now_ms()) {
        int64_t wait = budget_take(p->config.budget);
        if (wait > 0) {
            loop_timer_after(p->timer, wait);
            return;
        }
        ask(p->heap[1]);
    }
    wake(p);
}

/* ---- life ---- */

struct poller *poller_new(const struct poller_config *config)
{
    struct poller *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->config = *config;
    p->timer = loop_timer(config->loop, ask_those_due, p);
    if (!p->timer) {
        free(p);
        return NULL;
    }
    return p;
}

void poller_free(struct poller *p)
{
    if (!p)
        return;
    struct polled *task, *next;
    HASH_ITER(hh, p->tasks, task, next)
    {
        remove_task(task);
    }
    loop_timer_free(p->timer);
    free(p->heap);
    free(p);
}

/* Room for every task there is, so that putting one back cannot fail. */
static int make_room(struct poller *p)
{
    size_t need = HASH_COUNT(p->tasks) + 2;
    if (need <= p->heap_cap)
        return 0;
    size_t cap = p->heap_cap ? p->heap_cap * 2 : 64;
    struct polled **heap = reallocarray(p->heap, cap, sizeof *heap);
    if (!heap)
        return -1;
    p->heap = heap;
    p->heap_cap = cap;
    return 0;
}

struct polled *poller_watch(struct poller *p, const char *task_id, int64_t submitted_ms,
                            const struct poller_events *events, void *context)
{
    struct polled *task = calloc(1, sizeof *task);
    if (!task || make_room(p) != 0 || !(task->task_id = strdup(task_id))) {
        free(task);
        return NULL;
    }
    task->poller = p;
    task->submitted_ms = submitted_ms;
    task->events = *events;
    task->context = context;
    HASH_ADD_KEYPTR(hh, p->tasks, task->task_id, strlen(task->task_id), task);
    if (!task->hh.tbl) {
        free(task->task_id);
        free(task);
        return NULL;
    }
    /* One that was submitted before a restart may have ended long ago. */
    bool old = wall_ms() - submitted_ms > p->config.first_ms;
    schedule(task, old ? 0 : p->config.first_ms);
    return task;
}

void poller_drop(struct polled *task)
{
    if (task)
        remove_task(task);
}

bool poller_watches(const struct poller *p, const char *task_id)
{
    struct polled *task;
    HASH_FIND_STR(p->tasks, task_id, task);
    return task != NULL;
}

bool poller_tell(struct poller *p, const char *task_id, const struct task_answer *answer)
{
    struct polled *task;
    HASH_FIND_STR(p->tasks, task_id, task);
    if (!task)
        return false;
    if (answer && take_answer(task, answer))
        return true;
    if (task->place) {
        take_out(p, task);
        schedule(task, 0);
    } else {
        task->ask_again = true;
    }
    return true;
}
