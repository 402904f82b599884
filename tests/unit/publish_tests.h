/* What the tests of publishing have in common: a bucket and the temporary storage of the provider, played by a small server
 * that remembers what it got. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "backend/base/loop.h"
#include "backend/http.h"
#include "backend/publish/publish.h"
#include "tests/unit/scratch.h"
#include "tests/unit/web.h"

enum { SAFETY_MS = 30000, KIB = 1024 };

struct world {
    struct loop *loop;
    struct loop_timer *safety;
    struct http *http;
    struct web *web;
    struct publisher *publisher;
    struct publication *publication;
    int fd;

    /* The server: what it saw, a line each ("PUT /object?…"), and the bytes that arrived. */
    struct buffer log, stored, form;
    char authorization[300], content_type[100];
    int uploads, failures; /* failures: so many requests are answered with failure_status first */
    const char *fail_on;   /* only those whose log line begins with this */
    int failure_status;
    const char *failure_body;
    bool lose_completion, completed, touch, cancel_on_request, cancel_undo;

    /* What came back. */
    struct buffer states; /* checkpoints, a line each */
    char *state, *object;
    int64_t expires_ms, progress, total;
    struct error error;
    int done, failed, removed;
};

static const char certificate_begin[] = "{\"request_id\":\"r\",\"data\":{\"policy\":\"cG9s\",\"signature\":"
                                        "\"c2ln\",\"upload_dir\":\"dashscope-instant/h/d\","
                                        "\"upload_host\":\"";
static const char certificate_end[] =
    "\",\"expire_in_seconds\":300,\"max_file_size_mb\":1,\"capacity_limit_mb\":9,"
    "\"oss_access_key_id\":\"LTAI\",\"x_oss_object_acl\":\"private\",\"x_oss_forbid_overwrite\":\"true\"}}";

static inline void serve_bucket(struct world *w, const struct web_request *request, struct web_reply *reply)
{
    if (strcmp(request->method, "POST") == 0 && strstr(request->target, "?uploads")) {
        snprintf(
            reply->header_text[0], sizeof reply->header_text[0],
            "<InitiateMultipartUploadResult><UploadId>up&amp;%d</UploadId></InitiateMultipartUploadResult>",
            ++w->uploads);
        web_say(reply, 200, reply->header_text[0]);
    } else if (strstr(request->target, "partNumber=")) {
        buffer_add(&w->stored, request->body.data, request->body.len);
        snprintf(reply->header_text[0], sizeof reply->header_text[0], "ETag: \"e%s\"",
                 web_query(request, "partNumber"));
        reply->headers[0] = reply->header_text[0];
    } else if (strcmp(request->method, "POST") == 0 && strstr(request->target, "uploadId=")) {
        if (w->completed) {
            web_say(reply, 404, "<Error><Code>NoSuchUpload</Code></Error>");
            return;
        }
        buffer_puts(&w->log, "  ");
        buffer_puts(&w->log, request->body.data);
        buffer_puts(&w->log, "\n");
        w->completed = true;
        web_say(reply, 200, "<CompleteMultipartUploadResult/>");
        reply->cut = w->lose_completion;
    } else if (strcmp(request->method, "PUT") == 0) {
        buffer_clear(&w->stored);
        buffer_add(&w->stored, request->body.data, request->body.len);
    } else if (strcmp(request->method, "HEAD") == 0) {
        buffer_add(&reply->body, w->stored.data, w->stored.len);
    } else if (strcmp(request->method, "DELETE") == 0) {
        reply->status = 204;
    } else if (strstr(request->target, "/api/v1/uploads")) {
        web_say(reply, 200, certificate_begin);
        buffer_puts(&reply->body, w->web->base);
        buffer_puts(&reply->body, certificate_end);
    } else { /* the form */
        buffer_clear(&w->form);
        buffer_add(&w->form, request->body.data, request->body.len);
    }
}

static inline void serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    struct world *w = context;
    struct buffer line = {0};
    buffer_printf(&line, "%s %s\n", request->method, request->target);
    buffer_puts(&w->log, line.data);
    const char *value = web_header(request, "Authorization");
    snprintf(w->authorization, sizeof w->authorization, "%s", value ? value : "");
    value = web_header(request, "Content-Type");
    snprintf(w->content_type, sizeof w->content_type, "%s", value ? value : "");
    if (w->touch)
        assert_int_equal(futimens(w->fd, (const struct timespec[]){{0, UTIME_OMIT}, {.tv_sec = 5}}), 0);
    if (w->cancel_on_request) {
        publish_cancel(w->publication, w->cancel_undo);
        w->publication = NULL;
        w->cancel_on_request = false;
        if (!w->cancel_undo)
            loop_stop(w->loop);
    }
    if (w->failures > 0 && (!w->fail_on || strncmp(line.data, w->fail_on, strlen(w->fail_on)) == 0)) {
        w->failures--;
        web_say(reply, w->failure_status, w->failure_body ? w->failure_body : "");
    } else {
        serve_bucket(w, request, reply);
    }
    if (w->cancel_undo && strcmp(request->method, "DELETE") == 0 && !strstr(request->target, "uploadId"))
        loop_stop(w->loop);
    buffer_clear(&line);
}

static inline void too_late(void *arg)
{
    (void)arg;
    fail_msg("nothing happened for a long time");
}

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(loop_new(&w->loop), 0);
    w->safety = loop_timer(w->loop, too_late, w);
    loop_timer_after(w->safety, SAFETY_MS);
    assert_int_equal(http_new(w->loop, &(struct http_config){0}, &w->http), 0);
    w->web = web_new(w->loop, NULL, NULL, serve, w);
    w->fd = memfd_create("recording", MFD_CLOEXEC);
    setenv("OSS_ACCESS_KEY_ID", "ak", 1);
    setenv("OSS_ACCESS_KEY_SECRET", "so-secret", 1);
    setenv("AWS_ACCESS_KEY_ID", "aws", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "so-secret", 1);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    publisher_free(w->publisher);
    http_free(w->http);
    web_free(w->web);
    loop_timer_free(w->safety);
    loop_free(w->loop);
    close(w->fd);
    buffer_clear(&w->log);
    buffer_clear(&w->stored);
    buffer_clear(&w->form);
    buffer_clear(&w->states);
    free(w->state);
    free(w->object);
    free(w);
    return 0;
}

/* ---- helpers ---- */

static inline void use(struct world *w, struct publish_settings settings)
{
    struct error err = {0};
    char endpoint[100];
    snprintf(endpoint, sizeof endpoint, "%s%s", w->web->base, settings.kind == PUBLISH_S3 ? "/bucket" : "");
    if (!settings.endpoint)
        settings.endpoint = endpoint;
    settings.bucket = "bucket";
    settings.region = settings.region ? settings.region : "cn-hangzhou";
    w->publisher = publisher_new(w->loop, w->http, &settings, &err);
    if (!w->publisher)
        fail_msg("%s", err.detail);
}

static inline void fill(struct world *w, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = (char)('a' + i / KIB % 26);
        assert_int_equal(pwrite(w->fd, &c, 1, (off_t)i), 1);
    }
}

static inline void on_progress(void *context, int64_t sent, int64_t total)
{
    struct world *w = context;
    assert_true(sent >= 0 && sent <= total); /* an upload that begins anew goes back */
    w->progress = sent;
    w->total = total;
}

static inline void on_checkpoint(void *context, const char *state)
{
    struct world *w = context;
    free(w->state);
    w->state = strdup(state);
    assert_non_null(w->state);
    buffer_puts(&w->states, state);
    buffer_puts(&w->states, "\n");
    assert_null(strstr(state, "secret"));
}

static inline void on_done(void *context, const char *object, int64_t expires_ms)
{
    struct world *w = context;
    w->done++;
    free(w->object);
    w->object = strdup(object);
    w->expires_ms = expires_ms;
    loop_stop(w->loop);
}

static inline void on_failed(void *context, const struct error *error)
{
    struct world *w = context;
    w->failed++;
    w->error = *error;
    loop_stop(w->loop);
}

static inline void go(struct world *w, const char *path, const char *state)
{
    static const struct publish_events events = {on_progress, on_checkpoint, on_done, on_failed};
    struct error err = {0};
    char *copy = state ? strdup(state) : NULL;
    w->progress = 0;
    w->done = w->failed = 0;
    w->publication = publish_start(w->publisher,
                                   &(struct publish_request){.fd = w->fd,
                                                             .path = path,
                                                             .state = copy,
                                                             .service = w->web->base,
                                                             .authorization = "Authorization: Bearer sk-1",
                                                             .model = "fun-asr"},
                                   &events, w, &err);
    free(copy);
    if (!w->publication)
        fail_msg("%s", err.detail);
    assert_int_equal(w->done + w->failed, 0);
    loop_run(w->loop);
    w->publication = NULL;
}

static inline size_t count_lines(const struct buffer *text, const char *begin)
{
    size_t count = 0;
    for (const char *line = text->data; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        count += strncmp(line, begin, strlen(begin)) == 0;
    return count;
}

static inline void check_stored(struct world *w, size_t size)
{
    assert_int_equal(w->stored.len, size);
    for (size_t i = 0; i < size; i += 511)
        assert_int_equal(w->stored.data[i], 'a' + i / KIB % 26);
}

static inline void on_removed(void *context, const struct error *error)
{
    struct world *w = context;
    w->removed++;
    w->error = *error;
    loop_stop(w->loop);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
