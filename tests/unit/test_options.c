/* The command line and the settings file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <getopt.h>

#include "fs/options.h"
#include "tests/unit/scratch.h"

static int parse(struct options *o, struct error *err, const char *line)
{
    char *argv[20] = {(char *)"scribefs"}, *copy = strdup(line), *save = NULL;
    int argc = 1;
    for (char *word = strtok_r(copy, " ", &save); word && argc < 19; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    optind = 0;
    int rc = options_parse(o, argc, argv, err);
    free(copy);
    return rc;
}

static void mount_helper_order_and_fstab_noise(void **state)
{
    (void)state;
    struct options o;
    struct error err = {0};
    assert_int_equal(parse(&o, &err,
                           "/srv/s /mnt/s -o rw,noauto,_netdev,nofail,x-systemd.automount,user,allow_other,noacl,nonempty,"
                           "quiet_ms=100,workers=3,announce=no,engine=vosk"),
                     0);
    assert_string_equal(o.store, "/srv/s");
    assert_string_equal(o.mountpoint, "/mnt/s");
    assert_string_equal(o.fuse_options, "allow_other,noacl,nonempty");
    assert_int_equal(o.settle.quiet_ms, 100);
    assert_int_equal(o.workers, 3);
    assert_int_equal(o.engine, LOCAL_VOSK);
    assert_false(o.announce);
    assert_false(o.foreground);
    options_free(&o);
}

static void mistakes_on_the_command_line_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *code, *mentions;
    } rows[] = {
        {"/srv/s", "usage", "mount point"},
        {"a b c", "usage", "mount point"},
        {"-x a b", "usage", "-x"},
        {"-o quiet_ms=soon a b", "config.value", "quiet_ms=soon"},
        {"-o workers=0 a b", "config.value", "1 to 64"},
        {"-o workers a b", "config.value", "workers"},
        {"-o announce=maybe a b", "config.value", "yes or no"},
        {"-o engine=whisper a b", "config.value", "pocketsphinx"},
        {"-o allow_others a b", "usage", "allow_others"},
        {"-o dashscope.key=sk-1 a b", "usage", "unknown option 'dashscope.key'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        struct error err = {0};
        assert_true(parse(&o, &err, rows[i].line) < 0);
        assert_string_equal(err.code, rows[i].code);
        if (!strstr(err.detail, rows[i].mentions))
            fail_msg("%s: '%s' does not mention '%s'", rows[i].line, err.detail, rows[i].mentions);
        options_free(&o);
    }
}

static void a_relative_path_is_taken_from_here(void **state)
{
    (void)state;
    struct options o;
    struct error err = {0};
    assert_int_equal(parse(&o, &err, "-o model=models/de s m"), 0);
    assert_int_equal(o.model[0], '/');
    assert_non_null(strstr(o.model, "/models/de"));
    options_free(&o);
}

struct file_case {
    const char *text, *code, *mentions;
};

static int read_file(struct options *o, struct error *err, const char *text, const char *extra)
{
    char *dir = scratch_new(), *path = scratch_join(dir, "scribefs.conf"), *line;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_true(asprintf(&line, "%s %s /mnt", extra, dir) > 0);
    assert_int_equal(parse(o, err, line), 0);
    int rc = options_read_config(o, err);
    free(line);
    free(path);
    scratch_remove(dir);
    return rc;
}

/* Every row of the table has its own bit: what the command line gives, the file does not take back. */
static void each_setting_of_the_command_line_wins_alone(void **state)
{
    (void)state;
    static const char file[] = "[dashscope]\nmodel = a\nlanguage = a\n[publish]\nbucket = a\n[openai]\nurl = "
                               "http://a\nmodel = a\nresponse_format = srt\nparallel = 9\n[log]\nlog = /a\n";
    struct options o;
    struct error err = {0};
    assert_int_equal(read_file(&o, &err, file,
                               "-o dashscope.language=b,openai.model=b,openai.parallel=3,openai.temperature=0.5,log=/b"),
                     0);
    assert_string_equal(o.cloud.wishes.model, "a");
    assert_string_equal(o.cloud.wishes.language, "b");
    assert_string_equal(o.cloud.publish.bucket, "a");
    assert_string_equal(o.server.wishes.url, "http://a");
    assert_string_equal(o.server.wishes.model, "b");
    assert_int_equal(o.server.wishes.format, OPENAI_SRT);
    assert_int_equal(o.server.parallel, 3);
    assert_true(o.server.wishes.temperature > 0.4 && o.server.wishes.temperature < 0.6);
    assert_string_equal(o.log, "/b");
    options_free(&o);
}

static void the_file_in_the_store_is_read_and_the_command_line_wins(void **state)
{
    (void)state;
    struct options o;
    struct error err = {0};
    assert_int_equal(
        read_file(
            &o, &err,
            "# comment\n[inbox]\nquiet_ms = 300\nslow_ms = 700 ; said twice\n[jobs]\nworkers = 2\n[local]\n"
            "language = de\n[mount]\nannounce = no\nattr_timeout = 2.5\n",
            "-o workers=5"),
        0);
    assert_int_equal(o.settle.quiet_ms, 300);
    assert_int_equal(o.settle.slow_ms, 700);
    assert_int_equal(o.workers, 5);
    assert_int_equal(o.threads, 32); /* the default, but said */
    assert_string_equal(o.language, "de");
    assert_false(o.announce);
    assert_true(o.attr_timeout > 2.4 && o.attr_timeout < 2.6);
    options_free(&o);
}

static void mistakes_in_the_file_name_line_and_key(void **state)
{
    (void)state;
    static const struct file_case rows[] = {
        {"[inbox]\nquite_ms = 3\n", "config.key", ":2: unknown setting 'quite_ms' in section [inbox]"},
        {"[jobs]\nquiet_ms = 3\n", "config.key", "section [jobs]"},
        {"[jobs]\n\nworkers = many\n", "config.value", ":3: workers=many"},
        {"[jobs]\nwhat is this\n", "config.syntax", ":2:"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct options o;
        struct error err = {0};
        assert_true(read_file(&o, &err, rows[i].text, "") < 0);
        assert_string_equal(err.code, rows[i].code);
        if (!strstr(err.detail, rows[i].mentions))
            fail_msg("'%s' does not mention '%s'", err.detail, rows[i].mentions);
        options_free(&o);
    }
}

static void a_settings_file_that_is_named_must_exist(void **state)
{
    (void)state;
    struct options o;
    struct error err = {0};
    assert_int_equal(parse(&o, &err, "-o config=/nonexistent/scribefs.conf s m"), 0);
    assert_true(options_read_config(&o, &err) < 0);
    assert_string_equal(err.code, "config.open");
    options_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mount_helper_order_and_fstab_noise),
        cmocka_unit_test(mistakes_on_the_command_line_are_named),
        cmocka_unit_test(a_relative_path_is_taken_from_here),
        cmocka_unit_test(the_file_in_the_store_is_read_and_the_command_line_wins),
        cmocka_unit_test(each_setting_of_the_command_line_wins_alone),
        cmocka_unit_test(mistakes_in_the_file_name_line_and_key),
        cmocka_unit_test(a_settings_file_that_is_named_must_exist),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
