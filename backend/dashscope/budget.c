/* Request budgets. Nothing is saved up: after a quiet hour there is no burst. */
#include "backend/dashscope/budget.h"

#include <stdlib.h>

#include <utlist.h>

#include "backend/base/loop.h"

#define FIRST_PAUSE_MS 1000
#define LONGEST_PAUSE_MS 60000
#define LONGEST_ASKED_MS (10 * 60000) /* a header that asks for more is not believed */

struct budget_turn {
    struct budget *budget;
    void (*fn)(void *context);
    void *context;
    struct budget_turn *prev, *next;
};

struct budget {
    struct loop *loop;
    struct loop_timer *timer;
    int64_t interval_us;
    int64_t next_us; /* earliest time of the next request, CLOCK_MONOTONIC */
    int64_t pause_ms;
    struct budget_turn *turns;
};

static int64_t now_us(void)
{
    return loop_now_ms() * 1000;
}

static void serve(void *arg)
{
    struct budget *b = arg;
    while (b->turns) {
        int64_t wait = budget_take(b);
        if (wait > 0) {
            loop_timer_after(b->timer, wait);
            return;
        }
        struct budget_turn *turn = b->turns;
        void (*fn)(void *context) = turn->fn;
        void *context = turn->context;
        DL_DELETE(b->turns, turn);
        free(turn);
        fn(context);
    }
}

struct budget *budget_new(struct loop *loop, int per_minute)
{
    struct budget *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->loop = loop;
    b->timer = loop_timer(loop, serve, b);
    /* A twentieth slower than allowed: the service counts within any minute or second, and requests that leave
     * evenly do not arrive so. */
    b->interval_us = 63000000 / (per_minute > 0 ? per_minute : 1);
    if (!b->timer) {
        free(b);
        return NULL;
    }
    return b;
}

void budget_free(struct budget *b)
{
    if (!b)
        return;
    while (b->turns)
        budget_leave(b->turns);
    loop_timer_free(b->timer);
    free(b);
}

int64_t budget_take(struct budget *b)
{
    int64_t now = now_us();
    if (now < b->next_us)
        return (b->next_us - now + 999) / 1000;
    b->next_us = now + b->interval_us;
    return 0;
}

struct budget_turn *budget_wait(struct budget *b, void (*fn)(void *context), void *context)
{
    struct budget_turn *turn = calloc(1, sizeof *turn);
    if (!turn)
        return NULL;
    *turn = (struct budget_turn){.budget = b, .fn = fn, .context = context};
    if (!b->turns)
        loop_timer_after(b->timer, 0);
    DL_APPEND(b->turns, turn);
    return turn;
}

void budget_leave(struct budget_turn *turn)
{
    if (!turn)
        return;
    DL_DELETE(turn->budget->turns, turn);
    free(turn);
}

/* Several requests that were under way at the same time may be refused together: that counts once. */
void budget_refused(struct budget *b, int64_t retry_after_ms)
{
    int64_t now = now_us();
    if (retry_after_ms < 0 && b->pause_ms && b->next_us - now > b->interval_us)
        return;
    b->pause_ms = b->pause_ms ? b->pause_ms * 2 : FIRST_PAUSE_MS;
    if (b->pause_ms > LONGEST_PAUSE_MS)
        b->pause_ms = LONGEST_PAUSE_MS;
    budget_pause(b, retry_after_ms >= 0 ? retry_after_ms : b->pause_ms);
}

void budget_pause(struct budget *b, int64_t ms)
{
    int64_t until = now_us() + (ms < LONGEST_ASKED_MS ? ms : LONGEST_ASKED_MS) * 1000;
    if (until > b->next_us)
        b->next_us = until;
}

void budget_accepted(struct budget *b)
{
    b->pause_ms = 0;
}
