/* Temporary uploads: the certificate (getPolicy), the form post under it, and what oss:// URLs mean. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/emulator/reply.h"
#include "tests/emulator/store.h"

struct grant {
    char *directory, *account, *model;
};

struct uploads {
    struct grant *grants;
    size_t count, capacity;
};

extern const char upload_bucket[];

void uploads_free(struct uploads *u);
struct cJSON *uploads_save(const struct uploads *u);
void uploads_load(struct uploads *u, const struct cJSON *json);

/* Endpoint: GET /api/v1/uploads?action=getPolicy. */
void uploads_policy(struct request *r, struct reply *a);
/* Endpoint: PostObject. */
void uploads_post(struct request *r, struct reply *a);

enum upload_state { UPLOAD_GOOD, UPLOAD_ABSENT, UPLOAD_EXPIRED, UPLOAD_OTHER_ACCOUNT, UPLOAD_OTHER_MODEL };
/* Lock held. What `key` (of an oss:// URL) is to this account and model; fills *blob when good. */
enum upload_state uploads_find(struct emulator *emu, const char *key, const char *account, const char *model,
                               struct blob *blob);
