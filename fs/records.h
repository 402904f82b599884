/* Answers from what the index and the caches hold: history, costs, the cache itself. On the pool; see fs/asking.h. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "fs/asking.h"

struct index;
struct library;
struct results;
struct views;

/* Where they are taken from; all of it stays the caller's. */
struct records {
    struct index *index;
    struct library *library;
    struct results *results;
    struct views *views;
    atomic_bool stopping; /* what takes long ends soon; set it before pool_stop() */
};

extern const struct question records_questions[];
extern const size_t records_question_count;

/* `context` is a struct records. */
cJSON *record_history(void *context, const char *path, const cJSON *request);
cJSON *record_cache(void *context, const char *path, const cJSON *request);
cJSON *record_costs(void *context, const char *path, const cJSON *request);
