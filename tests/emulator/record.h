/* What the service saw: counters, peaks, the latest requests, and what a careful client would not have done.
 */
#pragma once

#include <stdint.h>

struct cJSON;
struct emulator;
struct request;
struct reply;

struct record {
    struct cJSON *counters; /* {group:{name:number}} */
    struct cJSON *requests; /* the latest, oldest first */
    struct cJSON *violations;
};

void record_init(struct record *r);
void record_free(struct record *r);
/* Lock held. */
void record_reset(struct record *r);
void record_add(struct record *r, const char *group, const char *name, int64_t by);
void record_peak(struct record *r, const char *group, const char *name, int64_t value);
/* Lock not held. */
void record_violation(struct emulator *emu, const struct request *r, const char *name, const char *detail);
void record_request(struct emulator *emu, const struct request *r, const struct reply *a);
