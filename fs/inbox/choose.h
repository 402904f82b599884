/* Who transcribes a recording, and with which settings: what its folder says, frozen. */
#pragma once

#include <stdbool.h>

#include "backend/base/error.h"

struct backend;
struct backend_overrides;
struct folder_settings;

struct chooser {
    struct backend *const *backends; /* all that are set up */
    int backend_count;
    struct backend *usual; /* for folders that say nothing */
};

/* What somebody asks for over what the folder says; NULL in it: nothing. */
struct chosen_over {
    const char *backend;
    const struct backend_overrides *wishes;
};

/* `here`: it must not leave the machine, whatever the folder says. *backend, and *frozen (malloc'ed): the
 * settings of the job. 0, or negative errno and *err: "folder.mistake", "folder.backend", "folder.cannot", or
 * what the backend says. `settings` and `over` may be NULL. */
int choose_backend(const struct chooser *chooser, const struct folder_settings *settings, bool here,
                   const struct chosen_over *over, struct backend **backend, char **frozen, struct error *err);
