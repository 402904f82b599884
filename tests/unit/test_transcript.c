/* backend/transcript.h: growing, putting in order, the canonical JSON and what it refuses. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/error.h"
#include "backend/transcript.h"

static void free_transcript(struct transcript **t)
{
    transcript_free(*t);
}
#define cleanup_transcript __attribute__((cleanup(free_transcript)))

static struct sentence *add_sentence(struct transcript *t, int64_t begin, int64_t end, const char *text)
{
    struct sentence *s = transcript_add_sentence(t);
    assert_non_null(s);
    s->begin_ms = begin;
    s->end_ms = end;
    s->text = strdup(text);
    return s;
}

static struct word *add_word(struct sentence *s, int64_t begin, int64_t end, const char *text)
{
    struct word *w = sentence_add_word(s);
    assert_non_null(w);
    w->begin_ms = begin;
    w->end_ms = end;
    w->text = strdup(text);
    return w;
}

static void a_new_transcript_is_empty(void **state)
{
    (void)state;
    cleanup_transcript struct transcript *t = transcript_new();
    assert_non_null(t);
    assert_int_equal(t->duration_ms, -1);
    assert_int_equal(t->sentence_count, 0);
    transcript_free(NULL);
}

static void it_grows_and_keeps_what_it_has(void **state)
{
    (void)state;
    cleanup_transcript struct transcript *t = transcript_new();
    char text[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "s%d", i);
        struct sentence *s = add_sentence(t, i, i + 1, text);
        assert_int_equal(s->channel, 0);
        assert_int_equal(s->speaker, -1);
        assert_true(s->confidence < 0);
        for (int j = 0; j < i % 20; j++)
            assert_true(add_word(s, i, i, text)->confidence < 0);
    }
    assert_int_equal(t->sentence_count, 1000);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "s%d", i);
        assert_string_equal(t->sentences[i].text, text);
        assert_int_equal(t->sentences[i].word_count, i % 20);
    }
}

static void normalising_sorts_by_time_then_channel_and_keeps_the_order_of_equals(void **state)
{
    (void)state;
    static const struct {
        int64_t begin;
        int channel;
        const char *text;
    } in[] = {{500, 0, "d"},  {100, 1, "b"}, {100, 0, "a1"}, {900, 0, "f"},
              {100, 0, "a2"}, {600, 0, "e"}, {200, 0, "c"},  {100, 0, "a3"}};
    static const char *const out[] = {"a1", "a2", "a3", "b", "c", "d", "e", "f"};
    cleanup_transcript struct transcript *t = transcript_new();
    for (size_t i = 0; i < 8; i++)
        add_sentence(t, in[i].begin, in[i].begin + 50, in[i].text)->channel = in[i].channel;
    transcript_normalise(t);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(t->sentences[i].text, out[i]);
}

static void normalising_mends_times(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t sentence[2], words[3][2];
        int64_t sentence_out[2], words_out[3][2];
    } cases[] = {
        {"good ones stay",
         {0, 900},
         {{0, 300}, {300, 500}, {600, 900}},
         {0, 900},
         {{0, 300}, {300, 500}, {600, 900}}},
        {"negative", {-50, -10}, {{-50, -40}, {-40, -30}, {-30, -10}}, {0, 0}, {{0, 0}, {0, 0}, {0, 0}}},
        {"end before begin: the words say",
         {700, 100},
         {{700, 750}, {750, 800}, {800, 850}},
         {700, 850},
         {{700, 750}, {750, 800}, {800, 850}}},
        {"a word that ends before it begins",
         {0, 900},
         {{0, 300}, {400, 100}, {600, 900}},
         {0, 900},
         {{0, 300}, {400, 400}, {600, 900}}},
        {"words that overlap",
         {0, 900},
         {{0, 500}, {300, 700}, {600, 900}},
         {0, 900},
         {{0, 300}, {300, 600}, {600, 900}}},
        {"a word out of order",
         {0, 900},
         {{200, 300}, {100, 400}, {600, 900}},
         {0, 900},
         {{200, 300}, {300, 400}, {600, 900}}},
        {"words outside",
         {100, 900},
         {{0, 300}, {300, 500}, {600, 5000}},
         {100, 900},
         {{100, 300}, {300, 500}, {600, 900}}},
        {"the end of time",
         {0, INT64_MAX},
         {{0, 1}, {1, 2}, {2, INT64_MAX}},
         {0, INT64_C(1) << 50},
         {{0, 1}, {1, 2}, {2, INT64_C(1) << 50}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cleanup_transcript struct transcript *t = transcript_new();
        struct sentence *s = add_sentence(t, cases[i].sentence[0], cases[i].sentence[1], "x y z");
        for (int j = 0; j < 3; j++)
            add_word(s, cases[i].words[j][0], cases[i].words[j][1], "x");
        transcript_normalise(t);
        bool same = s->begin_ms == cases[i].sentence_out[0] && s->end_ms == cases[i].sentence_out[1];
        for (int j = 0; j < 3; j++)
            same = same && s->words[j].begin_ms == cases[i].words_out[j][0] &&
                   s->words[j].end_ms == cases[i].words_out[j][1];
        if (!same)
            fail_msg("%s: sentence %ld-%ld, words %ld-%ld %ld-%ld %ld-%ld", cases[i].name, (long)s->begin_ms,
                     (long)s->end_ms, (long)s->words[0].begin_ms, (long)s->words[0].end_ms,
                     (long)s->words[1].begin_ms, (long)s->words[1].end_ms, (long)s->words[2].begin_ms,
                     (long)s->words[2].end_ms);
    }
}

static void normalising_mends_numbers(void **state)
{
    (void)state;
    cleanup_transcript struct transcript *t = transcript_new();
    t->duration_ms = -7;
    t->billed_ms = -7;
    t->cost_micro = -7;
    struct sentence *s = add_sentence(t, 0, 10, "x");
    s->channel = -3;
    s->speaker = -9;
    s->confidence = NAN;
    add_word(s, 0, 10, "x")->confidence = 7;
    transcript_normalise(t);
    assert_int_equal(t->duration_ms, -1);
    assert_int_equal(t->billed_ms, 0);
    assert_int_equal(t->cost_micro, 0);
    assert_int_equal(s->channel, 0);
    assert_int_equal(s->speaker, -1);
    assert_true(s->confidence == -1);
    assert_true(s->words[0].confidence == 1);
}

/* ---- JSON ---- */

static char *to_json(const struct transcript *t)
{
    struct buffer b = {0};
    assert_int_equal(transcript_to_json(t, &b), 0);
    return buffer_take(&b);
}

static void json_says_everything_and_comes_back(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"schema\":\"scribefs-transcript/"
        "1\",\"duration_ms\":12345,\"language\":\"de\",\"provider\":\"dashscope\","
        "\"engine\":\"fun-asr\",\"model\":\"m-1\",\"why\":\"w\",\"task_id\":\"t\",\"request_id\":\"r\",\"billed_ms\":13000,"
        "\"billed_estimated\":true,\"cost_micro\":2860,\"currency\":\"CNY\","
        "\"times_estimated\":true,\"sentences\":["
        "{\"begin_ms\":10,\"end_ms\":900,\"channel\":1,\"speaker\":2,\"text\":\"Grüß "
        "\\\"Gott\\\".\",\"language\":\"de-AT\","
        "\"emotion\":\"happy\",\"confidence\":0.9000,\"words\":["
        "{\"begin_ms\":10,\"end_ms\":400,\"text\":\"Grüß\",\"confidence\":0.1250},"
        "{\"begin_ms\":400,\"end_ms\":900,\"text\":\"\\\"Gott\\\"\",\"punctuation\":\".\"}]},"
        "{\"begin_ms\":1000,\"end_ms\":1000,\"channel\":0,\"text\":\"\"}]}";
    cleanup_transcript struct transcript *t = transcript_new();
    t->duration_ms = 12345;
    t->language = strdup("de");
    t->provider = strdup("dashscope");
    t->engine = strdup("fun-asr");
    t->model = strdup("m-1");
    t->why = strdup("w");
    t->task_id = strdup("t");
    t->request_id = strdup("r");
    t->billed_ms = 13000;
    t->billed_estimated = true;
    t->cost_micro = 2860;
    strcpy(t->currency, "CNY");
    t->times_estimated = true;
    struct sentence *s = add_sentence(t, 10, 900, "Grüß \"Gott\".");
    s->channel = 1;
    s->speaker = 2;
    s->language = strdup("de-AT");
    s->emotion = strdup("happy");
    s->confidence = 0.9;
    add_word(s, 10, 400, "Grüß")->confidence = 0.125;
    add_word(s, 400, 900, "\"Gott\"")->punctuation = strdup(".");
    add_sentence(t, 1000, 1000, "");

    char *json = to_json(t);
    assert_string_equal(json, expected);

    struct error err = {0};
    cleanup_transcript struct transcript *back = transcript_from_json(json, strlen(json), &err);
    assert_non_null(back);
    char *again = to_json(back);
    assert_string_equal(again, expected);
    assert_int_equal(back->sentences[1].speaker, -1);
    assert_true(back->sentences[1].confidence < 0);
    free(again);
    free(json);
}

static void json_of_nothing_said(void **state)
{
    (void)state;
    cleanup_transcript struct transcript *t = transcript_new();
    char *json = to_json(t);
    assert_string_equal(json, "{\"schema\":\"scribefs-transcript/1\",\"sentences\":[]}");
    cleanup_transcript struct transcript *back = transcript_from_json(json, strlen(json), NULL);
    assert_non_null(back);
    assert_int_equal(back->duration_ms, -1);
    free(json);
}

static void json_is_always_valid_text(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain", "\"plain\""},
        {"a\tb\nc\rd\x01\x7f", "\"a\\tb\\nc\\rd\\u0001\\u007f\""},
        {"\\ / \"", "\"\\\\ / \\\"\""},
        {"\xff", "\"\xEF\xBF\xBD\""},
        {"a\xc3", "\"a\xEF\xBF\xBD\""},               /* cut off */
        {"\xc0\xaf", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* over-long */
        {"\xe0\x80\xaf", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xf0\x80\x80\xaf", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xed\xa0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* a surrogate */
        {"\xf0\x9f\x98x", "\"\xEF\xBF\xBDx\""},                       /* one for the longest good beginning */
        {"\xf4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* too high */
        {"\xe2\x80\xa8", "\"\\u2028\""},
        {"😀 é 中", "\"😀 é 中\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cleanup_transcript struct transcript *t = transcript_new();
        add_sentence(t, 0, 1, cases[i].in);
        char *json = to_json(t), *text = strstr(json, "\"text\":");
        assert_non_null(text);
        assert_memory_equal(text + 7, cases[i].out, strlen(cases[i].out));
        cleanup_transcript struct transcript *back = transcript_from_json(json, strlen(json), NULL);
        assert_non_null(back);
        free(json);
    }
}

#define HEAD "{\"schema\":\"scribefs-transcript/1\""
#define ONE(fields) HEAD ",\"sentences\":[{" fields "}]}"
#define WORD(fields) ONE("\"begin_ms\":0,\"end_ms\":9,\"text\":\"\",\"words\":[" fields "]")

static void malformed_json_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "{",
        "null",
        "[]",
        "\"text\"",
        "{}",
        "{\"schema\":\"scribefs-transcript/2\",\"sentences\":[]}",
        "{\"schema\":1,\"sentences\":[]}",
        HEAD "}",
        HEAD ",\"sentences\":{}}",
        HEAD ",\"sentences\":[1]}",
        HEAD ",\"sentences\":[]} x",
        HEAD ",\"sentences\":[]}{}",
        HEAD ",\"sentences\":[],\"duration_ms\":\"5\"}",
        HEAD ",\"sentences\":[],\"duration_ms\":-5}",
        HEAD ",\"sentences\":[],\"duration_ms\":1.5}",
        HEAD ",\"sentences\":[],\"duration_ms\":1e300}",
        HEAD ",\"sentences\":[],\"billed_ms\":null}",
        HEAD ",\"sentences\":[],\"billed_estimated\":0}",
        HEAD ",\"sentences\":[],\"currency\":\"YUAN\",\"cost_micro\":1}",
        HEAD ",\"sentences\":[],\"currency\":5,\"cost_micro\":1}",
        HEAD ",\"sentences\":[],\"currency\":\"CNY\"}",
        HEAD ",\"sentences\":[],\"currency\":\"CNY\",\"cost_micro\":-1}",
        HEAD ",\"sentences\":[],\"language\":5}",
        HEAD ",\"sentences\":[],\"times_estimated\":1}",
        ONE(""),
        ONE("\"begin_ms\":0,\"end_ms\":1"),
        ONE("\"begin_ms\":0,\"text\":\"x\""),
        ONE("\"begin_ms\":5,\"end_ms\":4,\"text\":\"x\""),
        ONE("\"begin_ms\":-1,\"end_ms\":4,\"text\":\"x\""),
        ONE("\"begin_ms\":\"0\",\"end_ms\":4,\"text\":\"x\""),
        ONE("\"begin_ms\":0,\"end_ms\":4,\"text\":null"),
        ONE("\"begin_ms\":0,\"end_ms\":4,\"text\":\"x\",\"channel\":-1"),
        ONE("\"begin_ms\":0,\"end_ms\":4,\"text\":\"x\",\"speaker\":-2"),
        ONE("\"begin_ms\":0,\"end_ms\":4,\"text\":\"x\",\"speaker\":99999999999"),
        ONE("\"begin_ms\":0,\"end_ms\":4,\"text\":\"x\",\"confidence\":2"),
        ONE("\"begin_ms\":0,\"end_ms\":4,\"text\":\"x\",\"words\":{}"),
        WORD("5"),
        WORD("{}"),
        WORD("{\"begin_ms\":0,\"end_ms\":1}"),
        WORD("{\"begin_ms\":2,\"end_ms\":1,\"text\":\"x\"}"),
        WORD("{\"begin_ms\":0,\"end_ms\":1,\"text\":\"x\",\"punctuation\":1}"),
        WORD("{\"begin_ms\":0,\"end_ms\":1,\"text\":\"x\",\"confidence\":\"high\"}"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        cleanup_transcript struct transcript *t = transcript_from_json(cases[i], strlen(cases[i]), &err);
        if (t)
            fail_msg("taken: %s", cases[i]);
        assert_string_equal(err.code, "transcript.invalid");
        assert_int_equal(err.class, ERROR_PERMANENT);
        assert_true(err.detail[0]);
        assert_null(transcript_from_json(cases[i], strlen(cases[i]), NULL));
    }
}

static void unknown_fields_and_loose_order_are_fine(void **state)
{
    (void)state;
    static const char json[] = " {\"sentences\":[{\"text\":\"b\",\"new\":[{}],\"begin_ms\":50,\"end_ms\":60},"
                               "{\"text\":\"a\",\"begin_ms\":10,\"end_ms\":20,\"language\":null}],\"more\":1,"
                               "\"schema\":\"scribefs-transcript/1\"}\r\n";
    cleanup_transcript struct transcript *t = transcript_from_json(json, sizeof json - 1, NULL);
    assert_non_null(t);
    assert_string_equal(t->sentences[0].text, "a");
    assert_string_equal(t->sentences[1].text, "b");
    assert_null(t->sentences[0].language);
}

static void every_beginning_of_json_is_refused(void **state)
{
    (void)state;
    static const char json[] =
        WORD("{\"begin_ms\":0,\"end_ms\":1,\"text\":\"\xC3\xA9\\u00e9\",\"confidence\":0.5}");
    for (size_t len = 0; len < sizeof json - 1; len++) {
        char *part = malloc(len + 1); /* its own block, so that a sanitizer sees reading past the end */
        memcpy(part, json, len);
        assert_null(transcript_from_json(part, len, NULL));
        free(part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_transcript_is_empty),
        cmocka_unit_test(it_grows_and_keeps_what_it_has),
        cmocka_unit_test(normalising_sorts_by_time_then_channel_and_keeps_the_order_of_equals),
        cmocka_unit_test(normalising_mends_times),
        cmocka_unit_test(normalising_mends_numbers),
        cmocka_unit_test(json_says_everything_and_comes_back),
        cmocka_unit_test(json_of_nothing_said),
        cmocka_unit_test(json_is_always_valid_text),
        cmocka_unit_test(malformed_json_is_refused),
        cmocka_unit_test(unknown_fields_and_loose_order_are_fine),
        cmocka_unit_test(every_beginning_of_json_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
