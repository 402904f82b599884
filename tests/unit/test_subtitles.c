/* Subtitles of each language, byte for byte: tests/golden/subtitles/NAME.said gives NAME.srt, .vtt and the
 * rest.
 *
 * "make golden" writes them anew when a change of the rules is meant; look at what it changed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "backend/base/buffer.h"
#include "cache/render/formats.h"
#include "cache/render/look.h"
#include "cache/render/render.h"
#include "tests/unit/said.h"

static char *golden(const char *name, const char *suffix)
{
    char *path = NULL;
    return asprintf(&path, "tests/golden/subtitles/%s.%s", name, suffix) < 0 ? NULL : path;
}

static void compare(const char *name, const char *suffix, const struct buffer *made)
{
    char *path = golden(name, suffix);
    assert_non_null(path);
    if (getenv("GOLDEN_WRITE")) {
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(made->data, 1, made->len, f), made->len);
        assert_int_equal(fclose(f), 0);
    }
    FILE *f = fopen(path, "re");
    struct buffer kept = {0};
    char block[4096];
    for (size_t n; f && (n = fread(block, 1, sizeof block, f)) > 0;)
        buffer_add(&kept, block, n);
    if (f)
        fclose(f);
    if (kept.len != made->len || memcmp(kept.data, made->data, kept.len) != 0) {
        fprintf(stderr, "%s: make golden, if this is meant:\n%s\n", path, made->data);
        fail();
    }
    buffer_clear(&kept);
    free(path);
}

static void check(const char *name, const char *suffix, int format, const struct render_look *look)
{
    char *path = golden(name, "said");
    assert_non_null(path);
    struct transcript *t = said_read(path);
    assert_non_null(t);
    struct buffer made = {0};
    struct render_source source = {.name = "talk.mp3", .look = look};
    assert_int_equal(format_info(format)->render(t, &source, &made), 0);
    compare(name, suffix, &made);
    buffer_clear(&made);
    transcript_free(t);
    free(path);
}

static const char *const names[] = {"en", "de", "fr", "es",    "zh",      "ja",
                                    "ko", "th", "ar", "mixed", "dialogue"};

static void every_language_has_its_subrip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check(names[i], "srt", FORMAT_SRT, NULL);
}

static void every_language_has_its_webvtt(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check(names[i], "vtt", FORMAT_VTT, NULL);
}

static void every_language_has_its_lyrics(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check(names[i], "lrc", FORMAT_LRC, NULL);
    check("en", "elrc", FORMAT_ELRC, NULL);
    check("zh", "elrc", FORMAT_ELRC, NULL);
}

static void words_have_times_in_a_karaoke(void **state)
{
    (void)state;
    check("en", "karaoke.vtt", FORMAT_KARAOKE_VTT, NULL);
    check("zh", "karaoke.vtt", FORMAT_KARAOKE_VTT, NULL);
}

static void looks_change_subtitles(void **state)
{
    (void)state;
    struct render_look dash = {.speakers = LOOK_SPEAKERS_DASH};
    struct render_look bbc = {.profile = LOOK_BBC, .speakers = LOOK_SPEAKERS_ALL};
    struct render_look own = {
        .line_cells = 32, .lines = 1, .reading_cps = 15, .speakers = LOOK_SPEAKERS_NONE};
    struct render_look sung = {
        .lyrics = true, .punctuation = LOOK_PUNCTUATION_KEEP, .crlf = true, .bom = true};
    assert_int_equal(look_name(&bbc.speaker_names, 0, "Alice <&> Cooper"), 0);
    assert_int_equal(look_name(&bbc.speaker_names, 1, "Professor Maximilian von Hohenstein-Wolkersdorf"), 0);
    check("dialogue", "dash.srt", FORMAT_SRT, &dash);
    check("dialogue", "dash.vtt", FORMAT_VTT, &dash);
    check("en", "bbc.srt", FORMAT_SRT, &bbc);
    check("en", "bbc.vtt", FORMAT_VTT, &bbc);
    check("en", "own.srt", FORMAT_SRT, &own);
    check("zh", "sung.srt", FORMAT_SRT, &sung);
    look_clear(&bbc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_language_has_its_subrip), cmocka_unit_test(every_language_has_its_webvtt),
        cmocka_unit_test(every_language_has_its_lyrics), cmocka_unit_test(words_have_times_in_a_karaoke),
        cmocka_unit_test(looks_change_subtitles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
