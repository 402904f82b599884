/* Looking for a submission whose answer was lost: what it costs, and what is not taken for ours. The ways it
 * can end are in test_dashscope.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/dashscope/strangers.h"
#include "tests/unit/fake_studio.h"

static const struct dashscope_settings tasks = {.publish = {.kind = PUBLISH_OSS},
                                                .wishes = {.model = "fun-asr"}};

static int setup(void **state)
{
    *state = studio_new();
    return 0;
}

static int teardown(void **state)
{
    studio_free(*state);
    return 0;
}

/* ---- a service with a list of tasks ---- */

enum { MOST = 40 };

static struct {
    struct {
        int64_t age_ms;
        const char *names; /* a part of the address; NULL: it says none */
        bool runs;
        int asked;
    } task[MOST];
    int count, per_page, pages;
} list;

static void say_page(const struct web_request *request, struct web_reply *reply)
{
    const char *page = strstr(request->target, "page_no=");
    int number = page ? atoi(page + 8) : 1, last = (list.count + list.per_page - 1) / list.per_page;
    list.pages++;
    web_say(reply, 200, "");
    buffer_printf(&reply->body, "{\"total_page\":%d,\"data\":[", last);
    for (int i = (number - 1) * list.per_page; i < list.count && i < number * list.per_page; i++)
        buffer_printf(&reply->body, "%s{\"task_id\":\"t-%d\",\"model_name\":\"fun-asr\",\"gmt_create\":%lld}",
                      i % list.per_page ? "," : "", i,
                      (long long)time(NULL) * 1000 - (long long)list.task[i].age_ms);
    buffer_puts(&reply->body, "]}");
}

static void serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    int n;
    if (strncmp(request->target, "/api/v1/tasks/?", 15) == 0) {
        say_page(request, reply);
    } else if (sscanf(request->target, "/api/v1/tasks/t-%d", &n) == 1 && n < list.count) {
        list.task[n].asked++;
        web_say(reply, 200, "");
        if (list.task[n].runs)
            buffer_puts(&reply->body, "{\"output\":{\"task_id\":\"x\",\"task_status\":\"RUNNING\"");
        else
            buffer_printf(&reply->body,
                          "{\"output\":{\"task_id\":\"x\",\"task_status\":\"SUCCEEDED\",\"results\":[{%s%s%s"
                          "\"transcription_url\":\"%s/result/a%%3A1.json?Expires=1&Signature=ab%%2Bc\","
                          "\"subtask_status\":\"SUCCEEDED\"}]",
                          list.task[n].names ? "\"file_url\":\"https://b/" : "",
                          list.task[n].names ? list.task[n].names : "",
                          list.task[n].names ? "?Signature=secret\"," : "",
                          ((struct studio *)context)->web->base);
        if (list.task[n].runs && list.task[n].names)
            buffer_printf(&reply->body,
                          ",\"results\":[{\"file_url\":\"https://b/%s\",\"subtask_status\":\"RUNNING\"}]",
                          list.task[n].names);
        buffer_puts(&reply->body, "}}");
    } else {
        studio_serve(context, request, reply);
    }
}

static void begin(struct studio *s)
{
    memset(&list, 0, sizeof list);
    list.per_page = 100;
    studio_use(s, tasks);
    s->web->handle = serve;
}

/* Looks for the submission of the object scribefs/NAME.wav, to the end of its job. */
static void look_for(struct studio *s, const char *name)
{
    char checkpoint[300];
    snprintf(checkpoint, sizeof checkpoint,
             "{\"object\":\"scribefs/%s.wav\",\"model\":\"fun-asr\",\"call\":1,\"intent_ms\":%lld}", name,
             (long long)time(NULL) * 1000);
    s->submissions = 0;
    studio_go(s, 3000, "talk.wav", checkpoint);
    if (!s->finished)
        fail_msg("%s: %s %s", name, s->error.code, s->error.detail);
}

static int asked(void)
{
    int n = 0;
    for (int i = 0; i < list.count; i++)
        n += list.task[i].asked;
    return n;
}

/* ---- tests ---- */

static void searches_share_what_they_learn(void **state)
{
    struct studio *s = *state;
    begin(s);
    list.count = 6;
    list.task[0].names = "other/a.wav";
    list.task[1].names = NULL; /* its result names none either */
    list.task[2].names = "scribefs/second.wav";
    list.task[3].names = "other/b.wav";
    list.task[4].names = "scribefs/first.wav";
    list.task[5].names = "other/c.wav";
    look_for(s, "first");
    assert_int_equal(s->submissions, 0);
    assert_int_equal(asked(), 5 + 1); /* all before it; and then about the one that was found */
    look_for(s, "second");
    assert_int_equal(s->submissions, 0);
    assert_int_equal(asked(), 6 + 1);
    assert_int_equal(list.task[2].asked, 2);
    look_for(s, "third");
    assert_int_equal(s->submissions, 1);
    assert_int_equal(asked(), 7 + 1); /* only about the one that nobody has looked at yet */
    look_for(s, "fourth");
    assert_int_equal(s->submissions, 1);
    assert_int_equal(asked(), 8);
}

static void a_task_that_says_what_it_is_of_is_asked_about_once_though_it_runs(void **state)
{
    struct studio *s = *state;
    begin(s);
    list.count = 1;
    list.task[0].names = "other/a.wav";
    list.task[0].runs = true;
    look_for(s, "mine");
    assert_int_equal(s->submissions, 1);
    assert_int_equal(asked(), 1);
}

static void ignore_progress(void *context, enum backend_stage stage, int64_t done, int64_t total)
{
    (void)context, (void)stage, (void)done, (void)total;
}

static void ignore_end(void *context, const struct error *error)
{
    (void)context, (void)error;
}

/* One that another job of ours waits for is not asked about, and would not be taken if it named our object.
 */
static void tasks_of_other_jobs_are_passed_over(void **state)
{
    static const struct backend_events events = {.progress = ignore_progress, .failed = ignore_end};
    struct studio *s = *state;
    struct error err = {0};
    begin(s);
    list.count = 1;
    list.task[0].names = "scribefs/mine.wav";
    list.task[0].runs = true;
    struct backend_job *other = s->backend->operations->start(
        s->backend,
        &(struct backend_request){.fd = memfd_create("recording", MFD_CLOEXEC),
                                  .name = "other.wav",
                                  .work_dir = s->work_dir,
                                  .settings = s->frozen,
                                  .checkpoint =
                                      "{\"object\":\"scribefs/other.wav\",\"model\":\"fun-asr\",\"call\":1,"
                                      "\"task\":\"t-0\",\"submitted_ms\":1}"},
        &events, NULL, &err);
    assert_non_null(other);
    look_for(s, "mine");
    assert_int_equal(s->submissions, 1);
    assert_int_equal(list.pages, 1);
    s->backend->operations->suspend(other);
}

static void pages_that_can_only_be_older_are_not_read(void **state)
{
    static const struct {
        const char *name;
        int64_t ages_s[6]; /* 2 on each page */
        int pages, queries;
    } cases[] = {
        {"newest first", {0, 1, 200, 300, 400, 500}, 2, 2},
        {"newest first, all of our time", {0, 1, 2, 3, 4, 5}, 3, 6},
        {"oldest first", {500, 400, 300, 200, 1, 0}, 3, 2},
        {"in no order", {400, 200, 300, 500, 1, 600}, 3, 1},
        {"newest first, all old", {200, 300, 400, 500, 600, 700}, 1, 0},
    };
    struct studio *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(s);
        list.count = 6;
        list.per_page = 2;
        for (int n = 0; n < 6; n++) {
            list.task[n].age_ms = cases[i].ages_s[n] * 1000;
            list.task[n].names = "other/x.wav";
        }
        look_for(s, "mine");
        if (list.pages != cases[i].pages || asked() != cases[i].queries || s->submissions != 1)
            fail_msg("%s: %d pages, %d queries", cases[i].name, list.pages, asked());
    }
}

static void what_is_known_of_strangers(void **state)
{
    struct strangers *strangers = NULL;
    (void)state;
    assert_null(strangers_names(NULL, "a"));
    strangers_add(&strangers, "a", "https://b/x.wav?Signature=secret");
    strangers_add(&strangers, "b", NULL);
    strangers_add(&strangers, "a", "https://b/y.wav");
    assert_string_equal(strangers_names(strangers, "a"), "https://b/x.wav");
    assert_string_equal(strangers_names(strangers, "b"), "");
    assert_null(strangers_names(strangers, "c"));
    for (int i = 0; i < 20000; i++) {
        char id[20];
        snprintf(id, sizeof id, "t-%d", i);
        strangers_add(&strangers, id, "x");
    }
    assert_null(strangers_names(strangers, "a")); /* it does not grow without end */
    assert_string_equal(strangers_names(strangers, "t-19999"), "x");
    strangers_free(strangers);
    strangers_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest all[] = {
        CASE(searches_share_what_they_learn),
        CASE(a_task_that_says_what_it_is_of_is_asked_about_once_though_it_runs),
        CASE(tasks_of_other_jobs_are_passed_over),
        CASE(pages_that_can_only_be_older_are_not_read),
        cmocka_unit_test(what_is_known_of_strangers),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
