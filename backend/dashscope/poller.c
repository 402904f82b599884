/* The poller: a heap of tasks by the time their next query is due, one timer, one place in the line of the
 * budget, and a bounded number of queries under way.
 *
 *   timer: the first is due ── in line ── its turn: ask ─┬─ it runs: due again after its pause
 *                                                        ├─ too many requests: all pause
 *                                                        ├─ no answer: it pauses, longer each time; if others
 *                                                        │  meet the same, all wait for one that is answered
 *                                                        └─ it has ended */
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
#include "backend/dashscope/outage.h"
#include "backend/dashscope/parse.h"
#include "backend/dashscope/service.h"

enum { MOST_UNDER_WAY = 40, MOST_BAD_ANSWERS = 10, REMEMBERED = 256 };
#define QUERY_MS 30000
#define YOUNG_MS 30000   /* so long a task is asked about often … */
#define MIDDLE_MS 120000 /* … and so long less often */
#define UNKNOWN_MS                                                                                           \
    120000        /* a task as young as that cannot have been forgotten: the service does not know it yet */
#define SLOWLY 15 /* times longer pauses when the queries are a net only */
#define QUERY_BYTES ((size_t)4 << 20)
#define AGAIN_MS 1000 /* when there is no memory for a place in line */

struct polled {
    struct poller *poller;
    char *task_id;
    int64_t submitted_ms; /* this and what follows: CLOCK_MONOTONIC */
    int64_t due_ms;
    struct poller_events events;
    void *context;
    size_t place;   /* in the heap, from 1; 0: a query is under way */
    struct http_request *request;
    bool running, ask_again; /* ask_again: told while a query was under way */
    int failures;    /* in succession: queries without an answer … */
    int bad_answers; /* … and answers that nobody understands */
    struct outage_asker outage;
    UT_hash_handle hh;
};

struct poller {
    struct poller_config config;
    struct loop_timer *timer;
    struct polled **heap; /* heap[0] unused */
    size_t heap_len, heap_cap;
    struct polled *tasks; /* by id */
    struct budget_turn *turn;
    struct outage outage;
    struct polled *probe; /* the one that asks for all during an outage, while its query is under way */
    int under_way;
    char told[REMEMBERED][64]; /* tasks somebody told about before they were watched, in a ring */
    int told_at;
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
    int64_t age = loop_now_ms() - task->submitted_ms, pause = config->first_ms;
    if (age > MIDDLE_MS)
        pause = pause * 5 / 2;
    else if (age > YOUNG_MS)
        pause = pause * 3 / 2;
    return config->slowly ? pause * SLOWLY : pause;
}

static bool may_ask(const struct poller *p)
{
    return p->heap_len && p->under_way < MOST_UNDER_WAY && !(p->probe && outage_is_on(&p->outage));
}

static void wake(struct poller *p)
{
    if (p->turn || !may_ask(p))
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
    if (p->probe == task)
        p->probe = NULL;
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
    bool young = loop_now_ms() - task->submitted_ms < UNKNOWN_MS;
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

/* Too many requests concern the whole account. Everything else, whether the network, the service or something in
 * between failed, concerns this task, unless it meets others as well. */
static void no_answer(struct polled *task, const struct http_response *response, const struct error *err,
                      bool probing)
{
    struct poller *p = task->poller;
    bool nonsense = response->end == HTTP_ANSWERED && response->status == 200;
    bool busy = service_is_busy(response);
    if (busy || err->class != ERROR_TRANSIENT)
        outage_answered(&p->outage);
    else if (outage_failed(&p->outage, &task->outage, probing))
        budget_pause(p->config.budget, outage_pause_ms(&p->outage));
    if (err->class != ERROR_TRANSIENT || (nonsense && ++task->bad_answers >= MOST_BAD_ANSWERS)) {
        give_up(task, err);
    } else if (busy) {
        budget_refused(p->config.budget, response->retry_after_ms);
        schedule(task, pause_ms(task));
    } else {
        int64_t backoff = outage_backoff_ms(++task->failures), pause = pause_ms(task);
        schedule(task, backoff > pause ? backoff : pause);
    }
}

static void on_answer(void *context, const struct http_response *response)
{
    struct polled *task = context;
    struct poller *p = task->poller;
    struct error err = {0};
    struct task_answer answer;
    bool probing = p->probe == task;
    if (probing)
        p->probe = NULL;
    task->request = NULL;
    p->under_way--;
    int rc = service_check(response, "asking about a task", NULL, &err);
    if (rc == 0)
        rc = parse_task(response->body, response->length, &answer, &err);
    if (rc != 0) {
        no_answer(task, response, &err, probing);
        wake(p);
        return;
    }
    budget_accepted(p->config.budget);
    outage_answered(&p->outage);
    task->failures = task->bad_answers = 0;
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
    if (!task->request) {
        give_up(task, &err);
        return;
    }
    p->under_way++;
    if (outage_is_on(&p->outage))
        p->probe = task;
}

/* Meanwhile the one that was first may have gone. */
static void on_turn(void *context)
{
    struct poller *p = context;
    p->turn = NULL;
    if (may_ask(p) && p->heap[1]->due_ms <= loop_now_ms())
        ask(p->heap[1]);
    wake(p);
}

/* In line with others who ask within the same budget. */
static void line_up(void *arg)
{
    struct poller *p = arg;
    if (p->turn || !may_ask(p))
        return;
    if (p->heap[1]->due_ms > loop_now_ms()) {
        wake(p);
        return;
    }
    p->turn = budget_wait(p->config.budget, on_turn, p);
    if (!p->turn)
        loop_timer_after(p->timer, AGAIN_MS);
}

/* ---- life ---- */

struct poller *poller_new(const struct poller_config *config)
{
    struct poller *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->config = *config;
    p->timer = loop_timer(config->loop, line_up, p);
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
    budget_leave(p->turn);
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

/* An event may be faster than the answer to the submission. */
static void remember(struct poller *p, const char *task_id)
{
    if (strlen(task_id) >= sizeof p->told[0])
        return;
    snprintf(p->told[p->told_at], sizeof p->told[0], "%s", task_id);
    p->told_at = (p->told_at + 1) % REMEMBERED;
}

static bool was_told(struct poller *p, const char *task_id)
{
    for (int i = 0; i < REMEMBERED; i++)
        if (strcmp(p->told[i], task_id) == 0) {
            p->told[i][0] = '\0';
            return true;
        }
    return false;
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
    int64_t age = wall_ms() - submitted_ms;
    task->submitted_ms = loop_now_ms() - age;
    task->events = *events;
    task->context = context;
    HASH_ADD_KEYPTR(hh, p->tasks, task->task_id, strlen(task->task_id), task);
    if (!task->hh.tbl) {
        free(task->task_id);
        free(task);
        return NULL;
    }
    /* One that was submitted before a restart may have ended long ago. */
    bool old = age > p->config.first_ms;
    schedule(task, was_told(p, task_id) || old ? 0 : pause_ms(task));
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
    if (!task) {
        remember(p, task_id);
        return false;
    }
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
