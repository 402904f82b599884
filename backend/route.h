/* The route of a recording: which model, called how, and what has to be done to the audio first. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/base/error.h"
#include "backend/catalogue.h"

struct buffer;

/* What a job needs. */
struct route_needs {
    enum region region;
    const char *model;    /* NULL or "auto": the best that can */
    unsigned calls;       /* CALL_ …: those that are possible here (tasks need a published address) */
    unsigned features;    /* FEATURE_ …: all of them */
    unsigned wanted;      /* FEATURE_ …: better with them, possible without (times can be estimated) */
    const char *language; /* BCP-47, or NULL */
    int64_t duration_ms;  /* negative: not known */
    int64_t bytes;        /* negative: not known */
    int channels;         /* 0: not known */
    bool named_channel;   /* … and one of them was asked for, without FEATURE_CHANNELS: it is not mixed with others */
    int sample_rate;      /* Hz; 0: not known */
    const char *format;   /* of the file, by its extension ("m4a"); NULL: not known */
    bool inlined;         /* the audio goes into the request as base64 (direct calls only) */
    bool can_convert;     /* audio can be reduced and mixed down first */
    bool can_split;       /* … and cut at silence, the results put together again */
    const char *why_whole; /* why not, in half a sentence; NULL: nothing to say */
};

struct route {
    const struct model *model;
    enum model_call call;
    bool reduce;      /* to 16 kHz: the file is too large as it is */
    bool mix_down;    /* to one channel */
    bool convert;     /* to sample_rate or to another format: the model takes neither as it is */
    int sample_rate;  /* Hz: of what is made of the recording, if anything has to be */
    int64_t split_ms; /* to parts no longer than that; 0: not at all */
    int64_t overlap_ms; /* what each part has in common with the one before it */
};

/* 0, or a negative errno and *err (code "route.model", "route.region", "route.feature", "media.too_long",
 * "media.too_large", "route.mono", "route.form") with the reason in a sentence. */
int route_choose(const struct route_needs *needs, struct route *route, struct error *err);
/* The same for this model alone, whether or not it is the one needed. */
int route_check(const struct model *model, const struct route_needs *needs, struct route *route,
                struct error *err);
/* One line for each model that could have been taken: its name, and "chosen", "possible" or why not. */
void route_explain(const struct route_needs *needs, struct buffer *out);
