/* The control socket: questions that are answered later. */
#include "tests/unit/control_world.h"

static void hang_up_on_all(void *arg)
{
    struct daemon *d = arg;
    control_free(d->control);
    const struct control_config config = config_of(d);
    struct error err;
    assert_int_equal(control_new(&config, &d->control, &err), 0);
}

static void wait_until_asked(struct daemon *d)
{
    for (int ms = 0; !__atomic_load_n(&d->explaining, __ATOMIC_ACQUIRE); ms++) {
        if (ms > hang_up_after * 1000)
            fail_msg("the question did not arrive");
        usleep(1000);
    }
}

static void an_explanation_comes_when_it_is_there(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    /* What is asked meanwhile waits its turn; changes of recordings are nothing to it. */
    say(fd, "{\"command\":\"explain\",\"path\":\"./a.mp3\"}\n{\"command\":\"status\"}\n");
    wait_until_asked(d);
    put(d, "a.mp3", ITEM_DONE);
    tell(d);
    assert_int_equal(loop_post(d->loop, explained, d), 0);
    cJSON *o = hear(fd);
    assert_string_equal(text(o, "model"), "a.mp3");
    cJSON_Delete(o);
    o = hear(fd);
    assert_int_equal(item_count(o), 1);
    cJSON_Delete(o);
    close(fd);
    assert_int_equal(d->cancelled, 0);
}

static void an_explanation_reaches_who_writes_no_more(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    say(fd, "{\"command\":\"explain\",\"path\":\"a.mp3\"}\n");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    wait_until_asked(d);
    tell(d);
    assert_int_equal(loop_post(d->loop, explained, d), 0);
    cJSON *o = hear(fd);
    assert_string_equal(text(o, "model"), "a.mp3");
    cJSON_Delete(o);
    assert_null(hear(fd));
    close(fd);
}

static void what_cannot_be_explained_is_said(void **state)
{
    struct daemon *d = *state;
    cJSON_Delete(ask(d, "{\"command\":\"explain\",\"path\":\"dir\"}\n", "request"));
    cJSON_Delete(ask(d, "{\"command\":\"explain\",\"path\":\"../a.mp3\"}\n", "request"));
    /* Without memory there is no answer; the client is not left waiting. */
    int fd = dial(d);
    say(fd, "{\"command\":\"explain\",\"path\":\"a.mp3\"}\n");
    wait_until_asked(d);
    assert_int_equal(loop_post(d->loop, explained_without_memory, d), 0);
    assert_null(hear(fd));
    close(fd);
}

static void who_hangs_up_cancels_his_question(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    say(fd, "{\"command\":\"explain\",\"path\":\"a.mp3\"}\n");
    wait_until_asked(d);
    close(fd);
    for (int ms = 0; __atomic_load_n(&d->cancelled, __ATOMIC_ACQUIRE) == 0; ms++) {
        if (ms > hang_up_after * 1000)
            fail_msg("the question was not cancelled");
        usleep(1000);
    }
    assert_null(d->explaining);
    /* Another is asked when everything ends: stop() sees that it is cancelled. */
    fd = dial(d);
    say(fd, "{\"command\":\"explain\",\"path\":\"a.mp3\"}\n");
    wait_until_asked(d);
    assert_int_equal(loop_post(d->loop, hang_up_on_all, d), 0);
    assert_null(hear(fd));
    assert_int_equal(d->cancelled, 2);
    close(fd);
}

static void a_question_is_answered_on_the_pool_and_others_meanwhile(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_DONE);
    atomic_store(&d->hold, true);
    int fd = dial(d);
    say(fd, "{\"command\":\"echo\",\"path\":\"./a.mp3\",\"n\":7}\n{\"command\":\"status\"}\n");
    cJSON_Delete(ask(d, "{\"command\":\"status\"}\n", NULL));
    atomic_store(&d->hold, false);
    cJSON *o = hear(fd);
    assert_string_equal(text(o, "path"), "a.mp3");
    assert_int_equal(number(o, "n"), 7);
    cJSON_Delete(o);
    o = hear(fd);
    assert_int_equal(item_count(o), 1);
    cJSON_Delete(o);
    close(fd);
    cJSON_Delete(ask(d, "{\"command\":\"echo\",\"path\":\"none\"}\n", "not_found"));
    fd = dial(d);
    say(fd, "{\"command\":\"echo\",\"path\":\"memory\"}\n");
    assert_null(hear(fd)); /* rather hung up on than left waiting */
    close(fd);
}

static void who_hangs_up_on_the_pool_is_forgotten(void **state)
{
    struct daemon *d = *state;
    atomic_store(&d->hold, true);
    int fd = dial(d);
    say(fd, "{\"command\":\"echo\",\"path\":\"a.mp3\"}\n");
    close(fd);
    cJSON_Delete(ask(d, "{\"command\":\"status\"}\n", NULL));
    atomic_store(&d->hold, false);
    cJSON_Delete(ask(d, "{\"command\":\"echo\",\"path\":\"b.mp3\"}\n", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_explanation_comes_when_it_is_there, start, stop),
        cmocka_unit_test_setup_teardown(an_explanation_reaches_who_writes_no_more, start, stop),
        cmocka_unit_test_setup_teardown(what_cannot_be_explained_is_said, start, stop),
        cmocka_unit_test_setup_teardown(who_hangs_up_cancels_his_question, start, stop),
        cmocka_unit_test_setup_teardown(a_question_is_answered_on_the_pool_and_others_meanwhile, start, stop),
        cmocka_unit_test_setup_teardown(who_hangs_up_on_the_pool_is_forgotten, start, stop),
    };
    return cmocka_run_group_tests_name("control_questions", tests, NULL, NULL);
}
