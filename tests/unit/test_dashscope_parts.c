/* Recordings in parts, as the jobs runner sees them: what is cut, sent, kept and put together, and what comes
 * of every kind of trouble. The media tools are played by the test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "backend/dashscope/errand.h"
#include "backend/prepare.h"
#include "tests/unit/fake_studio.h"

#define MINUTE INT64_C(60000)
enum { MOST = 12 };

/* Plays the preparer, and stands before the service: it knows each part by its bytes. */
struct bench {
    struct preparer preparer; /* first */
    struct studio *s;
    size_t parts;
    int64_t part_ms;
    bool cut_fails;
    int probes, cuts;
    struct media_cut cut;
    int calls[MOST], uploads[MOST]; /* direct calls and uploads of each part */
    int fails_at;                   /* direct calls of this part fail … */
    int status;                     /* … with that, 0: never */
    const char *body;
    bool hangs[MOST]; /* no answer to direct calls of this part */
    bool stream;
    int64_t charged[MOST]; /* at_ms of those that may have to be paid */
    int charge_count;
};

/* ---- the preparer ---- */

struct preparation {
    struct bench *by;
    const struct prepare_events *probe;
    const struct split_events *split;
    void *context;
    struct loop_timer *timer;
    int into;
};

static void content_of(size_t part, char text[31])
{
    for (int i = 0; i < 30; i++)
        text[i] = "PART:x"[i % 6];
    for (int i = 5; i < 30; i += 6)
        text[i] = (char)('A' + part);
    text[30] = '\0';
}

static bool cut_up(struct bench *b, int into, struct media_part table[MOST])
{
    char text[31];
    for (size_t i = 0; i < b->parts; i++) {
        content_of(i, text);
        table[i] = (struct media_part){.begin_ms = (int64_t)i * b->part_ms - (i ? b->cut.overlap_ms : 0),
                                       .end_ms = (int64_t)(i + 1) * b->part_ms,
                                       .offset = (int64_t)i * 30,
                                       .length = 30};
        if (pwrite(into, text, 30, table[i].offset) != 30)
            return false;
    }
    return true;
}

static void prepared(void *arg)
{
    struct preparation p = *(struct preparation *)arg;
    struct media_facts facts = {
        .duration_ms = (int64_t)p.by->parts * p.by->part_ms, .channels = 2, .sample_rate = 48000};
    struct media_part table[MOST];
    struct error err = {0};
    loop_timer_free(p.timer);
    free(arg);
    if (p.probe) {
        p.probe->done(p.context, &facts, -1, NULL);
    } else if (p.by->cut_fails) {
        error_set(&err, ERROR_PERMANENT, 0, "media.truncated", "the end is missing");
        p.split->failed(p.context, &err);
    } else if (!cut_up(p.by, p.into, table)) {
        error_set(&err, ERROR_TRANSIENT, ENOSPC, "media.write", "no space");
        p.split->failed(p.context, &err);
    } else {
        p.split->progress(p.context, 1, 2);
        facts.channels = 1;
        facts.sample_rate = 16000;
        p.split->done(p.context, &facts, table, p.by->parts, ".flac");
    }
}

static struct preparation *prepare(struct bench *b, struct preparation as)
{
    struct preparation *p = malloc(sizeof *p);
    *p = as;
    p->by = b;
    p->timer = loop_timer(b->s->loop, prepared, p);
    loop_timer_after(p->timer, 0);
    return p;
}

static struct preparation *bench_probe(struct preparer *preparer, int fd, const struct prepare_events *events,
                                       void *context, struct error *err)
{
    (void)fd, (void)err;
    ((struct bench *)preparer)->probes++;
    return prepare((struct bench *)preparer, (struct preparation){.probe = events, .context = context});
}

static struct preparation *bench_split(struct preparer *preparer, int fd, int into,
                                       const struct media_cut *cut, const struct split_events *events,
                                       void *context, struct error *err)
{
    struct bench *b = (struct bench *)preparer;
    struct stat st;
    (void)fd, (void)err;
    assert_int_equal(fstat(into, &st), 0);
    assert_int_equal(st.st_size, 0);
    b->cuts++;
    b->cut = *cut;
    return prepare(b, (struct preparation){.split = events, .context = context, .into = into});
}

static struct preparation *bench_convert(struct preparer *preparer, int fd, const char *work_dir,
                                         const struct media_target *target,
                                         const struct prepare_events *events, void *context,
                                         struct error *err)
{
    (void)preparer, (void)fd, (void)work_dir, (void)target, (void)events, (void)context, (void)err;
    fail_msg("a recording that is cut is not converted before");
    return NULL;
}

static void bench_cancel(struct preparation *p)
{
    loop_timer_free(p->timer);
    free(p);
}

static const struct preparer_operations operations = {
    .probe = bench_probe, .convert = bench_convert, .split = bench_split, .cancel = bench_cancel};

/* ---- before the service ---- */

/* The part whose bytes are in the body, as they are or as base64; MOST: none. */
static size_t part_in(const char *body)
{
    for (size_t i = 0; i < MOST; i++) {
        char text[31], coded[64];
        content_of(i, text);
        EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)text, 30);
        if (strcmp(body, text) == 0 || strstr(body, coded))
            return i;
    }
    return MOST;
}

static void answer_direct(struct bench *b, size_t part, struct web_reply *reply)
{
    char text[400];
    if (b->status && part == (size_t)b->fails_at) {
        web_say(reply, b->status, b->body);
        return;
    }
    reply->hang = b->hangs[part];
    snprintf(
        text, sizeof text,
        "{\"output\":{\"text\":\"part %zu\",\"sentence\":{\"begin_time\":760,\"end_time\":3800,"
        "\"sentence_end\":true,\"text\":\"part %zu\"}},\"usage\":{\"duration\":60},\"request_id\":\"q%zu\"}",
        part, part, part);
    web_say(reply, 200, b->stream ? "event:result\ndata:" : text);
    if (!b->stream)
        return;
    buffer_printf(&reply->body, "%s\n\nevent:result\ndata:%s\n\n", text, text);
    snprintf(reply->header_text[0], sizeof reply->header_text[0], "Content-Type: text/event-stream");
    reply->headers[0] = reply->header_text[0];
}

static void bench_serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    struct bench *b = context;
    const char *body = request->body.data ? request->body.data : "";
    size_t part = part_in(body);
    bool direct = strstr(request->target, "/generation") != NULL;
    if (part < MOST && strcmp(request->method, "PUT") == 0)
        b->uploads[part]++;
    if (!direct) {
        studio_serve(b->s, request, reply);
        return;
    }
    assert_true(part < MOST);
    b->calls[part]++;
    studio_note(b->s, "DIRECT");
    answer_direct(b, part, reply);
}

/* ---- life ---- */

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->preparer.operations = &operations;
    b->s = studio_new();
    b->s->web->handle = bench_serve;
    b->s->web->context = b;
    b->part_ms = 5 * MINUTE;
    b->parts = 3;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    studio_free(b->s);
    free(b);
    return 0;
}

static void use(struct bench *b, struct dashscope_settings settings)
{
    settings.preparer = &b->preparer;
    studio_use(b->s, settings);
}

static const struct dashscope_settings direct = {.wishes = {.model = "fun-asr-flash-2026-06-15"}};
static const struct dashscope_settings tasks = {.publish = {.kind = PUBLISH_OSS},
                                                .wishes = {.model = "fun-asr"}};

static void use_tasks(struct bench *b)
{
    use(b, tasks);
    b->part_ms = 12 * 60 * MINUTE;
}

static void go(struct bench *b, const char *checkpoint)
{
    char *copy = checkpoint ? strdup(checkpoint) : NULL;
    studio_go(b->s, 3000, "talk.wav", copy);
    free(copy);
}

static void finishes(struct bench *b, const char *checkpoint)
{
    go(b, checkpoint);
    if (!b->s->finished)
        fail_msg("%s: %s", b->s->error.code, b->s->error.detail);
}

static int total(const int counts[MOST])
{
    int sum = 0;
    for (int i = 0; i < MOST; i++)
        sum += counts[i];
    return sum;
}

static bool kept(const struct bench *b, const char *name)
{
    char *path = scratch_join(b->s->work_dir, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static void lose(const struct bench *b, const char *name)
{
    char *path = scratch_join(b->s->work_dir, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static size_t done_in(const char *checkpoint)
{
    size_t count = 0;
    for (const char *at = checkpoint; (at = strstr(at, "\"done\":true")); at++)
        count++;
    return count;
}

static void end_loop(void *arg)
{
    loop_stop(((struct bench *)arg)->s->loop);
}

/* Runs until the condition holds. */
static void run_until(struct bench *b, bool (*holds)(const struct bench *b))
{
    while (!holds(b)) {
        struct loop_timer *timer = loop_timer(b->s->loop, end_loop, b);
        loop_timer_after(timer, 5);
        loop_run(b->s->loop);
        loop_timer_free(timer);
    }
}

static void stop(struct bench *b, bool suspend)
{
    b->s->suspend = suspend;
    studio_stop_job(b->s);
}

/* The one that hangs is under way, the other two are done. */
static bool two_done(const struct bench *b)
{
    return b->s->checkpoint && done_in(b->s->checkpoint) == 2 && b->calls[1] == 1;
}

/* ---- when all goes well ---- */

static void direct_calls_one_for_each_part(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    finishes(b, NULL);
    const struct transcript *t = b->s->transcript;
    assert_int_equal(t->sentence_count, 3);
    for (int i = 0; i < 3; i++) {
        char text[20];
        snprintf(text, sizeof text, "part %d", i);
        assert_string_equal(t->sentences[i].text, text);
        assert_int_equal(b->calls[i], 1);
        assert_int_equal(t->sentences[i].begin_ms, i * 5 * MINUTE + 760);
        assert_int_equal(t->sentences[i].end_ms, i * 5 * MINUTE + 3800);
    }
    assert_int_equal(t->duration_ms, 15 * MINUTE);
    assert_int_equal(t->billed_ms, 180000);
    assert_string_equal(t->request_id, "q0 q1 q2");
    assert_string_equal(t->model, "fun-asr-flash-2026-06-15");
    assert_int_equal(b->cut.max_ms, 5 * MINUTE);
    assert_int_equal(b->cut.max_bytes, CATALOGUE_INLINE_BYTES);
    assert_int_equal(b->cut.sample_rate, 16000);
    assert_int_equal(b->cut.overlap_ms, 0);
    cJSON *raw = cJSON_Parse(b->s->raw);
    assert_int_equal(cJSON_GetArraySize(raw), 3);
    assert_non_null(cJSON_GetObjectItem(cJSON_GetArrayItem(raw, 2), "output"));
    cJSON_Delete(raw);
    assert_int_equal(done_in(b->s->checkpoint), 3);
}

static void tasks_each_with_an_object_of_its_own(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    finishes(b, NULL);
    const struct transcript *t = b->s->transcript;
    assert_int_equal(t->sentence_count, 3);
    assert_int_equal(t->sentences[2].begin_ms, 24 * 60 * MINUTE + 420);
    for (int i = 1; i <= 3; i++) {
        char task[20];
        snprintf(task, sizeof task, "task-%d", i);
        assert_non_null(strstr(t->task_id, task));
    }
    assert_int_equal(t->billed_ms, 15000);
    assert_int_equal(t->cost_micro, 15 * 220);
    assert_string_equal(t->currency, "CNY");
    assert_int_equal(studio_count(b->s, "PUT "), 3);
    assert_int_equal(studio_count(b->s, "DELETE "), 3);
    assert_int_equal(b->s->submissions, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(b->uploads[i], 1);
    assert_int_equal(b->cut.max_ms, 12 * 60 * MINUTE);
    assert_null(strstr(b->s->checkpoint, "secret"));
    assert_null(strstr(b->s->raw, "c0ffee"));
}

static void speakers_need_an_overlap_and_one_channel(void **state)
{
    struct bench *b = *state;
    struct dashscope_settings speakers = tasks;
    speakers.wishes.speakers = true;
    use(b, speakers);
    b->part_ms = 100 * MINUTE;
    finishes(b, NULL);
    assert_int_equal(b->cut.max_ms, 120 * MINUTE);
    assert_int_equal(b->cut.overlap_ms, 3 * MINUTE);
    assert_true(b->cut.mix_down);
    /* Each part hears something at its beginning: there the part before it is right, and heard nothing. */
    assert_int_equal(b->s->transcript->sentence_count, 1);
}

static void growing_answers_are_joined_in_order(void **state)
{
    struct bench *b = *state;
    struct dashscope_settings stream = direct;
    stream.wishes.stream = b->stream = true;
    use(b, stream);
    finishes(b, NULL);
    assert_string_equal(b->s->transcript->sentences[1].text, "part 1");
    cJSON *raw = cJSON_Parse(b->s->raw);
    assert_int_equal(cJSON_GetArraySize(raw), 3);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetArrayItem(raw, 0)), 2); /* its events */
    cJSON_Delete(raw);
}

/* Text behind what is missing is held back: what was shown once is never moved. */
static void the_text_grows_at_its_end_only(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    b->hangs[1] = true;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, two_done);
    studio_wait(b->s, 400);
    assert_string_equal(b->s->partials, "part 0|");
    stop(b, true);
    b->hangs[1] = false;
    finishes(b, b->s->checkpoint);
    assert_int_equal(strncmp(b->s->partials, "part 0|part 0|", 14), 0);
}

/* ---- how many at once, and what is reported ---- */

static bool four_submitted(const struct bench *b)
{
    return b->s->submissions == 4 && b->s->queries > 20;
}

static void four_at_once(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    b->parts = 6;
    b->s->states[0] = STUDIO_RUNNING;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, four_submitted);
    assert_int_equal(studio_count(b->s, "PUT "), 4);
    assert_int_equal(studio_count(b->s, "stage recognising"), 1);
    b->s->states[0] = STUDIO_DONE;
    while (!b->s->finished)
        loop_run(b->s->loop);
    assert_int_equal(b->s->submissions, 6);
    assert_int_equal(b->s->transcript->sentence_count, 6);
}

/* ---- once more ---- */

static bool some_submitted(const struct bench *b)
{
    return b->s->submissions == 3 && strstr(b->s->checkpoint, "task-3");
}

static void tasks_are_found_again(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    b->s->states[0] = STUDIO_RUNNING;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, some_submitted);
    stop(b, true);
    b->s->states[0] = STUDIO_DONE;
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->s->submissions, 3);
    assert_int_equal(studio_count(b->s, "PUT "), 3);
    assert_int_equal(studio_count(b->s, "DELETE "), 3);
    assert_int_equal(b->probes, 1);
    assert_int_equal(b->cuts, 1);
}

static void finished_parts_are_not_sent_again(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    b->hangs[1] = true;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, two_done);
    stop(b, true);
    b->hangs[1] = false;
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->calls[0], 1);
    assert_int_equal(b->calls[1], 2);
    assert_int_equal(b->calls[2], 1);
    assert_int_equal(b->cuts, 1);
    assert_int_equal(b->s->transcript->sentence_count, 3);
}

/* Killed between storing a part and the checkpoint that says so. */
static void a_part_that_is_stored_counts_as_done(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    b->hangs[1] = true;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, two_done);
    stop(b, true);
    char *at;
    while ((at = strstr(b->s->checkpoint, ",\"done\":true")))
        memmove(at, at + strlen(",\"done\":true"), strlen(at + strlen(",\"done\":true")) + 1);
    b->hangs[1] = false;
    finishes(b, b->s->checkpoint);
    assert_int_equal(total(b->calls), 4);
    assert_int_equal(b->calls[0], 1);
}

static void a_stored_part_that_is_lost_or_damaged_is_sent_again(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    finishes(b, NULL);
    lose(b, "part-002.json");
    char *path = scratch_join(b->s->work_dir, "part-003.json");
    assert_int_equal(truncate(path, 10), 0);
    free(path);
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->calls[0], 1);
    assert_int_equal(b->calls[1], 2);
    assert_int_equal(b->calls[2], 2);
    assert_int_equal(b->cuts, 1);
}

static void without_its_audio_everything_is_begun_anew(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    b->s->states[0] = STUDIO_RUNNING;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, some_submitted);
    stop(b, true);
    lose(b, "parts");
    b->s->states[0] = STUDIO_DONE;
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->cuts, 2);
    assert_int_equal(b->s->submissions, 6);
    studio_wait(b->s, 100);
    assert_int_equal(studio_count(b->s, "POST /api/v1/tasks/"), 3); /* …/cancel */
    assert_int_equal(studio_count(b->s, "DELETE "), 6);
}

static void with_half_of_its_audio_as_well(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    finishes(b, NULL);
    lose(b, "part-003.json");
    char *path = scratch_join(b->s->work_dir, "parts");
    assert_int_equal(truncate(path, 89), 0);
    free(path);
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->cuts, 2);
    assert_int_equal(b->s->transcript->sentence_count, 3);
}

static void when_all_are_stored_the_audio_is_not_needed(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    finishes(b, NULL);
    lose(b, "parts");
    finishes(b, b->s->checkpoint);
    assert_int_equal(total(b->calls), 3);
    assert_int_equal(b->cuts, 1);
}

static void results_of_another_cut_are_not_mixed_in(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    finishes(b, NULL);
    b->parts = 2;
    finishes(b, NULL);
    assert_false(kept(b, "part-003.json"));
    assert_int_equal(b->calls[0], 2);
    assert_int_equal(b->s->transcript->sentence_count, 2);
}

static void a_damaged_checkpoint_begins_anew(void **state)
{
    static const char *const checkpoints[] = {
        "{\"model\":\"fun-asr-flash-2026-06-15\",\"call\":2,\"extension\":\".flac\",\"parts\":[{\"begin_ms\":"
        "0}]}",
        "{\"model\":\"fun-asr-flash-2026-06-15\",\"call\":2,\"extension\":\".flac\",\"parts\":[{\"begin_ms\":"
        "5,\"end_"
        "ms\":5,\"offset\":0,\"length\":1}]}",
        "{\"model\":\"fun-asr-flash-2026-06-15\",\"call\":2,\"parts\":[{\"begin_ms\":0,\"end_ms\":5,"
        "\"offset\":0,"
        "\"length\":1}]}",
        "{\"model\":\"gone\",\"call\":2,\"extension\":\".flac\",\"parts\":[{\"begin_ms\":0,\"end_ms\":5,"
        "\"offset\":0,\"length\":1}]}",
        "{\"model\":\"fun-asr-flash-2026-06-15\",\"call\":2,\"extension\":\".flac\",\"parts\":{}}",
    };
    struct bench *b = *state;
    use(b, direct);
    for (size_t i = 0; i < sizeof checkpoints / sizeof *checkpoints; i++) {
        b->cuts = 0;
        finishes(b, checkpoints[i]);
        assert_int_equal(b->cuts, 1);
    }
}

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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(direct_calls_one_for_each_part),
        TEST(tasks_each_with_an_object_of_its_own),
        TEST(speakers_need_an_overlap_and_one_channel),
        TEST(growing_answers_are_joined_in_order),
        TEST(the_text_grows_at_its_end_only),
        TEST(four_at_once),
        TEST(tasks_are_found_again),
        TEST(finished_parts_are_not_sent_again),
        TEST(a_part_that_is_stored_counts_as_done),
        TEST(a_stored_part_that_is_lost_or_damaged_is_sent_again),
        TEST(without_its_audio_everything_is_begun_anew),
        TEST(with_half_of_its_audio_as_well),
        TEST(when_all_are_stored_the_audio_is_not_needed),
        TEST(results_of_another_cut_are_not_mixed_in),
        TEST(a_damaged_checkpoint_begins_anew),
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
