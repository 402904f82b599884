/* The parts of the daemon, put together: store, index, cache, library, intake, runner, control, mount. */
#pragma once

#include "backend/base/error.h"

struct options;
struct service;

/* Opens everything and mounts. 0, or negative errno and *err. ready() is called once the mount can be used.
 */
int service_new(const struct options *options, void (*ready)(void *context), void *context,
                struct service **out, struct error *err);
/* Serves until unmounted or told to stop by a signal. 0 or negative errno. */
int service_run(struct service *s);
/* Unmounts, stops and saves everything. */
void service_free(struct service *s);
