/* The commands of scribectl as one table: what each is called, takes and says about itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fs/ctl/ctl.h"

struct buffer;

/* One option of a command. Those that have no short form have a letter all the same: commands name their options by it. */
struct command_option {
    char letter;
    bool is_short; /* "-n" as well */
    const char *name;
    const char *argument; /* NULL: none */
    const char *help;
};

struct command {
    const char *name;
    int (*run)(const struct ctl_options *options);
    const char *options;   /* letters */
    int least, most;       /* arguments */
    const char *arguments; /* "PATH..." */
    const char *help;      /* one line */
    const char *more;      /* for its own help; lines, or NULL */
};

extern const struct command commands[];
extern const size_t command_count;
extern const struct command_option command_options[];
extern const size_t command_option_count;

/* NULL: there is none. */
const struct command *command_find(const char *name);
bool command_takes(const struct command *command, const struct command_option *option);
/* "status [--watch] [--json] [PATH]" */
void command_synopsis(const struct command *command, struct buffer *out);
/* What "scribectl COMMAND --help" says. */
void command_help(const struct command *command, struct buffer *out);
/* What "scribectl --help" says. */
void commands_help(struct buffer *out);
