/* The directories for the temporary files of jobs: one for each job, named by its key, so that a job that was
 * interrupted finds its own again. */
#pragma once

#include <stdbool.h>

#include "cache/digest.h"

struct error;

/* `top` is created if it is missing. 0 or negative errno. */
int work_dirs_open(const char *top);
/* The path of the job's directory, malloc'ed; it may be there already. NULL and *err. */
char *work_dir_make(const char *top, const struct digest *key, struct error *err);
/* What is not there is fine. */
void work_dir_remove(const char *top, const struct digest *key);
/* Removes those nobody keeps, and whatever else lies there. Returns how many stay. */
int work_dirs_sweep(const char *top, bool (*keeps)(void *context, const struct digest *key), void *context);
