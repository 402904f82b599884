/* The control socket: requests and their answers. */
#include "tests/unit/control_world.h"

static void the_socket_is_for_the_owner_only(void **state)
{
    struct daemon *d = *state;
    struct stat st;
    assert_int_equal(fstatat(d->state_fd, "control", &st, 0), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_stale_socket_is_replaced_and_another_file_is_not(void **state)
{
    struct daemon *d = *state;
    struct control_config config = {.loop = d->loop, .library = &d->library, .state_fd = d->state_fd};
    struct control *second;
    struct error err;
    char sub[] = "/tmp/test_control-XXXXXX";
    assert_non_null(mkdtemp(sub));
    config.state_fd = open(sub, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mknodat(config.state_fd, "control", S_IFSOCK | 0600, 0), 0);
    struct loop *loop;
    assert_int_equal(loop_new(&loop), 0);
    config.loop = loop;
    assert_int_equal(control_new(&config, &second, &err), 0);
    control_free(second);
    int fd = openat(config.state_fd, "control", O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(control_new(&config, &second, &err), -EEXIST);
    assert_string_equal(err.code, "control.socket");
    assert_int_equal(unlinkat(config.state_fd, "control", 0), 0);
    loop_free(loop);
    close(config.state_fd);
    assert_int_equal(rmdir(sub), 0);
}

static void status_says_counts_items_engine_and_trouble(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    put(d, "b.mp3", ITEM_QUEUED);
    put(d, "dir/c.mp3", ITEM_DONE);
    cJSON *o = ask(d, "{\"command\":\"status\"}\n", NULL);
    assert_string_equal(text(o, "engine"), "Vosk");
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(o, "trouble")));
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(o, "counts");
    assert_int_equal(number(counts, "running"), 1);
    assert_int_equal(number(counts, "queued"), 1);
    assert_int_equal(number(counts, "done"), 1);
    assert_int_equal(number(counts, "failed"), 0);
    assert_int_equal(item_count(o), 3);
    assert_string_equal(item_text(o, 0, "path"), "a.mp3");
    assert_string_equal(item_text(o, 0, "state"), "running");
    assert_int_equal(number(o, "omitted"), 0);
    cJSON_Delete(o);

    d->troubled = true;
    o = ask(d, "{\"command\":\"status\",\"limit\":1}\n", NULL);
    assert_string_equal(text(o, "trouble"), "the disk is full");
    assert_int_equal(item_count(o), 1);
    assert_int_equal(number(o, "omitted"), 2);
    assert_int_equal(number(cJSON_GetObjectItemCaseSensitive(o, "counts"), "done"), 1);
    cJSON_Delete(o);
}

static void paths_are_normalised(void **state)
{
    struct daemon *d = *state;
    put(d, "dir/c.mp3", ITEM_DONE);
    static const char *const paths[] = {"dir/c.mp3", "/dir/c.mp3", "dir//c.mp3", "./dir/./c.mp3/", "dir"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char request[100];
        snprintf(request, sizeof request, "{\"command\":\"status\",\"path\":\"%s\"}\n", paths[i]);
        cJSON *o = ask(d, request, NULL);
        assert_int_equal(item_count(o), 1);
        cJSON_Delete(o);
    }
}

static void bad_requests_are_answered(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_DONE);
    static const struct {
        const char *request, *code;
    } rows[] = {
        {"\n", "request"},
        {"no JSON\n", "request"},
        {"5\n", "request"},
        {"[]\n", "request"},
        {"{}\n", "request"},
        {"{\"command\":7}\n", "request"},
        {"{\"command\":\"fly\"}\n", "request"},
        {"{\"command\":\"status\",\"path\":7}\n", "request"},
        {"{\"command\":\"status\",\"path\":\"../etc\"}\n", "request"},
        {"{\"command\":\"status\",\"path\":\"a/..\"}\n", "request"},
        {"{\"command\":\"status\",\"path_bytes\":\"6\"}\n", "request"},
        {"{\"command\":\"status\",\"path_bytes\":\"zz\"}\n", "request"},
        {"{\"command\":\"status\",\"path_bytes\":\"6100\"}\n", "request"},
        {"{\"command\":\"status\",\"path\":\"nothing.mp3\"}\n", "not_found"},
        {"{\"command\":\"watch\",\"path\":\"nothing.mp3\"}\n", "not_found"},
        {"{\"command\":\"retry\",\"path\":\"nothing.mp3\"}\n", "not_found"},
        {"{\"command\":\"restore\",\"path\":\"nothing.mp3\"}\n", "not_found"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cJSON_Delete(ask(d, rows[i].request, rows[i].code));
}

static void a_request_without_end_is_refused(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    char chunk[1024];
    memset(chunk, ' ', sizeof chunk);
    /* It may hang up while this is still writing. */
    for (int i = 0; i < 64; i++)
        if (send(fd, chunk, sizeof chunk, MSG_NOSIGNAL) < 0)
            break;
    cJSON *o = hear(fd);
    assert_string_equal(text(cJSON_GetObjectItemCaseSensitive(o, "error"), "code"), "request");
    cJSON_Delete(o);
    close(fd);
}

static void requests_are_answered_in_order_and_after_the_client_stops_writing(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_DONE);
    int fd = dial(d);
    for (int i = 0; i < 100; i++)
        say(fd, i % 2 ? "{\"command\":\"retry\",\"path\":\"a.mp3\"}\n"
                      : "{\"command\":\"restore\",\"path\":\"a.mp3\"}\n");
    say(fd, "{\"command\":\"wait\",\"path\":\"a.mp3\"}\n{\"command\":\"unfinished\"");
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 100; i++) {
        cJSON *o = hear(fd);
        assert_int_equal(number(o, "count"), i % 2 ? 1 : 10);
        cJSON_Delete(o);
    }
    cJSON *o = hear(fd);
    assert_true(is_true(o, "final"));
    cJSON_Delete(o);
    assert_null(hear(fd));
    close(fd);
}

static void who_writes_no_more_still_gets_what_it_waits_for(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    int fd = dial(d);
    say(fd, "{\"command\":\"wait\",\"path\":\"a.mp3\"}\n");
    shutdown(fd, SHUT_WR);
    cJSON_Delete(ask(d, "{\"command\":\"status\"}\n", NULL));
    put(d, "a.mp3", ITEM_DONE);
    tell(d);
    cJSON *o = hear(fd);
    assert_non_null(o);
    assert_true(is_true(o, "final"));
    cJSON_Delete(o);
    assert_null(hear(fd));
    close(fd);
}

/* More answers than the socket holds: it stops reading requests, forgets none, and goes on. */
static void who_reads_late_gets_every_answer(void **state)
{
    struct daemon *d = *state;
    enum { REQUESTS = 1200 };
    static const char *const names[] = {"a.mp3", "b.mp3", "c.mp3", "d.mp3",
                                        "e.mp3", "f.mp3", "g.mp3", "h.mp3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put(d, names[i], ITEM_FAILED);
    int fd = dial(d);
    for (int i = 0; i < REQUESTS; i++)
        say(fd, "{\"command\":\"status\"}\n");
    shutdown(fd, SHUT_WR);
    cJSON_Delete(ask(d, "{\"command\":\"status\"}\n", NULL)); /* others are served meanwhile */
    for (int i = 0; i < REQUESTS; i++) {
        cJSON *o = hear(fd);
        assert_non_null(o);
        assert_int_equal(item_count(o), 8);
        cJSON_Delete(o);
    }
    assert_null(hear(fd));
    close(fd);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    for (const char *s = "{\"command\":\"status\"}\n"; *s; s++)
        say(fd, (char[]){*s, '\0'});
    cJSON *o = hear(fd);
    assert_int_equal(item_count(o), 0);
    cJSON_Delete(o);
    close(fd);
}

static void retry_restore_and_cancel_reach_the_library(void **state)
{
    struct daemon *d = *state;
    put(d, "dir/a\xff.mp3", ITEM_FAILED);
    cJSON *o =
        ask(d, "{\"command\":\"retry\",\"path\":\"wrong\",\"path_bytes\":\"6469722f61ff2e6D7033\"}\n", NULL);
    assert_int_equal(number(o, "count"), 1);
    assert_string_equal(d->library.asked, "dir/a\xff.mp3");
    cJSON_Delete(o);
    o = ask(d, "{\"command\":\"restore\",\"path\":\"dir\"}\n", NULL);
    assert_int_equal(number(o, "count"), 10);
    cJSON_Delete(o);
    o = ask(d, "{\"command\":\"cancel\",\"path\":\"dir\"}\n", NULL);
    assert_int_equal(number(o, "count"), 100);
    cJSON_Delete(o);
}

static void hang_up_many_times(struct daemon *d, const char *request)
{
    for (int i = 0; i < 300; i++) { /* more than are admitted together */
        int fd = dial(d);
        say(fd, request);
        close(fd);
    }
    /* The daemon may still be at the ones before. */
    for (int i = 0; i < 1000; i++) {
        int fd = dial(d);
        send(fd, "{\"command\":\"status\"}\n", 21, MSG_NOSIGNAL);
        cJSON *o = hear(fd);
        bool served = o && cJSON_HasObjectItem(o, "items");
        cJSON_Delete(o);
        close(fd);
        if (served)
            return;
    }
    fail_msg("nobody is served any more");
}

static void clients_that_hang_up_are_forgotten(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    hang_up_many_times(d, "{\"command\":\"wait\"}\n");
    hang_up_many_times(d, "{\"command\":\"watch\"}\n");
    hang_up_many_times(d, "{\"command\"");
}

static void too_many_clients_are_refused(void **state)
{
    struct daemon *d = *state;
    int fds[65];
    for (int i = 0; i < 65; i++)
        fds[i] = dial(d);
    cJSON *o = hear(fds[64]);
    assert_string_equal(text(cJSON_GetObjectItemCaseSensitive(o, "error"), "code"), "busy");
    cJSON_Delete(o);
    assert_null(hear(fds[64]));
    for (int i = 0; i < 65; i++)
        close(fds[i]);
}

static void items_survive_json(void **state)
{
    (void)state;
    char path[] = "d\xc3\xa4/x\ny\xff.mp3", base[] = "x\ny\xff";
    const struct item items[] = {
        {.path = path,
         .base = base,
         .state = ITEM_RUNNING,
         .stage = STAGE_PUBLISHING,
         .done = 5,
         .total = INT64_C(1) << 40,
         .duration_ms = 1,
         .queued_ms = 1795305600000,
         .started_ms = 3,
         .expected_ms = 4,
         .attempts = 2,
         .hidden = 5,
         .job = "ab"},
        {.path = path,
         .base = base,
         .state = ITEM_QUEUED,
         .position = 7,
         .not_before_ms = 1795305600001,
         .error = {.class = ERROR_PERSON, .code = "engine.missing", .detail = "bad \xff\n"}},
        {.path = path, .base = base, .state = ITEM_DONE, .finished_ms = 9},
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        cJSON *made = json_item(&items[i]);
        cleanup_free char *line = cJSON_PrintUnformatted(made);
        cJSON *o = cJSON_Parse(line);
        struct item *read = calloc(1, sizeof *read);
        assert_true(json_read_item(o, read));
        assert_string_equal(read->path, path);
        assert_string_equal(read->base, base);
        assert_int_equal(read->state, items[i].state);
        assert_int_equal(read->stage, items[i].stage);
        assert_int_equal(read->done, items[i].done);
        assert_int_equal(read->total, items[i].total);
        assert_int_equal(read->position, items[i].position);
        assert_int_equal(read->duration_ms, items[i].duration_ms);
        assert_int_equal(read->queued_ms, items[i].queued_ms);
        assert_int_equal(read->started_ms, items[i].started_ms);
        assert_int_equal(read->finished_ms, items[i].finished_ms);
        assert_int_equal(read->expected_ms, items[i].expected_ms);
        assert_int_equal(read->not_before_ms, items[i].not_before_ms);
        assert_int_equal(read->attempts, items[i].attempts);
        assert_int_equal(read->hidden, items[i].hidden);
        assert_string_equal(read->job, items[i].job);
        assert_int_equal(read->error.class, items[i].error.class);
        assert_string_equal(read->error.code, items[i].error.code);
        items_free(read, 1);
        cJSON_Delete(o);
        cJSON_Delete(made);
    }
}

static void what_is_no_item_is_not_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}",
                                        "[]",
                                        "7",
                                        "{\"path\":\"a\",\"base\":\"a\"}",
                                        "{\"path\":\"a\",\"base\":\"a\",\"state\":\"flying\"}",
                                        "{\"path\":\"a\",\"state\":\"done\"}",
                                        "{\"path\":\"a\",\"base\":\"a\",\"state\":7}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cJSON *o = cJSON_Parse(texts[i]);
        struct item item;
        assert_false(json_read_item(o, &item));
        cJSON_Delete(o);
    }
    cJSON *o = cJSON_Parse(
        "{\"path\":\"a\",\"base\":\"a\",\"state\":\"done\",\"attempts\":1e300,\"done\":-1e300,\"hidden\":7,"
        "\"error\":{\"class\":[]}}");
    struct item *item = calloc(1, sizeof *item);
    assert_true(json_read_item(o, item));
    assert_int_equal(item->attempts, 0);
    assert_int_equal(item->error.class, ERROR_PERMANENT);
    items_free(item, 1);
    cJSON_Delete(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_socket_is_for_the_owner_only, start, stop),
        cmocka_unit_test_setup_teardown(a_stale_socket_is_replaced_and_another_file_is_not, start, stop),
        cmocka_unit_test_setup_teardown(status_says_counts_items_engine_and_trouble, start, stop),
        cmocka_unit_test_setup_teardown(paths_are_normalised, start, stop),
        cmocka_unit_test_setup_teardown(bad_requests_are_answered, start, stop),
        cmocka_unit_test_setup_teardown(a_request_without_end_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(requests_are_answered_in_order_and_after_the_client_stops_writing,
                                        start, stop),
        cmocka_unit_test_setup_teardown(who_writes_no_more_still_gets_what_it_waits_for, start, stop),
        cmocka_unit_test_setup_teardown(who_reads_late_gets_every_answer, start, stop),
        cmocka_unit_test_setup_teardown(a_request_may_come_byte_by_byte, start, stop),
        cmocka_unit_test_setup_teardown(retry_restore_and_cancel_reach_the_library, start, stop),
        cmocka_unit_test_setup_teardown(clients_that_hang_up_are_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(too_many_clients_are_refused, start, stop),
        cmocka_unit_test(items_survive_json),
        cmocka_unit_test(what_is_no_item_is_not_read),
    };
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
