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
#include "fs/ctl/ctl.h"
#include "fs/inbox/status.h"
#include "fs/inbox/wording.h"
#include "fs/program.h"
#include "fs/version.h"

static const char usage[] =
    "Usage: scribectl [-s STORE] COMMAND\n"
    "\n"
    "Asks scribefs about the recordings in its inbox.\n"
    "\n"
    "  status [--watch] [--json] [PATH]      what is waiting, running, failed and done\n"
    "  wait [--timeout SECONDS] [--json] [--quiet] PATH...\n"
    "                                        until the transcripts are there\n"
    "  retry PATH...                         try failed recordings again\n"
    "  restore PATH...                       bring deleted transcripts back\n"
    "  explain [--json] PATH...              which model a recording is given to, and why\n"
    "  search [--json] [-n NUMBER] WORDS...  where something was said: all the words, \"a phrase\", begin*\n"
    "  lint [--profile netflix|bbc] [--language CODE] [--json] FILE...\n"
    "                                        what is wrong in subtitle files\n"
    "\n"
    "PATH is a recording, one of its transcripts, or a folder with all that is in it.\n"
    "\n"
    "  -s, --store STORE   which store; else $SCRIBEFS_STORE, else the mount that holds\n"
    "                      PATH or the current directory, else the only one there is\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "Exit codes: 0 all well, 1 it did not work, 2 wrong usage, 3 a recording failed or\n"
    "a subtitle file breaks a hard rule, 4 timed out, 5 not found, 6 scribefs does not run\n"
    "or may not be asked.\n";

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

static const struct command {
    const char *name;
    int (*run)(const struct ctl_options *options);
    const char *options; /* the letters it takes */
    int least, most;     /* paths */
} commands[] = {
    {"status", ctl_status, "wj", 0, 1},
    {"wait", ctl_wait, "tjq", 1, INT16_MAX},
    {"retry", ctl_retry, "", 1, INT16_MAX},
    {"restore", ctl_restore, "", 1, INT16_MAX},
    {"explain", ctl_explain, "j", 1, INT16_MAX},
    {"search", ctl_search, "jn", 1, INT16_MAX},
    {"lint", ctl_lint, "jpl", 1, INT16_MAX},
};

static bool read_seconds(const char *text, double *seconds)
{
    char *end;
    errno = 0;
    *seconds = strtod(text, &end);
    return errno == 0 && end != text && *end == '\0' && isfinite(*seconds) && *seconds >= 0 && *seconds < 1e9;
}

static bool read_count(const char *text, int *count)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    *count = (int)n;
    return errno == 0 && end != text && *end == '\0' && n >= 1 && n <= 10000;
}

static int run_command(const struct command *command, struct ctl_options *options, int argc, char **argv)
{
    static const struct option longs[] = {
        {"watch", no_argument, NULL, 'w'},         {"json", no_argument, NULL, 'j'},
        {"timeout", required_argument, NULL, 't'}, {"quiet", no_argument, NULL, 'q'},
        {"profile", required_argument, NULL, 'p'}, {"language", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    int letter;
    optind = 0; /* begins anew, at argv[1] */
    opterr = 0;
    while ((letter = getopt_long(argc, argv, "wjt:qn:p:l:h", longs, NULL)) != -1) {
        if (letter == 'h') {
            fputs(usage, stdout);
            return EXIT_OK;
        }
        if (letter == '?' || !strchr(command->options, letter))
            return complain(EXIT_USAGE, _("%s: wrong option: see scribectl --help"), command->name);
        options->watch |= letter == 'w';
        options->json |= letter == 'j';
        options->quiet |= letter == 'q';
        if (letter == 'p')
            options->profile = optarg;
        if (letter == 'l')
            options->language = optarg;
        if (letter == 't' && !read_seconds(optarg, &options->timeout))
            return wrong_usage(_("--timeout needs a number of seconds"));
        if (letter == 'n' && !read_count(optarg, &options->limit))
            return wrong_usage(_("-n needs a number of recordings, 1 to 10000"));
    }
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
    struct ctl_options options = {.timeout = -1};
    int letter;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, "+s:hV", longs, NULL)) != -1) {
        switch (letter) {
        case 's':
            options.store = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_OK;
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
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return run_command(&commands[i], &options, argc - optind, argv + optind);
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
