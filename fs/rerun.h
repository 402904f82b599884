/* Has recordings transcribed again: with the settings of today, and what is asked for over them. On the jobs loop's
 * thread. */
#pragma once

#include <cjson/cJSON.h>

#include "backend/base/error.h"
#include "fs/inbox/choose.h"

struct folders;
struct library;
struct results;

struct rerun_config {
    struct library *library;
    struct results *results;
    struct folders *folders; /* NULL: no folder has settings of its own */
    struct chooser chooser;
};

/* Answers {"command":"rerun"} of fs/control.h: an object of the caller's, or NULL and *err with code "request",
 * "not_found", "failed" or "memory". */
cJSON *rerun(const struct rerun_config *config, const char *path, const cJSON *request, struct error *err);
