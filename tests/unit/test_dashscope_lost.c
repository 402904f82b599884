/* Submissions to the service whose answer is lost: found again, and never paid for twice. */
#include "tests/unit/dashscope_tests.h"

/* ---- submissions whose answer is lost ---- */

#define ITEM(id, model)                                                                                      \
    "{\"task_id\":\"" id "\",\"model_name\":\"" model "\",\"gmt_create\":%t,\"status\":\"RUNNING\"}"
#define LIST(items) "{\"total\":1,\"total_page\":1,\"page_no\":1,\"page_size\":100,\"data\":[" items "]}"
#define DONE_OF(file)                                                                                        \
    "{\"output\":{\"task_id\":\"T\",\"task_status\":\"SUCCEEDED\",\"results\":[{\"file_url\":\"" file        \
    "\",\"transcription_url\":\"%s/result/"                                                                  \
    "a%%3A1.json?Expires=1&Signature=ab%%2Bc\",\"subtask_status\":\"SUCCEEDED\"}]}}"

static void lose_an_answer(struct studio *s)
{
    s->submit_lost = true;
    s->submissions = 0;
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->failed, 1);
    assert_int_equal(s->error.class, ERROR_TRANSIENT);
    assert_string_equal(s->error.code, "cloud.network");
    assert_int_equal(s->submissions, 1);
    assert_non_null(strstr(s->checkpoint, "\"intent_ms\":"));
    s->submit_lost = false;
}

static void a_task_whose_id_was_lost_is_found_again(void **state)
{
    static const struct {
        const char *name, *list, *states[5], *result;
        int submissions, queries;
    } cases[] = {
        {"it has ended",
         LIST(ITEM("task-1", "fun-asr")),
         {DONE_OF("https://b%o?x=1"), DONE_OF("https://b%o?x=1")},
         NULL,
         1,
         2},
        {"under the name of the snapshot",
         LIST(ITEM("task-1", "fun-asr-2025-11-07")),
         {DONE_OF("https://b%o")},
         NULL,
         1,
         2},
        {"it stands behind another",
         LIST(ITEM("task-9", "fun-asr") "," ITEM("task-1", "fun-asr")),
         {DONE_OF("https://b/other.wav"), DONE_OF("https://b%o")},
         NULL,
         1,
         3},
        {"only the result names it",
         LIST(ITEM("task-1", "fun-asr")),
         {STUDIO_DONE},
         "{\"file_url\":\"https://b%o?x\",\"transcripts\":[]}",
         1,
         2},
        {"another model's", LIST(ITEM("task-1", "paraformer-v2")), {STUDIO_DONE}, NULL, 2, 1},
        {"another recording's",
         LIST(ITEM("task-8", "fun-asr")),
         {DONE_OF("https://b/other.wav"), STUDIO_DONE},
         NULL,
         2,
         2},
        {"an old one",
         LIST("{\"task_id\":\"task-1\",\"model_name\":\"fun-asr\",\"gmt_create\":1}"),
         {STUDIO_DONE},
         NULL,
         2,
         1},
        {"none", LIST(""), {STUDIO_DONE}, NULL, 2, 1},
        {"the list cannot be had", NULL, {STUDIO_DONE}, NULL, 2, 1},
        {"a list that is none", "{\"data\":7}", {STUDIO_DONE}, NULL, 2, 1},
    };
    struct studio *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        studio_use(s, tasks);
        lose_an_answer(s);
        s->list = cases[i].list;
        s->result = cases[i].result;
        memcpy(s->states, cases[i].states, sizeof cases[i].states);
        studio_go(s, 3000, "talk.wav", s->checkpoint);
        if (!s->finished)
            fail_msg("%s: %s %s", cases[i].name, s->error.code, s->error.detail);
        if (s->submissions != cases[i].submissions || s->queries != cases[i].queries)
            fail_msg("%s: %d submissions, %d queries", cases[i].name, s->submissions, s->queries);
    }
}

static void a_lost_task_that_still_runs_is_waited_for(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    lose_an_answer(s);
    s->list = LIST(ITEM("task-1", "fun-asr"));
    s->states[0] = STUDIO_RUNNING;
    s->states[1] = DONE_OF("https://b%o");
    studio_go(s, 3000, "talk.wav", s->checkpoint);
    assert_int_equal(s->finished, 1);
    assert_int_equal(s->submissions, 1);
    assert_int_equal(s->queries, 3);
}

static void while_nobody_can_be_asked_nothing_is_submitted_twice(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    lose_an_answer(s);
    s->list = "<html>";
    s->list_status = 503;
    studio_go(s, 3000, "talk.wav", s->checkpoint);
    assert_int_equal(s->failed, 1);
    assert_int_equal(s->error.class, ERROR_TRANSIENT);
    assert_int_equal(s->submissions, 1);
    assert_non_null(strstr(s->checkpoint, "\"intent_ms\":"));
}

static void what_was_refused_or_never_sent_is_in_no_doubt(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->submit_failures = 1;
    s->submit_status = 401;
    s->submit_body = "{\"code\":\"InvalidApiKey\"}";
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->failed, 1);
    assert_null(strstr(s->checkpoint, "intent_ms"));
    assert_non_null(strstr(s->checkpoint, "scribefs/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_task_whose_id_was_lost_is_found_again),
        CASE(a_lost_task_that_still_runs_is_waited_for),
        CASE(while_nobody_can_be_asked_nothing_is_submitted_twice),
        CASE(what_was_refused_or_never_sent_is_in_no_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
