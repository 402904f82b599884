/* Who may call. */
#include "tests/emulator/accounts.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/reply.h"

const char default_account[] = "1000000000000001", service_account[] = "model-studio";

enum { ALL_REGIONS = (1 << REGIONS) - 1, TOKEN_DEFAULT_S = 60, TOKEN_MAX_S = 1800 };

static void free_key(struct api_key *k)
{
    free(k->key);
    free(k->account);
}

static void free_oss(struct oss_key *k)
{
    free(k->id);
    free(k->secret);
    free(k->token);
    free(k->account);
}

void accounts_free(struct accounts *a)
{
    for (size_t i = 0; i < a->key_count; i++)
        free_key(&a->keys[i]);
    for (size_t i = 0; i < a->oss_count; i++)
        free_oss(&a->oss[i]);
    free(a->keys);
    free(a->oss);
    *a = (struct accounts){0};
}

void accounts_remove_key(struct accounts *a, const char *key)
{
    for (size_t i = 0; i < a->key_count; i++)
        if (!strcmp(a->keys[i].key, key)) {
            free_key(&a->keys[i]);
            a->keys[i] = a->keys[--a->key_count];
            return;
        }
    for (size_t i = 0; i < a->oss_count; i++)
        if (!strcmp(a->oss[i].id, key)) {
            free_oss(&a->oss[i]);
            a->oss[i] = a->oss[--a->oss_count];
            return;
        }
}

static void add_key(struct accounts *a, const char *key, const char *account, unsigned regions,
                    int64_t expires_ms)
{
    accounts_remove_key(a, key);
    a->keys = xgrow(a->keys, a->key_count + 1, &a->key_capacity, sizeof *a->keys);
    a->keys[a->key_count++] =
        (struct api_key){xstrdup(key), xstrdup(account ? account : default_account), regions, expires_ms};
}

bool accounts_add_key(struct accounts *a, const char *text, const char *account, int64_t expires_ms)
{
    cleanup_free char *copy = xstrdup(text);
    unsigned regions = 0;
    char *list = strchr(copy, '@'), *save = NULL;
    if (list)
        *list++ = '\0';
    for (char *name = list ? strtok_r(list, ",", &save) : NULL; name; name = strtok_r(NULL, ",", &save)) {
        int region = region_find(name);
        if (region < 0)
            return false;
        regions |= 1u << region;
    }
    add_key(a, copy, account, regions ? regions : ALL_REGIONS, expires_ms);
    return true;
}

void accounts_add_oss(struct accounts *a, const char *id, const char *secret, const char *token,
                      const char *account, int64_t expires_ms)
{
    accounts_remove_key(a, id);
    a->oss = xgrow(a->oss, a->oss_count + 1, &a->oss_capacity, sizeof *a->oss);
    a->oss[a->oss_count++] = (struct oss_key){xstrdup(id), xstrdup(secret), xstrdup(token),
                                              xstrdup(account ? account : default_account), expires_ms};
}

const struct oss_key *accounts_find_oss(const struct accounts *a, const char *id)
{
    for (size_t i = 0; i < a->oss_count; i++)
        if (!strcmp(a->oss[i].id, id))
            return &a->oss[i];
    return NULL;
}

cJSON *accounts_save(const struct accounts *a)
{
    cJSON *json = cJSON_CreateObject(), *keys = cJSON_AddArrayToObject(json, "keys");
    for (size_t i = 0; i < a->key_count; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "key", a->keys[i].key);
        cJSON_AddStringToObject(item, "account", a->keys[i].account);
        cJSON_AddNumberToObject(item, "regions", a->keys[i].regions);
        cJSON_AddNumberToObject(item, "expires_ms", (double)a->keys[i].expires_ms);
        cJSON_AddItemToArray(keys, item);
    }
    cJSON *oss = cJSON_AddArrayToObject(json, "oss");
    for (size_t i = 0; i < a->oss_count; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "id", a->oss[i].id);
        cJSON_AddStringToObject(item, "secret", a->oss[i].secret);
        if (a->oss[i].token)
            cJSON_AddStringToObject(item, "token", a->oss[i].token);
        cJSON_AddStringToObject(item, "account", a->oss[i].account);
        cJSON_AddNumberToObject(item, "expires_ms", (double)a->oss[i].expires_ms);
        cJSON_AddItemToArray(oss, item);
    }
    return json;
}

void accounts_load(struct accounts *a, const cJSON *json)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json_get(json, "keys"))
    {
        add_key(a, json_text(item, "key"), json_text(item, "account"),
                (unsigned)json_number(item, "regions", 0), (int64_t)json_number(item, "expires_ms", 0));
    }
    cJSON_ArrayForEach(item, json_get(json, "oss"))
    {
        accounts_add_oss(a, json_text(item, "id"), json_text(item, "secret"), json_text(item, "token"),
                         json_text(item, "account"), (int64_t)json_number(item, "expires_ms", 0));
    }
}

/* ---- authentication ---- */

static bool find_key(struct request *r)
{
    const char *header = request_header(r, "Authorization");
    if (!header || strncasecmp(header, "Bearer ", 7))
        return false;
    const char *key = header + 7 + strspn(header + 7, " ");
    struct emulator *emu = r->emu;
    bool found = false;
    emu_lock(emu);
    int64_t now = clock_now(&emu->clock);
    for (size_t i = 0; i < emu->accounts.key_count && !found; i++) {
        const struct api_key *k = &emu->accounts.keys[i];
        found =
            !strcmp(k->key, key) && k->regions & 1u << r->region && (!k->expires_ms || now < k->expires_ms);
        if (found) {
            snprintf(r->account, sizeof r->account, "%s", k->account);
            snprintf(r->key, sizeof r->key, "%s", k->key);
        }
    }
    emu_unlock(emu);
    return found;
}

static bool workspace_known(const struct request *r)
{
    const char *header = request_header(r, "X-DashScope-WorkSpace");
    const char *name = r->place.workspace_host ? r->place.workspace : header;
    if (!name || !*name || !*r->config.workspaces)
        return true;
    cleanup_free char *list = xstrdup(r->config.workspaces);
    char *save = NULL;
    for (char *p = strtok_r(list, ", ", &save); p; p = strtok_r(NULL, ", ", &save))
        if (!strcasecmp(p, name)) /* host names do not keep case */
            return true;
    return false;
}

bool accounts_authenticate(struct request *r, struct reply *a)
{
    if (!find_key(r)) {
        refuse(r, a, r->style == STYLE_OPENAI ? REFUSE_KEY_OPENAI : REFUSE_KEY);
        return false;
    }
    if (!workspace_known(r)) {
        refuse(r, a, REFUSE_NO_WORKSPACE);
        return false;
    }
    return true;
}

void accounts_token(struct request *r, struct reply *a)
{
    const char *text = pairs_get(&r->query, "expire_in_seconds");
    char *end = NULL;
    long seconds = text ? strtol(text, &end, 10) : TOKEN_DEFAULT_S;
    if (text && (!*text || *end || seconds < 1 || seconds > TOKEN_MAX_S)) {
        refuse_with(r, a, REFUSE_PARAMETER, "expire_in_seconds must be between 1 and %d.", TOKEN_MAX_S);
        return;
    }
    if (!strncmp(r->key, "st-", 3)) {
        refuse(r, a, REFUSE_KEY);
        return;
    }
    char digits[41], token[48];
    text_hex_id(digits, 40);
    snprintf(token, sizeof token, "st-%s", digits);
    struct emulator *emu = r->emu;
    emu_lock(emu);
    int64_t expires = clock_now(&emu->clock) + seconds * 1000;
    unsigned regions = ALL_REGIONS;
    for (size_t i = 0; i < emu->accounts.key_count; i++)
        if (!strcmp(emu->accounts.keys[i].key, r->key))
            regions = emu->accounts.keys[i].regions;
    add_key(&emu->accounts, token, r->account, regions, expires);
    emu_unlock(emu);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "token", token);
    cJSON_AddNumberToObject(json, "expires_at", (double)(expires / 1000));
    reply_json(a, 200, json);
}
