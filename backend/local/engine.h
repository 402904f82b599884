/* Which recogniser can run on this machine, and with which model. */
#pragma once

#include <stddef.h>

#include "backend/local/local.h"

enum { ENGINE_FINGERPRINT = 32, ENGINE_NAME = 128 };

/* What was found; the strings of the settings it was found by must outlive it. */
struct engine_choice {
    enum local_engine engine; /* never LOCAL_AUTO */
    const char *directory;    /* the model's */
    char model[ENGINE_NAME];  /* the model's name for people, valid UTF-8 or ASCII */
};

/* The last fingerprint taken, so that a model is read once. */
struct engine_cache {
    char seen[256]; /* what the model's files looked like */
    char fingerprint[ENGINE_FINGERPRINT + 1];
};

const char *engine_name(enum local_engine engine); /* "vosk", "pocketsphinx" */

/* Looks for `wanted` (LOCAL_AUTO: Vosk, else PocketSphinx). 0, or negative errno and *err (engine.missing,
 * ERROR_PERSON). */
int engine_choose(const struct local_settings *s, enum local_engine wanted, struct engine_choice *out,
                  struct error *err);
/* Hex digits that change when the model does. 0, or negative errno and *err (engine.model, ERROR_PERSON). */
int engine_fingerprint(const struct engine_choice *choice, struct engine_cache *cache,
                       char out[ENGINE_FINGERPRINT + 1], struct error *err);
