/* cache/render/render.h: the bytes of the text, subtitle and JSON views; what other programs think of them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/look.h"
#include "cache/render/render.h"

typedef int render(const struct transcript *t, const struct render_source *source, struct buffer *out);

static const struct render_source source = {
    .sha256 = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
    .settings_hash = "0123abcd",
    .size = 123456,
    .finished_ms = 1767323045678,
};

static char *rendered(render *view, const struct transcript *t)
{
    struct buffer out = {0};
    assert_int_equal(view(t, &source, &out), 0);
    return buffer_take(&out);
}

static struct sentence *add_sentence(struct transcript *t, int speaker, int64_t begin, int64_t end,
                                     const char *text)
{
    struct sentence *s = transcript_add_sentence(t);
    assert_non_null(s);
    s->speaker = speaker;
    s->begin_ms = begin;
    s->end_ms = end;
    s->text = strdup(text);
    return s;
}

static void add_word(struct sentence *s, int64_t begin, int64_t end, const char *text,
                     const char *punctuation, double confidence)
{
    struct word *w = sentence_add_word(s);
    assert_non_null(w);
    w->begin_ms = begin;
    w->end_ms = end;
    w->text = strdup(text);
    w->punctuation = punctuation ? strdup(punctuation) : NULL;
    w->confidence = confidence;
}

/* Two speakers, one sentence with word times, one without. */
static struct transcript *small(void)
{
    struct transcript *t = transcript_new();
    assert_non_null(t);
    t->duration_ms = 8470;
    t->language = strdup("en");
    t->provider = strdup("local");
    t->engine = strdup("vosk");
    t->model = strdup("small-en-us-0.15");
    struct sentence *s = add_sentence(t, 0, 640, 2005, "Hello, world.");
    s->confidence = 0.75;
    add_word(s, 640, 1000, "Hello", ",", 1);
    add_word(s, 1100, 2005, "world", ".", 0.5);
    add_sentence(t, 1, 4100, 6000, "Say \"cheese\"!");
    return t;
}

static void txt_of_a_small_transcript(void **state)
{
    (void)state;
    struct transcript *t = small();
    char *txt = rendered(render_txt, t);
    assert_string_equal(txt, "Duration: 0:00:08\n"
                             "Language: English\n"
                             "Speakers: Speaker 1, Speaker 2\n"
                             "Transcribed by: Vosk (small-en-us-0.15)\n"
                             "\n"
                             "[00:00:00] Speaker 1: Hello, world.\n"
                             "\n"
                             "[00:00:04] Speaker 2: Say \"cheese\"!\n");
    free(txt);
    transcript_free(t);
}

static void srt_of_a_small_transcript(void **state)
{
    (void)state;
    struct transcript *t = small();
    char *srt = rendered(render_srt, t);
    assert_string_equal(srt, "1\n"
                             "00:00:00,640 --> 00:00:02,005\n"
                             "Speaker 1: Hello, world.\n"
                             "\n"
                             "2\n"
                             "00:00:04,100 --> 00:00:06,000\n"
                             "Speaker 2: Say \"cheese\"!\n"
                             "\n");
    free(srt);
    transcript_free(t);
}

#define REQUIRED                                                                                             \
    "\"tokens\":[],\"temperature\":0,\"avg_logprob\":0,\"compression_ratio\":0,\"no_speech_prob\":0"

static const char small_json[] =
    "{\n"
    "  \"schema\": \"scribefs/1\",\n"
    "  \"task\": \"transcribe\",\n"
    "  \"language\": \"en\",\n"
    "  \"duration\": 8.470,\n"
    "  \"source\": "
    "{\"name\":null,\"size\":123456,\"sha256\":\"5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8\","
    "\"duration\":8.470,\"recorded\":null},\n"
    "  \"engine\": {\"provider\":\"local\",\"name\":\"vosk\",\"model\":\"small-en-us-0.15\",\"why\":null,\"task_id\":null,"
    "\"request_id\":null,\"settings_hash\":\"0123abcd\",\"finished\":\"2026-01-02T03:04:05Z\"},\n"
    "  \"timing\": \"segment\",\n"
    "  \"edited\": false,\n"
    "  \"collapsed\": [],\n"
    "  \"speakers\": {\"0\":{\"name\":\"Speaker 1\"},\"1\":{\"name\":\"Speaker 2\"}},\n"
    "  \"text\": \"Hello, world. Say \\\"cheese\\\"!\",\n"
    "  \"segments\": [\n"
    "    {\"id\":0,\"seek\":0,\"start\":0.640,\"end\":2.005,\"text\":\"Hello, world.\"," REQUIRED
    ",\"speaker\":\"0\",\"channel\":0,\"confidence\":0.7500,\"words\":["
    "{\"word\":\" Hello,\",\"start\":0.640,\"end\":1.000,\"score\":1.0000,\"probability\":1.0000},"
    "{\"word\":\" world.\",\"start\":1.100,\"end\":2.005,\"score\":0.5000,\"probability\":0.5000}]},\n"
    "    {\"id\":1,\"seek\":0,\"start\":4.100,\"end\":6.000,\"text\":\"Say \\\"cheese\\\"!\"," REQUIRED
    ",\"speaker\":\"1\",\"channel\":0,\"words\":["
    "{\"word\":\" Say\",\"start\":4.100,\"end\":4.575},"
    "{\"word\":\" \\\"cheese\\\"!\",\"start\":4.575,\"end\":6.000}],\"timing\":\"estimated\"}\n"
    "  ],\n"
    "  \"words\": [\n"
    "    "
    "{\"word\":\"Hello\",\"start\":0.640,\"end\":1.000},{\"word\":\"world\",\"start\":1.100,\"end\":2.005}\n"
    "  ]\n"
    "}\n";

static void json_of_a_small_transcript(void **state)
{
    (void)state;
    struct transcript *t = small();
    char *json = rendered(render_json, t);
    assert_string_equal(json, small_json);
    free(json);
    transcript_free(t);
}

static void json_says_what_it_cost(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int64_t billed_ms, cost_micro;
        char currency[4];
        bool estimated;
        const char *expected; /* NULL: nothing is said */
    } cases[] = {
        {"free", 0, 0, "", false, NULL},
        {"billed", 4000, 880, "CNY", false,
         "  \"cost\": {\"amount\":0.000880,\"currency\":\"CNY\",\"billed_seconds\":4.000,\"estimated\":false},\n"},
        {"estimated", 3600000, 12792000, "USD", true,
         "  \"cost\": "
         "{\"amount\":12.792000,\"currency\":\"USD\",\"billed_seconds\":3600.000,\"estimated\":true},\n"},
        {"without a price", 4000, 0, "", false,
         "  \"cost\": {\"amount\":null,\"currency\":null,\"billed_seconds\":4.000,\"estimated\":false},\n"},
        {"nobody spoke", 0, 0, "CNY", false,
         "  \"cost\": {\"amount\":0.000000,\"currency\":\"CNY\",\"billed_seconds\":0.000,\"estimated\":false},\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = small();
        t->billed_ms = cases[i].billed_ms;
        t->cost_micro = cases[i].cost_micro;
        t->billed_estimated = cases[i].estimated;
        memcpy(t->currency, cases[i].currency, sizeof t->currency);
        char *json = rendered(render_json, t);
        const char *said = strstr(json, "\"cost\"");
        if (!said != !cases[i].expected || (said && !strstr(json, cases[i].expected)))
            fail_msg("%s: %s", cases[i].what, json);
        free(json);
        transcript_free(t);
    }
}

static void the_locale_changes_nothing(void **state)
{
    (void)state;
    static const char *const with_comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "pl_PL.UTF-8"};
    size_t i = 0;
    while (i < 4 && !setlocale(LC_ALL, with_comma[i]))
        i++;
    struct transcript *t = small();
    char *json = rendered(render_json, t);
    setlocale(LC_ALL, "C");
    assert_string_equal(json, small_json);
    free(json);
    transcript_free(t);
    if (i == 4)
        print_message("# no locale with a decimal comma is installed: only the C locale was tried\n");
}

static void nothing_said(void **state)
{
    (void)state;
    struct transcript *t = transcript_new();
    t->duration_ms = 0;
    char *txt = rendered(render_txt, t), *srt = rendered(render_srt, t), *json = rendered(render_json, t);
    assert_string_equal(txt, "Duration: 0:00:00\n\n[no speech detected]\n");
    assert_string_equal(srt, "1\n00:00:00,000 --> 00:00:02,000\n[no speech detected]\n\n");
    assert_non_null(strstr(json, "\"text\": \"\",\n  \"segments\": [],\n  \"words\": []\n}\n"));
    assert_non_null(strstr(json, "\"language\": \"und\""));
    free(txt);
    free(srt);
    free(json);
    transcript_free(t);
}

static void nothing_known_about_the_source(void **state)
{
    (void)state;
    static const struct render_source nothing = {.size = -1};
    struct transcript *t = transcript_new();
    struct buffer out = {0};
    assert_int_equal(render_json(t, &nothing, &out), 0);
    assert_non_null(strstr(out.data, "\"source\": {\"name\":null,\"size\":null,\"sha256\":null,\"duration\":0.000,\"recorded\":null}"));
    assert_non_null(strstr(out.data, "\"finished\":null"));
    buffer_clear(&out);
    transcript_free(t);
}

/* ---- paragraphs ---- */

static char *paragraphs(const char *language, const struct sentence *sentences, size_t count)
{
    struct transcript *t = transcript_new();
    t->language = strdup(language);
    for (size_t i = 0; i < count; i++) {
        struct sentence *s = add_sentence(t, sentences[i].speaker, sentences[i].begin_ms, sentences[i].end_ms,
                                          sentences[i].text);
        s->channel = sentences[i].channel;
    }
    struct buffer txt = {0};
    const struct render_source bare = {.look = &(struct render_look){.no_header = true}};
    assert_int_equal(render_txt(t, &bare, &txt), 0);
    transcript_free(t);
    return buffer_take(&txt);
}

static void paragraphs_begin_where_they_should(void **state)
{
    (void)state;
    static char one[] = "One.", two[] = "Two.", three[] = "Three.";
    static char yi[] = "今天很冷。", er[] = "我们走吧！", linux_text[] = "Linux 很好。";
    static const struct {
        const char *name, *language;
        struct sentence sentences[3];
        size_t count;
        const char *expected;
    } cases[] = {
        {"sentences follow each other",
         "en",
         {{.speaker = -1, .begin_ms = 61000, .end_ms = 62000, .text = one},
          {.speaker = -1, .begin_ms = 63999, .end_ms = 65000, .text = two}},
         2,
         "[00:01:01] One. Two.\n"},
        {"a pause of two seconds",
         "en",
         {{.speaker = -1, .begin_ms = 0, .end_ms = 1000, .text = one},
          {.speaker = -1, .begin_ms = 3000, .end_ms = 3500, .text = two}},
         2,
         "[00:00:00] One.\n\n[00:00:03] Two.\n"},
        {"another speaker",
         "en",
         {{.speaker = 0, .begin_ms = 0, .end_ms = 1000, .text = one},
          {.speaker = 1, .begin_ms = 1000, .end_ms = 2000, .text = two},
          {.speaker = 1, .begin_ms = 2000, .end_ms = 3000, .text = three}},
         3,
         "[00:00:00] Speaker 1: One.\n\n[00:00:01] Speaker 2: Two. Three.\n"},
        {"another channel",
         "en",
         {{.speaker = -1, .begin_ms = 0, .end_ms = 1000, .text = one},
          {.speaker = -1, .begin_ms = 1000, .end_ms = 2000, .text = two, .channel = 1}},
         2,
         "[00:00:00] Channel 1: One.\n\n[00:00:01] Channel 2: Two.\n"},
        {"a minute has passed",
         "en",
         {{.speaker = -1, .begin_ms = 0, .end_ms = 5000, .text = one},
          {.speaker = -1, .begin_ms = 5000, .end_ms = 61000, .text = two},
          {.speaker = -1, .begin_ms = 61000, .end_ms = 62000, .text = three}},
         3,
         "[00:00:00] One. Two.\n\n[00:01:01] Three.\n"},
        {"hours",
         "en",
         {{.speaker = -1, .begin_ms = 43199999, .end_ms = 43200500, .text = one}},
         1,
         "[11:59:59] One.\n"},
        {"Chinese without spaces, with its punctuation",
         "zh",
         {{.speaker = 0, .begin_ms = 0, .end_ms = 1000, .text = yi},
          {.speaker = 0, .begin_ms = 1000, .end_ms = 2000, .text = er},
          {.speaker = 0, .begin_ms = 2000, .end_ms = 3000, .text = linux_text}},
         3,
         "[00:00:00] 说话人 1：今天很冷。我们走吧！Linux 很好。\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *txt = paragraphs(cases[i].language, cases[i].sentences, cases[i].count);
        if (strcmp(txt, cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, txt);
        free(txt);
    }
}

static void emotions_are_shown_where_that_is_wished_for(void **state)
{
    static char one[] = "One.", two[] = "Two.", three[] = "Three.", four[] = "Four.";
    static char happy[] = "happy", neutral[] = "neutral", odd[] = "\x1b[1m<|sad|>\n";
    static const struct {
        const char *name;
        int speaker;
        bool shown;
        char *emotions[4];
        const char *expected;
    } cases[] = {
        {"not wished for", 0, false, {happy, neutral}, "[00:00:00] Speaker 1: One. Two.\n"},
        {"a speaker's", 0, true, {happy, neutral},
         "[00:00:00] Speaker 1 (happy): One.\n\n[00:00:01] Speaker 1: Two.\n"},
        {"nobody's", -1, true, {neutral, NULL, happy, happy},
         "[00:00:00] One. Two.\n\n[00:00:02] (happy) Three. Four.\n"},
        {"one that is no word", -1, true, {odd}, "[00:00:00] ([1m) One.\n"},
    };
    char *const texts[] = {one, two, three, four};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_new();
        size_t count = 4;
        while (count > 1 && !cases[i].emotions[count - 1])
            count--;
        for (size_t k = 0; k < count; k++) {
            struct sentence *s =
                add_sentence(t, cases[i].speaker, (int64_t)k * 1000, (int64_t)k * 1000 + 1000, texts[k]);
            s->emotion = cases[i].emotions[k] ? strdup(cases[i].emotions[k]) : NULL;
        }
        struct buffer txt = {0};
        assert_int_equal(render_txt(t, &(struct render_source){.look = &(struct render_look){.emotions = cases[i].shown, .no_header = true}}, &txt), 0);
        if (strcmp(txt.data, cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].name, txt.data);
        buffer_clear(&txt);
        transcript_free(t);
    }
}

static void a_speech_without_full_stops_still_gets_paragraphs(void **state)
{
    (void)state;
    struct transcript *t = transcript_new();
    struct buffer text = {0};
    for (int i = 0; i < 400; i++)
        buffer_puts(&text, "word, ");
    add_sentence(t, -1, 0, 240000, text.data);
    char *txt = rendered(render_txt, t);
    int count = 0;
    for (const char *p = txt; (p = strstr(p, "[00:0")); p++)
        count++;
    assert_int_equal(count, 3);
    free(txt);
    buffer_clear(&text);
    transcript_free(t);
}

/* ---- text that is not as it should be ---- */

static void broken_text_is_repaired_in_every_view(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"caf\xE9 ok", "caf\xEF\xBF\xBD ok"},
        {"\xF0\x9F\x98", "\xEF\xBF\xBD"},
        {"a\xC0\x80z", "a\xEF\xBF\xBD\xEF\xBF\xBDz"},
        {"<|zh|><|NEUTRAL|>tagged<|end|>", "tagged"},
        {" two\r\n\r\nlines\x01\x7F ", "two lines"},
        {"\xEF\xBB\xBFmark\xE2\x80\x8B less", "mark less"},
        {"nul", "nul"},
    };
    static render *const views[] = {render_txt, render_srt, render_json};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript *t = transcript_new();
        add_word(add_sentence(t, -1, 0, 1000, cases[i].in), 0, 1000, cases[i].in, NULL, -1);
        for (size_t v = 0; v < 3; v++) {
            char *text = rendered(views[v], t), quoted[64];
            snprintf(quoted, sizeof quoted, v == 0 ? "] %s\n" : v == 1 ? "\n%s\n" : "\"%s\"", cases[i].out);
            if (!strstr(text, quoted))
                fail_msg("case %zu, view %zu: %s", i, v, text);
            free(text);
        }
        transcript_free(t);
    }
}

static void absurd_input_gives_readable_json(void **state)
{
    (void)state;
    struct transcript *t = transcript_new();
    t->duration_ms = -1;
    struct sentence *s = add_sentence(t, 2147483647, INT64_MAX, INT64_MIN, "\"\\\x02");
    s->channel = -4;
    s->confidence = 0.0 / 0.0;
    add_word(s, -5, -9, "", NULL, 1e308);
    transcript_add_sentence(t)->words = NULL; /* without a text */
    for (int normalised = 0; normalised < 2; normalised++) {
        char *json = rendered(render_json, t), *txt = rendered(render_txt, t), *srt = rendered(render_srt, t);
        cJSON *parsed = cJSON_Parse(json);
        assert_non_null(parsed);
        cJSON_Delete(parsed);
        assert_null(strstr(json, "nan"));
        assert_null(strstr(json, ":-"));
        free(json);
        free(txt);
        free(srt);
        transcript_normalise(t);
    }
    transcript_free(t);
}

/* ---- other programs ---- */

static void json_has_what_openai_requires(void **state)
{
    (void)state;
    static const char *const top[] = {"task", "language", "duration", "text", "segments", "words"};
    static const char *const numbers[] = {
        "id", "seek", "start", "end", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"};
    struct transcript *t = small();
    char *json = rendered(render_json, t);
    cJSON *root = cJSON_ParseWithOpts(json, NULL, true);
    assert_non_null(root);
    for (size_t i = 0; i < sizeof top / sizeof *top; i++)
        assert_non_null(cJSON_GetObjectItemCaseSensitive(root, top[i]));
    const cJSON *segment;
    cJSON_ArrayForEach(segment, cJSON_GetObjectItemCaseSensitive(root, "segments"))
    {
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            assert_true(cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(segment, numbers[i])));
        assert_true(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(segment, "text")));
        assert_true(cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(segment, "tokens")));
    }
    cJSON_Delete(root);
    free(json);
    transcript_free(t);
}

/* Runs ffmpeg on a subtitle file; true if it read it without a word of complaint. */
static bool ffmpeg_reads(const char *path)
{
    char *command;
    assert_true(
        asprintf(&command, "ffmpeg -nostdin -v error -i '%s' -map 0:s -f ass /dev/null -y 2>&1", path) > 0);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    free(command);
    char line[200];
    bool silent = true;
    while (fgets(line, sizeof line, output)) {
        print_message("# ffmpeg: %s", line);
        silent = false;
    }
    int status = pclose(output);
    return silent && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void ffmpeg_accepts_the_srt(void **state)
{
    (void)state;
    if (system("command -v ffmpeg >/dev/null 2>&1") != 0) {
        print_message("# ffmpeg is not installed: not tried\n");
        return;
    }
    static const char *const texts[] = {"Hello, world.",        "<i>{\\an8}--> 7",   "12",
                                        "今天很冷，我们走吧。", "a\xFF\n\n3\n00:00", NULL};
    char directory[] = "/tmp/scribefs-srt-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char path[64];
    snprintf(path, sizeof path, "%s/x.srt", directory);
    bool read[2];
    for (int empty = 0; empty < 2; empty++) {
        struct transcript *t = transcript_new();
        for (int i = 0; texts[i] && !empty; i++)
            add_sentence(t, i % 2, i * 1000, i * 1000 + 900, texts[i]);
        char *srt = rendered(render_srt, t);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(srt, file);
        fclose(file);
        read[empty] = ffmpeg_reads(path);
        free(srt);
        transcript_free(t);
    }
    unlink(path);
    rmdir(directory);
    assert_true(read[0]);
    assert_true(read[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(txt_of_a_small_transcript),
        cmocka_unit_test(srt_of_a_small_transcript),
        cmocka_unit_test(json_of_a_small_transcript),
        cmocka_unit_test(json_says_what_it_cost),
        cmocka_unit_test(the_locale_changes_nothing),
        cmocka_unit_test(nothing_said),
        cmocka_unit_test(nothing_known_about_the_source),
        cmocka_unit_test(paragraphs_begin_where_they_should),
        cmocka_unit_test(emotions_are_shown_where_that_is_wished_for),
        cmocka_unit_test(a_speech_without_full_stops_still_gets_paragraphs),
        cmocka_unit_test(broken_text_is_repaired_in_every_view),
        cmocka_unit_test(absurd_input_gives_readable_json),
        cmocka_unit_test(json_has_what_openai_requires),
        cmocka_unit_test(ffmpeg_accepts_the_srt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
