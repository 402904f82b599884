/* scribectl: asks a running scribefs. This file reads the command line; each command is in its own. */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/ctl/commands.h"
#include "fs/ctl/ctl.h"
#include "fs/inbox/status.h"
#include "fs/inbox/wording.h"
#include "fs/program.h"
#include "fs/version.h"

static struct wording *wording; /* set once, before anything is said */

const struct wording *ctl_wording(void)
{
    return wording;
}

int complain(enum exit_code code, const char *format, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    cleanup_buffer struct buffer line = {0};
    status_escape(text, &line);
    fprintf(stderr, "scribectl: %s\n", line.data ? line.data : "out of memory");
    return code;
}

static int wrong_usage(const char *what)
{
    return complain(EXIT_USAGE, _("%s: see scribectl --help"), what);
}

static bool read_seconds(const char *text, double *seconds)
{
    char *end;
    errno = 0;
    *seconds = strtod(text, &end);
    return errno == 0 && end != text && *end == '\0' && isfinite(*seconds) && *seconds >= 0 && *seconds < 1e9;
}

/* "30" or "30d" */
static bool read_days(const char *text, double *days)
{
    cleanup_free char *number = strdup(text);
    size_t len = strlen(text);
    if (number && len > 1 && number[len - 1] == 'd')
        number[len - 1] = '\0';
    return number && read_seconds(number, days) && *days < 100000;
}

static bool read_count(const char *text, int *count)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    *count = (int)n;
    return errno == 0 && end != text && *end == '\0' && n >= 1 && n <= 10000;
}

static int print_help(const struct command *command)
{
    cleanup_buffer struct buffer out = {0};
    if (command)
        command_help(command, &out);
    else
        commands_help(&out);
    if (buffer_error(&out) < 0)
        return complain(EXIT_GENERAL, _("out of memory"));
    fputs(out.data, stdout);
    return EXIT_OK;
}

/* For getopt_long(): every option of the table, those without a short form as well, and --help. */
struct getopt_table {
    struct option longs[24]; /* more than there are */
    char shorts[64];
};

static void make_getopt_table(struct getopt_table *table)
{
    size_t n = 0;
    char *s = stpcpy(table->shorts, "h");
    for (; n < command_option_count && n + 2 < sizeof table->longs / sizeof *table->longs; n++) {
        const struct command_option *o = &command_options[n];
        table->longs[n] = (struct option){o->name, o->argument ? required_argument : no_argument, NULL, o->letter};
        if (o->is_short) {
            *s++ = o->letter;
            s = stpcpy(s, o->argument ? ":" : "");
        }
    }
    table->longs[n++] = (struct option){"help", no_argument, NULL, 'h'};
    table->longs[n] = (struct option){NULL, 0, NULL, 0};
}

static int set_option(struct ctl_options *options, int letter)
{
    options->watch |= letter == 'w';
    options->json |= letter == 'j';
    options->quiet |= letter == 'q';
    options->recursive |= letter == 'r';
    options->again |= letter == 'a';
    options->yes |= letter == 'y';
    if (letter == 'M')
        options->model = optarg;
    if (letter == 'B')
        options->backend = optarg;
    if (letter == 'p')
        options->profile = optarg;
    if (letter == 'l')
        options->language = optarg;
    if (letter == 'm')
        options->month = optarg;
    if (letter == 'b')
        options->by = optarg;
    options->dry_run |= letter == 'd';
    if (letter == 'o' && !read_days(optarg, &options->older_days))
        return wrong_usage(_("--older needs a number of days"));
    if (letter == 't' && !read_seconds(optarg, &options->timeout))
        return wrong_usage(_("--timeout needs a number of seconds"));
    if (letter == 'n' && !read_count(optarg, &options->limit))
        return wrong_usage(_("-n needs a number of recordings, 1 to 10000"));
    return EXIT_OK;
}

static int run_command(const struct command *command, struct ctl_options *options, int argc, char **argv)
{
    struct getopt_table table;
    int letter, code = EXIT_OK;
    make_getopt_table(&table);
    optind = 0; /* begins anew, at argv[1] */
    opterr = 0;
    while (code == EXIT_OK && (letter = getopt_long(argc, argv, table.shorts, table.longs, NULL)) != -1) {
        if (letter == 'h')
            return print_help(command);
        if (letter == '?' || !strchr(command->options, letter))
            return complain(EXIT_USAGE, _("%s: wrong option: see scribectl --help"), command->name);
        code = set_option(options, letter);
    }
    if (code != EXIT_OK)
        return code;
    options->paths = argv + optind;
    options->path_count = argc - optind;
    if (options->path_count < command->least)
        return complain(EXIT_USAGE,
                        strchr(command->options, 'n') ? _("%s: no WORDS are given: see scribectl --help")
                                                      : _("%s: no PATH is given: see scribectl --help"),
                        command->name);
    if (options->path_count > command->most)
        return complain(EXIT_USAGE, _("%s: too many paths are given: see scribectl --help"), command->name);
    return command->run(options);
}

static int run(int argc, char **argv)
{
    static const struct option longs[] = {
        {"store", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    struct ctl_options options = {.timeout = -1, .older_days = -1};
    int letter;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, "+s:hV", longs, NULL)) != -1) {
        switch (letter) {
        case 's':
            options.store = optarg;
            break;
        case 'h':
            return print_help(NULL);
        case 'V':
            printf("scribectl %s\n", SCRIBEFS_VERSION);
            return EXIT_OK;
        default:
            return wrong_usage(_("wrong option"));
        }
    }
    if (optind == argc)
        return wrong_usage(_("no command is given"));
    const char *name = argv[optind];
    const struct command *command = command_find(name);
    if (command)
        return run_command(command, &options, argc - optind, argv + optind);
    return complain(EXIT_USAGE, _("%s: no such command: see scribectl --help"), name);
}

int main(int argc, char **argv)
{
    /* Names are UTF-8 or bytes, whatever the terminal's locale is; numbers and messages stay as they are. */
    setlocale(LC_CTYPE, "C.UTF-8");
    cleanup_free char *catalogues = program_part("locale", "../share/locale");
    wording_open(catalogues, WORDING_AUTO, &wording, NULL); /* without one, in English */
    int code = run(argc, argv);
    if (fflush(stdout) != 0 && code == EXIT_OK)
        code = complain(EXIT_GENERAL, _("cannot write the output: %s"), strerror(errno));
    wording_free(wording);
    return code;
}
