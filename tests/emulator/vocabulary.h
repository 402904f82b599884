/* Hotword vocabularies. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/emulator/reply.h"

struct cJSON;

struct vocabulary {
    char *id, *account, *target_model;
    struct cJSON *words;
    int64_t created_ms, modified_ms;
};

struct vocabularies {
    struct vocabulary **at;
    size_t count, capacity;
};

void vocabularies_free(struct vocabularies *v);
struct cJSON *vocabularies_save(const struct vocabularies *v);
void vocabularies_load(struct vocabularies *v, const struct cJSON *json);

/* Endpoint: POST /api/v1/services/audio/asr/customization. */
void vocabulary_serve(struct request *r, struct reply *a);
/* Lock not held. May a request for `model` name this vocabulary? False after refusing. */
bool vocabulary_fits(const struct request *r, struct reply *a, const char *id, const char *model);
