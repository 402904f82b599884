/* Why a recording is given to a model: every reason there is, asked of the backends as the daemon asks them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/base/loop.h"
#include "backend/dashscope/dashscope.h"
#include "backend/explain.h"
#include "backend/http.h"
#include "backend/local/local.h"
#include "backend/prepare.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define HOUR INT64_C(3600000)
#define MIB (INT64_C(1) << 20)

/* ---- What looks at recordings: it knows already ---- */

struct facts {
    struct preparer preparer; /* first */
    struct loop *loop;
    struct media_facts facts;
    bool fails, hangs;
    int cancelled;
};

struct preparation {
    struct facts *by;
    struct prepare_events events;
    void *context;
    struct loop_timer *timer;
};

static void preparation_free(struct preparation *p)
{
    loop_timer_free(p->timer);
    free(p);
}

static void tell(void *arg)
{
    struct preparation p = *(struct preparation *)arg;
    preparation_free(arg);
    struct error err = {0};
    if (p.by->fails) {
        error_set(&err, ERROR_PERMANENT, 0, "media.not_audio", "no audio in it");
        p.events.failed(p.context, &err);
    } else {
        p.events.done(p.context, &p.by->facts, -1, NULL);
    }
}

static struct preparation *probe(struct preparer *preparer, int fd, const struct prepare_events *events,
                                 void *context, struct error *err)
{
    (void)fd, (void)err;
    struct facts *f = (struct facts *)preparer;
    struct preparation *p = calloc(1, sizeof *p);
    assert_non_null(p);
    *p = (struct preparation){.by = f, .events = *events, .context = context};
    p->timer = loop_timer(f->loop, tell, p);
    if (!f->hangs)
        loop_timer_after(p->timer, 0);
    return p;
}

static struct preparation *convert(struct preparer *preparer, int fd, const char *work_dir,
                                   const struct media_target *target, const struct prepare_events *events,
                                   void *context, struct error *err)
{
    (void)preparer, (void)fd, (void)work_dir, (void)target, (void)events, (void)context;
    error_set(err, ERROR_PERMANENT, 0, "test", "nothing is converted when something is explained");
    fail();
    return NULL;
}

static void cancel(struct preparation *p)
{
    p->by->cancelled++;
    preparation_free(p);
}

static const struct preparer_operations operations = {.probe = probe, .convert = convert, .cancel = cancel};

/* ---- Asking ---- */

struct world {
    struct loop *loop;
    struct http *http;
    struct facts facts;
    struct explanation *answer;
    int answers;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(loop_new(&w->loop), 0);
    assert_int_equal(http_new(w->loop, &(struct http_config){.user_agent = "test"}, &w->http), 0);
    w->facts = (struct facts){.preparer = {&operations}, .loop = w->loop};
    setenv("DASHSCOPE_API_KEY", "sk-test", 1);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    explanation_free(w->answer);
    http_free(w->http);
    loop_free(w->loop);
    free(w);
    return 0;
}

static void answered(void *context, struct explanation *e)
{
    struct world *w = context;
    explanation_free(w->answer);
    w->answer = e;
    w->answers++;
    loop_stop(w->loop);
}

static int file_of(int64_t bytes)
{
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
    return fd;
}

static const struct explanation *ask(struct world *w, struct backend *backend, int64_t bytes,
                                     const char *settings, const char *checkpoint)
{
    struct error err = {0};
    if (!backend->operations->explain(
            backend,
            &(struct backend_request){
                .fd = file_of(bytes), .name = "talk.wav", .settings = settings, .checkpoint = checkpoint},
            answered, w, &err))
        fail_msg("%s: %s", err.code, err.detail);
    loop_run(w->loop);
    assert_non_null(w->answer);
    return w->answer;
}

static struct backend *cloud(struct world *w, const struct dashscope_settings *settings)
{
    struct dashscope_settings s = *settings;
    struct error err = {0};
    s.preparer = &w->facts.preparer;
    if (s.publish.kind == PUBLISH_OSS) {
        s.publish.endpoint = "https://bucket.oss-cn-beijing.aliyuncs.com";
        s.publish.bucket = "bucket";
        s.publish.region = "cn-beijing";
    }
    if (s.publish.kind == PUBLISH_URL)
        s.publish.base_url = "https://files.example/";
    struct backend *backend = dashscope_backend_new(w->loop, w->http, &s, &err);
    if (!backend)
        fail_msg("%s: %s", err.code, err.detail);
    return backend;
}

static const struct explained_model *row_of(const struct explanation *e, const char *name)
{
    for (size_t i = 0; i < e->model_count; i++)
        if (strcmp(e->models[i].name, name) == 0)
            return &e->models[i];
    return NULL;
}

static bool has_line(const struct explained_lines *lines, const char *part)
{
    for (size_t i = 0; i < lines->count; i++)
        if (strstr(lines->line[i], part))
            return true;
    return false;
}

/* ---- The cloud ---- */

#define MINUTE_LONG                                                                                          \
    {                                                                                                        \
        .duration_ms = 60000, .channels = 1, .sample_rate = 16000                                            \
    }
#define TEMPORARY .publish = {.kind = PUBLISH_TEMPORARY}

/* clang-format off */
static const struct {
    const char *name;
    struct dashscope_settings settings;
    struct media_facts facts;
    int64_t bytes;
    const char *model;                /* the one chosen; "": none */
    const char *other, *code, *why;   /* of another model: the code of its refusal ("": it could), part of the line */
    const char *step, *unmet, *refused, *publish; /* NULL: does not matter; "": none */
} cases[] = {
    {"chosen by name", {TEMPORARY, .wishes = {.model = "paraformer-v2"}}, MINUTE_LONG, MIB,
     "paraformer-v2", "fun-asr", "", "the settings name paraformer-v2", "", "", "", "temporary storage"},
    {"what others lack", {TEMPORARY, .wishes = {.speakers = true}}, MINUTE_LONG, MIB,
     "fun-asr", "qwen3-asr-flash", "route.feature", "does not offer speaker labels", "", "", "", NULL},
    {"the region", {TEMPORARY, .region = REGION_US}, MINUTE_LONG, MIB,
     "qwen3-asr-flash-us", "paraformer-v2", "route.region", "is not offered in US", NULL, NULL, "", "into the request"},
    {"the region, by name", {TEMPORARY, .region = REGION_SINGAPORE, .wishes = {.model = "paraformer-v2"}}, MINUTE_LONG, MIB,
     "", "fun-asr", "", "if the settings named it", NULL, NULL, "route.region", ""},
    {"a wish nobody in the region grants", {TEMPORARY, .region = REGION_US, .wishes = {.speakers = true}}, MINUTE_LONG, MIB,
     "", "fun-asr", "route.region", NULL, NULL, "speaker labels: no model in US (Virginia) offers that", "route.feature", ""},
    {"a wish the named model does not grant", {TEMPORARY, .wishes = {.model = "qwen3-asr-flash", .speakers = true}}, MINUTE_LONG,
     MIB, "", "fun-asr", "", NULL, NULL, "speaker labels: qwen3-asr-flash does not offer that", "route.feature", ""},
    {"too long with speakers", {TEMPORARY, .wishes = {.speakers = true}},
     {.duration_ms = 3 * HOUR, .channels = 1, .sample_rate = 16000}, MIB,
     "", "fun-asr", "media.too_long", "at most 2 hours with speaker labels", NULL, NULL, "media.too_long", ""},
    {"too large, and nothing can be converted", {.publish = {.kind = PUBLISH_URL}, .wishes = {.model = "qwen3-asr-flash"}},
     MINUTE_LONG, 11 * MIB, "", "fun-asr", "", NULL, NULL, NULL, "media.too_large", ""},
    {"too large as it is, but it can be converted", {TEMPORARY, .wishes = {.model = "qwen3-asr-flash"}},
     MINUTE_LONG, 11 * MIB, "qwen3-asr-flash", "fun-asr", "", NULL, "since it is too large", NULL, "", "if it is small enough then"},
    {"speakers in stereo are mixed down", {TEMPORARY, .wishes = {.speakers = true}},
     {.duration_ms = 60000, .channels = 2, .sample_rate = 16000}, MIB,
     "fun-asr", "fun-asr-mtl", "", "fun-asr comes before it", "2 channels are mixed down to one", "", "", NULL},
    {"speakers in stereo where nothing can be converted", {.publish = {.kind = PUBLISH_URL}, .wishes = {.speakers = true}},
     {.duration_ms = 60000, .channels = 2, .sample_rate = 16000}, MIB,
     "", "fun-asr", "route.mono", "2 channels", NULL, NULL, "route.mono", ""},
    {"no place to publish", {.wishes = {.model = "fun-asr"}}, MINUTE_LONG, MIB,
     "", "paraformer-v2", "route.model", "needs a place to publish", NULL, NULL, "route.model", ""},
    {"direct calls need none", {.region = REGION_BEIJING}, MINUTE_LONG, MIB,
     "fun-asr-flash-2026-06-15", "fun-asr", "route.model", "needs a place to publish", "", "", "", "into the request itself"},
    {"dated models only by name", {TEMPORARY}, MINUTE_LONG, MIB,
     "fun-asr", "fun-asr-2025-11-07", "", "only when the settings name it", "", "", "", NULL},
    {"no times", {TEMPORARY}, MINUTE_LONG, MIB,
     "fun-asr", "qwen3-asr-flash", "", "without times; fun-asr gives them", "", "", "", NULL},
    {"its own bucket", {.publish = {.kind = PUBLISH_OSS}}, MINUTE_LONG, MIB,
     "fun-asr", NULL, NULL, NULL, "", "", "", "your bucket of OSS"},
    {"reachable already", {.publish = {.kind = PUBLISH_URL}}, MINUTE_LONG, MIB,
     "fun-asr", NULL, NULL, NULL, "", "", "", "reachable under the address of the inbox"},
    {"times are estimated", {TEMPORARY, .wishes = {.model = "qwen3-asr-flash", .words = true}}, MINUTE_LONG, MIB,
     "qwen3-asr-flash", NULL, NULL, NULL, "", "times: qwen3-asr-flash gives none, so they are estimated", "", NULL},
    {"word times that cannot be relied on",
     {TEMPORARY, .wishes = {.model = "qwen3-asr-flash-filetrans", .words = true, .language = "th"}}, MINUTE_LONG, MIB,
     "qwen3-asr-flash-filetrans", NULL, NULL, NULL, "", "not reliable for \"th\"", "", NULL},
    {"a language it does not know", {TEMPORARY, .wishes = {.model = "fun-asr", .language = "xx"}}, MINUTE_LONG, MIB,
     "fun-asr", NULL, NULL, NULL, "", "the language \"xx\"", "", NULL},
    {"a film", {TEMPORARY}, {.duration_ms = 60000, .channels = 1, .sample_rate = 16000, .video = true}, 30 * MIB,
     "fun-asr", NULL, NULL, NULL, "the sound is taken out of the film", "", "", NULL},
};
/* clang-format on */

static void check_lines(const char *name, const struct explained_lines *lines, const char *part)
{
    if (part && *part ? !has_line(lines, part) : part && lines->count > 0)
        fail_msg("%s: %s", name, lines->count ? lines->line[0] : "no line");
}

static void every_reason_is_said(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *name = cases[i].name;
        w->facts.facts = cases[i].facts;
        struct backend *backend = cloud(w, &cases[i].settings);
        const struct explanation *e = ask(w, backend, cases[i].bytes, NULL, NULL);
        if (strcmp(e->model, cases[i].model) != 0 || strcmp(e->refused.code, cases[i].refused) != 0)
            fail_msg("%s: \"%s\", %s: %s", name, e->model, e->refused.code, e->refused.detail);
        const struct explained_model *row = cases[i].other ? row_of(e, cases[i].other) : NULL;
        if (cases[i].other) {
            assert_non_null(row);
            if (strcmp(row->code, cases[i].code) != 0 || (cases[i].why && !strstr(row->text, cases[i].why)))
                fail_msg("%s: %s, %s: %s", name, row->name, row->code, row->text);
        }
        check_lines(name, &e->steps, cases[i].step);
        check_lines(name, &e->unmet, cases[i].unmet);
        if (cases[i].publish &&
            !(*cases[i].publish ? strstr(e->publish, cases[i].publish) != NULL : !*e->publish))
            fail_msg("%s: %s", name, e->publish);
        row = row_of(e, e->model);
        assert_true(!*e->model || (row && row->verdict == VERDICT_CHOSEN && strcmp(row->text, e->why) == 0));
        backend->operations->free(backend);
    }
}

static struct preparation *split(struct preparer *preparer, int fd, int into, const struct media_cut *cut,
                                 const struct split_events *events, void *context, struct error *err)
{
    (void)preparer, (void)fd, (void)into, (void)cut, (void)events, (void)context;
    error_set(err, ERROR_PERMANENT, 0, "test", "nothing is cut when something is explained");
    fail();
    return NULL;
}

static void what_is_too_long_is_cut_where_that_can_be_done(void **state)
{
    static const struct preparer_operations can_split = {
        .probe = probe, .convert = convert, .split = split, .cancel = cancel};
    struct world *w = *state;
    w->facts.preparer.operations = &can_split;
    w->facts.facts = (struct media_facts){.duration_ms = 3 * HOUR, .channels = 1, .sample_rate = 16000};
    struct backend *backend =
        cloud(w, &(struct dashscope_settings){TEMPORARY, .wishes = {.model = "fun-asr", .speakers = true}});
    const struct explanation *e = ask(w, backend, MIB, NULL, NULL);
    assert_string_equal(e->model, "fun-asr");
    assert_true(has_line(&e->steps, "cut where nobody speaks, into at least 2 parts of at most 120 minutes"));
    assert_true(has_line(&e->steps, "seconds of the one before it"));
    assert_true(e->cost_micro > 3 * 3600 * 220);
    backend->operations->free(backend);
    backend = cloud(w, &(struct dashscope_settings){TEMPORARY});
    e = ask(w, backend, MIB, NULL, NULL);
    assert_non_null(strstr(row_of(e, "fun-asr-flash-2026-06-15")->text, "in parts; fun-asr takes it whole"));
    backend->operations->free(backend);
}

static void what_it_costs_at_most(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *model, *channels;
        enum region region;
        int64_t duration_ms;
        int count;
        int64_t cost_micro;
    } rows[] = {
        {"fun-asr", NULL, REGION_BEIJING, 60000, 2, 60 * 220},
        {"fun-asr", NULL, REGION_BEIJING, 60001, 1, 61 * 220},
        {"fun-asr", "0,1", REGION_BEIJING, 60000, 2, 2 * 60 * 220},
        {"fun-asr", "all", REGION_BEIJING, 60000, 3, 3 * 60 * 220},
        {"fun-asr", NULL, REGION_SINGAPORE, 60000, 1, 60 * 35},
        {"fun-asr", NULL, REGION_BEIJING, -1, 1, -1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        w->facts.facts = (struct media_facts){
            .duration_ms = rows[i].duration_ms, .channels = rows[i].count, .sample_rate = 16000};
        struct backend *backend = cloud(
            w,
            &(struct dashscope_settings){TEMPORARY, .region = rows[i].region,
                                         .wishes = {.model = rows[i].model, .channels = rows[i].channels}});
        const struct explanation *e = ask(w, backend, MIB, NULL, NULL);
        assert_string_equal(e->model, rows[i].model);
        assert_int_equal(e->cost_micro, rows[i].cost_micro);
        assert_string_equal(e->currency, rows[i].region == REGION_BEIJING ? "CNY" : "USD");
        assert_false(e->free);
        backend->operations->free(backend);
    }
}

static void a_job_is_explained_by_its_own_settings_and_goes_on_with_its_model(void **state)
{
    struct world *w = *state;
    w->facts.facts = (struct media_facts)MINUTE_LONG;
    struct backend *backend =
        cloud(w, &(struct dashscope_settings){TEMPORARY, .wishes = {.model = "fun-asr"}});
    const char *settings =
        "{\"backend\":\"dashscope\",\"region\":\"beijing\",\"model\":\"auto\",\"speakers\":true}";
    const struct explanation *e = ask(w, backend, MIB, settings, NULL);
    assert_string_equal(e->model, "fun-asr");
    assert_non_null(strstr(e->why, "comes first"));
    assert_string_equal(row_of(e, "qwen3-asr-flash")->code, "route.feature");
    e = ask(w, backend, MIB, settings, "{\"object\":\"o\",\"model\":\"paraformer-v2\",\"task\":\"T\"}");
    assert_string_equal(e->model, "paraformer-v2");
    assert_non_null(strstr(e->why, "was begun with this model"));
    assert_non_null(strstr(row_of(e, "fun-asr")->text, "the job was begun with paraformer-v2"));
    struct error err = {0};
    assert_null(backend->operations->explain(
        backend, &(struct backend_request){.fd = file_of(1), .name = "a", .settings = "[]"}, answered, w,
        &err));
    assert_string_equal(err.code, "cloud.settings");
    backend->operations->free(backend);
}

static void what_cannot_be_read_and_a_missing_key_are_said(void **state)
{
    struct world *w = *state;
    struct backend *backend = cloud(w, &(struct dashscope_settings){TEMPORARY});
    w->facts.fails = true;
    const struct explanation *e = ask(w, backend, MIB, NULL, NULL);
    assert_string_equal(e->refused.code, "media.not_audio");
    assert_string_equal(e->model, "");
    w->facts.fails = false;
    w->facts.facts = (struct media_facts)MINUTE_LONG;
    unsetenv("DASHSCOPE_API_KEY");
    e = ask(w, backend, MIB, NULL, NULL);
    assert_string_equal(e->model, "fun-asr");
    assert_string_equal(e->refused.code, "cloud.no_key");
    backend->operations->free(backend);
}

static void stop(void *loop)
{
    loop_stop(loop);
}

/* Everything that is due is done. */
static void go_round(struct world *w)
{
    assert_int_equal(loop_post(w->loop, stop, w->loop), 0);
    loop_run(w->loop);
}

static void a_question_can_be_taken_back(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    w->facts.hangs = true;
    struct backend *backend = cloud(w, &(struct dashscope_settings){TEMPORARY});
    struct backend_question *question[3];
    for (size_t i = 0; i < COUNT(question); i++) {
        question[i] = backend->operations->explain(
            backend, &(struct backend_request){.fd = file_of(1), .name = "a"}, answered, w, &err);
        assert_non_null(question[i]);
    }
    /* Before it was looked at, … */
    backend->operations->explain_cancel(question[0]);
    assert_int_equal(w->facts.cancelled, 0);
    go_round(w);
    go_round(w);
    /* … meanwhile, and with the backend. */
    backend->operations->explain_cancel(question[1]);
    assert_int_equal(w->facts.cancelled, 1);
    backend->operations->free(backend);
    assert_int_equal(w->facts.cancelled, 2);
    assert_int_equal(w->answers, 0);
}

/* ---- Here ---- */

static void the_built_in_recogniser(void **state)
{
    struct world *w = *state;
    char model[] = "/tmp/test_explain-XXXXXX";
    struct error err = {0};
    assert_non_null(mkdtemp(model));
    struct local_settings settings = {.worker = "/bin/true", .sphinx_model = model, .language = "de"};
    struct backend *backend = local_backend_new(w->loop, &settings, &err);
    const struct explanation *e = ask(w, backend, MIB, NULL, NULL);
    assert_string_equal(e->model, "");
    assert_string_equal(e->refused.code, "engine.missing");
    assert_true(e->free);
    assert_string_equal(e->language, "de");
    assert_int_equal(e->model_count, 2);
    assert_string_equal(row_of(e, "vosk")->code, "engine.missing");
    backend->operations->free(backend);
    assert_int_equal(rmdir(model), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_reason_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_too_long_is_cut_where_that_can_be_done, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_costs_at_most, setup, teardown),
        cmocka_unit_test_setup_teardown(a_job_is_explained_by_its_own_settings_and_goes_on_with_its_model,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_and_a_missing_key_are_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_question_can_be_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_built_in_recogniser, setup, teardown),
    };
    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
