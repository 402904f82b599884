/* What folders ask of recognisers: one over another, who can do what, and what is frozen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/dashscope/dashscope.h"
#include "backend/http.h"
#include "backend/openai/openai.h"
#include "backend/overrides.h"

static void set(struct backend_overrides *o, const char *key, const char *value)
{
    struct error err = {0};
    if (override_set(o, key, value, READ_ANY, &err) != 0)
        fail_msg("%s = %s: %s", key, value, err.detail);
}

static void mistakes_are_told_with_what_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *mentions;
    } rows[] = {
        {"speakers", "perhaps", "yes or no"},
        {"speaker_count", "1", "2 to 100"},
        {"speaker_count", "three", "2 to 100"},
        {"channels", "left", "numbers with commas"},
        {"hotwords", "word=9", "5"},
        {"special_word_filter", "[1]", "JSON object"},
        {"engine", "whisper", "vosk or pocketsphinx"},
        {"model", "", "a value"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cleanup_overrides struct backend_overrides o = {0};
        struct error err = {0};
        assert_int_equal(override_set(&o, rows[i].key, rows[i].value, READ_ANY, &err), -22);
        assert_string_equal(err.code, "config.value");
        if (!strstr(err.detail, rows[i].mentions))
            fail_msg("%s: %s", rows[i].key, err.detail);
    }
    struct backend_overrides o = {0};
    assert_int_equal(override_set(&o, "key_file", "/etc/key", READ_ANY, NULL), -2);
    assert_int_equal(override_set(&o, "speakers", "yes", READ_OPENAI, NULL), -2);
    assert_int_equal(override_set(&o, "prompt", "a", READ_DASHSCOPE, NULL), -2);
}

static void the_nearer_wish_wins_key_by_key(void **state)
{
    (void)state;
    cleanup_overrides struct backend_overrides far = {0}, near = {0};
    set(&far, "language", "zh");
    set(&far, "speakers", "yes");
    set(&far, "vocabulary_id", "vocab-1");
    set(&near, "language", "de");
    set(&near, "hotwords", "Aachen");
    assert_int_equal(override_merge(&far, &near), 0);
    assert_string_equal(far.language, "de");
    assert_int_equal(far.speakers, OVERRIDE_YES);
    assert_string_equal(far.hotwords, "Aachen");
    assert_null(far.vocabulary_id); /* the one excludes the other */
    override_mask(&far, &near);
    assert_null(far.language);
    assert_null(far.hotwords);
    assert_int_equal(far.speakers, OVERRIDE_YES);
}

static void what_cannot_be_done_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        unsigned can;
    } rows[] = {
        {"language", "de", READ_ANY},
        {"speakers", "yes", READ_DASHSCOPE},
        {"speakers", "no", READ_ANY}, /* nothing is asked */
        {"context", "Names: Ann", READ_DASHSCOPE | READ_OPENAI},
        {"prompt", "Names: Ann", READ_DASHSCOPE | READ_OPENAI},
        {"engine", "vosk", READ_LOCAL},
        {"hotwords", "Ann", READ_DASHSCOPE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cleanup_overrides struct backend_overrides o = {0};
        set(&o, rows[i].key, rows[i].value);
        for (unsigned reader = READ_LOCAL; reader <= READ_OPENAI; reader *= 2) {
            struct error err = {0};
            bool can = override_check(&o, reader, "it", &err) == 0;
            if (can != ((rows[i].can & reader) != 0))
                fail_msg("%s for %u", rows[i].key, reader);
            if (!can)
                assert_string_equal(err.code, "folder.cannot");
        }
    }
    assert_int_equal(override_check(NULL, READ_LOCAL, "it", NULL), 0);
    /* A folder below one with speaker_count says speakers = no: there is nobody to count. */
    const struct backend_overrides nobody = {.speaker_count = 2, .speakers = OVERRIDE_NO};
    assert_int_equal(override_check(&nobody, READ_LOCAL, "it", NULL), 0);
}

struct services {
    struct loop *loop;
    struct http *http;
    struct backend *studio, *server;
};

static int setup(void **state)
{
    struct services *s = calloc(1, sizeof *s);
    struct error err = {0};
    setenv("DASHSCOPE_API_KEY", "sk-test", 1);
    assert_int_equal(loop_new(&s->loop), 0);
    assert_int_equal(http_new(s->loop, &(struct http_config){0}, &s->http), 0);
    struct dashscope_settings studio = {
        .wishes = {.model = "fun-asr", .language = "zh", .words = true, .vocabulary_id = "vocab-1"}};
    s->studio = dashscope_backend_new(s->loop, s->http, &studio, &err);
    assert_non_null(s->studio);
    struct openai_settings server = {.wishes = {.url = "https://h.example/v1", .temperature = -1}};
    s->server = openai_backend_new(s->loop, s->http, &server, &err);
    assert_non_null(s->server);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct services *s = *state;
    s->studio->operations->free(s->studio);
    s->server->operations->free(s->server);
    http_free(s->http);
    loop_free(s->loop);
    free(s);
    return 0;
}

static void wishes_of_a_folder_are_frozen(void **state)
{
    struct services *s = *state;
    struct error err = {0};
    static const struct backend_overrides none;
    cleanup_overrides struct backend_overrides o = {0};
    cleanup_free char *before = s->studio->operations->freeze(s->studio, NULL, &err);
    cleanup_free char *same = s->studio->operations->freeze(s->studio, &none, &err);
    assert_string_equal(before, same); /* a folder that says nothing makes no other job */
    set(&o, "model", "paraformer-v2");
    set(&o, "language", "de");
    set(&o, "hotwords", "Aachen");
    set(&o, "speakers", "yes");
    set(&o, "speaker_count", "3");
    set(&o, "words", "no");
    cleanup_free char *after = s->studio->operations->freeze(s->studio, &o, &err);
    assert_string_equal(after,
                        "{\"backend\":\"dashscope\",\"region\":\"beijing\",\"model\":\"paraformer-v2\","
                        "\"speaker_count\":3,\"language\":\"de\",\"speakers\":true,\"hotwords\":\"Aachen\"}");

    cleanup_overrides struct backend_overrides to_server = {0};
    set(&to_server, "language", "de");
    set(&to_server, "prompt", "Aachen");
    cleanup_free char *there = s->server->operations->freeze(s->server, &to_server, &err);
    assert_non_null(strstr(there, "\"language\":\"de\",\"prompt\":\"Aachen\""));
}

static void what_a_service_cannot_do_is_refused_before_there_is_a_job(void **state)
{
    struct services *s = *state;
    static const struct {
        const char *key, *value, *code;
        bool server;
    } rows[] = {{"engine", "vosk", "folder.cannot", false},
                {"speaker_count", "3", "folder.cannot", false}, /* without speakers */
                {"model", "no-such-model", "route.model", false},
                {"speakers", "yes", "folder.cannot", true},
                {"hotwords", "Ann", "folder.cannot", true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cleanup_overrides struct backend_overrides o = {0};
        struct backend *b = rows[i].server ? s->server : s->studio;
        struct error err = {0};
        set(&o, rows[i].key, rows[i].value);
        assert_null(b->operations->freeze(b, &o, &err));
        assert_string_equal(err.code, rows[i].code);
        assert_int_equal(err.class, ERROR_PERMANENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_told_with_what_is_wanted),
        cmocka_unit_test(the_nearer_wish_wins_key_by_key),
        cmocka_unit_test(what_cannot_be_done_is_said),
        cmocka_unit_test_setup_teardown(wishes_of_a_folder_are_frozen, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_service_cannot_do_is_refused_before_there_is_a_job, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
