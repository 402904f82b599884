/* A recogniser inside the worker: loaded before the sandbox closes, then run once. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct media;
struct options;
struct report;
struct transcript;

/* What an engine listens to. */
struct hearing {
    struct media *media;
    struct report *report;
    struct transcript *transcript; /* sentences are added here */
    int64_t samples;               /* read so far: the duration, at the end */
};

/* media_read(), with reports on the way. */
ssize_t hear(struct hearing *h, int16_t *out, size_t count, struct error *err);

struct engine {
    const char *name; /* for the transcript; NULL: none */
    void *state;
    /* Reads all of the recording. 0, or negative errno and *err. */
    int (*recognise)(void *state, struct hearing *h, struct error *err);
    void (*free)(void *state);
};

/* Each fills *e. Failures: engine.missing and engine.model (needs a person), engine.memory. */
int vosk_load(const struct options *o, struct engine *e, struct error *err);
int sphinx_load(const struct options *o, struct engine *e, struct error *err);
/* Decodes only. */
int decode_only_load(struct engine *e);
