/* The control socket: waiting and watching. */
#include "tests/unit/control_world.h"

static void wait_answers_at_once_when_all_is_done_or_failed(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_DONE);
    put(d, "b.mp3", ITEM_FAILED);
    cJSON *o = ask(d, "{\"command\":\"wait\"}\n", NULL);
    assert_true(is_true(o, "final"));
    assert_false(is_true(o, "timed_out"));
    assert_int_equal(item_count(o), 2);
    cJSON_Delete(o);
}

static void wait_answers_when_the_last_one_is_done(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_ARRIVING);
    put(d, "b.mp3", ITEM_QUEUED);
    put(d, "other.mp3", ITEM_RUNNING);
    int fd = dial(d), a = dial(d);
    say(fd, "{\"command\":\"wait\",\"path\":\"\"}\n");
    say(a, "{\"command\":\"wait\",\"path\":\"a.mp3\"}\n");
    put(d, "a.mp3", ITEM_DONE);
    tell(d);
    cJSON *o = hear(a);
    assert_true(is_true(o, "final"));
    cJSON_Delete(o);
    assert_int_equal(recv(fd, (char[1]){0}, 1, MSG_DONTWAIT), -1);
    put(d, "b.mp3", ITEM_DONE);
    tell(d);
    put(d, "other.mp3", ITEM_FAILED);
    tell(d);
    o = hear(fd);
    assert_true(is_true(o, "final"));
    assert_int_equal(number(cJSON_GetObjectItemCaseSensitive(o, "counts"), "done"), 2);
    cJSON_Delete(o);
    close(fd);
    close(a);
}

static void wait_waits_until_the_views_can_be_seen(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_DONE);
    set_announcing(d, 0, true);
    int fd = dial(d);
    say(fd, "{\"command\":\"wait\",\"path\":\"a.mp3\",\"progress\":true}\n");
    cJSON *o = hear(fd);
    assert_false(is_true(o, "final"));
    cJSON_Delete(o);
    set_announcing(d, 0, false);
    tell(d);
    o = hear(fd);
    assert_true(is_true(o, "final"));
    cJSON_Delete(o);
    close(fd);
}

static void wait_ends_at_its_timeout(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    cJSON *o = ask(d, "{\"command\":\"wait\",\"path\":\"a.mp3\",\"timeout_ms\":30}\n", NULL);
    assert_true(is_true(o, "final"));
    assert_true(is_true(o, "timed_out"));
    assert_string_equal(item_text(o, 0, "state"), "running");
    cJSON_Delete(o);
    o = ask(d, "{\"command\":\"wait\",\"path\":\"a.mp3\",\"timeout_ms\":0}\n", NULL);
    assert_true(is_true(o, "timed_out"));
    cJSON_Delete(o);
}

static void wait_lets_a_path_appear(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    say(fd, "{\"command\":\"wait\",\"path\":\"new.mp3\"}\n{\"command\":\"status\"}\n");
    cJSON_Delete(ask(d, "{\"command\":\"status\"}\n", NULL)); /* it has looked for new.mp3 before this */
    put(d, "new.mp3", ITEM_DONE);
    tell(d);
    cJSON *o = hear(fd);
    assert_true(is_true(o, "final"));
    cJSON_Delete(o);
    o = hear(fd); /* the next request is answered after it */
    assert_int_equal(item_count(o), 1);
    cJSON_Delete(o);
    close(fd);
    cJSON_Delete(ask(d, "{\"command\":\"wait\",\"path\":\"never.mp3\"}\n", "not_found"));
    cJSON_Delete(ask(d, "{\"command\":\"wait\",\"path\":\"never.mp3\",\"timeout_ms\":1}\n", "not_found"));
}

static void wait_ends_when_the_recording_is_deleted(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    int fd = dial(d);
    say(fd, "{\"command\":\"wait\",\"path\":\"a.mp3\",\"progress\":true}\n");
    cJSON_Delete(hear(fd));
    pthread_mutex_lock(&d->library.lock);
    d->library.count = 0;
    pthread_mutex_unlock(&d->library.lock);
    tell(d);
    cJSON *o = hear(fd);
    assert_string_equal(text(cJSON_GetObjectItemCaseSensitive(o, "error"), "code"), "not_found");
    cJSON_Delete(o);
    close(fd);
}

static void watch_sends_what_changed_and_nothing_twice(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_QUEUED);
    int fd = dial(d);
    say(fd, "{\"command\":\"watch\"}\n");
    cJSON *o = hear(fd);
    assert_string_equal(item_text(o, 0, "state"), "queued");
    cJSON_Delete(o);
    /* Nothing is different: nothing comes, though there was time for it. */
    tell(d);
    struct timeval limit = {.tv_usec = 700000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(recv(fd, (char[1]){0}, 1, 0), -1);
    limit = (struct timeval){.tv_sec = hang_up_after};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    put(d, "a.mp3", ITEM_RUNNING);
    for (int i = 0; i < 100; i++)
        tell(d);
    o = hear(fd);
    assert_string_equal(item_text(o, 0, "state"), "running");
    cJSON_Delete(o);
    put(d, "a.mp3", ITEM_DONE);
    tell(d);
    o = hear(fd);
    assert_string_equal(item_text(o, 0, "state"), "done");
    cJSON_Delete(o);
    shutdown(fd, SHUT_WR); /* it hangs up on a watch that is over */
    assert_null(hear(fd));
    close(fd);
}

static void watch_is_sent_twice_a_second_at_most(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    int fd = dial(d);
    say(fd, "{\"command\":\"watch\"}\n");
    cJSON_Delete(hear(fd));
    int64_t begin = loop_now_ms();
    for (int i = 1; i <= 2; i++) {
        pthread_mutex_lock(&d->library.lock);
        d->library.items[0].attempts = i;
        pthread_mutex_unlock(&d->library.lock);
        tell(d);
        cJSON_Delete(hear(fd));
    }
    assert_true(loop_now_ms() - begin >= 900);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wait_answers_at_once_when_all_is_done_or_failed, start, stop),
        cmocka_unit_test_setup_teardown(wait_answers_when_the_last_one_is_done, start, stop),
        cmocka_unit_test_setup_teardown(wait_waits_until_the_views_can_be_seen, start, stop),
        cmocka_unit_test_setup_teardown(wait_ends_at_its_timeout, start, stop),
        cmocka_unit_test_setup_teardown(wait_lets_a_path_appear, start, stop),
        cmocka_unit_test_setup_teardown(wait_ends_when_the_recording_is_deleted, start, stop),
        cmocka_unit_test_setup_teardown(watch_sends_what_changed_and_nothing_twice, start, stop),
        cmocka_unit_test_setup_teardown(watch_is_sent_twice_a_second_at_most, start, stop),
    };
    return cmocka_run_group_tests_name("control_wait", tests, NULL, NULL);
}
