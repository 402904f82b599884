/* Who may call: API keys (of regions), temporary API keys, and the keys of object storage. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/emulator/request.h"

struct cJSON;
struct reply;

struct api_key {
    char *key, *account;
    unsigned regions;   /* bits 1 << enum region; temporary keys inherit them */
    int64_t expires_ms; /* 0: never */
};

struct oss_key {
    char *id, *secret;
    char *token; /* of an STS key, NULL for a permanent one */
    char *account;
    int64_t expires_ms; /* real time; 0: never */
};

struct accounts {
    struct api_key *keys;
    size_t key_count, key_capacity;
    struct oss_key *oss;
    size_t oss_count, oss_capacity;
};

extern const char default_account[], service_account[];

void accounts_free(struct accounts *a);
/* Lock held. `text` is KEY or KEY@REGION[,REGION…]; NULL account: the default one. False for an unknown
 * region. */
bool accounts_add_key(struct accounts *a, const char *text, const char *account, int64_t expires_ms);
void accounts_add_oss(struct accounts *a, const char *id, const char *secret, const char *token,
                      const char *account, int64_t expires_ms);
void accounts_remove_key(struct accounts *a, const char *key); /* API key or OSS key id */
const struct oss_key *accounts_find_oss(const struct accounts *a, const char *id);
struct cJSON *accounts_save(const struct accounts *a);
void accounts_load(struct accounts *a, const struct cJSON *json);

/* Lock not held. Checks Authorization and workspace and fills r->account and r->key; false after refusing. */
bool accounts_authenticate(struct request *r, struct reply *a);
/* Endpoint: POST /api/v1/tokens. */
void accounts_token(struct request *r, struct reply *a);
