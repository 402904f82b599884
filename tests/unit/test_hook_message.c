/* fs/hooks/message.h: what programs and web servers are told, and how it is signed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/json_in.h"
#include "fs/hooks/hooks.h"
#include "fs/hooks/message.h"
#include "fs/inbox/status.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW INT64_C(1795860000000) /* 2026-11-28T10:00:00Z */

static char *message_of(enum hook_event event, struct item item)
{
    struct buffer out = {0};
    assert_int_equal(hook_message(event, &item, NOW, &out), 0);
    return buffer_take(&out);
}

static struct item done(const char *path, const char *base)
{
    return (struct item){.path = (char *)path, .base = (char *)base, .state = ITEM_DONE, .duration_ms = 61000};
}

static void a_message_says_what_when_and_of_which_recording(void **state)
{
    (void)state;
    cleanup_free char *text = message_of(HOOK_DONE, done("a/talk.mp3", "talk"));
    cleanup_json cJSON *root = cJSON_Parse(text);
    assert_string_equal(json_text(root, "type"), "transcript.done");
    assert_string_equal(json_text(root, "timestamp"), "2026-11-28T10:00:00Z");
    assert_string_equal(json_text(json_get(root, "data"), "path"), "a/talk.mp3");
    assert_string_equal(json_text(json_get(root, "data"), "state"), "done");
    enum hook_event event = HOOK_FAILED;
    cleanup_free char *path = hook_message_path(text, &event);
    assert_string_equal(path, "a/talk.mp3");
    assert_int_equal(event, HOOK_DONE);
}

static void a_name_of_any_bytes_comes_back(void **state)
{
    (void)state;
    cleanup_free char *text = message_of(HOOK_DONE, done("\xff\xfe \"\n.wav", "\xff"));
    enum hook_event event;
    cleanup_free char *path = hook_message_path(text, &event);
    assert_string_equal(path, "\xff\xfe \"\n.wav");
    static const char *const none[] = {"", "{}", "[]", "{\"type\":\"other\",\"data\":{\"path\":\"x\"}}",
                                       "{\"type\":\"transcript.done\"}"};
    for (size_t i = 0; i < COUNT(none); i++)
        assert_null(hook_message_path(none[i], &event));
}

static void the_text_goes_along_whole_characters_only(void **state)
{
    (void)state;
    cleanup_free char *plain = message_of(HOOK_DONE, done("t.wav", "t"));
    size_t length = 300 << 10;
    cleanup_free char *text = malloc(length);
    for (size_t i = 0; i + 3 <= length; i += 3)
        memcpy(text + i, "\xe4\xbd\xa0", 3);
    cleanup_buffer struct buffer out = {0}, short_one = {0};
    assert_int_equal(hook_message_add_text(plain, text, length / 3 * 3, &out), 0);
    cleanup_json cJSON *root = cJSON_Parse(out.data);
    const char *kept = json_text(json_get(root, "data"), "text");
    assert_int_equal(strlen(kept), (256 << 10) / 3 * 3);
    assert_true(cJSON_IsTrue(json_get(json_get(root, "data"), "text_cut")));
    assert_int_equal(hook_message_add_text(plain, "hello", 5, &short_one), 0);
    cleanup_json cJSON *second = cJSON_Parse(short_one.data);
    assert_string_equal(json_text(json_get(second, "data"), "text"), "hello");
    assert_null(json_get(json_get(second, "data"), "text_cut"));
}

static const char *value(char **environment, const char *name)
{
    size_t n = strlen(name);
    for (; *environment; environment++)
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
            return *environment + n + 1;
    return NULL;
}

static void a_program_finds_the_transcripts_in_its_environment(void **state)
{
    (void)state;
    setenv("DASHSCOPE_API_KEY", "sk-secret", 1);
    cleanup_free char *text = message_of(HOOK_DONE, done("a b/talk.mp3", "talk"));
    cleanup_free char **environment = hook_environment(text, "/mnt/x");
    unsetenv("DASHSCOPE_API_KEY");
    assert_string_equal(value(environment, "SCRIBEFS_EVENT"), "transcript.done");
    assert_string_equal(value(environment, "SCRIBEFS_STATE"), "done");
    assert_string_equal(value(environment, "SCRIBEFS_PATH"), "a b/talk.mp3");
    assert_string_equal(value(environment, "SCRIBEFS_FILE"), "/mnt/x/inbox/a b/talk.mp3");
    assert_string_equal(value(environment, "SCRIBEFS_TXT"), "/mnt/x/inbox/a b/talk.txt");
    assert_string_equal(value(environment, "SCRIBEFS_JSON"), "/mnt/x/inbox/a b/talk.json");
    assert_null(value(environment, "SCRIBEFS_ERROR"));
    assert_null(value(environment, "DASHSCOPE_API_KEY"));
}

static void a_failure_says_why_and_what_to_do(void **state)
{
    (void)state;
    struct item item = {.path = (char *)"talk.mp3", .base = (char *)"talk", .state = ITEM_FAILED};
    error_set(&item.error, ERROR_PERMANENT, 0, "media.truncated", "cut off");
    cleanup_free char *text = message_of(HOOK_FAILED, item);
    cleanup_free char **environment = hook_environment(text, "/mnt");
    assert_string_equal(value(environment, "SCRIBEFS_EVENT"), "transcript.failed");
    assert_string_equal(value(environment, "SCRIBEFS_ERROR"), "media.truncated");
    assert_true(strlen(value(environment, "SCRIBEFS_CAUSE")) > 10);
    assert_true(strlen(value(environment, "SCRIBEFS_NEXT")) > 10);
    assert_null(value(environment, "SCRIBEFS_TXT"));
}

static void command_lines_become_words(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *words[5]; /* none: refused */
    } cases[] = {
        {"/bin/true", {"/bin/true"}},
        {"  /usr/bin/ntfy   publish\ttopic ", {"/usr/bin/ntfy", "publish", "topic"}},
        {"/x \"two words\" a\"b c\"d", {"/x", "two words", "ab cd"}},
        {"/x \\\"q\\\" \\\\ a\\ b", {"/x", "\"q\"", "\\", "a b"}},
        {"/x \"\" $HOME;rm", {"/x", "", "$HOME;rm"}},
        {"", {NULL}},
        {"   ", {NULL}},
        {"/x \"open", {NULL}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count = 0, want = 0;
        int rc;
        cleanup_free char **words = hook_words(cases[i].line, &count, &rc);
        while (want < 5 && cases[i].words[want])
            want++;
        if (!want) {
            assert_null(words);
            assert_int_equal(rc, -EINVAL);
            continue;
        }
        assert_non_null(words);
        assert_int_equal(count, want);
        for (size_t n = 0; n < want; n++)
            assert_string_equal(words[n], cases[i].words[n]);
        assert_null(words[want]);
    }
}

/* The first is the example that implementations of the Standard Webhooks specification share. */
static void signatures(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *signature; /* NULL: refused */
    } cases[] = {
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"plain text", "v1,jqwBeuO37ldYigaSHqcC7YjqBJtOOulPztOWrj1DjXA="},
        {"whsec_", NULL},
        {"whsec_abc", NULL},
        {"whsec_ab*=", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_buffer struct buffer out = {0};
        int rc = hook_sign(cases[i].secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}", &out);
        assert_int_equal(rc, cases[i].signature ? 0 : -EINVAL);
        if (cases[i].signature)
            assert_string_equal(out.data, cases[i].signature);
    }
}

static void attempts_come_further_apart_for_more_than_a_day(void **state)
{
    (void)state;
    int64_t sum = 0, last = 0;
    for (int n = 1; hooks_retry_ms(n) >= 0; n++) {
        assert_true(hooks_retry_ms(n) >= last);
        sum += last = hooks_retry_ms(n);
    }
    assert_in_range(sum, INT64_C(24) * 3600 * 1000, INT64_C(48) * 3600 * 1000);
    assert_int_equal(hooks_retry_ms(1), 5000);
    assert_int_equal(hooks_retry_ms(0), -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_says_what_when_and_of_which_recording),
        cmocka_unit_test(a_name_of_any_bytes_comes_back),
        cmocka_unit_test(the_text_goes_along_whole_characters_only),
        cmocka_unit_test(a_program_finds_the_transcripts_in_its_environment),
        cmocka_unit_test(a_failure_says_why_and_what_to_do),
        cmocka_unit_test(command_lines_become_words),
        cmocka_unit_test(signatures),
        cmocka_unit_test(attempts_come_further_apart_for_more_than_a_day),
    };
    return cmocka_run_group_tests_name("hook messages", tests, NULL, NULL);
}
