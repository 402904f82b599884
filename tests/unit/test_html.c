/* cache/render/html*.h: the page of a transcript, as far as its bytes tell; tests/interop/page.bats opens it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/html_out.h"
#include "cache/render/look.h"
#include "cache/render/page/page.h"
#include "cache/render/render.h"

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

static void add_word(struct sentence *s, int64_t begin, int64_t end, const char *text, double confidence)
{
    struct word *w = sentence_add_word(s);
    assert_non_null(w);
    w->begin_ms = begin;
    w->end_ms = end;
    w->text = strdup(text);
    w->confidence = confidence;
}

static struct transcript *in_language(const char *language)
{
    struct transcript *t = transcript_new();
    assert_non_null(t);
    t->language = language ? strdup(language) : NULL;
    return t;
}

/* The page; frees the transcript. */
static char *page_of(struct transcript *t, const char *name, const struct render_look *look)
{
    struct render_source source = {.name = name, .size = -1, .recorded_ms = 1767323045678, .look = look};
    struct buffer out = {0};
    assert_int_equal(render_html(t, &source, &out), 0);
    transcript_free(t);
    return buffer_take(&out);
}

/* What the page says where it is not style or script of its own. */
static char *without_parts(const char *page)
{
    struct buffer out = {0};
    const char *style = strstr(page, page_transcript_css), *script = strstr(page, page_transcript_js);
    assert_non_null(style);
    assert_non_null(script);
    buffer_add(&out, page, (size_t)(style - page));
    style += strlen(page_transcript_css);
    buffer_add(&out, style, (size_t)(script - style));
    buffer_puts(&out, script + strlen(page_transcript_js));
    return buffer_take(&out);
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

static cJSON *data_of(const char *page, const char *id)
{
    char begin[64];
    snprintf(begin, sizeof begin, "<script type=\"application/json\" id=\"%s\">", id);
    const char *at = strstr(page, begin);
    assert_non_null(at);
    at += strlen(begin);
    cJSON *json = cJSON_ParseWithLength(at, (size_t)(strstr(at, "</script>") - at));
    assert_non_null(json);
    return json;
}

/* ---- what is said ---- */

static void words_have_their_times_and_places(void **state)
{
    (void)state;
    struct transcript *t = in_language("en");
    struct sentence *s = add_sentence(t, 0, 640, 2005, "Hello, wo\xF0\x9F\x8C\x8Drld.");
    add_word(s, 640, 1000, "Hello", 0.9);
    add_word(s, 1100, 2005, "wo\xF0\x9F\x8C\x8Drld", 0.3);
    add_sentence(t, 1, 4100, 6000, "Yes.");
    char *page = page_of(t, "talk.mp3", NULL);
    cJSON *words = data_of(page, "words");
    char *printed = cJSON_PrintUnformatted(words);
    /* begin; length, lasts; pause; length: uncertain, two units for the globe, one for the full stop */
    assert_string_equal(printed, "[[640,6,360,100,-8,905],[4100,4,1900]]");
    assert_non_null(strstr(page, "<div class=\"turn v1\"><h2><cite data-voice=\"s1\">Speaker 2</cite></h2>"
                                 "<time>0:04</time>"
                                 "<p>Yes.</p></div>"));
    assert_non_null(strstr(page, "Words underlined with dots are uncertain"));
    cJSON_free(printed);
    cJSON_Delete(words);
    free(page);
}

static void the_note_of_a_loop_belongs_to_its_last_word(void **state)
{
    (void)state;
    struct transcript *t = in_language("en");
    add_sentence(t, -1, 0, 1000, "Before.");
    for (int i = 1; i <= 5; i++)
        add_sentence(t, -1, i * 1000, i * 1000 + 1000, "Thank you.");
    struct sentence *s = add_sentence(t, -1, 6000, 7000, "Bye");
    add_word(s, 6000, 7000, "Bye", 0.1);
    char *page = page_of(t, "talk.mp3", NULL);
    const char *said = "Before. Thank you. [said 5 times in a row] Bye</p>";
    assert_non_null(strstr(page, said));
    cJSON *words = data_of(page, "words");
    int lengths = 0;
    const cJSON *paragraph = cJSON_GetArrayItem(words, 0);
    for (int i = 1; i < cJSON_GetArraySize(paragraph); i += 3)
        lengths += abs(cJSON_GetArrayItem(paragraph, i)->valueint);
    /* With a space between two of them, the words are the whole text. */
    assert_int_equal(lengths + 3, strlen(said) - strlen("</p>"));
    /* The confidence is that of the sentence itself, not of one that was cut out. */
    assert_int_equal(cJSON_GetArrayItem(paragraph, cJSON_GetArraySize(paragraph) - 2)->valueint, -3);
    cJSON_Delete(words);
    free(page);
}

static void voices_are_named_by_the_look(void **state)
{
    (void)state;
    cleanup_look struct render_look look = {0};
    assert_int_equal(look_name(&look.speaker_names, 1, "Ann <Lee>"), 0);
    struct transcript *t = in_language("en");
    add_sentence(t, 1, 0, 1000, "Yes.");
    add_sentence(t, 0, 1000, 2000, "No.");
    add_sentence(t, -1, 2000, 3000, "What?")->channel = 1;
    char *page = page_of(t, "talk.mp3", &look);
    cJSON *data = data_of(page, "page");
    char *printed = cJSON_PrintUnformatted(cJSON_GetObjectItem(data, "voices"));
    assert_string_equal(
        printed,
        "[{\"id\":\"s0\",\"key\":\"1\",\"style\":\"v0\",\"plain\":\"Speaker 1\",\"name\":null},"
        "{\"id\":\"s1\",\"key\":\"2\",\"style\":\"v1\",\"plain\":\"Speaker 2\",\"name\":\"Ann <Lee>\"},"
        "{\"id\":\"c1\",\"key\":\"channel 2\",\"style\":\"v1\",\"plain\":\"Channel 2\",\"name\":null}]");
    assert_non_null(strstr(page, ">Ann &lt;Lee&gt;</cite>"));
    cJSON_free(printed);
    cJSON_Delete(data);
    free(page);
}

static void nothing_said_is_said(void **state)
{
    (void)state;
    char *page = page_of(in_language("zh"), "talk.mp3", NULL);
    assert_non_null(strstr(page, "<p class=\"silence\" lang=\"zh\">此录音中未检测到语音。</p>"));
    assert_non_null(strstr(page, "<script type=\"application/json\" id=\"words\">[]</script>"));
    free(page);
}

/* ---- safety ---- */

static void whatever_is_said_stays_text(void **state)
{
    (void)state;
    static const char hostile[] =
        "</p></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;{{script}}<!--";
    cleanup_look struct render_look look = {.emotions = true};
    assert_int_equal(look_name(&look.speaker_names, 0, hostile), 0);
    struct transcript *t = in_language("\"><script>alert(1)</script>");
    t->engine = strdup(hostile);
    t->model = strdup(hostile);
    struct sentence *s = add_sentence(t, 0, 0, 1000, hostile);
    s->emotion = strdup(hostile);
    s->language = strdup("en\"><script>");
    char *page = page_of(t, "</script><script>alert(1)</script>\"'><img src=x>.mp3", &look);
    char *rest = without_parts(page);
    assert_int_equal(count(rest, "<script"), 3); /* two of data, one of its own */
    assert_int_equal(count(rest, "</script"), 3);
    assert_int_equal(count(rest, "<img"), 0);
    assert_int_equal(count(rest, "<!--"), 0);
    assert_int_equal(count(rest, "{{script}}"),
                     6); /* name twice in the page and twice in data, said, manner… */
    assert_null(strstr(rest, "<p lang"));
    cJSON *data = data_of(page, "page");
    const cJSON *voice = cJSON_GetArrayItem(cJSON_GetObjectItem(data, "voices"), 0);
    assert_non_null(strstr(cJSON_GetObjectItem(voice, "name")->valuestring, "</script><script>"));
    cJSON_Delete(data);
    free(rest);
    free(page);
}

static void any_name_of_a_file_can_be_played(void **state)
{
    (void)state;
    static const struct {
        const char *name, *media, *title;
    } cases[] = {
        {"talk.mp3", "<audio id=\"player\" controls preload=\"metadata\" src=\"talk.mp3\"></audio>", "talk"},
        {"Film.MP4", "<video id=\"player\" controls preload=\"metadata\" src=\"Film.MP4\"></video>", "Film"},
        {"a b%#?.wav", " src=\"a%20b%25%23%3F.wav\"></audio>", "a b%#?"},
        {"javascript:alert(1).mp3", " src=\"javascript%3Aalert%281%29.mp3\"></audio>", "javascript:alert(1)"},
        {"\xFF\xC3\xA9.mp3", " src=\"%FF%C3%A9.mp3\"></audio>", "\xEF\xBF\xBD\xC3\xA9"},
        {"no-suffix", " src=\"no-suffix\"></audio>", "no-suffix"},
        {NULL, "<audio id=\"player\" controls preload=\"metadata\"></audio>", "Transcript"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *page = page_of(in_language("en"), cases[i].name, NULL);
        char title[128];
        snprintf(title, sizeof title, "<title>%s</title>", cases[i].title);
        if (!strstr(page, cases[i].media) || !strstr(page, title))
            fail_msg("%s: no %s, or no %s", cases[i].name ? cases[i].name : "(none)", cases[i].media, title);
        free(page);
    }
}

static void nothing_is_asked_of_the_network(void **state)
{
    (void)state;
    struct transcript *t = in_language("en");
    add_sentence(t, 0, 0, 1000, "Hello.");
    char *page = page_of(t, "talk.mp3", NULL);
    assert_null(strstr(page, "http:"));
    assert_null(strstr(page, "https:"));
    assert_null(strstr(page, "url("));
    assert_null(strstr(page, "@import"));
    for (const char *at = page; (at = strstr(at, "src=\"")); at++)
        assert_memory_equal(at, "src=\"talk.mp3\"", strlen("src=\"talk.mp3\""));
    for (const char *at = page; (at = strstr(at, "href=\"")); at++) {
        at += strlen("href=\"");
        assert_true(*at == '#' || strncmp(at, "data:,\"", 7) == 0 || strncmp(at, "talk.mp3\"", 9) == 0);
    }
    assert_non_null(strstr(
        page,
        "content=\"default-src 'none'; media-src 'self' file: blob:; img-src data:; style-src 'sha256-"));
    assert_null(strstr(page, "unsafe-"));
    free(page);
}

static void a_hash_is_that_of_the_text(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_int_equal(html_put_hash(&out, ""), 0);
    assert_string_equal(out.data, "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    buffer_clear(&out);
}

/* ---- words of its own, languages ---- */

static void every_place_is_filled_in_every_language(void **state)
{
    (void)state;
    static const struct {
        const char *language, *begins, *button;
    } cases[] = {
        {"en", "<html lang=\"en\">", ">Names of the speakers</button>"},
        {"zh-CN", "<html lang=\"zh\">", ">说话人姓名</button>"},
        {"ja", "<html lang=\"ja\">", ">話者の名前</button>"},
        {"ko", "<html lang=\"ko\">", ">화자 이름</button>"},
        {"de-AT", "<html lang=\"de\">", ">Namen der Sprecher</button>"},
        {"fr", "<html lang=\"fr\">", ">Noms des intervenants</button>"},
        {"es", "<html lang=\"es\">", ">Nombres de los hablantes</button>"},
        {"sv", "<html lang=\"en\">", ">Names of the speakers</button>"},
        {NULL, "<html lang=\"en\">", ">Names of the speakers</button>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *page = page_of(in_language(cases[i].language), "talk.mp3", NULL);
        assert_non_null(strstr(page, cases[i].begins));
        assert_non_null(strstr(page, cases[i].button));
        assert_null(strstr(page, "{{"));
        assert_null(strstr(page, "aria-label=\"\""));
        assert_null(strstr(page, "></button>"));
        free(page);
    }
}

static void languages_and_directions(void **state)
{
    (void)state;
    struct transcript *t = in_language("ar-EG");
    add_sentence(t, 0, 0, 1000, "مرحبا.");
    add_sentence(t, 1, 5000, 6000, "Hello.")->language = strdup("en");
    char *page = page_of(t, "talk.mp3", NULL);
    assert_non_null(strstr(page, "<article lang=\"ar-EG\" dir=\"rtl\">"));
    assert_non_null(strstr(page, "<p>مرحبا.</p>"));
    assert_non_null(strstr(page, "<p lang=\"en\" dir=\"ltr\">Hello.</p>"));
    free(page);
    page = page_of(in_language(NULL), "talk.mp3", NULL);
    assert_non_null(strstr(page, "<article lang=\"\" dir=\"ltr\">"));
    free(page);
}

/* ---- size ---- */

static struct transcript *twelve_hours(void)
{
    struct transcript *t = in_language("en");
    t->duration_ms = 12 * 3600 * 1000;
    for (int i = 0; i < 10000; i++) {
        struct buffer text = {0};
        struct sentence *s = add_sentence(t, i % 4, i * 4320, i * 4320 + 4000, "");
        for (int k = 0; k < 10; k++) {
            char word[16];
            snprintf(word, sizeof word, "w%05d", (i * 10 + k) % 77777);
            buffer_printf(&text, "%s%s", k ? " " : "", word);
            add_word(s, i * 4320 + k * 400, i * 4320 + k * 400 + 347, word, 0.9);
        }
        buffer_puts(&text, ".");
        free(s->text);
        s->text = buffer_take(&text);
    }
    return t;
}

static void twelve_hours_are_less_than_3_megabytes_and_always_the_same(void **state)
{
    (void)state;
    char *page = page_of(twelve_hours(), "talk.mp3", NULL);
    print_message("%zu bytes\n", strlen(page));
    assert_true(strlen(page) < 3000000);
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        setlocale(LC_ALL, "C.UTF-8");
    char *again = page_of(twelve_hours(), "talk.mp3", NULL);
    setlocale(LC_ALL, "C");
    assert_true(strcmp(page, again) == 0);
    free(page);
    free(again);
}

/* ---- colours: WCAG 2.2, 1.4.3 and 1.4.11 ---- */

static double linear(int component)
{
    double c = component / 255.0;
    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

/* The luminance of a property's colour in a part of the style sheet. */
static double luminance(const char *style, const char *property)
{
    char wanted[64];
    unsigned r, g, b;
    snprintf(wanted, sizeof wanted, "--%s: #", property);
    const char *at = strstr(style, wanted);
    if (!at || sscanf(at + strlen(wanted), "%2x%2x%2x;", &r, &g, &b) != 3)
        fail_msg("there is no colour --%s", property);
    return 0.2126 * linear((int)r) + 0.7152 * linear((int)g) + 0.0722 * linear((int)b);
}

static double contrast(const char *style, const char *one, const char *other)
{
    double a = luminance(style, one), b = luminance(style, other);
    return a > b ? (a + 0.05) / (b + 0.05) : (b + 0.05) / (a + 0.05);
}

static void colours_have_contrast_in_light_and_dark(void **state)
{
    (void)state;
    static const struct {
        const char *ink, *paper;
        double least;
    } pairs[] = {
        {"text", "page", 7},    {"text", "bar", 7},      {"quiet", "page", 4.5},
        {"quiet", "bar", 4.5},  {"accent", "page", 4.5}, {"accent", "bar", 4.5},
        {"now-text", "now", 7}, {"hit-text", "hit", 7},  {"hit-now-text", "hit-now", 7},
        {"unsure", "page", 3},  {"page", "text", 7},     {"page", "accent", 4.5},
        {"v0", "page", 4.5},    {"v1", "page", 4.5},     {"v2", "page", 4.5},
        {"v3", "page", 4.5},    {"v4", "page", 4.5},     {"v5", "page", 4.5},
        {"v6", "page", 4.5},    {"v7", "page", 4.5},
    };
    const char *light = page_transcript_css, *dark = strstr(light, "prefers-color-scheme: dark");
    assert_non_null(dark);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        double in_light = contrast(light, pairs[i].ink, pairs[i].paper),
               in_dark = contrast(dark, pairs[i].ink, pairs[i].paper);
        if (in_light < pairs[i].least || in_dark < pairs[i].least)
            fail_msg("--%s on --%s: %.2f in light, %.2f in dark, %.1f wanted", pairs[i].ink, pairs[i].paper,
                     in_light, in_dark, pairs[i].least);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_have_their_times_and_places),
        cmocka_unit_test(the_note_of_a_loop_belongs_to_its_last_word),
        cmocka_unit_test(voices_are_named_by_the_look),
        cmocka_unit_test(nothing_said_is_said),
        cmocka_unit_test(whatever_is_said_stays_text),
        cmocka_unit_test(any_name_of_a_file_can_be_played),
        cmocka_unit_test(nothing_is_asked_of_the_network),
        cmocka_unit_test(a_hash_is_that_of_the_text),
        cmocka_unit_test(every_place_is_filled_in_every_language),
        cmocka_unit_test(languages_and_directions),
        cmocka_unit_test(twelve_hours_are_less_than_3_megabytes_and_always_the_same),
        cmocka_unit_test(colours_have_contrast_in_light_and_dark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
