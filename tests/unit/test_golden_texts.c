/* Every text and data format of the transcripts in tests/golden/texts, byte for byte as the files beside
 * them. Of a .docx the documents in it are compared, as its compression is a library's.
 *
 *   build/unit/test_golden_texts                 compares
 *   build/unit/test_golden_texts --write DIR     writes what is made to DIR/CASE/talk.FORMAT: to be looked
 * at, read by other programs, and, when the change is meant, kept */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include <zip.h>

#include "backend/base/error.h"
#include "cache/render/formats.h"
#include "cache/render/look.h"
#include "tests/unit/transcripts.h"

#define GOLDEN "tests/golden/texts"

static const char *const cases[] = {"english",      "chinese", "japanese", "two-speakers",
                                    "two-channels", "empty",   "loop",     "scripts"};
static const enum format formats[] = {FORMAT_TXT,           FORMAT_JSON,        FORMAT_MD,
                                      FORMAT_DOCX,          FORMAT_TSV,         FORMAT_CSV,
                                      FORMAT_PLAIN_TXT,     FORMAT_WORDS_TSV,   FORMAT_LABELS_TXT,
                                      FORMAT_PODCAST_JSON,  FORMAT_OTR,         FORMAT_WHISPERX_JSON,
                                      FORMAT_DIARIZED_JSON, FORMAT_WHISPER_JSON};

static bool read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    char block[4096];
    size_t n;
    if (!file)
        return false;
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        buffer_add(out, block, n);
    fclose(file);
    return true;
}

static struct transcript *load(const char *name)
{
    char path[128];
    struct buffer json = {0};
    struct error err = {0};
    snprintf(path, sizeof path, GOLDEN "/%s/transcript.json", name);
    assert_true(read_file(path, &json));
    struct transcript *t = transcript_from_json(json.data, json.len, &err);
    if (!t)
        fail_msg("%s: %s", path, err.detail);
    buffer_clear(&json);
    return t;
}

/* Two speakers have names and moods, so that each look has an example. */
static void render(const char *name, enum format format, struct buffer *out)
{
    struct transcript *t = load(name);
    struct render_look look = {.emotions = true};
    assert_int_equal(look_name(&look.speaker_names, 0, "Alice"), 0);
    assert_int_equal(look_name(&look.speaker_names, 2, "Bob & Co."), 0);
    assert_int_equal(look_name(&look.channel_names, 1, "Customer"), 0);
    const struct render_source source = {
        .name = "talk.mp3",
        .sha256 = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
        .settings_hash = "0123abcd",
        .size = 123456,
        .recorded_ms = 1767323045678,
        .finished_ms = 1767326645678,
        .look = strncmp(name, "two-", 4) == 0 ? &look : NULL,
    };
    assert_int_equal(format_info(format)->render(t, &source, out), 0);
    look_clear(&look);
    transcript_free(t);
}

/* The documents in an archive, one after the other, in place of it. */
static void unpack(struct buffer *archive)
{
    zip_source_t *source = zip_source_buffer_create(archive->data, archive->len, 0, NULL);
    zip_t *zip = zip_open_from_source(source, ZIP_RDONLY, NULL);
    struct buffer all = {0};
    assert_non_null(zip);
    for (zip_int64_t i = 0; i < zip_get_num_entries(zip, 0); i++) {
        zip_file_t *file = zip_fopen_index(zip, (zip_uint64_t)i, 0);
        char block[4096];
        zip_int64_t n;
        buffer_printf(&all, "==> %s\n", zip_get_name(zip, (zip_uint64_t)i, 0));
        while ((n = zip_fread(file, block, sizeof block)) > 0)
            buffer_add(&all, block, (size_t)n);
        zip_fclose(file);
    }
    zip_discard(zip);
    buffer_clear(archive);
    *archive = all;
}

static void every_format_of_every_case(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
            struct buffer made = {0}, again = {0}, expected = {0};
            char path[128];
            render(cases[c], formats[f], &made);
            render(cases[c], formats[f], &again);
            if (made.len != again.len || (made.len && memcmp(made.data, again.data, made.len) != 0))
                fail_msg("%s.%s is made differently twice", cases[c], format_info(formats[f])->name);
            if (formats[f] == FORMAT_DOCX)
                unpack(&made);
            snprintf(path, sizeof path, GOLDEN "/%s/talk.%s", cases[c], format_info(formats[f])->name);
            if (!read_file(path, &expected))
                fail_msg("%s is missing", path);
            if (made.len != expected.len || (made.len && memcmp(made.data, expected.data, made.len) != 0))
                fail_msg("%s is not what is made:\n%s", path, made.data ? made.data : "(nothing)");
            buffer_clear(&made);
            buffer_clear(&again);
            buffer_clear(&expected);
        }
    }
}

static void a_document_may_be_without_times(void **state)
{
    (void)state;
    struct transcript *t = load("two-speakers");
    for (int without = 0; without < 2; without++) {
        struct render_look look = {.no_timestamps = without};
        struct buffer made = {0};
        assert_int_equal(render_docx(t, &(struct render_source){.look = &look}, &made), 0);
        unpack(&made);
        assert_int_equal(strstr(made.data, "[00:00:01]") == NULL, without);
        assert_non_null(strstr(made.data, "Then let us begin."));
        buffer_clear(&made);
    }
    transcript_free(t);
}

static int write_all(const char *directory)
{
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
            struct buffer made = {0};
            char path[512];
            render(cases[c], formats[f], &made);
            if (formats[f] == FORMAT_DOCX && strcmp(directory, GOLDEN) == 0)
                unpack(&made);
            snprintf(path, sizeof path, "%s/%s", directory, cases[c]);
            mkdir(path, 0777);
            snprintf(path, sizeof path, "%s/%s/talk.%s", directory, cases[c], format_info(formats[f])->name);
            FILE *file = fopen(path, "wb");
            if (!file || fwrite(made.data ? made.data : "", 1, made.len, file) != made.len ||
                fclose(file) != 0) {
                perror(path);
                return 1;
            }
            buffer_clear(&made);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    setenv("TZ", "UTC", 1);
    tzset();
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_all(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_of_every_case),
        cmocka_unit_test(a_document_may_be_without_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
