/* cache/render/spoken.h: words one by one, with the spaces that the text has; and files for old Windows
 * programs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cache/render/language.h"
#include "cache/render/look.h"
#include "cache/render/spoken.h"
#include "tests/unit/transcripts.h"

/* The words put together as Whisper's writers do. */
static char *put_together(const struct transcript *t, size_t sentence, bool *estimated)
{
    cleanup_spoken_words struct spoken_words words = {0};
    struct buffer out = {0};
    assert_int_equal(spoken_words_of(t, language_of(t), sentence, &words), 0);
    for (size_t i = 0; i < words.count; i++) {
        buffer_puts(&out, words.items[i].space ? " " : "");
        buffer_add(&out, words.text.data + words.items[i].at, words.items[i].len);
        assert_true(words.items[i].begin_ms <= words.items[i].end_ms);
    }
    *estimated = words.estimated;
    return out.data ? buffer_take(&out) : strdup("");
}

static void words_have_the_spaces_of_the_text(void **state)
{
    (void)state;
    static const struct {
        const char *name, *language, *text;
        const char *words[8][2];
        const char *expected;
    } cases[] = {
        {"Latin", "en", "Hello, big world.", {{"Hello", ","}, {"big"}, {"world", "."}}, " Hello, big world."},
        {"numbers are written out in the words",
         "en",
         "It is 25 % of it.",
         {{"It"}, {"is"}, {"twenty"}, {"five"}, {"percent"}, {"of"}, {"it", "."}},
         " It is twenty five percent of it."},
        {"a short word is not found inside another",
         "en",
         "3 a banana",
         {{"three"}, {"a"}, {"banana"}},
         " three a banana"},
        {"Chinese", "zh", "今天很冷，走吧。", {{"今天"}, {"很冷", "，"}, {"走吧", "。"}}, "今天很冷，走吧。"},
        {"Chinese with Latin",
         "zh",
         "用 Linux 系统2026年",
         {{"用"}, {"Linux"}, {"系统"}, {"2026"}, {"年"}},
         "用 Linux 系统2026年"},
        {"Thai has no spaces between words", "th", "สวัสดีครับ ผม", {{"สวัสดี"}, {"ครับ"}, {"ผม"}}, " สวัสดีครับ ผม"},
        {"Korean", "ko", "안녕 하세요.", {{"안녕"}, {"하세요", "."}}, " 안녕 하세요."},
        {"no text", "en", "", {{"so"}, {"it"}, {"is"}}, " so it is"},
        {"a word with nothing in it", "en", "so is", {{"so"}, {"\n"}, {"is"}}, " so is"},
        {"joined words", "en", "gonna do it", {{"gon"}, {"na"}, {"do"}, {"it"}}, " gonna do it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_in(cases[i].language);
        struct sentence *s = say(t, -1, 0, 8000, cases[i].text);
        for (int k = 0; k < 8 && cases[i].words[k][0]; k++)
            say_word(s, k * 1000, k * 1000 + 900, cases[i].words[k][0], cases[i].words[k][1], -1);
        bool estimated;
        char *text = put_together(t, 0, &estimated);
        if (estimated || strcmp(text, cases[i].expected) != 0)
            fail_msg("%s: '%s'", cases[i].name, text);
        free(text);
        transcript_free(t);
    }
}

static void words_without_times_are_said_to_be_estimated(void **state)
{
    (void)state;
    static const char *const cases[][3] = {{"en", "Hello, big world.", " Hello, big world."},
                                           {"zh", "今天很冷。", "今天很冷。"},
                                           {"en", "…", " …"},
                                           {"en", "", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_in(cases[i][0]);
        bool estimated;
        say(t, -1, 500, 8000, cases[i][1]);
        char *text = put_together(t, 0, &estimated);
        assert_string_equal(text, cases[i][2]);
        assert_true(estimated);
        assert_string_equal(spoken_timing(t), "segment");
        assert_false(spoken_has_words(t));
        free(text);
        transcript_free(t);
    }
}

/* ---- line ends ---- */

static void files_for_old_windows_programs(void **state)
{
    (void)state;
    static renderer *const views[] = {render_txt, render_plain_txt, render_csv, render_tsv, render_words_tsv};
    struct render_look looks[] = {
        {.crlf = false}, {.crlf = true}, {.bom = true}, {.crlf = true, .bom = true}};
    struct transcript *t = transcript_in("en");
    say(t, -1, 0, 1000, "One.");
    say(t, -1, 9000, 9900, "Two.");
    for (size_t v = 0; v < sizeof views / sizeof *views; v++) {
        for (size_t l = 0; l < sizeof looks / sizeof *looks; l++) {
            char *view = rendering(views[v], t, &(struct render_source){.look = &looks[l]});
            assert_int_equal(strncmp(view, "\xEF\xBB\xBF", 3) == 0, looks[l].bom);
            bool crlf = looks[l].crlf || views[v] == render_csv; /* which has it by its standard */
            for (char *p = view; *p; p++) {
                assert_int_equal(*p == '\r', crlf && p[1] == '\n');
                assert_true(*p != '\n' || !crlf || (p > view && p[-1] == '\r'));
            }
            free(view);
        }
    }
    transcript_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_have_the_spaces_of_the_text),
        cmocka_unit_test(words_without_times_are_said_to_be_estimated),
        cmocka_unit_test(files_for_old_windows_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
