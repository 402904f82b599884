/* Publishing: a bucket and the provider's temporary storage, played by a small server that remembers what it
 * was asked. */
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

static void serve_bucket(struct world *w, const struct web_request *request, struct web_reply *reply)
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

static void serve(void *context, const struct web_request *request, struct web_reply *reply)
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

static void too_late(void *arg)
{
    (void)arg;
    fail_msg("nothing happened for a long time");
}

static int setup(void **state)
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

static int teardown(void **state)
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

static void use(struct world *w, struct publish_settings settings)
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

static void fill(struct world *w, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = (char)('a' + i / KIB % 26);
        assert_int_equal(pwrite(w->fd, &c, 1, (off_t)i), 1);
    }
}

static void on_progress(void *context, int64_t sent, int64_t total)
{
    struct world *w = context;
    assert_true(sent >= 0 && sent <= total); /* an upload that begins anew goes back */
    w->progress = sent;
    w->total = total;
}

static void on_checkpoint(void *context, const char *state)
{
    struct world *w = context;
    free(w->state);
    w->state = strdup(state);
    assert_non_null(w->state);
    buffer_puts(&w->states, state);
    buffer_puts(&w->states, "\n");
    assert_null(strstr(state, "secret"));
}

static void on_done(void *context, const char *object, int64_t expires_ms)
{
    struct world *w = context;
    w->done++;
    free(w->object);
    w->object = strdup(object);
    w->expires_ms = expires_ms;
    loop_stop(w->loop);
}

static void on_failed(void *context, const struct error *error)
{
    struct world *w = context;
    w->failed++;
    w->error = *error;
    loop_stop(w->loop);
}

static void go(struct world *w, const char *path, const char *state)
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

static size_t count_lines(const struct buffer *text, const char *begin)
{
    size_t count = 0;
    for (const char *line = text->data; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        count += strncmp(line, begin, strlen(begin)) == 0;
    return count;
}

static void check_stored(struct world *w, size_t size)
{
    assert_int_equal(w->stored.len, size);
    for (size_t i = 0; i < size; i += 511)
        assert_int_equal(w->stored.data[i], 'a' + i / KIB % 26);
}

/* ---- buckets ---- */

static void a_small_recording_is_put_whole(void **state)
{
    static const struct {
        enum publish_kind kind;
        bool old;
        const char *path, *authorization;
    } cases[] = {
        {PUBLISH_OSS, false, "PUT /scribefs/", "OSS4-HMAC-SHA256 Credential=ak/"},
        {PUBLISH_OSS, true, "PUT /scribefs/", "OSS ak:"},
        {PUBLISH_S3, false, "PUT /bucket/scribefs/", "AWS4-HMAC-SHA256 Credential=aws/"},
    };
    struct world *w = *state;
    fill(w, 3000);
    for (size_t i = 0; i < 3; i++) {
        buffer_clear(&w->log);
        use(w, (struct publish_settings){.kind = cases[i].kind, .old_signatures = cases[i].old});
        go(w, "Müller & Söhne/Talk.MP3", NULL);
        assert_int_equal(w->done, 1);
        check_stored(w, 3000);
        assert_int_equal(count_lines(&w->log, cases[i].path), 1);
        assert_int_equal(w->web->requests, i + 1);
        assert_int_equal(strncmp(w->authorization, cases[i].authorization, strlen(cases[i].authorization)),
                         0);
        assert_string_equal(w->content_type, "audio/mpeg");
        assert_int_equal(strlen(w->object), strlen("scribefs/") + 32 + strlen(".mp3"));
        assert_string_equal(w->object + strlen(w->object) - 4, ".mp3");
        assert_int_equal(w->expires_ms, 0);
        assert_int_equal(w->progress, 3000);
        assert_non_null(strstr(w->state, w->object)); /* said before it was sent */
        publisher_free(w->publisher);
        w->publisher = NULL;
    }
}

static void the_address_is_signed_and_valid_for_a_day(void **state)
{
    struct world *w = *state;
    use(w, (struct publish_settings){.kind = PUBLISH_OSS});
    char *url = publish_address(w->publisher, "scribefs/a b.wav", NULL);
    char begin[200];
    snprintf(begin, sizeof begin, "%s/scribefs/a%%20b.wav?x-oss-credential=ak%%2F", w->web->base);
    assert_int_equal(strncmp(url, begin, strlen(begin)), 0);
    assert_non_null(strstr(url, "&x-oss-expires=86400&"));
    assert_non_null(strstr(url, "&x-oss-signature="));
    free(url);
    publisher_free(w->publisher);
    use(w, (struct publish_settings){.kind = PUBLISH_S3, .valid_seconds = 60, .region = "eu-west-1"});
    url = publish_address(w->publisher, "k", NULL);
    assert_non_null(strstr(url, "/bucket/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&"));
    assert_non_null(strstr(url, "%2Feu-west-1%2Fs3%2Faws4_request&"));
    assert_non_null(strstr(url, "&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="));
    free(url);
}

static void a_large_recording_goes_in_parts(void **state)
{
    struct world *w = *state;
    fill(w, 250 * KIB);
    use(w, (struct publish_settings){.kind = PUBLISH_OSS, .part_bytes = 100 * KIB});
    go(w, "talk.wav", NULL);
    assert_int_equal(w->done, 1);
    check_stored(w, 250 * KIB);
    assert_int_equal(count_lines(&w->log, "PUT "), 3);
    assert_int_equal(w->progress, 250 * KIB);
    assert_non_null(strstr(w->log.data, "?partNumber=3&uploadId=up%261\n"));
    assert_non_null(strstr(
        w->log.data,
        "  <CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;e1&quot;</ETag></Part>"
        "<Part><PartNumber>2</PartNumber><ETag>&quot;e2&quot;</ETag></Part>"
        "<Part><PartNumber>3</PartNumber><ETag>&quot;e3&quot;</ETag></Part></CompleteMultipartUpload>\n"));
    assert_int_equal(count_lines(&w->states, "{"), 5); /* the name, the upload, three parts */
}

static char *state_line(struct world *w, int n)
{
    const char *line = w->states.data;
    while (n--)
        line = strchr(line, '\n') + 1;
    return strndup(line, strcspn(line, "\n"));
}

static void an_interrupted_upload_is_gone_on_with(void **state)
{
    struct world *w = *state;
    fill(w, 250 * KIB);
    use(w, (struct publish_settings){.kind = PUBLISH_S3, .part_bytes = 100 * KIB});
    go(w, "talk.wav", NULL);
    char *after_first = state_line(w, 2), *object = strdup(w->object);
    buffer_clear(&w->log);
    w->stored.len = 100 * KIB;
    w->completed = false;
    go(w, "talk.wav", after_first);
    assert_int_equal(w->done, 1);
    assert_string_equal(w->object, object);
    assert_int_equal(count_lines(&w->log, "PUT "), 2);
    assert_int_equal(w->uploads, 1);
    check_stored(w, 250 * KIB);
    free(after_first);
    free(object);
}

static void a_changed_recording_is_sent_anew_and_the_rest_of_the_old_removed(void **state)
{
    struct world *w = *state;
    fill(w, 250 * KIB);
    use(w, (struct publish_settings){.kind = PUBLISH_OSS, .part_bytes = 100 * KIB});
    go(w, "talk.wav", NULL);
    char *after_first = state_line(w, 2), *object = strdup(w->object);
    buffer_clear(&w->log);
    buffer_clear(&w->stored);
    w->completed = false;
    assert_int_equal(futimens(w->fd, (const struct timespec[]){{.tv_sec = 1}, {.tv_sec = 1}}), 0);
    go(w, "talk.wav", after_first);
    assert_int_equal(w->done, 1);
    assert_string_not_equal(w->object, object);
    assert_int_equal(w->uploads, 2);
    assert_int_equal(count_lines(&w->log, "PUT "), 3);
    char line[200];
    snprintf(line, sizeof line, "DELETE /%s?uploadId=up%%261", object);
    assert_int_equal(count_lines(&w->log, line), 1);
    snprintf(line, sizeof line, "DELETE /%s\n", object);
    assert_non_null(strstr(w->log.data, line));
    free(after_first);
    free(object);
}

static void an_upload_the_storage_has_forgotten_begins_anew(void **state)
{
    struct world *w = *state;
    fill(w, 250 * KIB);
    use(w, (struct publish_settings){.kind = PUBLISH_OSS, .part_bytes = 100 * KIB});
    w->failures = 1;
    w->fail_on = "PUT ";
    w->failure_status = 404;
    w->failure_body = "<Error><Code>NoSuchUpload</Code></Error>";
    go(w, "talk.wav", NULL);
    assert_int_equal(w->done, 1);
    assert_int_equal(w->uploads, 2);
    check_stored(w, 250 * KIB);
}

static void a_completion_whose_answer_was_lost_is_found_out(void **state)
{
    struct world *w = *state;
    fill(w, 150 * KIB);
    use(w, (struct publish_settings){.kind = PUBLISH_OSS, .part_bytes = 100 * KIB});
    w->lose_completion = true;
    go(w, "talk.wav", NULL);
    assert_int_equal(w->done, 1);
    assert_int_equal(w->uploads, 1);
    assert_int_equal(count_lines(&w->log, "HEAD "), 1);
}

static void a_storage_in_trouble_is_tried_again(void **state)
{
    struct world *w = *state;
    fill(w, 3000);
    use(w, (struct publish_settings){.kind = PUBLISH_OSS});
    w->failures = 2;
    w->failure_status = 503;
    go(w, "talk.wav", NULL);
    assert_int_equal(w->done, 1);
    assert_int_equal(count_lines(&w->log, "PUT "), 3);
    check_stored(w, 3000);
}

static void refusals_of_the_storage_have_a_class(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum error_class class;
        const char *code, *detail;
    } cases[] = {
        {403, "<Error><Code>AccessDenied</Code><Message>No way.</Message></Error>", ERROR_PERSON,
         "publish.denied", "sending the recording: HTTP 403 AccessDenied: No way."},
        {403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", ERROR_PERSON, "publish.denied", NULL},
        {403, "<Error><Code>InvalidAccessKeyId</Code></Error>", ERROR_PERSON, "publish.denied", NULL},
        {403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", ERROR_PERSON, "publish.clock", NULL},
        {404, "<Error><Code>NoSuchBucket</Code></Error>", ERROR_PERSON, "publish.settings", NULL},
        {400, "<Error><Code>EntityTooLarge</Code></Error>", ERROR_PERMANENT, "media.too_large", NULL},
        {301, "", ERROR_PERSON, "publish.settings", NULL},
        {403, "", ERROR_PERSON, "publish.denied", "sending the recording: HTTP 403"},
        {413, "<html>", ERROR_PERMANENT, "media.too_large", NULL},
    };
    struct world *w = *state;
    fill(w, 3000);
    use(w, (struct publish_settings){.kind = PUBLISH_OSS});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        w->failures = 1;
        w->fail_on = "PUT ";
        w->failure_status = cases[i].status;
        w->failure_body = cases[i].body;
        go(w, "talk.wav", NULL);
        assert_int_equal(w->failed, 1);
        assert_int_equal(w->error.class, cases[i].class);
        assert_string_equal(w->error.code, cases[i].code);
        if (cases[i].detail)
            assert_string_equal(w->error.detail, cases[i].detail);
    }
}

static void on_removed(void *context, const struct error *error)
{
    struct world *w = context;
    w->removed++;
    w->error = *error;
    loop_stop(w->loop);
}

static void a_recording_that_changes_under_way_is_refused_and_removed(void **state)
{
    struct world *w = *state;
    fill(w, 3000);
    use(w, (struct publish_settings){.kind = PUBLISH_OSS});
    w->touch = true;
    go(w, "talk.wav", NULL);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error.class, ERROR_CHANGED);
    assert_string_equal(w->error.code, "io.changed");
    publish_remove(w->publisher, "another", on_removed, w); /* comes after the removal that is due */
    loop_run(w->loop);
    assert_int_equal(count_lines(&w->log, "DELETE /scribefs/"), 1);
}

static void cancelling_leaves_or_removes_what_is_half_there(void **state)
{
    struct world *w = *state;
    fill(w, 250 * KIB);
    use(w, (struct publish_settings){.kind = PUBLISH_OSS, .part_bytes = 100 * KIB});
    for (int undo = 0; undo < 2; undo++) {
        buffer_clear(&w->log);
        w->cancel_undo = undo;
        w->fail_on = "PUT ";
        w->failures = 1;
        w->failure_status = 503;
        w->cancel_on_request = false;
        /* Cancelled while the first part is on its way. */
        static const struct publish_events events = {on_progress, on_checkpoint, on_done, on_failed};
        w->cancel_on_request = true;
        w->publication = publish_start(
            w->publisher,
            &(struct publish_request){.fd = w->fd, .path = "a.wav", .state = undo ? w->state : NULL}, &events,
            w, NULL);
        loop_run(w->loop);
        assert_int_equal(w->done + w->failed, 0);
        if (undo)
            assert_true(count_lines(&w->log, "DELETE /scribefs/") >= 1);
        else
            assert_int_equal(count_lines(&w->log, "DELETE "), 0);
    }
}

static void removing_an_object(void **state)
{
    static const struct {
        int failures, status;
        enum error_class class;
        size_t requests;
    } cases[] = {
        {0, 0, ERROR_NONE, 1}, {1, 404, ERROR_NONE, 1}, {1, 500, ERROR_NONE, 2}, {1, 403, ERROR_PERSON, 1}};
    struct world *w = *state;
    use(w, (struct publish_settings){.kind = PUBLISH_OSS});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&w->log);
        w->removed = 0;
        w->failures = cases[i].failures;
        w->failure_status = cases[i].status;
        assert_non_null(publish_remove(w->publisher, "scribefs/x.wav", on_removed, w));
        loop_run(w->loop);
        assert_int_equal(w->removed, 1);
        assert_int_equal(w->error.class, cases[i].class);
        assert_int_equal(count_lines(&w->log, "DELETE /scribefs/x.wav"), cases[i].requests);
    }
    publisher_free(w->publisher);
    buffer_clear(&w->log);
    use(w, (struct publish_settings){.kind = PUBLISH_OSS, .keep = true});
    publish_remove(w->publisher, "scribefs/x.wav", on_removed, w);
    loop_run(w->loop);
    assert_int_equal(w->removed, 2);
    assert_int_equal(w->error.class, ERROR_NONE);
    assert_int_equal(w->log.len, 0);
}

static void a_key_that_is_put_right_is_found(void **state)
{
    struct world *w = *state;
    char *directory = scratch_new(), *file = scratch_join(directory, "key");
    fill(w, 10);
    use(w, (struct publish_settings){.kind = PUBLISH_OSS, .key_file = file});
    go(w, "talk.wav", NULL);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error.class, ERROR_PERSON);
    assert_string_equal(w->error.code, "publish.denied");
    FILE *f = fopen(file, "we");
    fputs("# \nfile-id\n", f);
    fclose(f);
    f = fopen(file, "we");
    fputs("\n  file-id \r\n\nfile-secret\n", f);
    fclose(f);
    go(w, "talk.wav", NULL);
    assert_int_equal(w->done, 1);
    assert_non_null(strstr(w->authorization, "Credential=file-id/"));
    free(file);
    scratch_remove(directory);
}

/* ---- a folder that is served already ---- */

static void every_name_becomes_an_address(void **state)
{
    static const struct {
        const char *base, *path, *url;
    } cases[] = {
        {"https://h.example/inbox", "talk.wav", "https://h.example/inbox/talk.wav"},
        {"https://h.example/inbox/", "a/b.wav", "https://h.example/inbox/a/b.wav"},
        {"http://h.example", "a b#c?d%e&f+g.wav", "http://h.example/a%20b%23c%3Fd%25e%26f%2Bg.wav"},
        {"https://h.example/", "会议.mp3", "https://h.example/%E4%BC%9A%E8%AE%AE.mp3"},
        {"https://h.example/", "bad\xff.mp3", "https://h.example/bad%FF.mp3"},
    };
    struct world *w = *state;
    fill(w, 10);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        use(w, (struct publish_settings){.kind = PUBLISH_URL, .base_url = cases[i].base});
        go(w, cases[i].path, NULL);
        assert_int_equal(w->done, 1);
        char *url = publish_address(w->publisher, w->object, NULL);
        assert_string_equal(url, cases[i].url);
        free(url);
        publisher_free(w->publisher);
        w->publisher = NULL;
    }
    assert_int_equal(w->web->requests, 0);
}

/* ---- temporary storage ---- */

static void temporary_storage_takes_a_form(void **state)
{
    static const char *const parts[] = {
        "name=\"OSSAccessKeyId\"\r\n\r\nLTAI\r\n",
        "name=\"Signature\"\r\n\r\nc2ln\r\n",
        "name=\"policy\"\r\n\r\ncG9s\r\n",
        "name=\"key\"\r\n\r\ndashscope-instant/h/d/",
        "name=\"x-oss-object-acl\"\r\n\r\nprivate\r\n",
        "name=\"x-oss-forbid-overwrite\"\r\n\r\ntrue\r\n",
        "name=\"success_action_status\"\r\n\r\n200\r\n",
        "name=\"file\"; filename=\"",
    };
    struct world *w = *state;
    fill(w, 3000);
    use(w, (struct publish_settings){.kind = PUBLISH_TEMPORARY});
    int64_t now = (int64_t)time(NULL) * 1000;
    go(w, "Frau Müller.wav", NULL);
    assert_int_equal(w->done, 1);
    assert_non_null(strstr(w->log.data, "GET /api/v1/uploads?action=getPolicy&model=fun-asr\nPOST /\n"));
    const char *from = w->form.data;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *found = strstr(from, parts[i]);
        if (!found)
            fail_msg("%s is missing or out of order", parts[i]);
        from = found;
    }
    assert_null(strstr(w->form.data, "ller"));
    assert_string_equal(w->authorization, ""); /* the form is signed, the key stays out of it */
    assert_true(w->expires_ms >= now + INT64_C(48) * 3600 * 1000);
    char *url = publish_address(w->publisher, w->object, NULL);
    assert_int_equal(strncmp(url, "oss://dashscope-instant/h/d/", 28), 0);
    assert_int_equal(strlen(url), 28 + 32 + 4);
    free(url);
    publish_remove(w->publisher, w->object, on_removed, w);
    loop_run(w->loop);
    assert_int_equal(w->error.class, ERROR_NONE);
    assert_int_equal(w->web->requests, 2);
}

static void an_expired_certificate_is_asked_for_again(void **state)
{
    struct world *w = *state;
    fill(w, 3000);
    use(w, (struct publish_settings){.kind = PUBLISH_TEMPORARY});
    w->failures = 1;
    w->fail_on = "POST";
    w->failure_status = 403;
    w->failure_body = "<Error><Code>AccessDenied</Code><Message>Invalid according to Policy: Policy "
                      "expired.</Message></Error>";
    go(w, "talk.wav", NULL);
    assert_int_equal(w->done, 1);
    assert_int_equal(count_lines(&w->log, "GET "), 2);
    assert_int_equal(count_lines(&w->log, "POST "), 2);
}

static void refusals_of_temporary_storage_have_a_class(void **state)
{
    static const struct {
        const char *what;
        int status;
        const char *body;
        size_t size;
        enum error_class class;
        const char *code;
    } cases[] = {
        {"key", 401, "{\"code\":\"InvalidApiKey\",\"message\":\"m\"}", 10, ERROR_PERSON, "cloud.key"},
        {"size", 0, NULL, 1024 * KIB + 1, ERROR_PERMANENT, "media.too_large"},
    };
    struct world *w = *state;
    use(w, (struct publish_settings){.kind = PUBLISH_TEMPORARY});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ftruncate(w->fd, (off_t)cases[i].size), 0);
        w->failures = cases[i].status ? 1 : 0;
        w->failure_status = cases[i].status;
        w->failure_body = cases[i].body;
        go(w, "talk.wav", NULL);
        if (w->failed != 1 || w->error.class != cases[i].class || strcmp(w->error.code, cases[i].code) != 0)
            fail_msg("%s: %s %s", cases[i].what, w->error.code, w->error.detail);
    }
}

/* ---- settings ---- */

static void settings_that_make_no_sense(void **state)
{
    static const struct publish_settings cases[] = {
        {.kind = PUBLISH_NONE},
        {.kind = PUBLISH_OSS},
        {.kind = PUBLISH_OSS, .endpoint = "https://b.example", .region = "r"},
        {.kind = PUBLISH_OSS, .endpoint = "https://b.example", .bucket = "b"},
        {.kind = PUBLISH_OSS, .endpoint = "http://b.example", .bucket = "b", .region = "r"},
        {.kind = PUBLISH_OSS, .endpoint = "https://", .bucket = "b", .region = "r"},
        {.kind = PUBLISH_S3, .endpoint = "b.example"},
        {.kind = PUBLISH_S3, .endpoint = "https://b.example", .valid_seconds = 604801},
        {.kind = PUBLISH_S3, .endpoint = "https://b.example", .part_bytes = 1},
        {.kind = PUBLISH_URL},
        {.kind = PUBLISH_URL, .base_url = "ftp://x"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        if (publisher_new(w->loop, w->http, &cases[i], &err))
            fail_msg("case %zu is accepted", i);
        assert_string_equal(err.code, "publish.settings");
        assert_int_equal(err.class, ERROR_PERSON);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_small_recording_is_put_whole),
        CASE(the_address_is_signed_and_valid_for_a_day),
        CASE(a_large_recording_goes_in_parts),
        CASE(an_interrupted_upload_is_gone_on_with),
        CASE(a_changed_recording_is_sent_anew_and_the_rest_of_the_old_removed),
        CASE(an_upload_the_storage_has_forgotten_begins_anew),
        CASE(a_completion_whose_answer_was_lost_is_found_out),
        CASE(a_storage_in_trouble_is_tried_again),
        CASE(refusals_of_the_storage_have_a_class),
        CASE(a_recording_that_changes_under_way_is_refused_and_removed),
        CASE(cancelling_leaves_or_removes_what_is_half_there),
        CASE(removing_an_object),
        CASE(a_key_that_is_put_right_is_found),
        CASE(every_name_becomes_an_address),
        CASE(temporary_storage_takes_a_form),
        CASE(an_expired_certificate_is_asked_for_again),
        CASE(refusals_of_temporary_storage_have_a_class),
        CASE(settings_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
