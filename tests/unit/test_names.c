/* Names: what is a recording, what is never looked at, what views are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "fs/inbox/names.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void classifies_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum name_kind kind;
    } rows[] = {
        /* recordings */
        {"talk.mp3", NAME_RECORDING},
        {"TALK.MP3", NAME_RECORDING},
        {"talk.Wav", NAME_RECORDING},
        {"a.3gp", NAME_RECORDING},
        {"a.m4b", NAME_RECORDING},
        {"talk.tar.mp3", NAME_RECORDING},
        {"talk .mp3", NAME_RECORDING},
        {"two\nlines.ogg", NAME_RECORDING},
        {"\xff\xfe.wav", NAME_RECORDING},
        {"\xe4\xbc\x9a\xe8\xae\xae.m4a", NAME_RECORDING},
        {"#1 talk.mp3", NAME_RECORDING},
        {"~talk.mp3", NAME_RECORDING},
        {"4913.mp3", NAME_RECORDING},
        {"desktop.ini.mp3", NAME_RECORDING},
        /* ordinary files */
        {"notes.txt", NAME_OTHER},
        {"mp3", NAME_OTHER},
        {"talk.mp3.txt", NAME_OTHER},
        {"talkmp3", NAME_OTHER},
        {"talk.mp33", NAME_OTHER},
        {"talk.mp", NAME_OTHER},
        {"talk.", NAME_OTHER},
        {"talk.mp3.", NAME_OTHER},
        {"talk.mp3 ", NAME_OTHER},
        {"talk.swift", NAME_OTHER},
        {"", NAME_OTHER},
        /* in progress */
        {".talk.mp3.Ab12Cd", NAME_TEMPORARY},
        {"._talk.mp3.Ab12Cd", NAME_TEMPORARY},
        {".goutputstream-AB12CD", NAME_TEMPORARY},
        {".syncthing.talk.mp3.tmp", NAME_TEMPORARY},
        {".pureftpd-upload.5.mp3", NAME_TEMPORARY},
        {".in.talk.mp3", NAME_TEMPORARY},
        {".mp3", NAME_TEMPORARY},
        {".hidden.mp3", NAME_TEMPORARY},
        {"talk.mp3.part", NAME_TEMPORARY},
        {"talk.mp3.PART", NAME_TEMPORARY},
        {"talk.mp3.partial", NAME_TEMPORARY},
        {"talk.mp3.partial~", NAME_TEMPORARY},
        {"talk.mp3.filepart", NAME_TEMPORARY},
        {"talk.mp3.crdownload", NAME_TEMPORARY},
        {"Unconfirmed 1.crdownload", NAME_TEMPORARY},
        {"talk.mp3.download", NAME_TEMPORARY},
        {"talk.mp3.opdownload", NAME_TEMPORARY},
        {"talk.mp3.aria2", NAME_TEMPORARY},
        {"talk.mp3.ytdl", NAME_TEMPORARY},
        {"talk.mp3.!qB", NAME_TEMPORARY},
        {"talk.mp3.!ut", NAME_TEMPORARY},
        {"talk.mp3.!sync", NAME_TEMPORARY},
        {"talk.mp3.bts", NAME_TEMPORARY},
        {"talk.tmp", NAME_TEMPORARY},
        {"talk.TEMP", NAME_TEMPORARY},
        {"~x.tmp", NAME_TEMPORARY},
        {"talk.mp3~", NAME_TEMPORARY},
        {"#talk.mp3#", NAME_TEMPORARY},
        {"talk.mp3.swp", NAME_TEMPORARY},
        {"talk.mp3.swx", NAME_TEMPORARY},
        {"talk.kate-swp", NAME_TEMPORARY},
        {"4913", NAME_TEMPORARY},
        {"~$talk.mp3", NAME_TEMPORARY},
        {"~syncthing~talk.mp3", NAME_TEMPORARY},
        {"talk.mp3.lock", NAME_TEMPORARY},
        {"double_click_to_convert_01.zoom", NAME_TEMPORARY},
        {"talk.mp3.ocTransferId123.part", NAME_TEMPORARY},
        {"talk.wav.sb-1a2b3c4d-Xy12Zw", NAME_TEMPORARY},
        /* junk */
        {"desktop.ini", NAME_JUNK},
        {"Desktop.INI", NAME_JUNK},
        {"Thumbs.db", NAME_JUNK},
        {"ehthumbs.db", NAME_JUNK},
        {"Icon\r", NAME_JUNK},
        {".localized", NAME_JUNK},
        {".DS_Store", NAME_JUNK},
        {"._talk.mp3", NAME_JUNK},
        {".nfs0000123", NAME_JUNK},
        {".fuse_hidden0001", NAME_JUNK},
        {".smbdelete1", NAME_JUNK},
        {".~lock.talk.odt#", NAME_JUNK},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (name_classify(rows[i].name) != rows[i].kind)
            fail_msg("\"%s\" is kind %d, not %d", rows[i].name, name_classify(rows[i].name), rows[i].kind);
}

static void every_extension_of_the_manual_is_a_recording(void **state)
{
    (void)state;
    static const char *const extensions[] = {
        "aac",  "amr", "avi",  "aiff", "aif", "flac", "flv", "m4a",  "mka", "mkv", "mov", "mp3", "mp4",
        "mpeg", "mpg", "mpga", "ogg",  "oga", "opus", "wav", "webm", "wma", "wmv", "3gp", "m4b",
    };
    for (size_t i = 0; i < COUNT(extensions); i++) {
        char name[64];
        snprintf(name, sizeof name, "x.%s", extensions[i]);
        assert_int_equal(name_classify(name), NAME_RECORDING);
    }
}

static void skips_directories(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool skipped;
    } rows[] = {
        {"2026", false},
        {"talks", false},
        {"#1", false},
        {"(A Document)", false},
        {"downloads", false},
        {".rsync-partial", true},
        {".~tmp~", true},
        {".Trash-1000", true},
        {".zfs", true},
        {".sb-x", true},
        {"@eaDir", true},
        {"@EADIR", true},
        {"#recycle", true},
        {"#snapshot", true},
        {"@Recycle", true},
        {"$RECYCLE.BIN", true},
        {"$Recycle.Bin", true},
        {"System Volume Information", true},
        {"__MACOSX", true},
        {"lost+found", true},
        {"talk.mp3.download", true},
        {"talk.wav.sb-1a2b3c4d-Xy12Zw", true},
        {"(A Document Being Saved By Audacity)", true},
        {"(A Document Being Saved By Audacity 2)", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (name_skips_directory(rows[i].name) != rows[i].skipped)
            fail_msg("\"%s\"", rows[i].name);
}

static void skips_paths_by_any_component(void **state)
{
    (void)state;
    assert_false(path_is_skipped(""));
    assert_false(path_is_skipped("a/b/c"));
    assert_false(path_is_skipped("./a//b/"));
    assert_true(path_is_skipped(".Trash-0/files"));
    assert_true(path_is_skipped("a/@eaDir/b"));
    assert_true(path_is_skipped("a/b/.zfs"));
    assert_true(path_is_skipped("a/../b"));
    assert_false(path_is_skipped("a@eaDir/b"));
}

/* ---- Views ---- */

static void names_views_by_the_stem(void **state)
{
    (void)state;
    static const struct {
        const char *recording;
        bool whole;
        const char *base;
    } rows[] = {
        {"talk.mp3", false, "talk"},   {"talk.mp3", true, "talk.mp3"}, {"talk.tar.mp3", false, "talk.tar"},
        {"talk..mp3", false, "talk."}, {"a b\n.wav", false, "a b\n"},  {"\xff.wav", false, "\xff"},
        {".wav", false, ".wav"},       {"wav", false, "wav"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char base[NAME_SIZE];
        view_base(rows[i].recording, rows[i].whole, base);
        assert_string_equal(base, rows[i].base);
    }
}

static void names_every_format(void **state)
{
    (void)state;
    static const char *const names[VIEW_FORMATS] = {
        "talk.txt",       "talk.srt",       "talk.json",          "talk.transcribing.txt", "talk.FAILED.txt",
        "talk.vtt",       "talk.lrc",       "talk.elrc",          "talk.html",             "talk.md",
        "talk.docx",      "talk.tsv",       "talk.csv",           "talk.plain.txt",        "talk.words.tsv",
        "talk.labels.txt", "talk.podcast.json", "talk.otr",       "talk.raw.json",         "talk.whisperx.json",
        "talk.diarized.json", "talk.karaoke.vtt", "talk.whisper.json"};
    for (int f = 0; f < VIEW_FORMATS; f++) {
        char name[NAME_SIZE];
        view_name("talk", (enum view_format)f, name);
        assert_string_equal(name, names[f]);
        assert_int_equal(name_is_status(name), view_is_status((enum view_format)f));
        assert_int_equal(name_classify(name), NAME_OTHER);
        if (format_info(f))
            assert_string_equal(view_format_name((enum view_format)f), format_info(f)->name);
    }
    assert_false(name_is_status(".FAILED.txt"));
    assert_false(name_is_status("talk.failed.txt"));
}

static void a_name_is_split_at_every_suffix_the_longest_first(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct {
            int format;
            const char *stem;
        } splits[3];
    } table[] = {
        {"talk.txt", {{VIEW_TXT, "talk"}}},
        {"talk.plain.txt", {{FORMAT_PLAIN_TXT, "talk"}, {VIEW_TXT, "talk.plain"}}},
        {"talk.plain.plain.txt", {{FORMAT_PLAIN_TXT, "talk.plain"}, {VIEW_TXT, "talk.plain.plain"}}},
        {"talk.raw.json", {{FORMAT_RAW_JSON, "talk"}, {VIEW_JSON, "talk.raw"}}},
        {"talk.transcribing.txt", {{VIEW_TRANSCRIBING, "talk"}, {VIEW_TXT, "talk.transcribing"}}},
        {"talk.vtt", {{FORMAT_VTT, "talk"}}},
        {".txt", {{0, NULL}}},
        {"talk.TXT", {{0, NULL}}},
        {"talk.mp3", {{0, NULL}}},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        unsigned at = 0, n = 0;
        enum view_format format;
        size_t stem;
        for (; view_split(table[i].name, &at, &format, &stem); n++) {
            assert_non_null(table[i].splits[n].stem);
            assert_int_equal(format, table[i].splits[n].format);
            assert_int_equal(stem, strlen(table[i].splits[n].stem));
        }
        assert_null(table[i].splits[n].stem);
    }
}

static void versions_are_numbers_behind_the_stem(void **state)
{
    (void)state;
    static const struct {
        const char *stem, *without;
        unsigned number; /* 0: none */
    } table[] = {
        {"talk.v1", "talk", 1},  {"talk.v12", "talk", 12}, {"talk.v9999", "talk", 9999}, {"a.v1.v2", "a.v1", 2},
        {"talk.v0", NULL, 0},    {"talk.v01", NULL, 0},    {"talk.v10000", NULL, 0},     {"talk.v", NULL, 0},
        {"talk.V1", NULL, 0},    {"talkv1", NULL, 0},      {".v1", NULL, 0},             {"v1", NULL, 0},
        {"1", NULL, 0},          {"talk", NULL, 0},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        size_t stem = strlen(table[i].stem);
        unsigned number = 0;
        assert_int_equal(view_split_version(table[i].stem, &stem, &number), table[i].number != 0);
        assert_int_equal(number, table[i].number);
        assert_int_equal(stem, strlen(table[i].without ? table[i].without : table[i].stem));
    }
    char name[NAME_SIZE], base[NAME_SIZE];
    assert_int_equal(view_version_name("talk", 3, VIEW_TXT, name), 0);
    assert_string_equal(name, "talk.v3.txt");
    assert_int_equal(view_version_name("talk", 0, VIEW_TXT, name), 0);
    assert_string_equal(name, "talk.txt");
    /* The longest stem that there is has room for the longest suffix and a version of one digit. */
    memset(base, 'a', 238);
    base[238] = '\0';
    assert_int_equal(view_version_name(base, 9, (enum view_format)FORMAT_DIARIZED_JSON, name), 0);
    assert_int_equal(view_version_name(base, 10, (enum view_format)FORMAT_DIARIZED_JSON, name), -ENAMETOOLONG);
}

/* A name of exactly `total` bytes: `unit` again and again, what remains filled with 'x', then the extension.
 */
static void make_name(char *name, const char *unit, size_t total, const char *extension)
{
    size_t stem = total - strlen(extension), n = 0;
    while (n + strlen(unit) <= stem) {
        memcpy(name + n, unit, strlen(unit));
        n += strlen(unit);
    }
    memset(name + n, 'x', stem - n);
    strcpy(name + stem, extension);
}

static bool is_utf8(const char *s)
{
    for (size_t n; *s; s += n) {
        unsigned char c = (unsigned char)*s;
        n = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 0;
        if (n == 0)
            return false;
        for (size_t i = 1; i < n; i++)
            if ((s[i] & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static void cuts_long_names_to_fit_every_view(void **state)
{
    (void)state;
    static const char *const units[] = {"a",    "\xc3\xa4", "\xe4\xbc\x9a", "\xf0\x9f\x8e\xa4",
                                        "\x80", "\xff",     "\xf0\x80",     "\n"};
    static const bool valid[] = {true, true, true, true, false, false, false, true};
    static const char *const extensions[] = {".wav", ".mpeg"};
    for (size_t u = 0; u < COUNT(units); u++) {
        for (size_t x = 0; x < COUNT(extensions); x++) {
            for (size_t total = 225; total <= 255; total++) {
                for (int whole = 0; whole <= 1; whole++) {
                    char name[NAME_SIZE], base[NAME_SIZE], again[NAME_SIZE], view[NAME_SIZE];
                    make_name(name, units[u], total, extensions[x]);
                    view_base(name, whole, base);
                    view_base(name, whole, again);
                    assert_string_equal(base, again);
                    assert_true(strlen(base) >= 219 && strlen(base) <= 238);
                    if (valid[u])
                        assert_true(is_utf8(base));
                    for (int f = 0; f < VIEW_FORMATS; f++) {
                        view_name(base, (enum view_format)f, view);
                        assert_true(strlen(view) <= 255);
                        assert_memory_equal(view, base, strlen(base));
                    }
                }
            }
        }
    }
}

static void cut_names_say_what_they_were(void **state)
{
    (void)state;
    char name[NAME_SIZE], base[NAME_SIZE];
    make_name(name, "a", 255, ".mp3");
    view_base(name, false, base);
    assert_int_equal(strlen(base), 238);
    assert_int_equal(base[231], '~');
    assert_int_equal(strspn(base + 232, "0123456789abcdef"), 6);
    view_base(name, true, base);
    assert_int_equal(strlen(base), 238);
    assert_string_equal(base + 234, ".mp3");
    assert_int_equal(base[227], '~');
}

/* Stored names depend on it: this must never change. */
static void cut_names_are_the_same_for_ever(void **state)
{
    (void)state;
    char name[NAME_SIZE], base[NAME_SIZE];
    make_name(name, "a", 255, ".mp3");
    view_base(name, false, base);
    assert_string_equal(base + 231, "~8e4f6a");
}

static void names_that_differ_in_the_cut_part_stay_apart(void **state)
{
    (void)state;
    char one[NAME_SIZE], other[NAME_SIZE], a[NAME_SIZE], b[NAME_SIZE];
    make_name(one, "a", 255, ".mp3");
    make_name(other, "a", 255, ".mp3");
    other[250] = 'b';
    view_base(one, false, a);
    view_base(other, false, b);
    assert_string_not_equal(a, b);
    /* one stem, two extensions: as with short names, only the whole names differ */
    strcpy(other, one);
    memcpy(other + 251, ".wav", 4);
    view_base(one, false, a);
    view_base(other, false, b);
    assert_string_equal(a, b);
    view_base(one, true, a);
    view_base(other, true, b);
    assert_string_not_equal(a, b);
}

static void a_huge_extension_is_cut_as_well(void **state)
{
    (void)state;
    char name[NAME_SIZE], base[NAME_SIZE];
    memset(name, 'e', 255);
    name[255] = '\0';
    name[3] = '.';
    view_base(name, true, base);
    assert_int_equal(strlen(base), 238);
    assert_int_equal(base[231], '~');
    view_base(name, false, base);
    assert_string_equal(base, "eee");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classifies_names),
        cmocka_unit_test(every_extension_of_the_manual_is_a_recording),
        cmocka_unit_test(skips_directories),
        cmocka_unit_test(skips_paths_by_any_component),
        cmocka_unit_test(names_views_by_the_stem),
        cmocka_unit_test(names_every_format),
        cmocka_unit_test(a_name_is_split_at_every_suffix_the_longest_first),
        cmocka_unit_test(versions_are_numbers_behind_the_stem),
        cmocka_unit_test(cuts_long_names_to_fit_every_view),
        cmocka_unit_test(cut_names_say_what_they_were),
        cmocka_unit_test(cut_names_are_the_same_for_ever),
        cmocka_unit_test(names_that_differ_in_the_cut_part_stay_apart),
        cmocka_unit_test(a_huge_extension_is_cut_as_well),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
