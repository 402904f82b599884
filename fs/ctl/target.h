/* Which store is meant, and what a path given on the command line is called in its inbox. */
#pragma once

#include "fs/ctl/ctl.h"

struct target {
    char *store;  /* absolute */
    char **paths; /* relative to the inbox, one for each of options->paths; none: { "" } */
    int count;
};

/* An exit code; on EXIT_OK *out must be cleared. */
int target_find(const struct ctl_options *options, struct target *out);
void target_clear(struct target *t);

#define cleanup_target __attribute__((cleanup(target_clear)))
