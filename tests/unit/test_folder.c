/* The settings of a folder and the names of speakers: read, refused, inherited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "fs/inbox/folder.h"
#include "fs/inbox/speakers.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Reads a file that has to be right over what holds already. */
static void over(struct folder_settings *s, const char *text)
{
    struct folder_file file;
    struct folder_mistakes mistakes;
    assert_int_equal(folder_parse(text, strlen(text), &file, &mistakes), 0);
    if (mistakes.count)
        fail_msg("line %d: %s", mistakes.items[0].line, mistakes.items[0].reason);
    assert_int_equal(folder_settings_apply(s, &file), 0);
    folder_file_clear(&file);
    folder_mistakes_clear(&mistakes);
}

static void every_setting_of_a_folder_is_read(void **state)
{
    (void)state;
    struct folder_settings s = {0};
    over(&s, "# about this folder\n"
             "backend = dashscope\n"
             "model=fun-asr\n"
             "language = de   ; a comment\n"
             "speakers = yes\n"
             "speaker_count = 2\n"
             "hotwords = Aachen=5, Köln\n"
             "skip = no\n"
             "priority = 7\n"
             "status_files = no\n"
             "\n"
             "[dashscope]\n"
             "itn = on\n"
             "[openai]\n"
             "prompt = Names: Ann\n"
             "[local]\n"
             "engine = pocketsphinx\n"
             "[views]\n"
             "views = txt, srt\n"
             "line_length = 37\n"
             "header = no\n"
             "[speakers]\n"
             "1 = Alice\n"
             "3: Bob = Robert\n"
             "[channels]\n"
             "2 = Right\n");
    assert_int_equal(s.backend, BACKEND_DASHSCOPE);
    assert_false(s.local);
    assert_false(s.skip);
    assert_true(s.no_status);
    assert_int_equal(s.priority, 7);
    assert_string_equal(s.any.model, "fun-asr");
    assert_string_equal(s.any.language, "de");
    assert_string_equal(s.any.hotwords, "Aachen=5, Köln");
    assert_int_equal(s.any.speakers, OVERRIDE_YES);
    assert_int_equal(s.any.speaker_count, 2);
    assert_int_equal(s.dashscope.itn, OVERRIDE_YES);
    assert_string_equal(s.openai.context, "Names: Ann");
    assert_string_equal(s.local_only.engine, "pocketsphinx");
    assert_int_equal(s.look.line_cells, 37);
    assert_true(s.look.no_header);
    assert_int_equal(s.look.listed, 1u << FORMAT_TXT | 1u << FORMAT_SRT);
    assert_string_equal(look_find_name(&s.look.speaker_names, 0), "Alice");
    assert_string_equal(look_find_name(&s.look.speaker_names, 2), "Bob = Robert");
    assert_string_equal(look_find_name(&s.look.channel_names, 1), "Right");
    folder_settings_clear(&s);
}

static void each_key_comes_from_the_nearest_folder_that_sets_it(void **state)
{
    (void)state;
    struct folder_settings top = {0}, below;
    over(&top,
         "backend = local\nspeakers = yes\n[dashscope]\nlanguage = zh\n[views]\nheader = no\nlines = 1\n"
         "[speakers]\n1 = Alice\n2 = Bob\n");
    assert_true(top.local);
    assert_int_equal(folder_settings_copy(&below, &top), 0);
    over(&below, "backend = auto\nlanguage = de\n[views]\nheader = yes\n[speakers]\n2 = Carol\n1 =\n");
    assert_false(below.local);
    assert_int_equal(below.any.speakers, OVERRIDE_YES);
    assert_false(below.look.no_header);
    assert_int_equal(below.look.lines, 1);
    assert_null(look_find_name(&below.look.speaker_names, 0));
    assert_string_equal(look_find_name(&below.look.speaker_names, 1), "Carol");
    /* What is said for all, nearer, wins over what was said for one, further away. */
    struct backend_overrides wishes;
    assert_int_equal(folder_wishes(&below, BACKEND_DASHSCOPE, &wishes), 0);
    assert_string_equal(wishes.language, "de");
    override_clear(&wishes);
    assert_int_equal(folder_wishes(&top, BACKEND_DASHSCOPE, &wishes), 0);
    assert_string_equal(wishes.language, "zh");
    override_clear(&wishes);
    assert_int_equal(folder_wishes(&top, BACKEND_OPENAI, &wishes), 0);
    assert_null(wishes.language);
    override_clear(&wishes);
    folder_settings_clear(&below);
    folder_settings_clear(&top);
}

static void what_does_not_belong_there_is_refused_with_line_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *reason;
    } rows[] = {
        {"backend = cloud\n", 1, "auto, local, dashscope or openai"},
        {"\n\nspeakers = perhaps\n", 3, "yes or no"},
        {"language\n", 1, "neither [section] nor key = value"},
        {"[dashscope\n", 1, "] is missing"},
        {"[dashscope]\nkey_file = /etc/key\n", 2, "administrator"},
        {"[dashscope]\nhost = https://evil.example\n", 2, "administrator"},
        {"[dashscope]\nminutes_per_day = 9\n", 2, "administrator"},
        {"[publish]\nmethod = s3\nbucket = b\n", 1, "administrator"},
        {"[openai]\nurl = http://evil.example\n", 2, "administrator"},
        {"[openai]\nspeakers = yes\n", 2, "[openai] has no setting"},
        {"[local]\nvosk = /tmp/libvosk.so\n", 2, "administrator"},
        {"[local]\nworker = /tmp/x\n", 2, "administrator"},
        {"[jobs]\nworkers = 64\n", 2, "administrator"},
        {"hotwords_file = /etc/shadow\n", 1, "no setting"},
        {"[dashscope]\nhotwords_file = /etc/shadow\n", 2, "administrator"},
        {"[dashscope]\ncontext_file = /etc/shadow\n", 2, "administrator"},
        {"line_length = 42\n", 1, "[views]"},
        {"[views]\nline_length = 1\n", 2, "8 to 200"},
        {"[views]\nviews = docs\n", 2, "names of formats"},
        {"[speakers]\nAlice = 1\n", 2, "number from 1"},
        {"[speakers]\n0 = Alice\n", 2, "number from 1"},
        {"priority = high\n", 1, "-100 to 100"},
        {"[no_such]\na = b\n", 1, "no section"},
        {"colour = red\n", 1, "no setting"},
        {"\x01\x00\x02", 0, "not a text file"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct folder_file file;
        struct folder_mistakes mistakes;
        size_t len = *rows[i].text == '\x01' ? 3 : strlen(rows[i].text);
        assert_int_equal(folder_parse(rows[i].text, len, &file, &mistakes), 0);
        if (mistakes.count != 1 || mistakes.items[0].line != rows[i].line ||
            !strstr(mistakes.items[0].reason, rows[i].reason))
            fail_msg("%s: %zu mistakes, line %d: %s", rows[i].text, mistakes.count,
                     mistakes.count ? mistakes.items[0].line : -1,
                     mistakes.count ? mistakes.items[0].reason : "");
        assert_int_equal(file.count, 0);
        folder_file_clear(&file);
        folder_mistakes_clear(&mistakes);
    }
}

static void all_mistakes_are_listed_and_told_in_plain_words(void **state)
{
    (void)state;
    static const char text[] = "backend = cloud\nlanguage = de\nspeakers = 2\n";
    struct folder_file file;
    struct folder_mistakes mistakes;
    cleanup_buffer struct buffer out = {0};
    assert_int_equal(folder_parse(text, strlen(text), &file, &mistakes), 0);
    assert_int_equal(mistakes.count, 2);
    folder_describe_mistakes(NULL, FOLDER_FILE, &mistakes, true, &out);
    static const char *const parts[] = {".scribefs.conf has a mistake", "line 1: backend=cloud",
                                        "line 3: speakers=2", "save it", "nothing in this folder"};
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_non_null(strstr(out.data, parts[i]));
    folder_file_clear(&file);
    folder_mistakes_clear(&mistakes);
}

static void any_editor_will_do(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
    } rows[] = {
#define BYTES(text) {text, sizeof(text) - 1}
        BYTES("language = de\nmodel = Zürich\n"),
        BYTES("\xef\xbb\xbflanguage = de\r\nmodel = Z\xc3\xbcrich\r\n"),
        BYTES("language = de\rmodel = Z\xfcrich"), /* Windows-1252, old Mac line ends, no last one */
        BYTES("\xff\xfel\0a\0n\0g\0u\0a\0g\0e\0=\0d\0e\0\r\0\n\0m\0o\0d\0e\0l\0=\0Z\0\xfc\0r\0i\0c\0h\0"),
        BYTES("\xfe\xff\0l\0a\0n\0g\0u\0a\0g\0e\0=\0d\0e\0\n\0m\0o\0d\0e\0l\0=\0Z\0\xfc\0r\0i\0c\0h"),
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct folder_settings s = {0};
        struct folder_file file;
        struct folder_mistakes mistakes;
        assert_int_equal(folder_parse(rows[i].data, rows[i].len, &file, &mistakes), 0);
        assert_int_equal(mistakes.count, 0);
        assert_int_equal(folder_settings_apply(&s, &file), 0);
        assert_string_equal(s.any.language, "de");
        assert_string_equal(s.any.model, "Zürich");
        folder_file_clear(&file);
        folder_settings_clear(&s);
    }
}

static void names_of_speakers_are_read_as_people_write_them(void **state)
{
    (void)state;
    static const char text[] =
        "# who is who\r\n1 = Alice\r\nSpeaker 2: Bob Jones\r\nspeaker3=Carol\r\n\r\nchannel 1 = Left\r\n"
        "4 =\r\n5 Dora\r\n0 = Nobody\r\n";
    struct render_look look = {0};
    struct folder_mistakes mistakes;
    assert_int_equal(look_name(&look.speaker_names, 0, "from the folder"), 0);
    assert_int_equal(look_name(&look.speaker_names, 3, "from the folder"), 0);
    assert_int_equal(look_name(&look.speaker_names, 8, "from the folder"), 0);
    assert_int_equal(speakers_parse(text, strlen(text), &look, &mistakes), 0);
    assert_string_equal(look_find_name(&look.speaker_names, 0), "Alice");
    assert_string_equal(look_find_name(&look.speaker_names, 1), "Bob Jones");
    assert_string_equal(look_find_name(&look.speaker_names, 2), "Carol");
    assert_null(look_find_name(&look.speaker_names, 3));
    assert_string_equal(look_find_name(&look.speaker_names, 8), "from the folder");
    assert_string_equal(look_find_name(&look.channel_names, 0), "Left");
    assert_int_equal(mistakes.count, 2);
    assert_int_equal(mistakes.items[0].line, 8);
    assert_int_equal(mistakes.items[1].line, 9);
    folder_mistakes_clear(&mistakes);
    look_clear(&look);
}

static void files_are_known_by_their_names(void **state)
{
    (void)state;
    char name[NAME_SIZE];
    assert_true(folder_is_settings_file(".scribefs.conf"));
    assert_true(folder_is_settings_file("scribefs.conf"));
    assert_false(folder_is_settings_file("scribefs.conf~"));
    assert_true(speakers_is_file("talk.speakers.txt"));
    assert_false(speakers_is_file(".speakers.txt"));
    assert_false(speakers_is_file("talk.txt"));
    assert_true(speakers_file_name("talk.mp3", name));
    assert_string_equal(name, "talk.mp3.speakers.txt");
    char long_name[NAME_SIZE];
    memset(long_name, 'a', 250);
    long_name[250] = '\0';
    assert_false(speakers_file_name(long_name, name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_of_a_folder_is_read),
        cmocka_unit_test(each_key_comes_from_the_nearest_folder_that_sets_it),
        cmocka_unit_test(what_does_not_belong_there_is_refused_with_line_and_reason),
        cmocka_unit_test(all_mistakes_are_listed_and_told_in_plain_words),
        cmocka_unit_test(any_editor_will_do),
        cmocka_unit_test(names_of_speakers_are_read_as_people_write_them),
        cmocka_unit_test(files_are_known_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
