/* The text views: the lines about a recording, names, loops, options, Markdown's escapes, and that nothing
 * that was said is lost. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <time.h>

#include <cjson/cJSON.h>

#include "backend/base/utf8.h"
#include "cache/render/formats.h"
#include "cache/render/look.h"
#include "cache/render/loops.h"
#include "cache/render/text.h"
#include "tests/unit/transcripts.h"

static char *with_look(renderer *view, const struct transcript *t, const char *name, struct render_look *look)
{
    return rendering(view, t, &(struct render_source){.name = name, .size = -1, .look = look});
}

/* ---- the header ---- */

static void the_header_is_in_the_language_of_the_transcript(void **state)
{
    (void)state;
    static const struct {
        const char *language, *header, *voice;
    } cases[] = {
        {"en-US",
         "Date: 2026-01-02 03:04\nDuration: 1:02:04\nLanguage: English\nSpeakers: Speaker 1, Speaker 2\n",
         "Speaker 1: "},
        {"zh-CN", "日期：2026-01-02 03:04\n时长：1:02:04\n语言：中文\n说话人：说话人 1、说话人 2\n",
         "说话人 1："},
        {"yue", "日期：2026-01-02 03:04\n时长：1:02:04\n语言：粤语\n说话人：说话人 1、说话人 2\n",
         "说话人 1："},
        {"ja", "日付：2026-01-02 03:04\n長さ：1:02:04\n言語：日本語\n話者：話者1、話者2\n", "話者1："},
        {"ko", "날짜: 2026-01-02 03:04\n길이: 1:02:04\n언어: 한국어\n화자: 화자 1, 화자 2\n", "화자 1: "},
        {"de",
         "Datum: 2026-01-02 03:04\nDauer: 1:02:04\nSprache: Deutsch\nSprecher: Sprecher 1, Sprecher 2\n",
         "Sprecher 1: "},
        {"fr",
         "Date\u00A0: 2026-01-02 03:04\nDurée\u00A0: 1:02:04\nLangue\u00A0: français\n"
         "Intervenants\u00A0: Intervenant 1, Intervenant 2\n",
         "Intervenant 1\u00A0: "},
        {"es",
         "Fecha: 2026-01-02 03:04\nDuración: 1:02:04\nIdioma: español\nHablantes: Hablante 1, Hablante 2\n",
         "Hablante 1: "},
        {"ru",
         "Date: 2026-01-02 03:04\nDuration: 1:02:04\nLanguage: Russian\nSpeakers: Speaker 1, Speaker 2\n",
         "Speaker 1: "},
        {"tlh", "Date: 2026-01-02 03:04\nDuration: 1:02:04\nLanguage: tlh\nSpeakers: Speaker 1, Speaker 2\n",
         "Speaker 1: "},
        {NULL, "Date: 2026-01-02 03:04\nDuration: 1:02:04\nSpeakers: Speaker 1, Speaker 2\n", "Speaker 1: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_in(cases[i].language);
        t->duration_ms = 3723500;
        say(t, 0, 0, 1000, "…");
        say(t, 1, 1000, 2000, "…");
        char *txt = rendering(
            render_txt, t,
            &(struct render_source){.name = "Board.2026.mp3", .size = -1, .recorded_ms = 1767323045678});
        struct buffer expected = {0};
        buffer_printf(&expected, "Board.2026\n%s\n[00:00:00] %s…\n\n[00:00:01] ", cases[i].header,
                      cases[i].voice);
        if (strncmp(txt, expected.data, expected.len) != 0)
            fail_msg("%s: %s", cases[i].language ? cases[i].language : "unknown", txt);
        buffer_clear(&expected);
        free(txt);
        transcript_free(t);
    }
}

static void nothing_said_is_said_in_its_language(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"en", "[no speech detected]\n"},
                                           {"zh", "[未检测到语音]\n"},
                                           {"de", "[keine Sprache erkannt]\n"},
                                           {NULL, "[no speech detected]\n"}};
    struct render_look look = {.no_header = true};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_in(cases[i][0]);
        char *txt = with_look(render_txt, t, "x.wav", &look),
             *plain = with_look(render_plain_txt, t, "x.wav", &look);
        assert_string_equal(txt, cases[i][1]);
        assert_string_equal(plain, "");
        free(txt);
        free(plain);
        transcript_free(t);
    }
}

static void the_engine_is_named_for_people(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *engine, *model, *expected;
    } cases[] = {
        {"local", "vosk", "small-en-us-0.15", "Transcribed by: Vosk (small-en-us-0.15)\n"},
        {"local", "pocketsphinx", NULL, "Transcribed by: PocketSphinx\n"},
        {"dashscope", "Model Studio", "fun-asr", "Transcribed by: fun-asr (Alibaba Cloud Model Studio)\n"},
        {"openai", NULL, "whisper-1", "Transcribed by: whisper-1\n"},
        {"openai", "whisper", "whisper", "Transcribed by: whisper\n"},
        {NULL, NULL, NULL, "[no speech detected]\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_in(NULL);
        t->provider = cases[i].provider ? strdup(cases[i].provider) : NULL;
        t->engine = cases[i].engine ? strdup(cases[i].engine) : NULL;
        t->model = cases[i].model ? strdup(cases[i].model) : NULL;
        char *txt = with_look(render_txt, t, NULL, NULL);
        if (strncmp(txt, cases[i].expected, strlen(cases[i].expected)) != 0)
            fail_msg("%s: %s", cases[i].expected, txt);
        free(txt);
        transcript_free(t);
    }
}

static void any_file_name_is_a_title(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"talk.mp3", "talk"},
        {"no extension", "no extension"},
        {"today.2026.05.wav", "today.2026.05"},
        {"caf\xE9.wav", "caf\xEF\xBF\xBD"},
        {"two\nlines\x1b[1m.wav", "two lines [1m"},
        {"会 议 记录.m4a", "会 议 记录"},
        {"\xE2\x80\xAE"
         "3pm.wav",
         "3pm"}, /* turns the reading direction */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_in(NULL);
        char *txt = with_look(render_txt, t, cases[i][0], NULL);
        size_t n = strlen(cases[i][1]);
        if (strncmp(txt, cases[i][1], n) != 0 || txt[n] != '\n')
            fail_msg("%s: %s", cases[i][1], txt);
        free(txt);
        transcript_free(t);
    }
}

/* ---- options ---- */

static void options_of_a_folder(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct render_look look;
        const char *expected;
    } cases[] = {
        {"none",
         {0},
         "talk\nLanguage: English\nSpeakers: Speaker 1\n\n[00:00:04] Speaker 1: One.\n\n[00:00:09] Speaker "
         "1: Two.\n"},
        {"no header", {.no_header = true}, "[00:00:04] Speaker 1: One.\n\n[00:00:09] Speaker 1: Two.\n"},
        {"no times", {.no_header = true, .no_timestamps = true}, "Speaker 1: One.\n\nSpeaker 1: Two.\n"},
        {"for Windows",
         {.no_header = true, .crlf = true, .bom = true},
         "\xEF\xBB\xBF[00:00:04] Speaker 1: One.\r\n\r\n[00:00:09] Speaker 1: Two.\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_in("en");
        say(t, 0, 4000, 5000, "One.");
        say(t, 0, 9000, 9500, "Two.");
        struct render_look look = cases[i].look;
        char *txt = with_look(render_txt, t, "talk.wav", &look);
        if (strcmp(txt, cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, txt);
        free(txt);
        transcript_free(t);
    }
}

static void names_of_speakers_and_channels(void **state)
{
    (void)state;
    struct transcript *t = transcript_in("en");
    say(t, 1, 0, 1000, "One.");
    say(t, 0, 1000, 2000, "Two.");
    say(t, -1, 2000, 3000, "Three.")->channel = 1;
    struct render_look look = {0};
    assert_int_equal(look_name(&look.speaker_names, 1, "Alice *B*"), 0);
    assert_int_equal(look_name(&look.channel_names, 1, "Customer"), 0);
    char *txt = with_look(render_txt, t, NULL, &look), *md = with_look(render_md, t, NULL, &look);
    assert_string_equal(
        txt, "Language: English\nSpeakers: Speaker 1, Alice *B*\n\n"
             "[00:00:00] Alice *B*: One.\n\n[00:00:01] Speaker 1: Two.\n\n[00:00:02] Customer: Three.\n");
    assert_non_null(strstr(md, "`00:00:00` **Alice \\*B\\***: One.\n"));
    free(txt);
    free(md);
    look_clear(&look);
    transcript_free(t);
}

/* ---- loops ---- */

static void a_loop_is_shown_once(void **state)
{
    (void)state;
    struct transcript *t = transcript_in("en");
    say(t, -1, 0, 900, "Before.");
    for (int i = 0; i < 7; i++)
        say(t, -1, 1000 + i * 1000, 1900 + i * 1000, "Thank you.");
    say(t, -1, 8000, 8900, "After.");
    struct render_look look = {.no_header = true};
    char *txt = with_look(render_txt, t, NULL, &look), *plain = with_look(render_plain_txt, t, NULL, &look);
    char *md = with_look(render_md, t, NULL, &look);
    assert_string_equal(txt, "[00:00:00] Before. Thank you. [said 7 times in a row] After.\n");
    assert_non_null(strstr(md, "Thank you. \\[said 7 times in a row\\]"));
    assert_string_equal(plain, "Before. Thank you. After.\n");
    free(txt);
    free(md);
    free(plain);
    transcript_free(t);
}

static void what_is_no_loop(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        int count, speakers;
        bool loop;
    } cases[] = {
        {"three times", "Yes.", 3, 1, false},
        {"four times", "Yes.", 4, 1, true},
        {"two people", "Yes.", 8, 2, false},
        {"silence", "…", 8, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_in("en");
        say(t, 0, 0, 1, "Before.");
        for (int k = 0; k < cases[i].count; k++)
            say(t, k % cases[i].speakers, k * 100, k * 100 + 90, cases[i].text);
        struct loops loops = {0};
        assert_int_equal(loops_of(t, &loops), 0);
        if ((loops.count == 1) != cases[i].loop)
            fail_msg("%s: %zu", cases[i].name, loops.count);
        assert_int_equal(loops_times(&loops, 0), 1);
        assert_int_equal(loops_times(&loops, 1), cases[i].loop ? (size_t)cases[i].count : 1);
        assert_int_equal(loops_times(&loops, 2), cases[i].loop ? 0 : 1);
        loops_clear(&loops);
        transcript_free(t);
    }
}

/* ---- what is said stays text ---- */

static void markdown_is_escaped(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"It costs ****.", "It costs \\*\\*\\*\\*."},
        {"# not a heading", "\\# not a heading"},
        {"- not a list", "\\- not a list"},
        {"2026. A year.", "2026\\. A year."},
        {"see [this](http://x) <b>&amp; A & B", "see \\[this\\](http://x) \\<b>\\&amp; A & B"},
        {"snake_case `code` ~~a~~ |b| \\n $5$", "snake_case \\`code\\` \\~\\~a\\~\\~ |b| \\\\n \\$5\\$"},
        {"_so_ it is", "\\_so\\_ it is"},
        {"a - b + c = d", "a - b + c = d"},
        {"=====", "\\====="},
    };
    struct render_look look = {.no_header = true, .no_timestamps = true};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_in("en");
        say(t, -1, 0, 1000, cases[i][0]);
        char *md = with_look(render_md, t, NULL, &look);
        md[strcspn(md, "\n")] = '\0';
        assert_string_equal(md, cases[i][1]);
        free(md);
        transcript_free(t);
    }
}

static void text_keeps_what_belongs_to_a_character(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"e\u0301te\u0301", "e\u0301te\u0301"}, /* combining marks */
        {"नमस्ते", "नमस्ते"},
        {"می\u200Cخواهم", "می\u200Cخواهم"}, /* Persian: a joiner that is written */
        {"שלום, עולם", "שלום, עולם"},
        {"👩\u200D👩\u200D👧 👍🏽 ❤\uFE0F", "👩\u200D👩\u200D👧 👍🏽 ❤\uFE0F"},
        {"🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F!",
         "🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F!"},
        {"葛\U000E0100城", "葛\U000E0100城"}, /* another form of 葛 */
        {"a\U000E0067\U000E0062b", "ab"},     /* hidden text */
        {"a\u202Eb\u2066c", "abc"},           /* turned around */
        {"**** the ****", "**** the ****"},
        {"<|HAPPY|>12% of $5", "12% of $5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        text_clean(&out, cases[i][0]);
        assert_string_equal(out.data, cases[i][1]);
        buffer_clear(&out);
    }
}

/* ---- nothing is lost ---- */

/* What is spoken in a text: no spaces, no punctuation, no apostrophe of the CSV and no backslash of Markdown.
 */
static char *spoken_part(const char *text)
{
    struct buffer out = {0};
    size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t n = utf8_next(text + i, len - i, &c);
        if (text_is_spoken(c))
            buffer_add(&out, text + i, n);
        i += n;
    }
    return out.data ? buffer_take(&out) : strdup("");
}

/* The fifth fields of a CSV without its first line. */
static char *texts_of_csv(const char *csv)
{
    struct buffer out = {0};
    int field = 0;
    bool quoted = false;
    for (const char *p = strchr(csv, '\n') + 1; *p; p++) {
        if (*p == '"')
            quoted = !quoted;
        else if (!quoted && *p == ',')
            field++;
        else if (!quoted && *p == '\n')
            field = 0;
        else if (quoted && field == 4)
            buffer_add(&out, p, 1);
    }
    return out.data ? buffer_take(&out) : strdup("");
}

/* A sentence of random pieces of many scripts and of what formats take for markup; where `tagged`, with tags
 * of an engine, which are the only thing that may go. */
static void random_sentence(unsigned *seed, bool tagged, struct buffer *raw, struct buffer *said)
{
    static const char *const pieces[] = {
        "word",   "Don't",  "3.14",    "2026", "****", "a_b",    "*x*",     "<b>",      "&amp;",
        "[1]",    "=1+2",   "-5",      "#1",   "\\n",  "\"so\"", "今天",    "很冷，",   "東京",
        "です。", "한국어", "สวัสดี",    "नमस्ते", "שלום", "مرحبا",  "e\u0301", "👍🏽", "$5",
        "`c`",    "a|b",    "{\\an8}", "-->",  "1.",   "…",      "naïve",   "—",        "€20"};
    int count = 1 + rand_r(seed) % 12;
    for (int i = 0; i < count; i++) {
        const char *piece = pieces[(size_t)rand_r(seed) % (sizeof pieces / sizeof *pieces)];
        const char *space = rand_r(seed) % 3 ? " " : "";
        buffer_printf(raw, "%s%s%s", space, tagged && rand_r(seed) % 4 == 0 ? "<|HAPPY|>" : "", piece);
        buffer_puts(said, piece);
    }
}

static void nothing_that_was_said_is_lost(void **state)
{
    (void)state;
    static renderer *const views[] = {render_txt, render_plain_txt, render_md, render_csv};
    static const char *const names[] = {"txt", "plain.txt", "md", "csv"};
    static const char *const languages[] = {"en", "zh", "ja", "ko", "th", "ar", NULL};
    struct render_look look = {.no_header = true, .no_timestamps = true};
    for (unsigned round = 0; round < 400; round++) {
        unsigned seed = round;
        struct buffer said = {0};
        struct transcript *t = transcript_in(languages[round % 7]);
        int64_t at = 0;
        for (int i = 0; i < 1 + (int)round % 9; i++) {
            struct buffer raw = {0};
            random_sentence(&seed, round % 2, &raw, &said);
            say(t, -1, at, at + 1000, raw.data);
            at += 1000 + rand_r(&seed) % 3000;
            buffer_clear(&raw);
        }
        char *expected = spoken_part(said.data);
        for (size_t v = 0; v < sizeof views / sizeof *views; v++) {
            char *view = with_look(views[v], t, NULL, &look);
            char *text = views[v] == render_csv ? texts_of_csv(view) : strdup(view);
            char *found = spoken_part(text);
            if (strcmp(found, expected) != 0)
                fail_msg("round %u, %s:\nsaid  %s\nshown %s\n%s", round, names[v], expected, found, view);
            free(found);
            free(text);
            free(view);
        }
        free(expected);
        buffer_clear(&said);
        transcript_free(t);
    }
}

/* Nothing that an engine may send takes a renderer down, also before it was put in order. */
static void absurd_transcripts_are_rendered_in_every_format(void **state)
{
    (void)state;
    struct transcript *t = transcript_in("\x80-\"<");
    struct sentence *s = say(t, INT32_MAX, INT64_MAX, INT64_MIN, "\"\\\x02<>&\xFF\uFFFE");
    s->channel = -4;
    s->confidence = 0.0 / 0.0;
    s->emotion = strdup("=\n\t");
    say_word(s, -5, -9, "", "\xC3", 1e308);
    say_word(s, INT64_MIN, INT64_MAX, "\n", NULL, -1e308);
    say(t, -7, INT64_MIN, INT64_MAX, "");
    transcript_add_sentence(t)->words = NULL; /* without a text */
    say_word(say(t, 3, 0, 0, ""), 0, 0, "only", ".", 2);
    for (int round = 0; round < 2; round++) {
        for (int f = 0; f < FORMATS; f++) {
            const struct format_info *format = format_info(f);
            if (!format || !format->render)
                continue;
            char *view = rendering(format->render, t, NULL);
            const char *suffix = strrchr(format->name, '.');
            bool is_json = strcmp(suffix ? suffix + 1 : format->name, "json") == 0;
            cJSON *json = is_json ? cJSON_Parse(view) : NULL;
            if (is_json && !json)
                fail_msg("%s: %s", format->name, view);
            cJSON_Delete(json);
            if (f != FORMAT_DOCX && !strstr(view, "only"))
                fail_msg("%s has lost a word: %s", format->name, view);
            free(view);
        }
        transcript_normalise(t);
    }
    transcript_free(t);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_is_in_the_language_of_the_transcript),
        cmocka_unit_test(nothing_said_is_said_in_its_language),
        cmocka_unit_test(the_engine_is_named_for_people),
        cmocka_unit_test(any_file_name_is_a_title),
        cmocka_unit_test(options_of_a_folder),
        cmocka_unit_test(names_of_speakers_and_channels),
        cmocka_unit_test(a_loop_is_shown_once),
        cmocka_unit_test(what_is_no_loop),
        cmocka_unit_test(markdown_is_escaped),
        cmocka_unit_test(text_keeps_what_belongs_to_a_character),
        cmocka_unit_test(nothing_that_was_said_is_lost),
        cmocka_unit_test(absurd_transcripts_are_rendered_in_every_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
