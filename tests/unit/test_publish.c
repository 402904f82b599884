/* Publishing in a bucket. */
#include "tests/unit/publish_tests.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
