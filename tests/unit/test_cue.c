/* cache/render/cue.h: what becomes of a sentence, of speakers, of times. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/render.h"

/* ---- examples ---- */

struct timed_text {
    int speaker;
    int64_t begin, end;
    const char *text;
};

static void assert_srt(const char *language, const struct timed_text *in, size_t count, const char *expected)
{
    struct transcript *t = transcript_new();
    t->language = language ? strdup(language) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct sentence *s = transcript_add_sentence(t);
        s->speaker = in[i].speaker;
        s->begin_ms = in[i].begin;
        s->end_ms = in[i].end;
        s->text = strdup(in[i].text);
    }
    transcript_normalise(t);
    struct buffer out = {0};
    assert_int_equal(render_srt(t, NULL, &out), 0);
    assert_string_equal(out.data, expected);
    buffer_clear(&out);
    transcript_free(t);
}

#define SRT(language, expected, ...)                                                                         \
    do {                                                                                                     \
        static const struct timed_text in[] = {__VA_ARGS__};                                                 \
        assert_srt(language, in, sizeof in / sizeof *in, expected);                                          \
    } while (0)

static void a_short_sentence_stays_on_one_line(void **state)
{
    (void)state;
    SRT("en", "1\n00:00:01,000 --> 00:00:03,500\nThis sentence has forty-two columns in it.\n\n",
        {-1, 1000, 3500, "This sentence has forty-two columns in it."});
}

static void a_longer_one_gets_two_balanced_lines(void **state)
{
    (void)state;
    SRT("en",
        "1\n00:00:01,000 --> 00:00:05,000\nWe waited until the rain had stopped,\nand then we walked to the "
        "river.\n\n",
        {-1, 1000, 5000, "We waited until the rain had stopped, and then we walked to the river."});
}

static void an_article_stays_with_its_noun(void **state)
{
    (void)state;
    SRT("en",
        "1\n00:00:00,000 --> 00:00:04,000\nEverybody noticed loudly\nthe strangely coloured elephants\n\n",
        {-1, 0, 4000, "Everybody noticed loudly the strangely coloured elephants"});
}

static void brackets_stay_with_what_they_enclose(void **state)
{
    (void)state;
    SRT("en", "1\n00:00:00,000 --> 00:00:05,000\nThey said the name\nof it was call( and nobody knew why\n\n",
        {-1, 0, 5000, "They said the name of it was call( and nobody knew why"});
    SRT("en", "1\n00:00:00,000 --> 00:00:05,000\nEverybody noticed\nloudly )strangely coloured elephants\n\n",
        {-1, 0, 5000, "Everybody noticed loudly )strangely coloured elephants"});
}

static void a_lone_dash_goes_with_what_follows_a_silence(void **state)
{
    (void)state;
    struct transcript *t = transcript_new();
    t->language = strdup("en");
    struct sentence *s = transcript_add_sentence(t);
    s->text = strdup("Yes — no.");
    s->end_ms = 5000;
    for (int i = 0; i < 2; i++) {
        struct word *w = sentence_add_word(s);
        w->text = strdup(i ? "no" : "yes");
        w->begin_ms = i * 4000;
        w->end_ms = i * 4000 + 1000;
    }
    struct buffer out = {0};
    assert_int_equal(render_srt(t, NULL, &out), 0);
    assert_string_equal(out.data, "1\n00:00:00,000 --> 00:00:01,000\nYes\n\n"
                                  "2\n00:00:04,000 --> 00:00:05,000\n— no.\n\n");
    buffer_clear(&out);
    transcript_free(t);
}

static void chinese_loses_commas_and_full_stops(void **state)
{
    (void)state;
    SRT("zh",
        "1\n00:00:00,000 --> 00:00:03,000\n你好 今天很冷\n\n2\n00:00:05,000 --> 00:00:07,000\n真的吗？\n\n",
        {-1, 0, 3000, "你好，今天很冷。"}, {-1, 5000, 7000, "真的吗？"});
}

static void spaces_between_chinese_characters_go(void **state)
{
    (void)state;
    SRT("zh-CN", "1\n00:00:00,000 --> 00:00:03,000\n今天用 Linux 系统\n\n",
        {-1, 0, 3000, "今天 用 Linux 系 统"});
}

static void the_script_tells_the_language_if_nobody_does(void **state)
{
    (void)state;
    SRT(NULL, "1\n00:00:00,000 --> 00:00:03,000\n你好 今天很冷\n\n", {-1, 0, 3000, "你好，今天很冷。"});
    SRT(NULL, "1\n00:00:00,000 --> 00:00:03,000\n今日はとても寒いですね。\n\n",
        {-1, 0, 3000, "今日はとても寒いですね。"});
}

static void an_address_is_broken_where_it_must(void **state)
{
    (void)state;
    SRT("en",
        "1\n00:00:00,000 --> "
        "00:00:05,000\nhttps://example.com/a/quite/long/path/\nthat/does/not/fit/anywhere\n\n",
        {-1, 0, 5000, "https://example.com/a/quite/long/path/that/does/not/fit/anywhere"});
}

static void speakers_are_named_when_they_change(void **state)
{
    (void)state;
    SRT("en",
        "1\n00:00:00,000 --> 00:00:01,000\nSpeaker 1: Hello.\n\n"
        "2\n00:00:02,600 --> 00:00:03,600\nHow are you?\n\n"
        "3\n00:00:04,500 --> 00:00:05,500\nSpeaker 2: Fine.\n\n"
        "4\n00:00:20,000 --> 00:00:21,000\nSpeaker 2: Hello?\n\n",
        {0, 0, 1000, "Hello."}, {0, 2600, 3600, "How are you?"}, {1, 4500, 5500, "Fine."},
        {1, 20000, 21000, "Hello?"});
}

static void channels_are_named_when_they_change(void **state)
{
    (void)state;
    struct transcript *t = transcript_new();
    static const struct {
        int channel, speaker;
        int64_t begin, end;
        const char *text;
    } said[] = {{0, -1, 0, 1000, "Hello."},
                {1, -1, 2600, 3600, "Hello."},
                {1, -1, 4500, 5500, "Fine?"},
                {0, -1, 6000, 7000, "Fine."}};
    t->language = strdup("en");
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct sentence *s = transcript_add_sentence(t);
        s->channel = said[i].channel;
        s->speaker = said[i].speaker;
        s->begin_ms = said[i].begin;
        s->end_ms = said[i].end;
        s->text = strdup(said[i].text);
    }
    struct buffer srt = {0};
    assert_int_equal(render_srt(t, NULL, &srt), 0);
    assert_string_equal(srt.data, "1\n00:00:00,000 --> 00:00:01,000\nChannel 1: Hello.\n\n"
                                  "2\n00:00:02,600 --> 00:00:03,600\nChannel 2: Hello.\n\n"
                                  "3\n00:00:04,500 --> 00:00:05,500\nFine?\n\n"
                                  "4\n00:00:06,000 --> 00:00:07,000\nChannel 1: Fine.\n\n");
    buffer_clear(&srt);
    transcript_free(t);
}

static void a_single_speaker_is_not_named(void **state)
{
    (void)state;
    SRT("en", "1\n00:00:00,000 --> 00:00:01,000\nHello.\n\n", {0, 0, 1000, "Hello."});
}

static void interruptions_follow_each_other(void **state)
{
    (void)state;
    SRT("en",
        "1\n00:00:00,000 --> 00:00:01,917\nSpeaker 1: I think that we should\n\n"
        "2\n00:00:02,000 --> 00:00:03,000\nSpeaker 2: No.\n\n",
        {0, 0, 2500, "I think that we should"}, {1, 2000, 3000, "No."});
}

static void a_quick_word_stays_as_long_as_there_is_room(void **state)
{
    (void)state;
    SRT("en",
        "1\n00:00:01,000 --> 00:00:01,833\nYes.\n\n2\n00:00:05,000 --> 00:00:05,917\nNo.\n\n3\n00:00:06,000 "
        "--> 00:00:08,000\nPerhaps tomorrow.\n\n",
        {0, 1000, 1200, "Yes."}, {0, 5000, 5200, "No."}, {0, 6000, 8000, "Perhaps tomorrow."});
}

static void characters_with_a_meaning_are_replaced(void **state)
{
    (void)state;
    SRT("en", "1\n00:00:00,000 --> 00:00:03,000\n‹i›a‹/i› → (\\an8) /N b / c\n\n",
        {-1, 0, 3000, "<|en|><i>a</i> --> {\\an8} \\N b / c<|HAPPY|>"});
    SRT("en", "1\n00:00:00,000 --> 00:00:03,000\none two three\n\n",
        {-1, 0, 3000, "\r\none\n\n\ntwo\xE2\x80\xA8\x01three\t"});
    SRT("en", "1\n00:00:00,000 --> 00:00:03,000\nbro\xEF\xBF\xBDken\n\n", {-1, 0, 3000, "bro\xC3ken"});
}

static void nothing_said_is_one_cue(void **state)
{
    (void)state;
    static const char expected[] = "1\n00:00:00,000 --> 00:00:02,000\n[no speech detected]\n\n";
    assert_srt("en", NULL, 0, expected);
    SRT("en", "1\n00:00:00,000 --> 00:00:02,000\n[no speech detected]\n\n", {0, 0, 900, " <|nospeech|> \n"});
}

static void hours_may_have_three_digits(void **state)
{
    (void)state;
    SRT("en", "1\n100:00:00,001 --> 100:00:01,001\nLate.\n\n", {0, 360000001, 360001001, "Late."});
}

static void words_written_otherwise_still_give_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t begin, end;
    } words[] = {{"it", 0, 200},          {"costs", 200, 600}, {"twenty", 700, 1100},  {"three", 1100, 1400},
                 {"dollars", 1400, 2000}, {"and", 4000, 4200}, {"that's", 4200, 4600}, {"ALL", 4600, 5000}};
    struct transcript *t = transcript_new();
    t->language = strdup("en");
    struct sentence *s = transcript_add_sentence(t);
    s->text = strdup("It costs $23. And that is all!");
    s->end_ms = 5000;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct word *w = sentence_add_word(s);
        w->text = strdup(words[i].text);
        w->begin_ms = words[i].begin;
        w->end_ms = words[i].end;
    }
    struct buffer out = {0};
    assert_int_equal(render_srt(t, NULL, &out), 0);
    assert_string_equal(out.data, "1\n00:00:00,000 --> 00:00:02,000\nIt costs $23.\n\n"
                                  "2\n00:00:04,000 --> 00:00:05,000\nAnd that is all!\n\n");
    buffer_clear(&out);
    transcript_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_sentence_stays_on_one_line),
        cmocka_unit_test(a_longer_one_gets_two_balanced_lines),
        cmocka_unit_test(an_article_stays_with_its_noun),
        cmocka_unit_test(brackets_stay_with_what_they_enclose),
        cmocka_unit_test(a_lone_dash_goes_with_what_follows_a_silence),
        cmocka_unit_test(chinese_loses_commas_and_full_stops),
        cmocka_unit_test(spaces_between_chinese_characters_go),
        cmocka_unit_test(the_script_tells_the_language_if_nobody_does),
        cmocka_unit_test(an_address_is_broken_where_it_must),
        cmocka_unit_test(speakers_are_named_when_they_change),
        cmocka_unit_test(channels_are_named_when_they_change),
        cmocka_unit_test(a_single_speaker_is_not_named),
        cmocka_unit_test(interruptions_follow_each_other),
        cmocka_unit_test(a_quick_word_stays_as_long_as_there_is_room),
        cmocka_unit_test(characters_with_a_meaning_are_replaced),
        cmocka_unit_test(nothing_said_is_one_cue),
        cmocka_unit_test(hours_may_have_three_digits),
        cmocka_unit_test(words_written_otherwise_still_give_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
