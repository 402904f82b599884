/* Answers of OpenAI-compatible servers, as each kind of server documents or sends them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "backend/base/error.h"
#include "backend/openai/answer.h"
#include "backend/openai/language.h"
#include "backend/sse.h"
#include "backend/transcript.h"

/* "[LANGUAGE DURATION BILLED estimated] BEGIN-END S<speaker> (CONFIDENCE) TEXT {BEGIN-END word|mark …}" */
static char *written(const struct transcript *t)
{
    struct buffer b = {0};
    buffer_printf(&b, "[%s %lld %lld%s]", t->language ? t->language : "-", (long long)t->duration_ms,
                  (long long)t->billed_ms, t->times_estimated ? " estimated" : "");
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        buffer_printf(&b, " %lld-%lld", (long long)s->begin_ms, (long long)s->end_ms);
        if (s->speaker >= 0)
            buffer_printf(&b, " S%d", s->speaker);
        if (s->confidence >= 0)
            buffer_printf(&b, " (%.2f)", s->confidence);
        buffer_printf(&b, " %s", s->text);
        for (size_t j = 0; j < s->word_count; j++) {
            const struct word *w = &s->words[j];
            buffer_printf(&b, "%s%lld-%lld %s%s%s", j ? ", " : " {", (long long)w->begin_ms,
                          (long long)w->end_ms, w->text, w->punctuation ? "|" : "",
                          w->punctuation ? w->punctuation : "");
        }
        buffer_puts(&b, s->word_count ? "}" : "");
    }
    return buffer_take(&b);
}

static void free_transcript(struct transcript **t)
{
    transcript_free(*t);
}

static void free_answer(struct openai_answer **a)
{
    openai_answer_free(*a);
}

static void free_text(char **text)
{
    free(*text);
}

#define answer_of_test __attribute__((cleanup(free_answer)))

/* ---- whole bodies ---- */

static const struct {
    const char *name, *body;
    int64_t duration_ms;
    const char *transcript; /* or the code of the error */
} bodies[] = {
    {"whisper-1: segments, and words of their own list without marks",
     "{\"task\":\"transcribe\",\"language\":\"english\",\"duration\":8.470000267028809,\"text\":\"Hello, "
     "you. "
     "Fine.\",\"segments\":[{\"id\":0,\"seek\":0,\"start\":0.0,\"end\":2.0,\"text\":\" Hello, "
     "you.\",\"tokens\":[50364],\"temperature\":0.0,\"avg_logprob\":-0.2860786020755768,\"compression_"
     "ratio\":1.2,"
     "\"no_speech_prob\":0.009},{\"id\":1,\"start\":2.0,\"end\":3.5,\"text\":\" "
     "Fine.\",\"avg_logprob\":0}],\"words\":"
     "[{\"word\":\"Hello\",\"start\":0.1,\"end\":0.5},{\"word\":\"you\",\"start\":0.6,\"end\":2.1},{\"word\":"
     "\"Fine\",\"start\":2.2,\"end\":3.1}],\"usage\":{\"type\":\"duration\",\"seconds\":9}}",
     8470,
     "[en 8470 9000] 0-2000 (0.75) Hello, you. {100-500 Hello, 600-2000 you} 2000-3500 (1.00) Fine. "
     "{2200-3100 "
     "Fine}"},
    {"gpt-4o-transcribe: a text and tokens",
     "{\"text\":\"Imagine the wildest idea.\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,"
     "\"output_tokens\":45,\"total_tokens\":59}}",
     4000, "[- 4000 0 estimated] 0-4000 Imagine the wildest idea."},
    {"gpt-4o-transcribe-diarize: speakers, numbered by first appearance",
     "{\"task\":\"transcribe\",\"duration\":27.4,\"text\":\"Agent: Hi. Hello.\",\"segments\":[{\"type\":"
     "\"transcript.text.segment\",\"id\":\"seg_001\",\"start\":0.0,\"end\":4.7,\"text\":\"Thanks for "
     "calling.\","
     "\"speaker\":\"agent\"},{\"type\":\"transcript.text.segment\",\"id\":\"seg_002\",\"start\":4.7,\"end\":"
     "11.8,"
     "\"text\":\"Hi.\",\"speaker\":\"A\"},{\"start\":11.8,\"end\":12,\"text\":\"Yes?\",\"speaker\":\"agent\"}"
     "],"
     "\"usage\":{\"type\":\"duration\",\"seconds\":27}}",
     27400, "[- 27400 27000] 0-4700 S0 Thanks for calling. 4700-11800 S1 Hi. 11800-12000 S0 Yes?"},
    {"whisper.cpp: words inside segments are tokens",
     "{\"task\":\"transcribe\",\"language\":\"english\",\"duration\":3.0,\"text\":\" Mister Dashwood's,\\n\","
     "\"segments\":[{\"id\":0,\"text\":\" Mister "
     "Dashwood's,\",\"start\":0.0,\"end\":3.0,\"tokens\":[1],\"words\":["
     "{\"word\":\" Mister\",\"start\":0.0,\"end\":0.5,\"t_dtw\":-1,\"probability\":0.9},{\"word\":\" "
     "Dash\",\"start\":0.5,\"end\":0.8},{\"word\":\"wood\",\"start\":0.8,\"end\":1.1},{\"word\":\"'s\","
     "\"start\":"
     "1.1,\"end\":1.2},{\"word\":\",\",\"start\":1.2,\"end\":1.3}],\"temperature\":0.0,\"avg_logprob\":-0.1,"
     "\"no_speech_prob\":0.0}],\"detected_language\":\"english\"}",
     3000, "[en 3000 0] 0-3000 (0.90) Mister Dashwood's, {0-500 Mister, 500-1300 Dashwood's|,}"},
    {"whisper.cpp: tokens that cut through characters give no words",
     "{\"text\":\"\xe4\xbd\xa0\",\"segments\":[{\"text\":\"\xe4\xbd\xa0\",\"start\":0,\"end\":1,\"words\":[{"
     "\"word\":"
     "\"\xef\xbf\xbd\",\"start\":0,\"end\":0.5},{\"word\":\"\xef\xbf\xbd\",\"start\":0.5,\"end\":1}]}]}",
     1000, "[- 1000 0] 0-1000 \xe4\xbd\xa0"},
    {"whisper.cpp: silence",
     "{\"text\":\" [BLANK_AUDIO]\",\"segments\":[{\"text\":\" [BLANK_AUDIO]\",\"start\":0,\"end\":2}]}", 2000,
     "[- 2000 0]"},
    {"speaches: words with a space before, code of the language",
     "{\"task\":\"transcribe\",\"language\":\"de\",\"duration\":2.5,\"text\":\"Guten "
     "Tag.\",\"words\":[{\"start\":0.0,"
     "\"end\":0.7,\"word\":\" Guten\",\"probability\":0.98},{\"start\":0.7,\"end\":1.2,\"word\":\" Tag.\","
     "\"probability\":0.9}],\"segments\":[{\"id\":1,\"start\":0.0,\"end\":1.2,\"text\":\" Guten Tag.\"}]}",
     2500, "[de 2500 0] 0-1200 Guten Tag. {0-700 Guten, 700-1200 Tag|.}"},
    {"speaches: Chinese words have no spaces",
     "{\"language\":\"zh\",\"text\":\"\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\",\"segments\":[{\"start\":0,"
     "\"end\":1,"
     "\"text\":\"\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\",\"words\":[{\"word\":\"\xe4\xbd\xa0\",\"start\":0,"
     "\"end\":0.4},"
     "{\"word\":\"\xe5\xa5\xbd\xe3\x80\x82\",\"start\":0.4,\"end\":1}]}]}",
     1000,
     "[zh 1000 0] 0-1000 \xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82 {0-400 \xe4\xbd\xa0, 400-1000 "
     "\xe5\xa5\xbd|\xe3\x80\x82}"},
    {"vLLM: the duration is a text, much is null",
     "{\"duration\":\"12.5\",\"language\":null,\"text\":\"One. "
     "Two.\",\"segments\":[{\"id\":0,\"avg_logprob\":null,"
     "\"compression_ratio\":null,\"end\":5.0,\"no_speech_prob\":null,\"seek\":0,\"start\":0.0,"
     "\"temperature\":0.0,"
     "\"text\":\"One.\",\"tokens\":[1]},{\"start\":\"5.5\",\"end\":\"12.5\",\"text\":\"Two.\"}],\"words\":"
     "null}",
     -1, "[- 12500 0] 0-5000 One. 5500-12500 Two."},
    {"LocalAI: nanoseconds, words are called text",
     "{\"segments\":[{\"id\":0,\"start\":0,\"end\":9640000000,\"text\":\"And "
     "so\",\"speaker\":\"SPEAKER_00\",\"tokens\":"
     "[50365],\"words\":[{\"start\":0,\"end\":4000000000,\"text\":\"And\"},{\"start\":5000000000,\"end\":"
     "9000000000,"
     "\"text\":\"so\"}]}],\"text\":\"And so\"}",
     10000, "[- 10000 0] 0-9640 S0 And so {0-4000 And, 5000-9000 so}"},
    {"milliseconds", "{\"text\":\"x\",\"segments\":[{\"start\":1000,\"end\":2500,\"text\":\"x\"}]}", 3000,
     "[- 3000 0] 1000-2500 x"},
    {"only words: sentences end where there is a pause",
     "{\"text\":\"Good day. All "
     "fine.\",\"words\":[{\"word\":\"Good\",\"start\":0,\"end\":0.3},{\"word\":\"day\","
     "\"start\":0.3,\"end\":0.6},{\"word\":\"All\",\"start\":2,\"end\":2.3},{\"word\":\"fine\",\"start\":2.3,"
     "\"end\":"
     "2.6}]}",
     5000,
     "[- 5000 0] 0-600 Good day. {0-300 Good, 300-600 day} 2000-2600 All fine. {2000-2300 All, 2300-2600 "
     "fine}"},
    {"a segment without times stands between its neighbours",
     "{\"text\":\"a b "
     "c\",\"segments\":[{\"start\":0,\"end\":1,\"text\":\"a\"},{\"text\":\"b\"},{\"start\":2,\"end\":3,"
     "\"text\":\"c\"}]}",
     4000, "[- 4000 0 estimated] 0-1000 a 1000-2000 b 2000-3000 c"},
    {"times beyond the end of the recording",
     "{\"text\":\"a\",\"segments\":[{\"start\":0,\"end\":30,\"text\":\"a\"}]}", 2000, "[- 2000 0] 0-2000 a"},
    {"nobody speaks", "{\"text\":\"\",\"segments\":[]}", 2000, "[- 2000 0]"},
    {"nobody speaks, without segments", "{\"text\":\"\"}", 2000, "[- 2000 0]"},
    {"SRT, also with the spaces of whisper.cpp",
     "1\n00:00:00,000 --> 00:00:02,500\n Good day.\n\n2\r\n00:00:03,000 --> 00:00:04,000\r\nTwo\r\nlines\r\n",
     5000, "[- 5000 0] 0-2500 Good day. 3000-4000 Two lines"},
    {"WebVTT",
     "WEBVTT\n\nNOTE nothing\n\n00:01.000 --> 00:02.000 align:start\n<v Ann>Hi &\n\n01:00:00.000 --> "
     "01:00:01.5\nx\n",
     -1, "[- -1 0] 1000-2000 Hi & 3600000-3601500 x"},
    {"a web page", "<!DOCTYPE html><html></html>", 1000, "cloud.address"},
    {"bare text where none was asked for", "OK", 1000, "cloud.answer"},
    {"no text in it", "{\"status\":\"ok\"}", 1000, "cloud.answer"},
    {"half of it", "{\"text\":\"Good", 1000, "cloud.answer"},
    {"nothing", "", 1000, "cloud.answer"},
    {"a failure with a status of 200", "{\"error\":{\"message\":\"slow down\",\"code\":\"limit_requests\"}}",
     1000, "cloud.busy"},
    {"whisper.cpp's failure", "{\"error\":\"failed to read audio data\"}", 1000, "media.decode"},
};

static void bodies_become_transcripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct openai_answer *a answer_of_test = openai_answer_new();
        struct error err = {0};
        int rc = openai_answer_body(a, bodies[i].body, strlen(bodies[i].body), false, &err);
        struct transcript *t __attribute__((cleanup(free_transcript))) =
            rc ? NULL : openai_answer_take(a, bodies[i].duration_ms, &err);
        char *text __attribute__((cleanup(free_text))) = t ? written(t) : strdup(err.code);
        if (strcmp(text, bodies[i].transcript) != 0)
            fail_msg("%s:\n got      %s\n expected %s\n (%s)", bodies[i].name, text, bodies[i].transcript,
                     err.detail);
    }
}

static void bare_text_is_an_answer_to_who_asked_for_text(void **state)
{
    (void)state;
    struct openai_answer *a answer_of_test = openai_answer_new();
    struct error err = {0};
    assert_int_equal(openai_answer_body(a, "Good day.\n", 10, true, &err), 0);
    struct transcript *t __attribute__((cleanup(free_transcript))) = openai_answer_take(a, 1500, &err);
    char *text __attribute__((cleanup(free_text))) = written(t);
    assert_string_equal(text, "[- 1500 0 estimated] 0-1500 Good day.");
}

/* ---- events ---- */

static const struct {
    const char *name, *stream;
    const char *partials;   /* the text after each event, '/' between */
    const char *transcript; /* or the code of the error */
} streams[] = {
    {"OpenAI",
     "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Good\",\"logprobs\":[]}\n\ndata: "
     "{\"type\":\"transcript.text.delta\",\"delta\":\" day\"}\n\ndata: "
     "{\"type\":\"transcript.text.done\",\"text\":"
     "\"Good day.\",\"usage\":{\"type\":\"duration\",\"seconds\":3}}\n\n",
     "Good/Good day/Good day./", "[- 9000 3000 estimated] 0-9000 Good day."},
    {"OpenAI with speakers: deltas and segments",
     "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Hi\",\"segment_id\":\"seg_1\"}\n\ndata: "
     "{\"type\":\"transcript.text.segment\",\"id\":\"seg_1\",\"start\":0.5,\"end\":1,\"text\":\"Hi\","
     "\"speaker\":\"A\"}\n\n"
     "data: {\"type\":\"transcript.text.done\",\"text\":\"Hi\"}\n\n",
     "Hi/Hi/Hi/", "[- 9000 0] 500-1000 S0 Hi"},
    {"segments alone",
     "data: {\"type\":\"transcript.text.segment\",\"start\":0,\"end\":1,\"text\":\"One.\"}\n\ndata: "
     "{\"type\":\"transcript.text.segment\",\"start\":1,\"end\":2,\"text\":\"Two.\"}\n\ndata: "
     "{\"type\":\"transcript.text.done\"}\n\n",
     "One./One. Two./One. Two./", "[- 9000 0] 0-1000 One. 1000-2000 Two."},
    {"vLLM",
     "data: "
     "{\"id\":\"trsc-1\",\"object\":\"transcription.chunk\",\"choices\":[{\"delta\":{\"content\":\"Good\"},"
     "\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\" "
     "day\"},\"finish_reason\":\"stop\"}]}\n\n"
     "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]\n\n",
     "Good/Good day/Good day/Good day/", "[- 9000 0 estimated] 0-9000 Good day"},
    {"faster-whisper-server: an object for each segment",
     "data: "
     "{\"task\":\"transcribe\",\"language\":\"en\",\"duration\":1.0,\"text\":\"One.\",\"segments\":[{"
     "\"start\":0,\"end\":"
     "1,\"text\":\" One.\"}],\"words\":[{\"word\":\" One.\",\"start\":0,\"end\":0.9}]}\n\ndata: "
     "{\"language\":\"en\",\"text\":"
     "\"Two.\",\"segments\":[{\"start\":1,\"end\":2,\"text\":\" Two.\"}],\"words\":[{\"word\":\" "
     "Two.\",\"start\":1,\"end\":2}]}\n\n",
     "One./One. Two./", "[en 9000 0] 0-1000 One. {0-900 One|.} 1000-2000 Two. {1000-2000 Two|.}"},
    {"unknown events are passed over",
     "data: {\"type\":\"transcript.text.start\"}\n\ndata: "
     "{\"type\":\"transcript.text.done\",\"text\":\"x\"}\n\n",
     "/x/", "[- 9000 0 estimated] 0-9000 x"},
    {"the end is missing", "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Good\"}\n\n", "Good/",
     "cloud.answer"},
    {"a failure in the middle",
     "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Good\"}\n\ndata: "
     "{\"type\":\"error\",\"error\":{\"type\":\"server_error\",\"code\":\"internal_error\",\"message\":"
     "\"oops\"}}\n\n",
     "Good/", "cloud.down"},
    {"an event that is no JSON", "data: oops\n\n", "", "cloud.answer"},
};

struct following {
    struct openai_answer *answer;
    struct error err;
    struct buffer partials;
};

static int follow(void *context, const struct sse_event *event)
{
    struct following *f = context;
    int rc = openai_answer_event(f->answer, event->data, event->length, &f->err);
    if (!rc)
        buffer_printf(&f->partials, "%s/", openai_answer_text(f->answer));
    return rc;
}

static void events_become_transcripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct openai_answer *a answer_of_test = openai_answer_new();
        struct following f = {.answer = a};
        struct sse sse = {.limit = 4096};
        int rc = sse_feed(&sse, streams[i].stream, strlen(streams[i].stream), follow, &f);
        struct transcript *t __attribute__((cleanup(free_transcript))) =
            rc ? NULL : openai_answer_take(a, 9000, &f.err);
        char *text __attribute__((cleanup(free_text))) = t ? written(t) : strdup(f.err.code);
        if (strcmp(text, streams[i].transcript) != 0)
            fail_msg("%s:\n got      %s\n expected %s", streams[i].name, text, streams[i].transcript);
        if (strcmp(f.partials.data ? f.partials.data : "", streams[i].partials) != 0)
            fail_msg("%s:\n got      %s\n expected %s", streams[i].name, f.partials.data,
                     streams[i].partials);
        buffer_clear(&f.partials);
        sse_clear(&sse);
    }
}

static void a_stream_tells_how_far_it_is(void **state)
{
    (void)state;
    struct openai_answer *a answer_of_test = openai_answer_new();
    static const char event[] =
        "{\"type\":\"transcript.text.segment\",\"start\":0,\"end\":12.5,\"text\":\"x\"}";
    assert_int_equal(openai_answer_reached_ms(a), 0);
    assert_int_equal(openai_answer_event(a, event, sizeof event - 1, NULL), 0);
    assert_int_equal(openai_answer_reached_ms(a), 12500);
}

/* Whatever comes, nothing breaks: every beginning of every body, and each of its bytes turned around. */
static void no_bytes_do_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        size_t length = strlen(bodies[i].body);
        for (size_t at = 0; at < length; at++) {
            char *body = strdup(bodies[i].body);
            body[at] = (char)(at % 2 ? '\0' : body[at] ^ 0x15);
            struct openai_answer *a answer_of_test = openai_answer_new();
            struct error err = {0};
            if (openai_answer_body(a, body, strlen(body), true, &err) == 0)
                transcript_free(openai_answer_take(a, bodies[i].duration_ms, &err));
            else
                assert_int_not_equal(err.class, ERROR_NONE);
            free(body);
        }
    }
}

static void languages_have_codes(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"english", "en"}, {"English", "en"}, {"ja", "ja"},
                                           {"zh-CN", "zh"},   {"jw", "jv"},      {"haitian creole", "ht"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(openai_language_code(names[i][0]), names[i][1]);
    assert_null(openai_language_code("klingon"));
    assert_null(openai_language_code("e"));
    assert_null(openai_language_code(""));
    assert_null(openai_language_code(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_become_transcripts),
        cmocka_unit_test(bare_text_is_an_answer_to_who_asked_for_text),
        cmocka_unit_test(events_become_transcripts),
        cmocka_unit_test(a_stream_tells_how_far_it_is),
        cmocka_unit_test(no_bytes_do_harm),
        cmocka_unit_test(languages_have_codes),
    };
    return cmocka_run_group_tests_name("openai_answer", tests, NULL, NULL);
}
