/* What the tests of recordings in parts have in common: a preparer that is played, and a studio that knows each part. */
#pragma once

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

static inline void content_of(size_t part, char text[31])
{
    for (int i = 0; i < 30; i++)
        text[i] = "PART:x"[i % 6];
    for (int i = 5; i < 30; i += 6)
        text[i] = (char)('A' + part);
    text[30] = '\0';
}

static inline bool cut_up(struct bench *b, int into, struct media_part table[MOST])
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

static inline void prepared(void *arg)
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

static inline struct preparation *prepare(struct bench *b, struct preparation as)
{
    struct preparation *p = malloc(sizeof *p);
    *p = as;
    p->by = b;
    p->timer = loop_timer(b->s->loop, prepared, p);
    loop_timer_after(p->timer, 0);
    return p;
}

static inline struct preparation *bench_probe(struct preparer *preparer, int fd, const struct prepare_events *events,
                                       void *context, struct error *err)
{
    (void)fd, (void)err;
    ((struct bench *)preparer)->probes++;
    return prepare((struct bench *)preparer, (struct preparation){.probe = events, .context = context});
}

static inline struct preparation *bench_split(struct preparer *preparer, int fd, int into,
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

static inline struct preparation *bench_convert(struct preparer *preparer, int fd, const char *work_dir,
                                         const struct media_target *target,
                                         const struct prepare_events *events, void *context,
                                         struct error *err)
{
    (void)preparer, (void)fd, (void)work_dir, (void)target, (void)events, (void)context, (void)err;
    fail_msg("a recording that is cut is not converted before");
    return NULL;
}

static inline void bench_cancel(struct preparation *p)
{
    loop_timer_free(p->timer);
    free(p);
}

static const struct preparer_operations operations = {
    .probe = bench_probe, .convert = bench_convert, .split = bench_split, .cancel = bench_cancel};

/* ---- before the service ---- */

/* The part whose bytes are in the body, as they are or as base64; MOST: none. */
static inline size_t part_in(const char *body)
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

static inline void answer_direct(struct bench *b, size_t part, struct web_reply *reply)
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

static inline void bench_serve(void *context, const struct web_request *request, struct web_reply *reply)
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

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
    struct bench *b = *state;
    studio_free(b->s);
    free(b);
    return 0;
}

static inline void use(struct bench *b, struct dashscope_settings settings)
{
    settings.preparer = &b->preparer;
    studio_use(b->s, settings);
}

static const struct dashscope_settings direct = {.wishes = {.model = "fun-asr-flash-2026-06-15"}};
static const struct dashscope_settings tasks = {.publish = {.kind = PUBLISH_OSS},
                                                .wishes = {.model = "fun-asr"}};

static inline void use_tasks(struct bench *b)
{
    use(b, tasks);
    b->part_ms = 12 * 60 * MINUTE;
}

static inline void go(struct bench *b, const char *checkpoint)
{
    char *copy = checkpoint ? strdup(checkpoint) : NULL;
    studio_go(b->s, 3000, "talk.wav", copy);
    free(copy);
}

static inline void finishes(struct bench *b, const char *checkpoint)
{
    go(b, checkpoint);
    if (!b->s->finished)
        fail_msg("%s: %s", b->s->error.code, b->s->error.detail);
}

static inline int total(const int counts[MOST])
{
    int sum = 0;
    for (int i = 0; i < MOST; i++)
        sum += counts[i];
    return sum;
}

static inline bool kept(const struct bench *b, const char *name)
{
    char *path = scratch_join(b->s->work_dir, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static inline void lose(const struct bench *b, const char *name)
{
    char *path = scratch_join(b->s->work_dir, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static inline size_t done_in(const char *checkpoint)
{
    size_t count = 0;
    for (const char *at = checkpoint; (at = strstr(at, "\"done\":true")); at++)
        count++;
    return count;
}

static inline void end_loop(void *arg)
{
    loop_stop(((struct bench *)arg)->s->loop);
}

/* Runs until the condition holds. */
static inline void run_until(struct bench *b, bool (*holds)(const struct bench *b))
{
    while (!holds(b)) {
        struct loop_timer *timer = loop_timer(b->s->loop, end_loop, b);
        loop_timer_after(timer, 5);
        loop_run(b->s->loop);
        loop_timer_free(timer);
    }
}

static inline void stop(struct bench *b, bool suspend)
{
    b->s->suspend = suspend;
    studio_stop_job(b->s);
}

/* The one that hangs is under way, the other two are done. */
static inline bool two_done(const struct bench *b)
{
    return b->s->checkpoint && done_in(b->s->checkpoint) == 2 && b->calls[1] == 1;
}

static inline bool some_submitted(const struct bench *b)
{
    return b->s->submissions == 3 && strstr(b->s->checkpoint, "task-3");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
