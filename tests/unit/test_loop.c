/* The event loop: order, deferred freeing, timers, and functions posted by other threads. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/base/loop.h"

struct world {
    struct loop *loop;
    char log[256];
    size_t len;
    struct loop_timer *timer[8];
    struct loop_watch *watch[2];
    int pipe[2][2];
    int count;
    int64_t fired_ms;
};

static void note(struct world *w, char c)
{
    assert_true(w->len + 1 < sizeof w->log);
    w->log[w->len++] = c;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(loop_new(&w->loop), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pipe2(w->pipe[i], O_CLOEXEC | O_NONBLOCK), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 8; i++)
        loop_timer_free(w->timer[i]);
    for (int i = 0; i < 2; i++)
        loop_unwatch(w->watch[i]);
    loop_free(w->loop);
    for (int i = 0; i < 2; i++) {
        close(w->pipe[i][0]);
        close(w->pipe[i][1]);
    }
    free(w);
    return 0;
}

struct step {
    struct world *world;
    char name;
};

static void step_runs(void *arg)
{
    struct step *step = arg;
    note(step->world, step->name);
}

static void stop_runs(void *arg)
{
    struct world *w = arg;
    note(w, '.');
    loop_stop(w->loop);
}

static void posted_functions_run_in_order_and_before_the_stop(void **state)
{
    struct world *w = *state;
    struct step steps[] = {{w, 'a'}, {w, 'b'}, {w, 'c'}};
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_post(w->loop, step_runs, &steps[i]), 0);
    loop_stop(w->loop);
    loop_run(w->loop);
    assert_string_equal(w->log, "abc");
}

static void the_loop_can_run_again_after_a_stop(void **state)
{
    struct world *w = *state;
    loop_stop(w->loop);
    loop_run(w->loop);
    loop_post(w->loop, stop_runs, w);
    loop_run(w->loop);
    assert_string_equal(w->log, ".");
}

static void post_then_stop(void *arg)
{
    struct world *w = arg;
    note(w, 'p');
    loop_post(w->loop, stop_runs, w);
    loop_stop(w->loop);
}

static void a_function_posted_by_a_posted_function_before_it_stops_is_run(void **state)
{
    struct world *w = *state;
    loop_post(w->loop, post_then_stop, w);
    loop_run(w->loop);
    assert_string_equal(w->log, "p.");
}

enum { THREADS = 4, POSTS = 5000 };

static void count_one(void *arg)
{
    struct world *w = arg;
    if (++w->count == THREADS * POSTS)
        loop_stop(w->loop);
}

static void *post_many(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < POSTS; i++)
        if (loop_post(w->loop, count_one, w))
            abort();
    return NULL;
}

static void no_function_of_any_thread_is_lost(void **state)
{
    struct world *w = *state;
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, post_many, w), 0);
    loop_run(w->loop);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(w->count, THREADS * POSTS);
}

static void functions_never_run_are_freed_with_the_loop(void **state)
{
    struct world *w = *state;
    assert_int_equal(loop_post(w->loop, stop_runs, w), 0); /* the leak checker is the judge */
    assert_int_equal(w->len, 0);
}

static void timers_fire_by_time_and_then_by_order_of_arming(void **state)
{
    struct world *w = *state;
    static const struct {
        char name;
        int ms;
    } table[] = {{'d', 30}, {'a', 1}, {'c', 20}, {'b', 10}};
    struct step steps[4];
    for (int i = 0; i < 4; i++) {
        steps[i] = (struct step){w, table[i].name};
        w->timer[i] = loop_timer(w->loop, step_runs, &steps[i]);
        loop_timer_after(w->timer[i], table[i].ms);
    }
    w->timer[4] = loop_timer(w->loop, stop_runs, w);
    loop_timer_after(w->timer[4], 40);
    int64_t begin = loop_now_ms();
    loop_run(w->loop);
    assert_string_equal(w->log, "abcd.");
    assert_true(loop_now_ms() - begin >= 39);
}

static void a_stopped_or_rearmed_timer_keeps_only_its_last_time(void **state)
{
    struct world *w = *state;
    struct step stopped = {w, 'x'}, moved = {w, 'm'}, first = {w, 'f'};
    w->timer[0] = loop_timer(w->loop, step_runs, &stopped);
    w->timer[1] = loop_timer(w->loop, step_runs, &moved);
    w->timer[2] = loop_timer(w->loop, step_runs, &first);
    w->timer[3] = loop_timer(w->loop, stop_runs, w);
    loop_timer_after(w->timer[0], 0);
    loop_timer_after(w->timer[1], 0);
    loop_timer_after(w->timer[2], 5);
    loop_timer_after(w->timer[3], 30);
    loop_timer_stop(w->timer[0]);
    loop_timer_stop(w->timer[0]);
    loop_timer_after(w->timer[1], 15);
    loop_run(w->loop);
    assert_string_equal(w->log, "fm.");
}

static void rearm_at_once(void *arg)
{
    struct world *w = arg;
    note(w, 't');
    loop_timer_after(w->timer[0], 0);
}

static void readable_stops(void *arg, uint32_t events)
{
    struct world *w = arg;
    assert_true(events & EPOLLIN);
    note(w, 'r');
    loop_stop(w->loop);
}

static void a_timer_that_rearms_itself_at_once_does_not_starve_descriptors(void **state)
{
    struct world *w = *state;
    w->timer[0] = loop_timer(w->loop, rearm_at_once, w);
    loop_timer_after(w->timer[0], 0);
    w->watch[0] = loop_watch(w->loop, w->pipe[0][0], EPOLLIN, readable_stops, w);
    assert_int_equal(write(w->pipe[0][1], "x", 1), 1);
    loop_run(w->loop);
    assert_string_equal(w->log, "rt");
}

static void free_itself(void *arg)
{
    struct world *w = arg;
    loop_timer_free(w->timer[0]);
    loop_timer_free(w->timer[1]); /* due as well */
    w->timer[0] = w->timer[1] = NULL;
    note(w, 'f');
}

static void a_timer_may_free_itself_and_another_due_one(void **state)
{
    struct world *w = *state;
    struct step other = {w, 'x'};
    w->timer[0] = loop_timer(w->loop, free_itself, w);
    w->timer[1] = loop_timer(w->loop, step_runs, &other);
    w->timer[2] = loop_timer(w->loop, stop_runs, w);
    for (int i = 0; i < 3; i++)
        loop_timer_after(w->timer[i], i == 2 ? 10 : 0);
    loop_run(w->loop);
    assert_string_equal(w->log, "f.");
}

static void note_time(void *arg)
{
    struct world *w = arg;
    int64_t now = loop_now_ms();
    assert_true(now >= w->fired_ms);
    w->fired_ms = now;
    w->count++;
}

static void many_timers_armed_and_stopped_at_random_each_fire_once(void **state)
{
    struct world *w = *state;
    enum { MANY = 500 };
    struct loop_timer *many[MANY];
    unsigned seed = 7;
    int expected = 0;
    for (int i = 0; i < MANY; i++) {
        many[i] = loop_timer(w->loop, note_time, w);
        assert_non_null(many[i]);
    }
    bool armed[MANY] = {false};
    for (int i = 0; i < MANY * 4; i++) {
        int k = rand_r(&seed) % MANY;
        armed[k] = rand_r(&seed) % 3 != 0;
        if (armed[k])
            loop_timer_after(many[k], rand_r(&seed) % 40);
        else
            loop_timer_stop(many[k]);
    }
    for (int i = 0; i < MANY; i++)
        expected += armed[i];
    w->timer[0] = loop_timer(w->loop, stop_runs, w);
    loop_timer_after(w->timer[0], 60);
    loop_run(w->loop);
    assert_int_equal(w->count, expected);
    for (int i = 0; i < MANY; i++)
        loop_timer_free(many[i]);
}

/* Whichever of the two runs first ends both. */
static void unwatch_both(void *arg, uint32_t events)
{
    struct world *w = arg;
    (void)events;
    note(w, 'u');
    for (int i = 0; i < 2; i++) {
        loop_unwatch(w->watch[i]);
        w->watch[i] = NULL;
    }
    loop_stop(w->loop);
}

static void a_watch_freed_by_another_callback_of_the_round_is_not_called(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 2; i++) {
        w->watch[i] = loop_watch(w->loop, w->pipe[i][0], EPOLLIN, unwatch_both, w);
        assert_int_equal(write(w->pipe[i][1], "x", 1), 1);
    }
    loop_run(w->loop);
    assert_string_equal(w->log, "u");
}

static void mute_both(void *arg, uint32_t events)
{
    struct world *w = arg;
    (void)events;
    note(w, 'm');
    for (int i = 0; i < 2; i++)
        assert_int_equal(loop_watch_events(w->watch[i], 0), 0);
    loop_stop(w->loop);
}

static void a_watch_muted_by_another_callback_of_the_round_is_not_called(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 2; i++) {
        w->watch[i] = loop_watch(w->loop, w->pipe[i][0], EPOLLIN, mute_both, w);
        assert_int_equal(write(w->pipe[i][1], "x", 1), 1);
    }
    loop_run(w->loop);
    assert_string_equal(w->log, "m");
}

static void hang_up_stops(void *arg, uint32_t events)
{
    struct world *w = arg;
    note(w, events & EPOLLHUP ? 'h' : '?');
    loop_stop(w->loop);
}

static void a_hang_up_is_told_even_when_nothing_was_asked_for(void **state)
{
    struct world *w = *state;
    w->watch[0] = loop_watch(w->loop, w->pipe[0][0], 0, hang_up_stops, w);
    close(w->pipe[0][1]);
    w->pipe[0][1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
    loop_run(w->loop);
    assert_string_equal(w->log, "h");
}

static void a_regular_file_cannot_be_watched(void **state)
{
    struct world *w = *state;
    char name[] = "/tmp/test-loop-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    assert_true(fd >= 0);
    unlink(name);
    assert_null(loop_watch(w->loop, fd, EPOLLIN, hang_up_stops, w));
    close(fd);
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    loop_unwatch(NULL);
    loop_timer_free(NULL);
    loop_free(NULL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(posted_functions_run_in_order_and_before_the_stop),
        CASE(the_loop_can_run_again_after_a_stop),
        CASE(a_function_posted_by_a_posted_function_before_it_stops_is_run),
        CASE(no_function_of_any_thread_is_lost),
        CASE(functions_never_run_are_freed_with_the_loop),
        CASE(timers_fire_by_time_and_then_by_order_of_arming),
        CASE(a_stopped_or_rearmed_timer_keeps_only_its_last_time),
        CASE(a_timer_that_rearms_itself_at_once_does_not_starve_descriptors),
        CASE(a_timer_may_free_itself_and_another_due_one),
        CASE(many_timers_armed_and_stopped_at_random_each_fire_once),
        CASE(a_watch_freed_by_another_callback_of_the_round_is_not_called),
        CASE(a_watch_muted_by_another_callback_of_the_round_is_not_called),
        CASE(a_hang_up_is_told_even_when_nothing_was_asked_for),
        CASE(a_regular_file_cannot_be_watched),
        CASE(freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
