/* What is read from direct answers of the service, whole and in pieces. */
#include "tests/unit/transcript_dump.h"

/* ---- direct answers ---- */

enum { MOST_EVENTS = 8 };

static const struct {
    const char *name;
    bool increments;
    const char *events[MOST_EVENTS];
    int64_t duration_ms;
    const char *text, *dump; /* NULL: not complete */
    int64_t billed_ms;
} answers[] = {
    {"qwen, whole",
     false,
     {"{\"output\":{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\","
      "\"annotations\":[{\"type\":"
      "\"audio_info\",\"language\":\"en\",\"emotion\":\"neutral\"}],\"content\":[{\"text\":\"Welcome.\"}]}}]}"
      ",\"usage\":{"
      "\"input_tokens_details\":{\"text_tokens\":0},\"seconds\":1},\"request_id\":\"r1\"}"},
     1200,
     "Welcome.",
     "0-1200 0/-1 en neutral: Welcome.\n",
     1000},
    {"qwen, silence",
     false,
     {"{\"output\":{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":[]}}]},\"usage\":{"
      "\"seconds\":2}}"},
     -1,
     "",
     "",
     2000},
    {"qwen, several items",
     false,
     {"{\"output\":{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":[{\"text\":\"a "
      "\"},{\"text\":\"b\"}]}}]},"
      "\"usage\":{\"seconds\":2}}"},
     -1,
     "a b",
     "0-2000 0/-1: a b\n",
     2000},
    {"qwen, growing by whole texts",
     false,
     {"{\"output\":{\"choices\":[{\"message\":{\"content\":[{\"text\":\"Wel\"}]},\"finish_reason\":\"null\"}]"
      "},\"usage\":{\"seconds\":1}}",
      "{\"output\":{\"choices\":[{\"message\":{\"content\":[{\"text\":\"Welcome\"}]},\"finish_reason\":null}]"
      "},\"usage\":{\"seconds\":1}}",
      "{\"output\":{\"choices\":[{\"message\":{\"content\":[{\"text\":\"Welcome.\"}]},\"finish_reason\":"
      "\"stop\"}]},\"usage\":{\"seconds\":2}}"},
     3000,
     "Welcome.",
     "0-3000 0/-1: Welcome.\n",
     2000},
    {"qwen, growing by pieces",
     true,
     {"{\"output\":{\"choices\":[{\"message\":{\"content\":[{\"text\":\"ha\"}]},\"finish_reason\":\"null\"}]}"
      "}",
      "{\"output\":{\"choices\":[{\"message\":{\"content\":[{\"text\":\" "
      "ha\"}]},\"finish_reason\":\"null\"}]}}",
      "{\"output\":{\"choices\":[{\"message\":{\"content\":[{\"text\":\"\"}]},\"finish_reason\":\"stop\"}]},"
      "\"usage\":{\"seconds\":1}}"},
     -1,
     "ha ha",
     "0-1000 0/-1: ha ha\n",
     1000},
    {"qwen, the end never comes",
     true,
     {"{\"output\":{\"choices\":[{\"message\":{\"content\":[{\"text\":\"ha\"}]},\"finish_reason\":\"null\"}]}"
      "}"},
     -1,
     "ha",
     NULL,
     0},
    {"qwen, cut by length",
     true,
     {"{\"output\":{\"choices\":[{\"message\":{\"content\":[{\"text\":\"ha\"}]},\"finish_reason\":\"length\"}"
      "]}}"},
     -1,
     "ha",
     NULL,
     0},
    {"chat, whole",
     false,
     {"{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"qwen3-asr-flash\","
      "\"choices\":[{\"index\":0,"
      "\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"Welcome.\","
      "\"annotations\":[{\"type\":"
      "\"audio_info\",\"language\":\"en\",\"emotion\":\"happy\"}]}}],\"usage\":{\"prompt_tokens\":42,"
      "\"seconds\":1}}"},
     900,
     "Welcome.",
     "0-900 0/-1 en happy: Welcome.\n",
     1000},
    {"chat, growing",
     false,
     {"{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"usage\":null,\"choices\":[{\"index\":0,"
      "\"logprobs\":null,\"delta\":{"
      "\"content\":\"\",\"role\":\"assistant\"}}]}",
      "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"annotations\":[{\"language\":\"zh\",\"emotion\":"
      "\"sad\"}],\"content\":"
      "\"\xe4\xbd\xa0\",\"role\":null}}],\"usage\":null}",
      "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xe5\xa5\xbd\",\"role\":null}}],"
      "\"usage\":null}",
      "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":null},\"finish_reason\":\"stop\"}],"
      "\"usage\":null}",
      "{\"id\":\"c\",\"choices\":[],\"usage\":{\"seconds\":2}}"},
     -1,
     "\xe4\xbd\xa0\xe5\xa5\xbd",
     "0-2000 0/-1 zh sad: \xe4\xbd\xa0\xe5\xa5\xbd\n",
     2000},
    {"fun, whole",
     false,
     {"{\"output\":{\"sentence\":{\"begin_time\":760,\"channel_id\":0,\"end_time\":3800,\"sentence_end\":"
      "true,\"sentence_id\":1,"
      "\"text\":\"Hello "
      "there.\",\"words\":[{\"begin_time\":760,\"end_time\":1040,\"fixed\":true,\"punctuation\":\"\","
      "\"text\":\"Hello\"},"
      "{\"begin_time\":1040,\"end_time\":3800,\"fixed\":true,\"punctuation\":\".\",\"text\":\" "
      "there\"}]},\"text\":\"Hello there.\"},"
      "\"usage\":{\"duration\":4},\"request_id\":\"r\"}"},
     5000,
     "Hello there.",
     "760-3800 0/-1: Hello there. {Hello 760-1040} {there+. 1040-3800}\n",
     4000},
    {"fun, the other layout",
     false,
     {"{\"text\":\"Hello.\",\"sentence\":{\"begin_time\":0,\"end_time\":900,\"sentence_end\":true,\"text\":"
      "\"Hello.\"},\"request_id\":\"r\","
      "\"usage\":{\"duration\":1},\"output\":{\"text\":\"Hello.\"}}"},
     -1,
     "Hello.",
     "0-900 0/-1: Hello.\n",
     1000},
    {"fun, speakers beside the sentence",
     false,
     {"{\"output\":{\"sentence\":{\"begin_time\":0,\"end_time\":900,\"sentence_end\":true,\"text\":\"A. "
      "B.\"},\"sentences\":["
      "{\"begin_time\":0,\"end_time\":400,\"text\":\"A.\",\"speaker_id\":1},{\"begin_time\":400,\"end_time\":"
      "900,\"text\":\"B.\","
      "\"speaker_id\":0}],\"text\":\"A. B.\"},\"usage\":{\"duration\":1}}"},
     -1,
     "A. B.",
     "0-400 0/0: A.\n400-900 0/1: B.\n",
     1000},
    {"fun, silence",
     false,
     {"{\"output\":{\"text\":\"\",\"sentence\":null},\"usage\":{\"duration\":4}}"},
     -1,
     "",
     "",
     4000},
    {"fun, silence with an empty sentence",
     false,
     {"{\"output\":{\"text\":\"\",\"sentence\":{\"text\":\"\",\"sentence_end\":true,\"words\":[]}},\"usage\":"
      "{\"duration\":4}}"},
     -1,
     "",
     "",
     4000},
    {"fun, one sentence after the other",
     false,
     {"{\"output\":{\"sentence\":{\"begin_time\":0,\"end_time\":900,\"sentence_end\":true,\"sentence_id\":1,"
      "\"text\":\"One.\"},"
      "\"text\":\"One.\"},\"usage\":{\"duration\":1}}",
      "{\"output\":{\"sentence\":{\"begin_time\":1000,\"end_time\":1900,\"sentence_end\":true,\"sentence_"
      "id\":2,\"text\":\"Two.\"},"
      "\"text\":\"One. Two.\"},\"usage\":{\"duration\":2}}"},
     -1,
     "One. Two.",
     "0-900 0/-1: One.\n1000-1900 0/-1: Two.\n",
     2000},
    {"fun, a sentence that grows",
     false,
     {"{\"output\":{\"sentence\":{\"begin_time\":0,\"sentence_begin\":true,\"sentence_end\":false,\"sentence_"
      "id\":1,\"text\":\"On\"}}}",
      "{\"output\":{\"sentence\":{\"begin_time\":0,\"sentence_end\":false,\"sentence_id\":1,\"text\":\"Wan\"}"
      "}}",
      "{\"output\":{\"sentence\":{\"begin_time\":0,\"end_time\":900,\"sentence_end\":true,\"sentence_id\":1,"
      "\"text\":\"One.\"}},"
      "\"usage\":{\"duration\":1}}"},
     -1,
     "One.",
     "0-900 0/-1: One.\n",
     1000},
    {"fun, snapshots under new numbers",
     false,
     {"{\"output\":{\"sentence\":{\"begin_time\":50,\"end_time\":400,\"sentence_end\":true,\"sentence_id\":1,"
      "\"text\":\"One\"}}}",
      "{\"output\":{\"sentence\":{\"begin_time\":50,\"end_time\":900,\"sentence_end\":true,\"sentence_id\":2,"
      "\"text\":\"One more.\"}}}"},
     -1,
     "One more.",
     "50-900 0/-1: One more.\n",
     0},
    {"fun, the end never comes",
     false,
     {"{\"output\":{\"sentence\":{\"begin_time\":0,\"end_time\":900,\"sentence_end\":true,\"sentence_id\":1,"
      "\"text\":\"One.\"}}}",
      "{\"output\":{\"sentence\":{\"begin_time\":1000,\"sentence_end\":false,\"sentence_id\":2,\"text\":"
      "\"Tw\"}}}"},
     -1,
     "One. Tw",
     NULL,
     0},
    {"fun, one sentence for everything is cut at its marks",
     false,
     {"{\"output\":{\"sentence\":{\"begin_time\":0,\"end_time\":5000,\"sentence_end\":true,\"sentence_id\":1,"
      "\"text\":\"It is 3. so. Yes! Ok\",\"words\":["
      "{\"begin_time\":0,\"end_time\":10,\"text\":\"It\",\"punctuation\":\"\"},{\"begin_time\":10,\"end_"
      "time\":20,\"text\":\" is\"},"
      "{\"begin_time\":20,\"end_time\":30,\"text\":\" "
      "3\",\"punctuation\":\".\"},{\"begin_time\":30,\"end_time\":40,\"text\":\" so\","
      "\"punctuation\":\".\"},{\"begin_time\":50,\"end_time\":60,\"text\":\" Yes\",\"punctuation\":\"!\"},"
      "{\"begin_time\":70,\"end_time\":80,\"text\":\" "
      "Ok\",\"punctuation\":\"\"}]}},\"usage\":{\"duration\":5}}"},
     -1,
     "It is 3. so. Yes! Ok",
     "0-40 0/-1: It is 3. so. {It 0-10} {is 10-20} {3+. 20-30} {so+. 30-40}\n50-60 0/-1: Yes! {Yes+! 50-60}\n"
     "70-80 0/-1: Ok {Ok 70-80}\n",
     5000},
    {"fun, words that are not those of the text",
     false,
     {"{\"output\":{\"sentence\":{\"begin_time\":0,\"end_time\":50,\"text\":\"One. Two.\",\"words\":["
      "{\"begin_time\":0,\"end_time\":10,\"text\":\"one\",\"punctuation\":\".\"},{\"begin_time\":10,\"end_"
      "time\":20,\"text\":\"Two\"}]}}}"},
     -1,
     "One. Two.",
     "0-50 0/-1: One. Two. {one+. 0-10} {Two 10-20}\n",
     0},
};

static void direct_answers_become_transcripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct answer *a = answer_new(answers[i].increments);
        struct error err = {0};
        for (size_t e = 0; e < MOST_EVENTS && answers[i].events[e]; e++)
            if (answer_add(a, answers[i].events[e], strlen(answers[i].events[e]), &err) != 0)
                fail_msg("%s, event %zu: %s", answers[i].name, e, err.detail);
        if (strcmp(answer_text(a), answers[i].text) != 0)
            fail_msg("%s: text \"%s\"", answers[i].name, answer_text(a));
        struct transcript *t = answer_take(a, answers[i].duration_ms, &err);
        if (!t != !answers[i].dump)
            fail_msg("%s: %s", answers[i].name, t ? "complete" : err.detail);
        if (t) {
            check_dump(answers[i].name, t, answers[i].dump);
            assert_int_equal(t->billed_ms, answers[i].billed_ms);
            assert_int_equal(t->duration_ms, answers[i].duration_ms);
        } else {
            assert_string_equal(err.code, "cloud.answer");
        }
        transcript_free(t);
        answer_free(a);
    }
}

static void errors_inside_an_answer_have_their_class(void **state)
{
    static const struct {
        const char *json, *code;
        enum error_class class;
    } cases[] = {
        {"{\"code\":\"Throttling.RateQuota\",\"message\":\"slow\",\"request_id\":\"r\"}", "cloud.busy",
         ERROR_TRANSIENT},
        {"{\"error\":{\"code\":\"invalid_api_key\",\"message\":\"x\"}}", "cloud.key", ERROR_PERSON},
        {"{\"output\":{}}", "cloud.answer", ERROR_TRANSIENT},
        {"{}", "cloud.answer", ERROR_TRANSIENT},
        {"{\"output\":{\"choices\":[", "cloud.answer", ERROR_TRANSIENT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer *a = answer_new(false);
        struct error err = {0};
        assert_true(answer_add(a, cases[i].json, strlen(cases[i].json), &err) < 0);
        assert_string_equal(err.code, cases[i].code);
        assert_int_equal(err.class, cases[i].class);
        answer_free(a);
    }
}

static void a_thousand_sentences_keep_their_order(void **state)
{
    (void)state;
    struct answer *a = answer_new(false);
    char json[300];
    for (int i = 0; i < 1000; i++) {
        snprintf(json, sizeof json,
                 "{\"output\":{\"sentence\":{\"begin_time\":%d,\"end_time\":%d,\"sentence_end\":true,"
                 "\"sentence_id\":%d,\"text\":\"s%d.\"}}}",
                 i * 10, i * 10 + 9, i + 1, i);
        assert_int_equal(answer_add(a, json, strlen(json), NULL), 0);
    }
    struct transcript *t = answer_take(a, -1, NULL);
    assert_int_equal(t->sentence_count, 1000);
    assert_string_equal(t->sentences[999].text, "s999.");
    transcript_free(t);
    answer_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_answers_become_transcripts),
        cmocka_unit_test(errors_inside_an_answer_have_their_class),
        cmocka_unit_test(a_thousand_sentences_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
