/* What a request's parameters ask for, checked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/emulator/hear.h"
#include "tests/emulator/models.h"
#include "tests/emulator/reply.h"

struct cJSON;
struct transcript;

struct features {
    int channels[HEAR_CHANNELS];
    size_t channel_count;
    bool diarization, words, disfluency;
    int speakers;         /* 0: the recogniser decides */
    char language[16];    /* "" when none is asked for */
    struct cJSON *filter; /* special_word_filter as an object; NULL: only the built-in list */
};

/* Lock not held. Known names, types and ranges of `family`; records what is unknown, false after refusing
 * (also for a vocabulary that does not fit). */
bool features_check(const struct request *r, struct reply *a, const struct model *m,
                    const struct cJSON *parameters);
/* From parameters that were checked. */
void features_read(struct features *f, const struct cJSON *parameters);
void features_free(struct features *f);
/* Applies word filter, removal of filler words and speakers to what was heard. `reserved`: the built-in list,
 * comma separated. */
void features_apply(const struct features *f, const char *reserved, struct transcript *t);
