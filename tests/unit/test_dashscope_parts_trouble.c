/* Recordings in parts: faults, cancelling, costs and errands. */
#include "tests/unit/parts_tests.h"

/* ---- trouble ---- */

static void a_part_that_can_never_work_ends_everything(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    b->fails_at = 1;
    b->status = 400;
    b->body = "{\"code\":\"DataInspectionFailed\",\"message\":\"m\"}";
    go(b, NULL);
    assert_int_equal(b->s->failed, 1);
    assert_int_equal(b->s->error.class, ERROR_PERMANENT);
    if (strncmp(b->s->error.detail, "the part from 0:05:00 to 0:10:00: ", 34) != 0)
        fail_msg("%s", b->s->error.detail);
    assert_null(b->s->job);
}

static void the_tasks_of_the_others_are_cancelled_then(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    b->s->states[0] = STUDIO_RUNNING;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, some_submitted);
    b->s->states[0] = STUDIO_FAILED("DataInspectionFailed");
    while (!b->s->failed)
        loop_run(b->s->loop);
    assert_int_equal(b->s->error.class, ERROR_PERMANENT);
    studio_wait(b->s, 100);
    assert_int_equal(studio_count(b->s, "DELETE "), 3);
    assert_true(studio_count(b->s, "POST /api/v1/tasks/") >= 2);
}

static void after_a_fault_what_is_done_is_kept(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    b->fails_at = 1;
    b->status = 500;
    b->body = "{\"code\":\"InternalError\",\"message\":\"m\"}";
    go(b, NULL);
    assert_int_equal(b->s->failed, 1);
    assert_int_equal(b->s->error.class, ERROR_TRANSIENT);
    assert_string_equal(b->s->error.code, "cloud.down");
    assert_int_equal(done_in(b->s->checkpoint), total(b->calls) - 1);
    b->status = 0;
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->calls[1], 2);
    assert_int_equal(total(b->calls), 4);
}

static void after_a_fault_no_more_parts_are_begun(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    b->parts = 10;
    b->status = 401;
    b->body = "{\"code\":\"InvalidApiKey\",\"message\":\"m\"}";
    go(b, NULL);
    assert_int_equal(b->s->error.class, ERROR_PERSON);
    assert_string_equal(b->s->error.code, "cloud.key");
    assert_int_equal(b->calls[9], 0);
    assert_int_equal(done_in(b->s->checkpoint), total(b->calls) - b->calls[0]);
}

static void cancelled_everything_is_taken_back(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    b->s->states[0] = STUDIO_RUNNING;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, some_submitted);
    stop(b, false);
    studio_wait(b->s, 100);
    assert_int_equal(studio_count(b->s, "DELETE "), 3);
    assert_int_equal(studio_count(b->s, "POST /api/v1/tasks/"), 3);
    assert_int_equal(b->s->finished + b->s->failed, 0);
}

/* Also what an earlier run began, and this one has not come to. */
static void cancelled_right_after_a_restart_as_well(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    b->s->states[0] = STUDIO_RUNNING;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, some_submitted);
    stop(b, true);
    char *checkpoint = strdup(b->s->checkpoint);
    assert_true(studio_begin(b->s, 3000, "talk.wav", checkpoint, NULL));
    free(checkpoint);
    stop(b, false);
    studio_wait(b->s, 100);
    assert_int_equal(studio_count(b->s, "DELETE "), 3);
    assert_int_equal(studio_count(b->s, "POST /api/v1/tasks/"), 3);
}

/* At every line of the log of a run, and at none of them is anything left behind. */
static void stopped_at_every_moment(void **state)
{
    static const char *const moments[] = {
        "stage preparing", "checkpoint", "stage publishing",  "PUT ",        "POST ",
        "stage submitted", "GET /api",   "stage recognising", "GET /result", "DELETE "};
    struct bench *b = *state;
    use_tasks(b);
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        buffer_clear(&b->s->log);
        b->s->cancel_at = moments[i];
        assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
        while (b->s->job)
            studio_wait(b->s, 5);
        studio_wait(b->s, 150);
        assert_int_equal(b->s->finished + b->s->failed, 0);
        if (studio_count(b->s, "PUT ") > studio_count(b->s, "DELETE "))
            fail_msg("stopped at \"%s\":\n%s", moments[i], b->s->log.data);
    }
}

static void what_cannot_be_cut_fails_before_money_is_spent(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    b->cut_fails = true;
    go(b, NULL);
    assert_string_equal(b->s->error.code, "media.truncated");
    b->cut_fails = false;
    b->parts = 0;
    b->part_ms = 0;
    assert_int_equal(b->s->web->requests, 0);
}

static void without_a_work_directory_it_is_tried_again_later(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    char *dir = b->s->work_dir;
    b->s->work_dir = scratch_join(dir, "missing");
    go(b, NULL);
    free(b->s->work_dir);
    b->s->work_dir = dir;
    assert_string_equal(b->s->error.code, "io.state");
    assert_int_equal(b->s->error.class, ERROR_TRANSIENT);
}

static void on_a_full_disk_it_is_tried_again_later(void **state)
{
    struct bench *b = *state;
    if (!scratch_mount(b->s->work_dir, "size=64k"))
        skip();
    char *file = scratch_join(b->s->work_dir, "ballast");
    use(b, direct);
    scratch_fill(file);
    go(b, NULL);
    assert_int_equal(b->s->failed, 1);
    assert_int_equal(b->s->error.class, ERROR_TRANSIENT);
    unlink(file);
    free(file);
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->s->transcript->sentence_count, 3);
    scratch_unmount(b->s->work_dir);
}

/* ---- what it costs ---- */

static void on_charged(void *context, const struct backend_charge *charge)
{
    struct bench *b = ((struct studio *)context)->web->context;
    assert_string_equal(charge->model, "fun-asr");
    if (charge->kind == CHARGE_POSSIBLE && b->charge_count < MOST)
        b->charged[b->charge_count++] = charge->at_ms;
}

/* The accounts would take the same time for the same attempt. */
static void every_part_is_charged_on_its_own(void **state)
{
    struct bench *b = *state;
    struct studio *s = b->s;
    struct backend_events events = studio_events;
    events.charged = on_charged;
    use_tasks(b);
    s->finished = s->failed = s->queries = 0;
    s->job = s->backend->operations->start(s->backend,
                                           &(struct backend_request){.fd = memfd_create("recording", 0),
                                                                     .name = "talk.wav",
                                                                     .work_dir = s->work_dir,
                                                                     .settings = s->frozen},
                                           &events, s, &s->error);
    assert_non_null(s->job);
    while (!s->finished && !s->failed)
        loop_run(s->loop);
    assert_int_equal(s->finished, 1);
    assert_int_equal(b->charge_count, 3);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < i; j++)
            assert_int_not_equal(b->charged[i], b->charged[j]);
}

/* ---- errands ---- */

static int slow_work(void *arg, const atomic_bool *stop)
{
    atomic_int *steps = arg;
    while (!atomic_load(stop) && atomic_load(steps) < 1000) {
        atomic_fetch_add(steps, 1);
        usleep(1000);
    }
    return -ECANCELED;
}

static void must_not_come(void *arg, int result)
{
    (void)arg, (void)result;
    fail_msg("an errand that was ended reported");
}

static int quick_work(void *arg, const atomic_bool *stop)
{
    (void)arg, (void)stop;
    return -ENOSPC;
}

static void on_quick(void *arg, int result)
{
    struct bench *b = arg;
    assert_int_equal(result, -ENOSPC);
    loop_stop(b->s->loop);
}

static void errands(void **state)
{
    struct bench *b = *state;
    atomic_int steps = 0;
    assert_non_null(errand_start(b->s->loop, quick_work, on_quick, b));
    loop_run(b->s->loop);
    struct errand *slow = errand_start(b->s->loop, slow_work, must_not_come, &steps);
    assert_non_null(slow);
    errand_end(slow);
    assert_true(atomic_load(&steps) < 1000);
    studio_wait(b->s, 5);
    errand_end(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_part_that_can_never_work_ends_everything),
        TEST(the_tasks_of_the_others_are_cancelled_then),
        TEST(after_a_fault_what_is_done_is_kept),
        TEST(after_a_fault_no_more_parts_are_begun),
        TEST(cancelled_everything_is_taken_back),
        TEST(cancelled_right_after_a_restart_as_well),
        TEST(stopped_at_every_moment),
        TEST(what_cannot_be_cut_fails_before_money_is_spent),
        TEST(without_a_work_directory_it_is_tried_again_later),
        TEST(on_a_full_disk_it_is_tried_again_later),
        TEST(every_part_is_charged_on_its_own),
        TEST(errands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
