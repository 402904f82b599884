/* What a cloud job has left at the service or in a bucket is taken back, from its checkpoint alone; and what
 * a job cannot take back itself is handed on instead of forgotten. */
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

/* ---- a service that refuses some requests ---- */

struct refusal {
    const char *method;
    int status;
};

static struct refusal refusals[2];

static void serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].method && strcmp(request->method, refusals[i].method) == 0 &&
            (request->method[0] != 'P' || strstr(request->target, "/cancel"))) {
            studio_note(context, request->method);
            web_say(reply, refusals[i].status, "");
            return;
        }
    studio_serve(context, request, reply);
}

/* ---- discard() ---- */

struct outcome {
    struct studio *studio;
    int done;
    struct error error;
};

static void on_done(void *context, const struct error *error)
{
    struct outcome *o = context;
    o->done++;
    o->error = *error;
    loop_stop(o->studio->loop);
}

static void discard(struct studio *s, const char *checkpoint, struct outcome *o)
{
    *o = (struct outcome){.studio = s};
    buffer_clear(&s->log);
    assert_int_equal(s->backend->operations->discard(s->backend, checkpoint, on_done, o), 0);
    assert_int_equal(o->done, 0); /* not from inside the call */
    loop_run(s->loop);
    assert_int_equal(o->done, 1);
}

#define OBJECT "\"object\":\"scribefs/a.wav\""
#define UPLOAD "{\\\"object\\\":\\\"scribefs/b.wav\\\",\\\"upload\\\":\\\"up\\\"}"

static void what_a_checkpoint_names_is_taken_back(void **state)
{
    static const struct {
        const char *name, *checkpoint;
        struct refusal refusals[2];
        const char *requests;
        enum error_class class;
    } cases[] = {
        {"nothing", "{\"downloads\":1}", {{0}}, "", ERROR_NONE},
        {"damaged", "{\"task\":", {{0}}, "", ERROR_NONE},
        {"a task", "{\"task\":\"t-1\"}", {{0}}, "POST /api/v1/tasks/t-1/cancel\n", ERROR_NONE},
        {"an object", "{" OBJECT "}", {{0}}, "DELETE /scribefs/a.wav\n", ERROR_NONE},
        {"a task and its object",
         "{" OBJECT ",\"task\":\"t-1\"}",
         {{0}},
         "POST /api/v1/tasks/t-1/cancel\nDELETE /scribefs/a.wav\n",
         ERROR_NONE},
        {"a submission nobody knows of",
         "{" OBJECT ",\"intent_ms\":7}",
         {{0}},
         "DELETE /scribefs/a.wav\n",
         ERROR_NONE},
        {"half an upload",
         "{\"publish\":\"" UPLOAD "\"}",
         {{0}},
         "DELETE /scribefs/b.wav\nDELETE /scribefs/b.wav\n",
         ERROR_NONE},
        {"the name of an object",
         "{\"publish\":\"{\\\"object\\\":\\\"scribefs/b.wav\\\"}\"}",
         {{0}},
         "DELETE /scribefs/b.wav\n",
         ERROR_NONE},
        {"an upload that may have begun",
         "{\"publish\":\"{\\\"object\\\":\\\"scribefs/b.wav\\\",\\\"parts\\\":true}\"}",
         {{0}},
         "GET /\nDELETE /scribefs/b.wav\n",
         ERROR_NONE},
        {"uploads that nobody may list",
         "{\"publish\":\"{\\\"object\\\":\\\"scribefs/b.wav\\\",\\\"parts\\\":true}\"}",
         {{"GET", 403}},
         "GET\nDELETE /scribefs/b.wav\n",
         ERROR_NONE},
        {"a state of the publisher that names nothing", "{\"publish\":\"{}\"}", {{0}}, "", ERROR_NONE},
        {"parts",
         "{\"parts\":[{\"done\":true},{\"state\":{\"task\":\"t-2\"}},{\"state\":{" OBJECT "}},{}]}",
         {{0}},
         "POST /api/v1/tasks/t-2/cancel\nDELETE /scribefs/a.wav\n",
         ERROR_NONE},
        {"a task that could not be asked for", "{\"task\":\"../x\"}", {{0}}, "", ERROR_NONE},
        {"a task that runs or has ended",
         "{\"task\":\"t\"," OBJECT "}",
         {{"POST", 400}},
         "POST\nDELETE /scribefs/a.wav\n",
         ERROR_NONE},
        {"a task that is forgotten", "{\"task\":\"t\"}", {{"POST", 404}}, "POST\n", ERROR_NONE},
        {"the service is down",
         "{\"task\":\"t\"," OBJECT "}",
         {{"POST", 503}},
         "POST\nDELETE /scribefs/a.wav\n",
         ERROR_TRANSIENT},
        {"the key is refused",
         "{\"task\":\"t\"," OBJECT "}",
         {{"POST", 401}},
         "POST\nDELETE /scribefs/a.wav\n",
         ERROR_PERSON},
        {"an object that is gone", "{" OBJECT "}", {{"DELETE", 404}}, "DELETE\n", ERROR_NONE},
        {"an object nobody may remove", "{" OBJECT "}", {{"DELETE", 403}}, "DELETE\n", ERROR_PERSON},
        {"what may work later counts more",
         "{\"task\":\"t\"," OBJECT "}",
         {{"POST", 503}, {"DELETE", 403}},
         "POST\nDELETE\n",
         ERROR_TRANSIENT},
        {"another place", "{\"place\":\"bucket https://other\"," OBJECT "}", {{0}}, "", ERROR_PERSON},
        {"a task, and an object in another place",
         "{\"place\":\"temporary\",\"task\":\"t\"," OBJECT "}",
         {{0}},
         "POST /api/v1/tasks/t/cancel\n",
         ERROR_PERSON},
    };
    struct studio *s = *state;
    studio_use(s, tasks);
    s->web->handle = serve;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o;
        memcpy(refusals, cases[i].refusals, sizeof refusals);
        discard(s, cases[i].checkpoint, &o);
        const char *requests = s->log.data ? s->log.data : "";
        if (strcmp(requests, cases[i].requests) != 0 || o.error.class != cases[i].class)
            fail_msg("%s: class %d (%s)\n%s", cases[i].name, o.error.class, o.error.detail, requests);
    }
    memset(refusals, 0, sizeof refusals);
}

static void the_same_place_is_recognised(void **state)
{
    struct studio *s = *state;
    struct outcome o;
    char checkpoint[300];
    studio_use(s, tasks);
    snprintf(checkpoint, sizeof checkpoint, "{\"place\":\"bucket %s\"," OBJECT "}", s->web->base);
    discard(s, checkpoint, &o);
    assert_int_equal(o.error.class, ERROR_NONE);
    assert_int_equal(studio_count(s, "DELETE /scribefs/a.wav"), 1);
}

static void what_nobody_has_to_remove_needs_no_request(void **state)
{
    static const struct {
        const char *name;
        struct publish_settings publish;
    } cases[] = {
        {"temporary storage", {.kind = PUBLISH_TEMPORARY}},
        {"a web address", {.kind = PUBLISH_URL, .base_url = "https://x"}},
        {"a bucket that keeps everything", {.kind = PUBLISH_OSS, .keep = true}},
    };
    struct studio *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o;
        studio_use(s, (struct dashscope_settings){.publish = cases[i].publish});
        discard(s, "{" OBJECT "}", &o);
        if (o.error.class != ERROR_NONE || s->log.len)
            fail_msg("%s: %s %s", cases[i].name, o.error.detail, s->log.data);
    }
}

static void the_backend_may_be_freed_meanwhile(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    for (int moment = 0; moment < 4; moment++) {
        struct outcome o = {.studio = s};
        assert_int_equal(
            s->backend->operations->discard(s->backend, "{\"task\":\"t\"," OBJECT "}", on_done, &o), 0);
        for (int i = 0; i < moment; i++)
            studio_wait(s, 1);
        int done = o.done;
        studio_use(s, tasks); /* frees the one before */
        studio_wait(s, 10);
        assert_int_equal(o.done, done);
    }
}

/* ---- what a job hands on ---- */

static void on_left(void *context, const char *state)
{
    struct studio *s = context;
    cJSON *json = cJSON_Parse(state);
    const char *object = cJSON_GetStringValue(cJSON_GetObjectItem(json, "object"));
    const char *place = cJSON_GetStringValue(cJSON_GetObjectItem(json, "place"));
    char line[300];
    snprintf(line, sizeof line, "left %s %s", cJSON_HasObjectItem(json, "publish") ? "publish" : object,
             place && strstr(place, s->web->base) ? "here" : place);
    studio_note(s, line);
    cJSON_Delete(json);
}

static void go(struct studio *s, const char *checkpoint)
{
    struct backend_events events = studio_events;
    struct error err = {0};
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 3000), 0);
    events.left = on_left;
    buffer_clear(&s->log);
    s->finished = s->failed = s->queries = s->submissions = 0;
    s->job = s->backend->operations->start(s->backend,
                                           &(struct backend_request){.fd = fd,
                                                                     .name = "talk.wav",
                                                                     .work_dir = s->work_dir,
                                                                     .settings = s->frozen,
                                                                     .checkpoint = checkpoint},
                                           &events, s, &err);
    assert_non_null(s->job);
    while (!s->finished && !s->failed)
        loop_run(s->loop);
}

#define ROUTE ",\"model\":\"fun-asr\",\"call\":1,\"duration_ms\":5000,\"channels\":1"
#define ELSEWHERE "\"place\":\"bucket https://old.example\""

static void what_lies_in_another_place_is_left_to_later(void **state)
{
    static const struct {
        const char *name, *checkpoint;
        int submissions;
        size_t puts, deletes;
        const char *left; /* the beginning of the log line, or NULL */
    } cases[] = {
        {"published there, not submitted", "{" OBJECT "," ELSEWHERE ROUTE "}", 1, 1, 1,
         "left scribefs/a.wav bucket https://old.example"},
        {"half an upload there", "{\"publish\":\"" UPLOAD "\"," ELSEWHERE "}", 1, 1, 1,
         "left publish bucket https://old.example"},
        {"submitted from there", "{" OBJECT "," ELSEWHERE ROUTE ",\"task\":\"t\",\"submitted_ms\":1}", 0, 0,
         0, "left scribefs/a.wav bucket https://old.example"},
        {"submitted from there, nobody knows", "{" OBJECT "," ELSEWHERE ROUTE ",\"intent_ms\":1}", 1, 1, 1,
         "left scribefs/a.wav bucket https://old.example"},
        {"it vanishes there by itself", "{" OBJECT ",\"place\":\"temporary\"" ROUTE "}", 1, 1, 1, NULL},
        {"from before places were noted", "{" OBJECT ROUTE "}", 1, 0, 1, NULL},
    };
    struct studio *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        studio_use(s, tasks);
        s->states[0] = STUDIO_DONE;
        go(s, cases[i].checkpoint);
        size_t left = studio_count(s, "left ");
        if (!s->finished || s->submissions != cases[i].submissions ||
            studio_count(s, "PUT ") != cases[i].puts || studio_count(s, "DELETE ") != cases[i].deletes ||
            left != (cases[i].left != NULL) || (left && studio_count(s, cases[i].left) != 1))
            fail_msg("%s: %s\n%s", cases[i].name, s->error.detail, s->log.data);
    }
}

static void what_could_not_be_removed_is_left_before_the_job_ends(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->web->handle = serve;
    refusals[0] = (struct refusal){"DELETE", 403};
    s->states[0] = STUDIO_DONE;
    go(s, NULL);
    refusals[0] = (struct refusal){0};
    assert_int_equal(s->finished, 1);
    const char *left = strstr(s->log.data, "left scribefs/"), *finished = strstr(s->log.data, "finished");
    assert_non_null(left);
    assert_true(left < finished);
    assert_non_null(strstr(left, " here\n"));
}

static void what_the_service_could_not_fetch_is_left_not_forgotten(void **state)
{
    struct studio *s = *state;
    studio_use(s, tasks);
    s->states[0] = STUDIO_FAILED("FILE_DOWNLOAD_FAILED");
    go(s, NULL);
    assert_int_equal(s->failed, 1);
    assert_int_equal(s->error.class, ERROR_TRANSIENT);
    assert_int_equal(studio_count(s, "left scribefs/"), 1);
    assert_int_equal(studio_count(s, "DELETE "), 0);
    assert_null(strstr(s->checkpoint, "object"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_a_checkpoint_names_is_taken_back),
        CASE(the_same_place_is_recognised),
        CASE(what_nobody_has_to_remove_needs_no_request),
        CASE(the_backend_may_be_freed_meanwhile),
        CASE(what_lies_in_another_place_is_left_to_later),
        CASE(what_could_not_be_removed_is_left_before_the_job_ends),
        CASE(what_the_service_could_not_fetch_is_left_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
