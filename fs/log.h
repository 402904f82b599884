/* The log: one line per event, to stderr, a file or syslog. The only place scribefs writes messages from
 * while it runs. */
#pragma once

#include <stdbool.h>

#include "backend/base/error.h"

/* `file` NULL: stderr when in the foreground, else syslog(3). 0 or negative errno and *err. */
int log_open(const char *file, bool foreground, struct error *err);
/* From now on there is no terminal: lines for stderr go to syslog. */
void log_detach(void);
/* Any thread. Priorities as syslog(3); control characters in the text are escaped. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
