/* The table of commands, and the help that is made of it. */
#include "fs/ctl/commands.h"

#include <stdint.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"

#define COLUMN 29 /* where helps begin */

const struct command_option command_options[] = {
    {'w', false, "watch", NULL, "keep it up to date until interrupted"},
    {'t', false, "timeout", "SECONDS", "give up waiting after that long"},
    {'q', false, "quiet", NULL, "print failures only"},
    {'n', true, "number", "NUMBER", "so many recordings at most, 1 to 10000"},
    {'m', false, "month", "YYYY-MM", "which month; without it, this one"},
    {'b', false, "by", "day|model|folder", "what to add up by; without it, by day"},
    {'o', false, "older", "DAYS", "remove transcripts as old that no recording needs"},
    {'d', false, "dry-run", NULL, "say what would be done, and do nothing"},
    {'p', false, "profile", "netflix|bbc", "the rules to hold them against"},
    {'M', false, "model", "MODEL", "with this model instead of the one in the settings"},
    {'B', false, "backend", "BACKEND", "by local, dashscope or openai"},
    {'l', false, "language", "CODE", "the language, such as en or zh"},
    {'r', true, "recursive", NULL, "all recordings in a folder"},
    {'a', false, "again", NULL, "also what would be transcribed just as it was"},
    {'y', true, "yes", NULL, "do not ask"},
    {'j', false, "json", NULL, "print JSON, for programs"},
};
const size_t command_option_count = sizeof command_options / sizeof *command_options;

#define MANY INT16_MAX

const struct command commands[] = {
    {"status", ctl_status, "wj", 0, 1, "[PATH]", "what is waiting, running, failed and done", NULL},
    {"wait", ctl_wait, "tqj", 1, MANY, "PATH...", "until the transcripts are there",
     "Ends with 3 when a recording failed, with 4 when the time was up.\n"},
    {"retry", ctl_retry, "j", 1, MANY, "PATH...", "try failed recordings again", NULL},
    {"cancel", ctl_cancel, "j", 1, MANY, "PATH...", "end what is waiting or running",
     "The recordings stay; \"scribectl retry\" begins them again.\n"},
    {"confirm", ctl_confirm, "j", 1, MANY, "PATH...", "send what waits until somebody confirms it",
     "The same as deleting \"DELETE ME TO START.txt\" in a folder; PATH may also be one recording.\n"},
    {"restore", ctl_restore, "j", 1, MANY, "PATH...", "bring deleted transcripts back", NULL},
    {"rerun", ctl_rerun, "MBldrayj", 1, MANY, "PATH...", "transcribe again",
     "What was there stays until it is done, and opens as NAME.v1.txt, NAME.v1.srt ... afterwards. Says before what it\n"
     "costs; a terminal is asked.\n"},
    {"explain", ctl_explain, "j", 1, MANY, "PATH...", "which model a recording is given to, and why", NULL},
    {"history", ctl_history, "j", 1, MANY, "PATH...", "all that happened to a recording", NULL},
    {"cost", ctl_cost, "mbj", 0, 0, "", "what a month has cost, by the price list",
     "What was sent to services in the cloud; a recording that was deleted still counts.\n"},
    {"cache", ctl_cache, "odj", 1, 1, "stat|prune|verify", "what is stored of transcripts",
     "stat    how many there are, and how large they are\n"
     "prune   removes rendered forms that nobody uses, and with --older 30 transcripts of deleted\n"
     "        recordings that are older than 30 days; without it those stay, in case they come back\n"
     "verify  reads every transcript; a damaged one is made again, which costs what it costs\n"
     "        (ends with 3 when there was one)\n"},
    {"check", ctl_check, "j", 0, 1, "[PATH]", "is everything there that is needed",
     "Each line says ok, or TO DO and what; ends with 3 when there is something to do. Works also\n"
     "while scribefs does not run, with -s STORE. The service in the cloud is asked whether it knows\n"
     "the key, which costs nothing.\n"},
    {"search", ctl_search, "nj", 1, MANY, "WORDS...", "where something was said",
     "All the words, \"a phrase\", begin*\n"},
    {"lint", ctl_lint, "plj", 1, MANY, "FILE...", "what is wrong in subtitle files",
     "Ends with 3 when a file breaks a hard rule.\n"},
};
const size_t command_count = sizeof commands / sizeof *commands;

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

bool command_takes(const struct command *command, const struct command_option *option)
{
    return strchr(command->options, option->letter) != NULL;
}

static void put_option(const struct command_option *o, struct buffer *out)
{
    if (o->is_short)
        buffer_printf(out, "-%c", o->letter);
    else
        buffer_printf(out, "--%s", o->name);
    if (o->argument)
        buffer_printf(out, " %s", o->argument);
}

void command_synopsis(const struct command *command, struct buffer *out)
{
    buffer_puts(out, command->name);
    for (size_t i = 0; i < command_option_count; i++) {
        if (!command_takes(command, &command_options[i]))
            continue;
        buffer_puts(out, " [");
        put_option(&command_options[i], out);
        buffer_puts(out, "]");
    }
    buffer_printf(out, "%s%s", *command->arguments ? " " : "", command->arguments);
}

/* The text, spaces up to the column or a new line, the help. */
static void put_entry(const char *text, const char *help, struct buffer *out)
{
    size_t len = strlen(text);
    buffer_printf(out, "  %s", text);
    if (len + 4 > COLUMN)
        buffer_puts(out, "\n");
    buffer_fill(out, ' ', len + 4 > COLUMN ? COLUMN : COLUMN - 2 - len);
    buffer_printf(out, "%s\n", help);
}

void command_help(const struct command *command, struct buffer *out)
{
    buffer_puts(out, "Usage: scribectl [-s STORE] ");
    command_synopsis(command, out);
    buffer_printf(out, "\n\n%c%s.\n%s\n", command->help[0] - 'a' + 'A', command->help + 1,
                  command->more ? command->more : "");
    for (size_t i = 0; i < command_option_count; i++) {
        const struct command_option *o = &command_options[i];
        if (!command_takes(command, o))
            continue;
        cleanup_buffer struct buffer text = {0};
        if (o->is_short)
            buffer_printf(&text, "-%c, ", o->letter);
        buffer_printf(&text, "--%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        put_entry(text.data ? text.data : "", o->help, out);
    }
    put_entry("-h, --help", "this text", out);
}

void commands_help(struct buffer *out)
{
    buffer_puts(out, "Usage: scribectl [-s STORE] COMMAND\n"
                     "\n"
                     "Asks scribefs about the recordings in its inbox.\n"
                     "\n");
    for (size_t i = 0; i < command_count; i++) {
        cleanup_buffer struct buffer text = {0};
        buffer_printf(&text, "%s%s%s", commands[i].name, *commands[i].arguments ? " " : "", commands[i].arguments);
        put_entry(text.data ? text.data : "", commands[i].help, out);
    }
    buffer_puts(out,
                "\n"
                "\"scribectl COMMAND --help\" says what options a command has.\n"
                "PATH is a recording, one of its transcripts, or a folder with all that is in it.\n"
                "\n"
                "  -s, --store STORE          which store; else $SCRIBEFS_STORE, else the mount that holds\n"
                "                             PATH or the current directory, else the only one there is\n"
                "  -h, --help\n"
                "  -V, --version\n"
                "\n"
                "Exit codes: 0 all well, 1 it did not work, 2 wrong usage, 3 a recording failed or\n"
                "a subtitle file breaks a hard rule, 4 timed out, 5 not found, 6 scribefs does not run\n"
                "or may not be asked.\n");
}
