/* cache/render/lint.h: what is wrong in subtitle files; and no file that is made here breaks a hard rule,
 * whatever was said, by whom, in which script, and however subtitles should look. SCRIBEFS_CUE_STREAMS says
 * how many transcripts are tried. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/lint.h"
#include "cache/render/look.h"
#include "cache/render/render.h"

/* ---- files with a fault ---- */

#define CUE(n, from, to, text) n "\n00:00:" from " --> 00:00:" to "\n" text "\n\n"

/* The rules that the file breaks, each once, as "H1 S3". */
static void assert_lint(const char *language, const struct render_look *look, const char *file,
                        const char *expected)
{
    struct lint lint = {0};
    char found[200] = "";
    assert_int_equal(lint_check(file, strlen(file), language, look, &lint), 0);
    for (size_t i = 0; i < lint.count; i++) {
        if (strstr(found, lint.items[i].rule))
            continue;
        strcat(found, found[0] ? " " : "");
        strcat(found, lint.items[i].rule);
    }
    if (strcmp(found, expected) != 0)
        fail_msg("\"%s\" instead of \"%s\" in\n%s", found, expected, file);
    lint_clear(&lint);
}

static void a_good_file_has_no_faults(void **state)
{
    (void)state;
    assert_lint(NULL, NULL,
                CUE("1", "01,000", "03,000", "We are fine.") CUE("2", "03,083", "05,000", "So are we."), "");
    assert_lint(NULL, NULL,
                "\xEF\xBB\xBF"
                "1\r\n00:00:01,000 --> 00:00:03,000\r\nHello, world.\r\n\r\n",
                "");
    assert_lint(NULL, NULL,
                "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:03.000 align:start\n<v Bob>We &amp; <i>you</i> go\n",
                "");
}

static void each_rule_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *file;
    } cases[] = {
        {"F1", CUE("1", "01,000", "03,000", "bro\xC3ken text")},
        {"F2", "1\n00:00:01,000 --> 00:00:03,000\r\nHello, you.\n\n"},
        {"F3", CUE("7", "01,000", "03,000", "Hello, you.")},
        {"F3", "00:00:01,000 --> 00:00:03,000\nHello, you.\n\n"},
        {"F4", "1\n00:00:01.000 --> 00:00:03,000\nHello, you.\n\n"},
        {"F4", "1\n0:00:01,000 -> 00:00:03,000\nHello, you.\n\n"},
        {"F4", CUE("1", "03,000", "01,000", "Hello, you.")},
        {"F4", ""},
        {"F5", "1\n00:00:01,000 --> 00:00:03,000\n\n"},
        {"F6", CUE("1", "01,000", "03,000", "Hello, <unk> you.")},
        {"F6", "WEBVTT\n\n00:01.000 --> 00:03.000\nR & B is good\n"},
        {"F6", "WEBVTT\n\n00:01.000 --> 00:03.000\nWe <00:05.000>go home\n"},
        {"H1", CUE("1", "01,000", "06,000", "One of three lines\nis a line that is\none too many")},
        {"H2", CUE("1", "01,000", "06,000", "This line is a little longer than a line may be.")},
        {"H4", CUE("1", "01,000", "08,001", "It stays for too long.")},
        {"H6", CUE("1", "01,000", "03,000", "We are fine.") CUE("2", "03,082", "05,000", "So are we.")},
        {"H7", CUE("1", "01,000", "03,000", "We are fine.") CUE("2", "03,084", "05,000", "So are we.")},
        {"H7", CUE("1", "01,000", "03,000", "We are fine.") CUE("2", "03,499", "05,000", "So are we.")},
        {"H11", "WEBVTT\n\n00:01.000 --> 00:03.000\n<v A>Are you? <v B>I am.\n"},
        {"H12", CUE("1", "01,000", "04,000", "This is what we said to all of them\n, and they agreed")},
        {"H12", CUE("1", "01,000", "04,000", "This is what we said to all of them (\nand they agreed)")},
        {"S17", CUE("1", "01,000", "04,000", "They walked all the way which was 12\nkm and a bit more")},
        {"H18",
         CUE("1", "01,000", "02,000", "Subscribe, please.") CUE("2", "03,000", "04,000", "Subscribe, please.")
             CUE("3", "05,000", "06,000", "Subscribe, please.")
                 CUE("4", "07,000", "08,000", "Subscribe, please.")},
        {"S3", CUE("1", "01,000", "02,000", "Nobody reads this fast.")},
        {"S5", CUE("1", "01,000", "01,800", "We are fine.")},
        {"S13", CUE("1", "01,000", "03,000", "Good day\nto all.")},
        {"S14", CUE("1", "01,000", "05,000", "This line is quite a long line for what\nfollows.")},
        {"S15", CUE("1", "01,000", "02,000", "We were there") CUE("2", "02,083", "03,000", "yesterday.")},
        {"S16", CUE("1", "01,000", "05,000", "This is what we said. And nobody there\nunderstood a word")},
        {"S17", CUE("1", "01,000", "05,000", "Everybody noticed the\nstrangely coloured elephants")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_lint("en", NULL, cases[i].file, cases[i].rule);
}

static void limits_are_those_of_language_and_profile(void **state)
{
    (void)state;
    struct render_look bbc = {.profile = LOOK_BBC}, own = {.line_cells = 10, .lines = 1};
    static const char seventeen[] = CUE("1", "01,000", "06,000", "一二三四五六七八九十一二三四五六七");
    assert_lint("zh", NULL, seventeen, "H2");
    assert_lint(NULL, NULL, seventeen, "H2"); /* guessed */
    assert_lint("en", NULL, seventeen, "");
    assert_lint("zh", NULL, CUE("1", "01,000", "06,000", "一二三四五六七八九十一二三四五ab"), "");
    assert_lint("ja", NULL, CUE("1", "01,000", "06,000", "きょうはとてもさむいですねえ"), "H2");
    assert_lint("ja", NULL,
                CUE("1", "01,000", "03,000", "さむいですね") CUE("2", "03,000", "05,000", "そうですか"), "");
    assert_lint("en", &bbc, CUE("1", "01,000", "06,000", "This line is longer than BBC lines are"), "H2");
    assert_lint("en", &bbc,
                CUE("1", "01,000", "03,000", "We are fine.") CUE("2", "03,000", "05,000", "So are we."), "");
    assert_lint("en", &own, CUE("1", "01,000", "06,000", "This is it,\nwe hope"), "H1 H2");
}

/* ---- files made here ---- */

static uint64_t random_state;

static int between(int low, int high)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return low + (int)((random_state >> 20) % (uint64_t)(high - low + 1));
}

static bool one_in(int n)
{
    return between(1, n) == 1;
}

#define POOL(...) ((const char *const[]){__VA_ARGS__, NULL})
static const struct pool {
    const char *language, *space;
    const char *const *words;
} pools[] = {
    {"en", " ",
     POOL("the", "a", "of", "to", "and", "weather", "is", "12", "km", "yes", "I", "because", "(maybe)",
          "\"quoted\"", "Mary", "Johnson",
          "https://example.com/a/very/long/address/that/does/not/fit/on/any/line?at=all", "R&B", "<unk>",
          "{x}", "-->", "don't", "x")},
    {"de", " ",
     POOL("die", "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnung", "und", "für", "„so“",
          "Straße", "ist", "15", "Prozent", "nicht")},
    {"fr", " ", POOL("l'été", "est", "là", "«", "bon", "»", "qu'il", "mot", "!", ";", "où")},
    {"zh", "",
     POOL("今天", "我们", "的", "《营造法式》", "三", "个", "GPU", "（注）", "“好”", "中华人民共和国", "2024",
          "年")},
    {"ja", "", POOL("今日", "は", "とても", "コーヒー", "「店」", "っ", "でした", "東京都", "10", "円")},
    {"ko", " ", POOL("안녕하세요", "오늘은", "서울의", "시장", "3", "km", "(네)")},
    {"th", "", POOL("สวัสดี", "ครับ", "ประชุม", "กรุงเทพมหานคร", " ", "อื่นๆ", "ที่", "7", "วัน", "น้ำ")},
    {"ar", " ", POOL("في", "المدينة", "القديمة", "مُحَمَّد", "هذا", "12", "لا", "(نعم)")},
    {"he", " ", POOL("שלום", "של", "בְּרֵאשִׁית", "אני", "לא")},
    {"hi", " ", POOL("नमस्ते", "क्षत्रिय", "और", "यह", "हिन्दी", "स्त्री")},
    {"xx", " ",
     POOL("👩‍👩‍👧‍👦", "e\u0301\u0323", "🏳️‍🌈", "ok", "ｗｉｄｅ", "한국", "漢字",
          "ไทย", "—", "♪", "#")},
};
enum { POOLS = sizeof pools / sizeof *pools };

static const char *mark(const struct pool *pool)
{
    bool wide = strcmp(pool->language, "zh") == 0 || strcmp(pool->language, "ja") == 0;
    static const char *const narrow_marks[] = {",", ".", "!", "?", ";", ":", "..."};
    static const char *const wide_marks[] = {"，", "。", "！", "？", "；", "：", "、"};
    return !one_in(6) ? "" : wide ? wide_marks[between(0, 6)] : narrow_marks[between(0, 6)];
}

static int64_t pause_of(void)
{
    static const int at[] = {0, 0, 20, 83, 84, 400, 499, 500, 501, 1499, 1500, 1501, 3500, 6000};
    return one_in(4) ? at[between(0, 13)] : between(0, 60);
}

static void say(struct transcript *t, const struct pool *own, int64_t *now, int speakers)
{
    struct sentence *s = transcript_add_sentence(t);
    struct buffer text = {0};
    const struct pool *pool = one_in(10) ? &pools[between(0, POOLS - 1)] : own;
    bool timed = !one_in(5);
    *now += one_in(12) ? -between(0, 2000) : pause_of();
    *now = *now < 0 ? 0 : *now;
    s->speaker = speakers ? between(0, speakers - 1) : -1;
    s->channel = one_in(50) ? 1 : 0;
    s->language = strdup(pool->language);
    s->begin_ms = *now;
    size_t size = 0;
    while (pool->words[size])
        size++;
    for (int n = one_in(3) ? between(1, 3) : between(1, 40); n > 0; n--) {
        const char *word = pool->words[between(0, (int)size - 1)];
        *now += pause_of();
        int64_t end = *now + (one_in(20) ? 0 : one_in(60) ? 9000 : between(60, 120 + 40 * (int)strlen(word)));
        if (timed && *word != ' ') {
            struct word *w = sentence_add_word(s);
            w->text = strdup(word);
            w->begin_ms = *now;
            w->end_ms = end;
        }
        buffer_printf(&text, "%s%s%s", text.len ? pool->space : "", word, mark(pool));
        *now = end;
    }
    s->end_ms = one_in(40) ? s->begin_ms : *now;
    s->text = strdup(text.data);
    buffer_clear(&text);
    /* A loop of the recogniser. */
    for (int i = one_in(15) ? between(2, 8) : 0, at = (int)t->sentence_count - 1; i > 0; i--) {
        struct sentence *again = transcript_add_sentence(t);
        const struct sentence *first = &t->sentences[at];
        again->text = strdup(first->text);
        again->speaker = first->speaker;
        again->channel = first->channel;
        again->begin_ms = *now;
        again->end_ms = *now += first->end_ms - first->begin_ms;
    }
}

static void random_look(struct render_look *look)
{
    look->profile = one_in(3) ? LOOK_BBC : LOOK_NETFLIX;
    look->speakers = (enum look_speakers)between(LOOK_SPEAKERS_CHANGE, LOOK_SPEAKERS_DASH);
    look->punctuation = one_in(3) ? LOOK_PUNCTUATION_KEEP : LOOK_PUNCTUATION_NETFLIX;
    look->lyrics = one_in(6);
    look->crlf = one_in(4);
    look->bom = one_in(4);
    if (one_in(3))
        look->line_cells = between(20, 60);
    if (one_in(3))
        look->lines = between(1, 2);
    if (one_in(4))
        look->longest_ms = between(3000, 10000);
    if (one_in(4))
        look->gap_ms = between(1, 200);
    if (one_in(3))
        look_name(&look->speaker_names, 0,
                  one_in(2) ? "Al" : "Professor Maximilian von Hohenstein-Wolkersdorf");
}

static void assert_no_hard_fault(uint64_t seed, const struct transcript *t, const struct render_look *look,
                                 int (*render)(const struct transcript *, const struct render_source *,
                                               struct buffer *))
{
    struct buffer file = {0};
    struct lint lint = {0};
    struct render_source source = {.look = look};
    assert_int_equal(render(t, &source, &file), 0);
    assert_int_equal(lint_check(file.data, file.len, t->language, look, &lint), 0);
    for (size_t i = 0; i < lint.count; i++) {
        if (!lint.items[i].hard)
            continue;
        struct buffer json = {0};
        look_to_json(look, &json);
        fprintf(stderr, "%s\nseed %lu, %s, %s: cue %zu: %s: %s (%s)\n", file.data, (unsigned long)seed,
                t->language, json.data, lint.items[i].cue, lint.items[i].rule, lint.items[i].value,
                lint.items[i].limit);
        buffer_clear(&json);
        fail();
    }
    lint_clear(&lint);
    buffer_clear(&file);
}

static void nothing_made_breaks_a_hard_rule(void **state)
{
    (void)state;
    const char *wish = getenv("SCRIBEFS_CUE_STREAMS");
    uint64_t streams = wish ? strtoull(wish, NULL, 10) : 1000;
    for (uint64_t seed = 1; seed <= streams; seed++) {
        random_state = seed * 0x9E3779B97F4A7C15u + 1;
        struct transcript *t = transcript_new();
        const struct pool *own = &pools[seed % POOLS];
        t->language = strdup(own->language);
        int64_t now = between(0, 3000);
        int speakers = between(0, 3);
        for (int i = between(1, 10); i > 0; i--)
            say(t, own, &now, speakers);
        transcript_normalise(t);
        struct render_look look = {0};
        if (seed % 2)
            random_look(&look);
        assert_no_hard_fault(seed, t, &look, render_srt);
        assert_no_hard_fault(seed, t, &look, render_vtt);
        assert_no_hard_fault(seed, t, &look, render_karaoke_vtt);
        look_clear(&look);
        transcript_free(t);
    }
}

/* ---- speed ---- */

static double seconds_for(int hours)
{
    struct transcript *t = transcript_new();
    random_state = 12345;
    t->language = strdup("en");
    int64_t now = 0;
    while (now < hours * INT64_C(3600000)) {
        struct sentence *s = transcript_add_sentence(t);
        struct buffer text = {0};
        s->speaker = between(0, 1);
        s->begin_ms = now;
        for (int i = between(5, 25); i > 0; i--) {
            static const char *const words[] = {"some",   "words", "and",    "the",
                                                "others", "which", "people", "say"};
            struct word *w = sentence_add_word(s);
            w->text = strdup(words[between(0, 7)]);
            w->begin_ms = now;
            w->end_ms = now += between(100, 500);
            buffer_printf(&text, "%s%s%s", text.len ? " " : "", w->text, i == 1 ? "." : one_in(6) ? "," : "");
        }
        s->end_ms = now;
        s->text = strdup(text.data);
        buffer_clear(&text);
        now += between(0, 1000);
    }
    double best = 1e9;
    for (int i = 0; i < 3; i++) {
        struct timespec from, to;
        struct buffer out = {0};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        assert_int_equal(render_srt(t, NULL, &out), 0);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        double spent = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
        best = spent < best ? spent : best;
        buffer_clear(&out);
    }
    transcript_free(t);
    return best;
}

static void time_grows_with_length_and_no_faster(void **state)
{
    (void)state;
    double one = seconds_for(1), twelve = seconds_for(12);
    print_message("# 1 h: %.3f s, 12 h: %.3f s\n", one, twelve);
    assert_true(twelve < 12 * 3 * one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_has_no_faults),
        cmocka_unit_test(each_rule_is_checked),
        cmocka_unit_test(limits_are_those_of_language_and_profile),
        cmocka_unit_test(nothing_made_breaks_a_hard_rule),
        cmocka_unit_test(time_grows_with_length_and_no_faster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
