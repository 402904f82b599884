/* scribefs --check: whether everything that is needed is there. */
#pragma once

#include <stdbool.h>

struct options;

/* Looks at the store and the settings of *options (the command line alone; the file is read here), and prints a line for
 * each thing: "ok …" or "TO DO …", or with `json` an object. Changes nothing, also while a daemon serves the store, whose
 * command line then counts. An exit code: EXIT_FAILED when there is something to do. */
int check_all(struct options *options, bool json);
