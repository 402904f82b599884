/* The cloud backend and its preparer: what is done to a recording before it is sent. */
#include "tests/unit/dashscope_tests.h"

/* ---- preparing ---- */

struct fake_preparer {
    struct preparer preparer;
    struct media_facts facts;
    struct media_target target;
    int probes, converts, cancels;
    struct loop *loop;
    bool fails;
};
struct preparation {
    struct fake_preparer *by;
    const struct prepare_events *events;
    void *context;
    struct loop_timer *timer;
    bool convert;
};

static void prepared(void *arg)
{
    struct preparation p = *(struct preparation *)arg;
    loop_timer_free(p.timer);
    free(arg);
    if (p.by->fails) {
        struct error err = {0};
        error_set(&err, ERROR_PERMANENT, 0, "media.truncated", "x");
        p.events->failed(p.context, &err);
    } else if (p.convert) {
        int fd = memfd_create("converted", MFD_CLOEXEC);
        assert_int_equal(write(fd, "fLaC", 4), 4);
        struct media_facts facts = {
            .duration_ms = p.by->facts.duration_ms, .channels = 1, .sample_rate = p.by->target.sample_rate};
        p.events->done(p.context, &facts, fd, ".flac");
    } else {
        p.events->done(p.context, &p.by->facts, -1, NULL);
    }
}

static struct preparation *prepare(struct preparer *preparer, const struct prepare_events *events,
                                   void *context, bool convert)
{
    struct fake_preparer *f = (struct fake_preparer *)preparer;
    struct preparation *p = calloc(1, sizeof *p);
    *p = (struct preparation){.by = f, .events = events, .context = context, .convert = convert};
    p->timer = loop_timer(f->loop, prepared, p);
    loop_timer_after(p->timer, 0);
    return p;
}

static struct preparation *probe(struct preparer *preparer, int fd, const struct prepare_events *events,
                                 void *context, struct error *err)
{
    (void)fd, (void)err;
    ((struct fake_preparer *)preparer)->probes++;
    return prepare(preparer, events, context, false);
}

static struct preparation *convert(struct preparer *preparer, int fd, const char *work_dir,
                                   const struct media_target *target, const struct prepare_events *events,
                                   void *context, struct error *err)
{
    struct fake_preparer *f = (struct fake_preparer *)preparer;
    (void)fd, (void)err;
    assert_non_null(work_dir);
    f->converts++;
    f->target = *target;
    return prepare(preparer, events, context, true);
}

static void cancel_preparation(struct preparation *p)
{
    p->by->cancels++;
    loop_timer_free(p->timer);
    free(p);
}

static const struct preparer_operations preparer_operations = {
    .probe = probe, .convert = convert, .cancel = cancel_preparation};

static void the_length_decides_the_model(void **state)
{
    static const struct {
        int64_t duration_ms;
        const char *path;
    } cases[] = {{60000, "POST /api/v1/services/aigc/"}, {600000, "POST /api/v1/services/audio/"}};
    struct studio *s = *state;
    struct fake_preparer f = {.preparer = {&preparer_operations}, .loop = s->loop};
    studio_use(s, (struct dashscope_settings){.publish = {.kind = PUBLISH_OSS},
                                              .preparer = &f.preparer,
                                              .wishes = {.no_times = true}});
    s->direct_body = "{\"output\":{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":[{"
                     "\"text\":\"x\"}]}}]}}";
    for (size_t i = 0; i < 2; i++) {
        buffer_clear(&s->log);
        f.facts =
            (struct media_facts){.duration_ms = cases[i].duration_ms, .channels = 1, .sample_rate = 44100};
        studio_go(s, 3000, "talk.wav", NULL);
        if (!s->finished)
            fail_msg("%s: %s", s->error.code, s->error.detail);
        assert_int_equal(studio_count(s, cases[i].path), 1);
        assert_int_equal(f.converts, 0);
    }
}

static void speakers_in_stereo_are_mixed_down_first(void **state)
{
    struct studio *s = *state;
    struct fake_preparer f = {.preparer = {&preparer_operations},
                              .loop = s->loop,
                              .facts = {.duration_ms = 60000, .channels = 2, .sample_rate = 48000}};
    studio_use(s, (struct dashscope_settings){.publish = {.kind = PUBLISH_OSS},
                                              .preparer = &f.preparer,
                                              .wishes = {.speakers = true}});
    studio_go(s, 3000, "talk.mp4", NULL);
    if (!s->finished)
        fail_msg("%s: %s", s->error.code, s->error.detail);
    assert_int_equal(f.converts, 1);
    assert_true(f.target.mix_down);
    assert_int_equal(f.target.sample_rate, 16000);
    const char *object = strstr(s->log.data, "PUT /scribefs/");
    assert_non_null(object);
    assert_int_equal(strncmp(object + strlen("PUT /scribefs/") + 32, ".flac\n", 6), 0);
    assert_non_null(strstr(s->body, "\"diarization_enabled\":true"));
}

static void a_recording_that_cannot_be_prepared_fails_before_money_is_spent(void **state)
{
    struct studio *s = *state;
    struct fake_preparer f = {.preparer = {&preparer_operations}, .loop = s->loop, .fails = true};
    studio_use(s, (struct dashscope_settings){.publish = {.kind = PUBLISH_OSS}, .preparer = &f.preparer});
    studio_go(s, 3000, "talk.mp4", NULL);
    assert_int_equal(s->failed, 1);
    assert_string_equal(s->error.code, "media.truncated");
    assert_int_equal(s->web->requests, 0);
    assert_true(studio_begin(s, 3000, "talk.wav", NULL, NULL));
    s->cancel_at = "stage preparing";
    buffer_clear(&s->log);
    while (s->cancel_at)
        studio_wait(s, 5);
    assert_int_equal(f.cancels, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_length_decides_the_model),
        CASE(speakers_in_stereo_are_mixed_down_first),
        CASE(a_recording_that_cannot_be_prepared_fails_before_money_is_spent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
