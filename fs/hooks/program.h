/* Hooks that are programs: run with the message on standard input, its facts in the environment and a time limit. */
#pragma once

#include <stdbool.h>

#include "fs/hooks/message.h"
#include "fs/hooks/outcome.h"

struct error;
struct hooks_settings;
struct loop;
struct program_run;
struct programs;

/* *out is NULL when no program is set. 0, or negative errno and *err ("config.value"). */
int programs_new(struct loop *loop, const struct hooks_settings *settings,
                 void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3))),
                 struct programs **out, struct error *err);
/* Kills what runs. NULL is fine. */
void programs_free(struct programs *p);
/* A program is set for this event. NULL: none is. */
bool programs_wants(const struct programs *p, enum hook_event event);
/* Runs the one for the message, as the daemon's user, in a session of its own, without the daemon's environment (which may hold
 * keys). What it prints goes to the log. Exit status 0: delivered; 75 (EX_TEMPFAIL): again later; any other, or longer than the
 * time limit: a fault that is logged. ended() comes once, on the loop, not from inside. NULL and *err on failure. */
struct program_run *programs_run(struct programs *p, const char *message, const char *mountpoint, hook_ended *ended,
                                 void *context, struct error *err);
/* Kills it; ended() does not come. NULL is fine. */
void program_abandon(struct program_run *run);
