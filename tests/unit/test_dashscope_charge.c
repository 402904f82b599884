/* backend/dashscope/charge.h: what is said of the costs of a job, however it ends, and what becomes of it when it
 * may not be sent. */
#include <errno.h>
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

#include "backend/prepare.h"
#include "tests/unit/fake_studio.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- a preparer that knows the length ---- */

struct length_preparer {
    struct preparer preparer; /* first */
    struct loop *loop;
    struct media_facts facts;
};

struct preparation {
    struct length_preparer *of;
    const struct prepare_events *events;
    void *context;
    struct loop_timer *timer;
};

static void preparation_free(struct preparation *p)
{
    loop_timer_free(p->timer);
    free(p);
}

static void probed(void *arg)
{
    struct preparation p = *(struct preparation *)arg;
    preparation_free(arg);
    p.events->done(p.context, &p.of->facts, -1, NULL);
}

static struct preparation *probe(struct preparer *preparer, int fd, const struct prepare_events *events,
                                 void *context, struct error *err)
{
    struct length_preparer *of = (struct length_preparer *)preparer;
    struct preparation *p = calloc(1, sizeof *p);
    (void)fd, (void)err;
    assert_non_null(p);
    *p = (struct preparation){of, events, context, NULL};
    p->timer = loop_timer(of->loop, probed, p);
    loop_timer_after(p->timer, 0);
    return p;
}

static const struct preparer_operations operations = {.probe = probe, .cancel = preparation_free};

struct fixture {
    struct studio *studio;
    struct length_preparer preparer;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->studio = studio_new();
    f->preparer = (struct length_preparer){.preparer = {.operations = &operations},
                                           .loop = f->studio->loop,
                                           .facts = {.duration_ms = 3500, .channels = 1}};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    studio_free(f->studio);
    free(f);
    return 0;
}

static void use(struct fixture *f, const char *model, const char *channels)
{
    studio_use(f->studio, (struct dashscope_settings){.publish = {.kind = PUBLISH_OSS},
                                                      .wishes = {.model = model, .channels = channels},
                                                      .preparer = &f->preparer.preparer});
}

static const struct error refused = {.class = ERROR_TRANSIENT, .code = "limit.day"};

static const char *charges(const struct fixture *f)
{
    return f->studio->charges.data ? f->studio->charges.data : "";
}

/* ---- costs ---- */

#define NO_USAGE                                                                                             \
    "{\"request_id\":\"r\",\"output\":{\"task_id\":\"T\",\"task_status\":\"SUCCEEDED\",\"results\":[{"       \
    "\"transcription_url\":\"%s/result/a%%3A1.json?Expires=1&Signature=ab%%2Bc\","                           \
    "\"subtask_status\":\"SUCCEEDED\"}]}}"
#define NO_SPEECH_TIME                                                                                       \
    "{\"transcripts\":[{\"channel_id\":0,\"text\":\"Yes.\",\"sentences\":[{\"begin_time\":0,\"end_time\":9," \
    "\"text\":\"Yes.\"}]}]}"
#define DIRECT(usage)                                                                                        \
    "{\"output\":{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":" \
    "[{\"text\":\"Yes.\"}]}}]}," usage "\"request_id\":\"r\"}"

static const struct {
    const char *what, *model, *channels;
    const char *state, *result; /* of a task */
    const char *body;           /* of a direct answer, or of a refusal */
    int status;                 /* of the same */
    const char *charges;
} ends[] = {
    {"a task that says what was billed", "fun-asr", NULL, STUDIO_DONE, NULL, NULL, 0,
     "possible 4000 880 CNY\nbilled 5000 1100 CNY\n"},
    {"one that says it in the result only", "fun-asr", NULL, NO_USAGE, NULL, NULL, 0,
     "possible 4000 880 CNY\nbilled 4380 964 CNY\n"},
    {"one that does not say it", "fun-asr", NULL, NO_USAGE, NO_SPEECH_TIME, NULL, 0,
     "possible 4000 880 CNY\nestimated 4000 880 CNY\n"},
    {"two channels", "paraformer-v2", "0,1", NO_USAGE, NO_SPEECH_TIME, NULL, 0,
     "possible 8000 640 CNY\nestimated 8000 640 CNY\n"},
    {"all channels", "paraformer-v2", "all", NO_USAGE, NO_SPEECH_TIME, NULL, 0,
     "possible 4000 320 CNY\nestimated 4000 320 CNY\n"},
    {"nobody spoke, and only speech is billed", "fun-asr", NULL, STUDIO_FAILED("ASR_RESPONSE_HAVE_NO_WORDS"),
     NULL, NULL, 0, "possible 4000 880 CNY\nbilled 0 0 CNY\n"},
    {"a task that fails", "fun-asr", NULL, STUDIO_FAILED("InvalidFile.DecodeFailed"), NULL, NULL, 0,
     "possible 4000 880 CNY\n"},
    {"a refused submission", "fun-asr", NULL, NULL, NULL,
     "{\"code\":\"InvalidParameter\",\"message\":\"no\"}", 400, "possible 4000 880 CNY\nnone 0 0 \n"},
    {"a submission in doubt", "fun-asr", NULL, NULL, NULL,
     "{\"code\":\"InternalError\",\"message\":\"oops\"}", 500, "possible 4000 880 CNY\n"},
    {"a direct answer", "qwen3-asr-flash", NULL, NULL, NULL, DIRECT("\"usage\":{\"seconds\":4},"), 200,
     "possible 4000 880 CNY\nbilled 4000 880 CNY\n"},
    {"one without a number of seconds", "qwen3-asr-flash", NULL, NULL, NULL, DIRECT(""), 200,
     "possible 4000 880 CNY\nestimated 4000 880 CNY\n"},
    {"one whose price is not known", "fun-asr-flash-2026-06-15", NULL, NULL, NULL,
     "{\"output\":{\"sentence\":{\"begin_time\":0,\"end_time\":9,\"sentence_end\":true,\"text\":\"Yes.\"},"
     "\"text\":\"Yes.\"},\"usage\":{\"duration\":4},\"request_id\":\"r\"}",
     200, "possible 4000 0 \nbilled 4000 0 \n"},
    {"a direct call that is refused", "qwen3-asr-flash", NULL, NULL, NULL,
     "{\"code\":\"InvalidParameter\",\"message\":\"no\"}", 400, "possible 4000 880 CNY\nnone 0 0 \n"},
    {"one that fails in the middle", "qwen3-asr-flash", NULL, NULL, NULL,
     "{\"code\":\"InternalError\",\"message\":\"oops\"}", 500, "possible 4000 880 CNY\n"},
    {"an answer that cannot be read", "qwen3-asr-flash", NULL, NULL, NULL, "{\"output\":", 200,
     "possible 4000 880 CNY\n"},
};

static void every_end_says_what_it_cost(void **state)
{
    struct fixture *f = *state;
    struct studio *s = f->studio;
    for (size_t i = 0; i < COUNT(ends); i++) {
        use(f, ends[i].model, ends[i].channels);
        s->states[0] = ends[i].state;
        s->result = ends[i].result;
        s->direct_body = s->submit_body = ends[i].body;
        s->direct_status = s->submit_status = ends[i].status;
        s->submit_failures = ends[i].state ? 0 : -1;
        studio_go(s, 3000, "talk.wav", NULL);
        if (strcmp(charges(f), ends[i].charges) != 0)
            fail_msg("%s (%s):\n%s", ends[i].what, s->error.detail, charges(f));
    }
}

static void the_transcript_says_it_too(void **state)
{
    struct fixture *f = *state;
    use(f, "fun-asr", NULL);
    f->studio->states[0] = NO_USAGE;
    f->studio->result = NO_SPEECH_TIME;
    studio_go(f->studio, 3000, "talk.wav", NULL);
    const struct transcript *t = f->studio->transcript;
    assert_non_null(t);
    assert_int_equal(t->billed_ms, 4000);
    assert_int_equal(t->cost_micro, 880);
    assert_string_equal(t->currency, "CNY");
    assert_true(t->billed_estimated);
}

static void a_task_that_goes_on_after_a_restart_is_the_same_attempt(void **state)
{
    struct fixture *f = *state;
    struct studio *s = f->studio;
    struct error err = {0};
    use(f, "fun-asr", NULL);
    s->states[0] = STUDIO_RUNNING;
    s->states[1] = STUDIO_DONE;
    s->stop_at_query = 1;
    assert_true(studio_begin(s, 3000, "talk.wav", NULL, &err));
    loop_run(s->loop);
    assert_string_equal(charges(f), "possible 4000 880 CNY\n");
    int64_t at_ms = s->charged_at;
    s->suspend = true;
    studio_stop_job(s);
    s->refused = refused; /* the limit is reached: what was sent goes on */
    studio_go(s, 3000, "talk.wav", s->checkpoint);
    assert_int_equal(s->finished, 1);
    assert_string_equal(charges(f), "billed 5000 1100 CNY\n");
    assert_int_equal(s->charged_at, at_ms);
    assert_int_equal(s->submissions, 1);
}

/* ---- limits ---- */

static void it_is_asked_for_once_with_the_most_that_can_be_billed(void **state)
{
    struct fixture *f = *state;
    struct studio *s = f->studio;
    use(f, "paraformer-v2", "0,1");
    f->preparer.facts = (struct media_facts){.duration_ms = 30001, .channels = 2};
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(s->asked, 1);
    assert_int_equal(s->asked_ms, 62000);
    assert_int_equal(s->asked_micro, 62 * 80);
}

static void for_now_it_is_postponed_before_anything_is_sent(void **state)
{
    struct fixture *f = *state;
    struct studio *s = f->studio;
    use(f, "fun-asr", NULL);
    s->refused = refused;
    s->refused_until = 12345;
    studio_go(s, 3000, "talk.wav", NULL);
    assert_string_equal(s->error.code, "limit.day");
    assert_int_equal(s->postponed_until, 12345);
    assert_string_equal(charges(f), "");
    assert_int_equal(s->web->connections, 0);
    s->refused = (struct error){0};
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(s->postponed_until, 0);
}

static void for_good_it_fails(void **state)
{
    struct fixture *f = *state;
    struct studio *s = f->studio;
    use(f, "fun-asr", NULL);
    s->refused = refused;
    studio_go(s, 3000, "talk.wav", NULL);
    assert_string_equal(s->error.code, "limit.day");
    assert_int_equal(s->postponed_until, 0);
    assert_int_equal(s->web->connections, 0);
}

/* Published before the restart, but not submitted: it asks again. */
static void what_was_only_published_waits_as_well(void **state)
{
    struct fixture *f = *state;
    struct studio *s = f->studio;
    char checkpoint[400];
    snprintf(
        checkpoint, sizeof checkpoint,
        "{\"downloads\":0,\"object\":\"scribefs/x.wav\",\"expires_ms\":0,\"model\":\"fun-asr\",\"call\":1,"
        "\"duration_ms\":3500,\"channels\":1,\"sample_rate\":16000}");
    use(f, "fun-asr", NULL);
    s->refused = refused;
    s->refused_until = 12345;
    studio_go(s, 3000, "talk.wav", checkpoint);
    assert_string_equal(s->error.code, "limit.day");
    assert_int_equal(s->submissions, 0);
    use(f, "fun-asr", NULL);
    s->refused = (struct error){0};
    studio_go(s, 3000, "talk.wav", checkpoint);
    assert_int_equal(s->finished, 1);
    assert_string_equal(charges(f), "possible 4000 880 CNY\nbilled 5000 1100 CNY\n");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    static const struct CMUnitTest tests[] = {
        CASE(every_end_says_what_it_cost),
        CASE(the_transcript_says_it_too),
        CASE(a_task_that_goes_on_after_a_restart_is_the_same_attempt),
        CASE(it_is_asked_for_once_with_the_most_that_can_be_billed),
        CASE(for_now_it_is_postponed_before_anything_is_sent),
        CASE(for_good_it_fails),
        CASE(what_was_only_published_waits_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
