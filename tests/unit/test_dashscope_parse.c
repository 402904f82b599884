/* What is read from the service: event streams, tasks, result files, errors. */
#include "tests/unit/transcript_dump.h"

/* ---- event streams ---- */

struct seen {
    char text[4096]; /* TYPE STATUS [DATA] … */
    int stop_at, events;
};

static int see(void *context, const struct sse_event *event)
{
    struct seen *seen = context;
    size_t len = strlen(seen->text);
    assert_int_equal(strlen(event->data), event->length);
    snprintf(seen->text + len, sizeof seen->text - len, "%s %d%s [%s]\n", event->type, event->status,
             event->cut ? " cut" : "", event->data);
    return ++seen->events == seen->stop_at ? 77 : 0;
}

static const struct {
    const char *name, *stream, *events;
} streams[] = {
    {"the service's framing",
     "id:1\nevent:result\n:HTTP_STATUS/200\ndata:{\"a\":1}\n\nid:2\nevent:result\n:HTTP_STATUS/"
     "200\ndata:{\"a\":2}\n\n",
     "result 200 [{\"a\":1}]\nresult 200 [{\"a\":2}]\n"},
    {"OpenAI's framing", "data: {\"a\":1}\n\ndata: [DONE]\n\n", " 0 [{\"a\":1}]\n 0 [[DONE]]\n"},
    {"one space after the colon is not data, a second one is", "data:  x\n\n", " 0 [ x]\n"},
    {"CRLF", "event:result\r\ndata:x\r\n\r\ndata:y\r\n\r\n", "result 0 [x]\n 0 [y]\n"},
    {"CR alone", "data:x\r\rdata:y\r\r", " 0 [x]\n 0 [y]\n"},
    {"several data lines", "data:a\ndata:\ndata:b\n\n", " 0 [a\n\nb]\n"},
    {"heartbeats and unknown fields", ": hello\n\n\nretry:100\nfoo\n\ndata:x\n\n", " 0 [x]\n"},
    {"an error event with a comment", "event:error\n:HTTP_STATUS/429\ndata:{}\n\n", "error 429 [{}]\n"},
    {"an error event with a status line", "event:error\nstatus:503\ndata:{}\n\n", "error 503 [{}]\n"},
    {"the comment comes before the status line", "status:500\n:HTTP_STATUS/429\ndata:{}\n\n", " 429 [{}]\n"},
    {"nonsense as a status", "status:abc\n:HTTP_STATUS/9999\ndata:{}\n\n", " 0 [{}]\n"},
    {"a byte order mark",
     "\xEF\xBB\xBF"
     "data:x\n\n",
     " 0 [x]\n"},
    {"characters of several bytes", "data:\xe4\xbd\xa0\xe5\xa5\xbd\xf0\x9f\x98\x80\n\n",
     " 0 [\xe4\xbd\xa0\xe5\xa5\xbd\xf0\x9f\x98\x80]\n"},
    {"the end inside an event", "data:a\n\ndata:b\n", " 0 [a]\n 0 cut [b]\n"},
    {"the end inside a line", "data:a\n\ndata:{\"b", " 0 [a]\n 0 cut [{\"b]\n"},
    {"nothing", "", ""},
};

static void streams_are_taken_apart_wherever_they_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        size_t len = strlen(streams[i].stream);
        for (size_t step = 1; step <= len + 1; step++) {
            struct sse sse = {.limit = 1000};
            struct seen seen = {.text = ""};
            for (size_t at = 0; at < len; at += step)
                assert_int_equal(
                    sse_feed(&sse, streams[i].stream + at, len - at < step ? len - at : step, see, &seen), 0);
            assert_int_equal(sse_end(&sse, see, &seen), 0);
            sse_clear(&sse);
            if (strcmp(seen.text, streams[i].events) != 0)
                fail_msg("%s, %zu bytes at a time: %s", streams[i].name, step, seen.text);
        }
    }
}

static void an_event_above_the_limit_is_an_error(void **state)
{
    (void)state;
    struct sse sse = {.limit = 20};
    struct seen seen = {.text = ""};
    assert_int_equal(sse_feed(&sse, "data:0123456789\n\n", 17, see, &seen), 0);
    assert_int_equal(sse_feed(&sse, "data:0123456789\n", 16, see, &seen), 0);
    assert_int_equal(sse_feed(&sse, "data:0123456789\n", 16, see, &seen), -EMSGSIZE);
    sse_clear(&sse);
    assert_int_equal(sse_feed(&sse, "data:", 5, see, &seen), 0);
    for (int i = 0; i < 15; i++)
        assert_int_equal(sse_feed(&sse, "x", 1, see, &seen), 0);
    assert_int_equal(sse_feed(&sse, "x", 1, see, &seen), -EMSGSIZE);
    sse_clear(&sse);
}

static void a_callback_can_stop_the_stream(void **state)
{
    (void)state;
    struct sse sse = {.limit = 100};
    struct seen seen = {.stop_at = 1};
    assert_int_equal(sse_feed(&sse, "data:a\n\ndata:b\n\n", 16, see, &seen), 77);
    assert_int_equal(seen.events, 1);
    sse_clear(&sse);
}

/* ---- errors ---- */

static void errors_are_found_in_every_kind_of_body(void **state)
{
    static const struct {
        const char *body, *code, *message, *request_id;
    } cases[] = {
        {"{\"code\":\"InvalidApiKey\",\"message\":\"Invalid API-key provided.\",\"request_id\":\"r1\"}",
         "InvalidApiKey", "Invalid API-key provided.", "r1"},
        {"{\"error\":{\"message\":\"Incorrect\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":"
         "\"invalid_api_key\"},"
         "\"request_id\":\"r2\"}",
         "invalid_api_key", "Incorrect", "r2"},
        {"{\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"code\":null}}", "server_error", "m", ""},
        {"event:error\n:HTTP_STATUS/400\ndata:{\"code\":\"C\",\"message\":\"M\",\"request_id\":\"r3\"}\n\n",
         "C", "M", "r3"},
        {"id:1\ndata: {\"code\":\"C\"}", "C", "", ""},
        {"{\"request_id\":\"r4\",\"output\":{\"code\":\"C\",\"message\":\"M\"}}", "C", "M", "r4"},
        {"<html><body>504 Gateway Time-out</body></html>", "", "", ""},
        {"", "", "", ""},
        {"[1,2]", "", "", ""},
        {"{\"code\":500,\"message\":null}", "", "", ""},
        {"{\"code\":\"trunc", "", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault_text fault;
        parse_fault(cases[i].body, strlen(cases[i].body), &fault);
        assert_string_equal(fault.code, cases[i].code);
        assert_string_equal(fault.message, cases[i].message);
        assert_string_equal(fault.request_id, cases[i].request_id);
    }
}

/* ---- tasks ---- */

#define URL                                                                                                  \
    "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/prod/10%3A15/"                                  \
    "4f-1.json?Expires=1&Signature=ab%2Bc%3D"
#define GOOD                                                                                                 \
    "{\"file_url\":\"https://h.example/a.wav\",\"transcription_url\":\"" URL                                 \
    "\",\"subtask_status\":\"SUCCEEDED\"}"
#define BAD                                                                                                  \
    "{\"file_url\":\"https://h.example/b.wav\",\"code\":\"InvalidFile.DownloadFailed\",\"message\":\"The "   \
    "audio file "                                                                                            \
    "cannot be downloaded.\",\"subtask_status\":\"FAILED\"}"

static const struct {
    const char *name, *json;
    enum task_status status;
    const char *url, *code;
    int64_t billed_ms;
} tasks[] = {
    {"submitted", "{\"output\":{\"task_status\":\"PENDING\",\"task_id\":\"t\"},\"request_id\":\"r\"}",
     TASK_PENDING, NULL, "", -1},
    {"submitted, id at the top", "{\"task_id\":\"t\",\"request_id\":\"r\"}", TASK_PENDING, NULL, "", -1},
    {"running",
     "{\"request_id\":\"r\",\"output\":{\"task_id\":\"t\",\"task_status\":\"RUNNING\",\"submit_time\":\"2026-"
     "03-02 10:15:30.120\","
     "\"task_metrics\":{\"TOTAL\":1,\"SUCCEEDED\":0,\"FAILED\":0}}}",
     TASK_RUNNING, NULL, "", -1},
    {"suspended", "{\"output\":{\"task_id\":\"t\",\"task_status\":\"SUSPENDED\"}}", TASK_RUNNING, NULL, "",
     -1},
    {"a state of the future", "{\"output\":{\"task_id\":\"t\",\"task_status\":\"DREAMING\"}}", TASK_RUNNING,
     NULL, "", -1},
    {"succeeded",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"SUCCEEDED\",\"results\":[" GOOD
     "],\"task_metrics\":{\"TOTAL\":1}},"
     "\"usage\":{\"duration\":9}}",
     TASK_SUCCEEDED, URL, "", 9000},
    {"succeeded, one subtask failed",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"SUCCEEDED\",\"results\":[" BAD "," GOOD
     "]},\"usage\":{\"duration\":9}}",
     TASK_SUCCEEDED, URL, "InvalidFile.DownloadFailed", 9000},
    {"succeeded, all subtasks failed",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"SUCCEEDED\",\"results\":[" BAD "]}}", TASK_FAILED,
     NULL, "InvalidFile.DownloadFailed", -1},
    {"succeeded, a subtask still running",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"SUCCEEDED\",\"results\":[{\"subtask_status\":"
     "\"RUNNING\"}]}}",
     TASK_RUNNING, NULL, "", -1},
    {"succeeded without any result", "{\"output\":{\"task_id\":\"t\",\"task_status\":\"SUCCEEDED\"}}",
     TASK_SUCCEEDED, NULL, "", -1},
    {"failed with results",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"FAILED\",\"code\":\"InvalidFile.DownloadFailed\","
     "\"message\":\"The audio "
     "file cannot be downloaded.\",\"results\":[" BAD "]}}",
     TASK_FAILED, NULL, "InvalidFile.DownloadFailed", -1},
    {"failed without results",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"FAILED\",\"code\":\"FILE_403_FORBIDDEN\",\"message\":"
     "\"FILE_403_FORBIDDEN\"}}",
     TASK_FAILED, NULL, "FILE_403_FORBIDDEN", -1},
    {"failed, without the wrapper",
     "{\"task_id\":\"t\",\"task_status\":\"FAILED\",\"code\":\"InternalError\",\"message\":\"x\",\"request_"
     "id\":\"r\"}",
     TASK_FAILED, NULL, "InternalError", -1},
    {"filetrans",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"SUCCEEDED\",\"result\":{\"transcription_url\":\"" URL
     "\"}},"
     "\"usage\":{\"seconds\":3}}",
     TASK_SUCCEEDED, URL, "", 3000},
    {"silence, whole task",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"FAILED\",\"code\":\"ASR_RESPONSE_HAVE_NO_WORDS\"}}",
     TASK_SILENT, NULL, "ASR_RESPONSE_HAVE_NO_WORDS", -1},
    {"silence, subtask",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"FAILED\",\"results\":[{\"code\":\"SUCCESS_WITH_NO_"
     "VALID_FRAGMENT\","
     "\"message\":\"SUCCESS_WITH_NO_VALID_FRAGMENT\",\"subtask_status\":\"FAILED\"}]}}",
     TASK_SILENT, NULL, "SUCCESS_WITH_NO_VALID_FRAGMENT", -1},
    {"silence, subtask of a task that succeeded",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"SUCCEEDED\",\"results\":[{\"code\":\"SUCCESS_WITH_NO_"
     "VALID_FRAGMENT\","
     "\"subtask_status\":\"FAILED\"}]}}",
     TASK_SILENT, NULL, "SUCCESS_WITH_NO_VALID_FRAGMENT", -1},
    {"silence as a state",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"SUCCESS_WITH_NO_VALID_FRAGMENT\"}}", TASK_SILENT, NULL,
     "", -1},
    {"canceled", "{\"output\":{\"task_id\":\"t\",\"task_status\":\"CANCELED\"}}", TASK_CANCELED, NULL, "",
     -1},
    {"cancelled", "{\"output\":{\"task_id\":\"t\",\"task_status\":\"CANCELLED\"}}", TASK_CANCELED, NULL, "",
     -1},
    {"forgotten", "{\"request_id\":\"r\",\"output\":{\"task_id\":\"t\",\"task_status\":\"UNKNOWN\"}}",
     TASK_UNKNOWN, NULL, "", -1},
    {"usage as text, types that are wrong",
     "{\"output\":{\"task_id\":\"t\",\"task_status\":\"RUNNING\",\"results\":{\"a\":1},\"result\":[]},"
     "\"usage\":{\"duration\":\"7\"}}",
     TASK_RUNNING, NULL, "", 7000},
};

static void tasks_in_every_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        struct task_answer answer;
        struct error err = {0};
        if (parse_task(tasks[i].json, strlen(tasks[i].json), &answer, &err) != 0)
            fail_msg("%s: %s", tasks[i].name, err.detail);
        if (answer.status != tasks[i].status || strcmp(answer.fault.code, tasks[i].code) != 0)
            fail_msg("%s: state %d, code \"%s\"", tasks[i].name, answer.status, answer.fault.code);
        assert_string_equal(answer.task_id, "t");
        if (tasks[i].url)
            assert_string_equal(answer.result_url, tasks[i].url);
        else
            assert_null(answer.result_url);
        assert_int_equal(answer.billed_ms, tasks[i].billed_ms);
        task_answer_clear(&answer);
    }
}

static void answers_that_name_no_task(void **state)
{
    static const char *const bodies[] = {"",
                                         "{",
                                         "[]",
                                         "null",
                                         "{}",
                                         "{\"output\":null}",
                                         "{\"output\":{\"task_id\":5}}",
                                         "{\"output\":{\"task_id\":\"\"}}",
                                         "<html>"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct task_answer answer;
        struct error err = {0};
        assert_true(parse_task(bodies[i], strlen(bodies[i]), &answer, &err) < 0);
        assert_string_equal(err.code, "cloud.answer");
        assert_int_equal(err.class, ERROR_TRANSIENT);
        task_answer_clear(&answer);
    }
}

static const struct {
    const char *name, *json;
    int64_t duration_ms, billed_ms;
    const char *language;
    bool estimated;
    const char *dump;
} results[] = {
    {"fun-asr with speakers",
     "{\"file_url\":\"https://h.example/"
     "a.wav\",\"properties\":{\"audio_format\":\"pcm_s16le\",\"channels\":[0],"
     "\"original_sampling_rate\":16000,\"original_duration_in_milliseconds\":5210},\"transcripts\":[{"
     "\"channel_id\":0,"
     "\"content_duration_in_milliseconds\":4380,\"text\":\"Good morning. Shall we start?\",\"sentences\":["
     "{\"begin_time\":420,\"end_time\":1680,\"text\":\"Good "
     "morning.\",\"sentence_id\":1,\"speaker_id\":3,\"words\":["
     "{\"begin_time\":420,\"end_time\":900,\"text\":\"Good \",\"punctuation\":\"\"},"
     "{\"begin_time\":900,\"end_time\":1680,\"text\":\"morning\",\"punctuation\":\". \"}]},"
     "{\"begin_time\":2400,\"end_time\":4800,\"text\":\"Shall we "
     "start?\",\"sentence_id\":2,\"speaker_id\":1,\"words\":["
     "{\"begin_time\":2400,\"end_time\":3000,\"text\":\" Shall\",\"punctuation\":\"\"},"
     "{\"begin_time\":3000,\"end_time\":3500,\"text\":\" we\"},"
     "{\"begin_time\":3500,\"end_time\":4800,\"text\":\" start\",\"punctuation\":\"?\"}]}]}]}",
     5210, 4380, NULL, false,
     "420-1680 0/0: Good morning. {Good 420-900} {morning+. 900-1680}\n"
     "2400-4800 0/1: Shall we start? {Shall 2400-3000} {we 3000-3500} {start+? 3500-4800}\n"},
    {"filetrans",
     "{\"file_url\":\"https://h.example/"
     "talk.mp3\",\"audio_info\":{\"format\":\"mp3\",\"sample_rate\":22050},\"transcripts\":["
     "{\"channel_id\":0,\"text\":\"Welcome to the show. \xe4\xbd\xa0\xe5\xa5\xbd\",\"sentences\":["
     "{\"sentence_id\":0,\"begin_time\":0,\"end_time\":1440,\"language\":\"en\",\"emotion\":\"neutral\","
     "\"text\":\"Welcome to the show.\"},"
     "{\"sentence_id\":1,\"begin_time\":1500,\"end_time\":2000,\"language\":\"zh\",\"emotion\":\"happy\","
     "\"text\":\"\xe4\xbd\xa0\xe5\xa5\xbd\"}]}]}",
     -1, 0, "en", false,
     "0-1440 0/-1 en neutral: Welcome to the show.\n1500-2000 0/-1 zh happy: \xe4\xbd\xa0\xe5\xa5\xbd\n"},
    {"two channels are merged in time",
     "{\"properties\":{\"original_duration_in_milliseconds\":9000},\"transcripts\":["
     "{\"channel_id\":0,\"content_duration_in_milliseconds\":100,\"sentences\":["
     "{\"begin_time\":0,\"end_time\":1000,\"text\":\"a\"},{\"begin_time\":5000,\"end_time\":6000,\"text\":"
     "\"c\"}]},"
     "{\"channel_id\":1,\"content_duration_in_milliseconds\":50,\"sentences\":["
     "{\"begin_time\":2000,\"end_time\":3000,\"text\":\"b\"},{\"begin_time\":5000,\"end_time\":7000,\"text\":"
     "\"d\"}]}]}",
     9000, 150, NULL, false, "0-1000 0/-1: a\n2000-3000 1/-1: b\n5000-6000 0/-1: c\n5000-7000 1/-1: d\n"},
    {"no times at all",
     "{\"properties\":{\"original_duration_in_milliseconds\":4000},\"transcripts\":[{\"channel_id\":0,"
     "\"sentences\":["
     "{\"text\":\"fifteen letters\"},{\"text\":\"last\"}]}]}",
     4000, 0, NULL, true, "0-1001 0/-1: fifteen letters\n1001-4000 0/-1: last\n"},
    {"an end is missing",
     "{\"transcripts\":[{\"sentences\":[{\"begin_time\":100,\"text\":\"a\"},{\"begin_time\":900,\"end_time\":"
     "1000,\"text\":\"b\"}]}]}",
     -1, 0, NULL, true, "100-900 0/-1: a\n900-1000 0/-1: b\n"},
    {"words without times are left out",
     "{\"transcripts\":[{\"sentences\":[{\"begin_time\":0,\"end_time\":1000,\"text\":\"a b\",\"words\":["
     "{\"begin_time\":0,\"end_time\":500,\"text\":\"a\"},{\"text\":\"b\"}]}]}]}",
     -1, 0, NULL, false, "0-1000 0/-1: a b\n"},
    {"a mark that stands alone",
     "{\"transcripts\":[{\"sentences\":[{\"begin_time\":0,\"end_time\":1000,\"text\":\"a, b.\",\"words\":["
     "{\"begin_time\":0,\"end_time\":500,\"text\":\"a\"},{\"begin_time\":500,\"end_time\":500,\"text\":\" "
     "\",\"punctuation\":\",\"},"
     "{\"begin_time\":500,\"end_time\":900,\"text\":\"b\",\"punctuation\":\".\"}]}]}]}",
     -1, 0, NULL, false, "0-1000 0/-1: a, b. {a+, 0-500} {b+. 500-900}\n"},
    {"a text without sentences", "{\"transcripts\":[{\"channel_id\":1,\"text\":\" hello \"}]}", -1, 0, NULL,
     true, "0-334 1/-1: hello\n"},
    {"nobody spoke", "{\"transcripts\":[{\"channel_id\":0,\"text\":\"\",\"sentences\":[]}]}", -1, 0, NULL,
     false, ""},
    {"no channel", "{\"transcripts\":[]}", -1, 0, NULL, false, ""},
    {"wrong types and unknown members",
     "{\"properties\":7,\"new\":{\"x\":[]},\"transcripts\":[5,null,{\"channel_id\":\"1\",\"sentences\":[7,{"
     "\"text\":8},"
     "{\"text\":\"a\",\"begin_time\":\"10\",\"end_time\":20.4,\"speaker_id\":-4,\"emotion\":3,\"words\":"
     "\"no\"}]}]}",
     -1, 0, NULL, false, "10-20 1/-1: a\n"},
    {"times out of order",
     "{\"transcripts\":[{\"sentences\":[{\"begin_time\":500,\"end_time\":100,\"text\":\"b\"},"
     "{\"begin_time\":-5,\"end_time\":90,\"text\":\"a\"}]}]}",
     -1, 0, NULL, true, "500-567 0/-1: b\n567-634 0/-1: a\n"},
};

static void result_files_become_transcripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        struct error err = {0};
        struct transcript *t = parse_result(results[i].json, strlen(results[i].json), &err);
        if (!t)
            fail_msg("%s: %s", results[i].name, err.detail);
        check_dump(results[i].name, t, results[i].dump);
        if (t->duration_ms != results[i].duration_ms || t->billed_ms != results[i].billed_ms ||
            t->times_estimated != results[i].estimated)
            fail_msg("%s: duration %d, billed %d, estimated %d", results[i].name, (int)t->duration_ms,
                     (int)t->billed_ms, t->times_estimated);
        if (results[i].language)
            assert_string_equal(t->language, results[i].language);
        else
            assert_null(t->language);
        transcript_free(t);
    }
}

static void a_result_cut_anywhere_is_refused(void **state)
{
    (void)state;
    size_t len = strlen(results[0].json);
    for (size_t n = 0; n < len; n++) {
        struct error err = {0};
        assert_null(parse_result(results[0].json, n, &err));
        assert_string_equal(err.code, "cloud.answer");
        assert_int_equal(err.class, ERROR_TRANSIENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_taken_apart_wherever_they_are_split),
        cmocka_unit_test(an_event_above_the_limit_is_an_error),
        cmocka_unit_test(a_callback_can_stop_the_stream),
        cmocka_unit_test(errors_are_found_in_every_kind_of_body),
        cmocka_unit_test(tasks_in_every_state),
        cmocka_unit_test(answers_that_name_no_task),
        cmocka_unit_test(result_files_become_transcripts),
        cmocka_unit_test(a_result_cut_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
