/* Hotword vocabularies: at most 10 an account, 500 words each. */
#include "tests/emulator/vocabulary.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/base/utf8.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

enum { LISTS_MAX = 10, WORDS_MAX = 500, PREFIX_MAX = 10, WIDE_MAX = 15, PARTS_MAX = 7 };

static void free_one(struct vocabulary *v)
{
    free(v->id);
    free(v->account);
    free(v->target_model);
    cJSON_Delete(v->words);
    free(v);
}

void vocabularies_free(struct vocabularies *v)
{
    for (size_t i = 0; i < v->count; i++)
        free_one(v->at[i]);
    free(v->at);
    *v = (struct vocabularies){0};
}

static struct vocabulary *add(struct vocabularies *v)
{
    v->at = xgrow(v->at, v->count + 1, &v->capacity, sizeof *v->at);
    return v->at[v->count++] = xcalloc(1, sizeof **v->at);
}

cJSON *vocabularies_save(const struct vocabularies *v)
{
    cJSON *json = cJSON_CreateArray();
    for (size_t i = 0; i < v->count; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "id", v->at[i]->id);
        cJSON_AddStringToObject(item, "account", v->at[i]->account);
        cJSON_AddStringToObject(item, "target_model", v->at[i]->target_model);
        cJSON_AddNumberToObject(item, "created_ms", (double)v->at[i]->created_ms);
        cJSON_AddNumberToObject(item, "modified_ms", (double)v->at[i]->modified_ms);
        cJSON_AddItemToObject(item, "words", cJSON_Duplicate(v->at[i]->words, true));
        cJSON_AddItemToArray(json, item);
    }
    return json;
}

void vocabularies_load(struct vocabularies *v, const cJSON *json)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json)
    {
        *add(v) = (struct vocabulary){
            .id = xstrdup(json_text(item, "id")),
            .account = xstrdup(json_text(item, "account")),
            .target_model = xstrdup(json_text(item, "target_model")),
            .words = cJSON_Duplicate(json_get(item, "words"), true),
            .created_ms = (int64_t)json_number(item, "created_ms", 0),
            .modified_ms = (int64_t)json_number(item, "modified_ms", 0),
        };
    }
}

/* Lock held. */
static struct vocabulary *find(const struct emulator *emu, const char *account, const char *id)
{
    for (size_t i = 0; id && i < emu->vocabularies.count; i++) {
        struct vocabulary *v = emu->vocabularies.at[i];
        if (!strcmp(v->id, id) && !strcmp(v->account, account))
            return v;
    }
    return NULL;
}

/* ---- rules ---- */

static bool text_good(const char *text)
{
    size_t characters = 0, parts = 0;
    bool ascii = true, in_part = false;
    for (const char *p = text; *p;) {
        uint32_t c;
        size_t n = utf8_next(p, strlen(p), &c);
        ascii &= c < 0x80;
        if (c == ' ')
            in_part = false;
        else if (!in_part) {
            in_part = true;
            parts++;
        }
        characters++;
        p += n;
    }
    return parts && (ascii ? parts <= PARTS_MAX : characters <= WIDE_MAX);
}

static bool words_good(const struct request *r, struct reply *a, const cJSON *words)
{
    if (!cJSON_IsArray(words) || !cJSON_GetArraySize(words)) {
        refuse_with(r, a, REFUSE_PARAMETER, "vocabulary should be a non-empty array");
        return false;
    }
    if (cJSON_GetArraySize(words) > WORDS_MAX) {
        refuse_with(r, a, REFUSE_PARAMETER, "vocabulary is too large, should not be larger than %d",
                    WORDS_MAX);
        return false;
    }
    const cJSON *word;
    cJSON_ArrayForEach(word, words)
    {
        const char *text = json_text(word, "text");
        double weight = json_number(word, "weight", 4);
        const cJSON *lang = json_get(word, "lang");
        if (!text || !text_good(text)) {
            refuse_with(r, a, REFUSE_PARAMETER, "text should not be longer than %d characters or %d words",
                        WIDE_MAX, PARTS_MAX);
            return false;
        }
        if ((json_get(word, "weight") && !cJSON_IsNumber(json_get(word, "weight"))) ||
            weight != (double)(int)weight || ((weight < 1 || weight > 5) && weight != 50) ||
            (lang && !cJSON_IsString(lang))) {
            refuse_with(r, a, REFUSE_PARAMETER, "weight should be an integer between 1 and 5");
            return false;
        }
    }
    return true;
}

static bool prefix_good(const char *prefix)
{
    size_t len = strlen(prefix);
    return len && len <= PREFIX_MAX && strspn(prefix, "abcdefghijklmnopqrstuvwxyz0123456789") == len;
}

/* ---- actions; each gives `output`, or NULL after refusing ---- */

static cJSON *create(struct request *r, struct reply *a, const cJSON *input)
{
    const char *prefix = json_text(input, "prefix"), *target = json_text(input, "target_model");
    const struct model *m = model_find(target);
    const cJSON *words = json_get(input, "vocabulary");
    if (!m || !m->hotwords) {
        refuse_with(r, a, REFUSE_PARAMETER, "target_model is missing or not supported");
        return NULL;
    }
    if (!prefix || !prefix_good(prefix)) {
        refuse_with(r, a, REFUSE_PARAMETER, "prefix should be english letter and number, not longer than %d",
                    PREFIX_MAX);
        return NULL;
    }
    if (!words_good(r, a, words))
        return NULL;
    char digits[33];
    text_hex_id(digits, 32);
    struct emulator *emu = r->emu;
    size_t mine = 0;
    cJSON *output = NULL;
    emu_lock(emu);
    for (size_t i = 0; i < emu->vocabularies.count; i++)
        mine += !strcmp(emu->vocabularies.at[i]->account, r->account);
    if (mine < LISTS_MAX) {
        int64_t now = clock_now(&emu->clock);
        struct vocabulary *v = add(&emu->vocabularies);
        *v = (struct vocabulary){xprintf("vocab-%s-%s", prefix, digits),
                                 xstrdup(r->account),
                                 xstrdup(target),
                                 cJSON_Duplicate(words, true),
                                 now,
                                 now};
        output = cJSON_CreateObject();
        cJSON_AddStringToObject(output, "vocabulary_id", v->id);
    }
    emu_unlock(emu);
    if (!output)
        refuse(r, a, REFUSE_QUOTA);
    return output;
}

/* Lock held. */
static bool deployed(const struct emulator *emu, const struct vocabulary *v)
{
    return clock_now(&emu->clock) >= v->modified_ms + emu->config.vocabulary_deploy_ms;
}

/* Lock held. */
static void describe(const struct emulator *emu, const struct vocabulary *v, cJSON *object)
{
    char date[DATE_SIZE];
    date_service_seconds(v->created_ms, date);
    cJSON_AddStringToObject(object, "gmt_create", date);
    date_service_seconds(v->modified_ms, date);
    cJSON_AddStringToObject(object, "gmt_modified", date);
    cJSON_AddStringToObject(object, "status", deployed(emu, v) ? "OK" : "UNDEPLOYED");
}

static cJSON *list(struct request *r, const cJSON *input)
{
    const char *prefix = json_text(input, "prefix");
    int64_t page = (int64_t)json_number(input, "page_index", 0),
            size = (int64_t)json_number(input, "page_size", 10);
    int64_t n = 0;
    cleanup_free char *start = xprintf("vocab-%s-", prefix ? prefix : "");
    cJSON *output = cJSON_CreateObject(), *all = cJSON_AddArrayToObject(output, "vocabulary_list");
    emu_lock(r->emu);
    for (size_t i = 0; i < r->emu->vocabularies.count; i++) {
        const struct vocabulary *v = r->emu->vocabularies.at[i];
        if (strcmp(v->account, r->account) || (prefix && *prefix && strncmp(v->id, start, strlen(start))))
            continue;
        if (n++ / (size > 0 ? size : 10) != page)
            continue;
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "vocabulary_id", v->id);
        describe(r->emu, v, item);
        cJSON_AddItemToArray(all, item);
    }
    emu_unlock(r->emu);
    return output;
}

static cJSON *query(struct request *r, struct reply *a, const cJSON *input)
{
    cJSON *output = NULL;
    emu_lock(r->emu);
    const struct vocabulary *v = find(r->emu, r->account, json_text(input, "vocabulary_id"));
    if (v) {
        output = cJSON_CreateObject();
        describe(r->emu, v, output);
        cJSON_AddStringToObject(output, "target_model", v->target_model);
        cJSON_AddItemToObject(output, "vocabulary", cJSON_Duplicate(v->words, true));
    }
    emu_unlock(r->emu);
    if (!output)
        refuse(r, a, REFUSE_NO_RESOURCE);
    return output;
}

static cJSON *update(struct request *r, struct reply *a, const cJSON *input)
{
    const cJSON *words = json_get(input, "vocabulary");
    if (!words_good(r, a, words))
        return NULL;
    emu_lock(r->emu);
    struct vocabulary *v = find(r->emu, r->account, json_text(input, "vocabulary_id"));
    if (v) {
        cJSON_Delete(v->words);
        v->words = cJSON_Duplicate(words, true);
        v->modified_ms = clock_now(&r->emu->clock);
    }
    emu_unlock(r->emu);
    if (!v)
        refuse(r, a, REFUSE_NO_RESOURCE);
    return v ? cJSON_CreateObject() : NULL;
}

static cJSON *delete (struct request *r, struct reply *a, const cJSON *input)
{
    struct vocabularies *all = &r->emu->vocabularies;
    emu_lock(r->emu);
    struct vocabulary *v = find(r->emu, r->account, json_text(input, "vocabulary_id"));
    for (size_t i = 0; v && i < all->count; i++)
        if (all->at[i] == v) {
            memmove(all->at + i, all->at + i + 1, (--all->count - i) * sizeof *all->at);
            free_one(v);
            break;
        }
    emu_unlock(r->emu);
    if (!v)
        refuse(r, a, REFUSE_NO_RESOURCE);
    return v ? cJSON_CreateObject() : NULL;
}

void vocabulary_serve(struct request *r, struct reply *a)
{
    const struct model *m = model_find(r->model);
    const cJSON *input = json_get(r->json, "input");
    const char *action = json_text(input, "action");
    if (!r->model)
        refuse(r, a, REFUSE_EMPTY_MODEL);
    else if (!m || m->family != FAMILY_BIASING)
        refuse(r, a, REFUSE_MODEL);
    else if (!cJSON_IsObject(input))
        refuse(r, a, REFUSE_EMPTY_INPUT);
    else if (!action)
        refuse_with(r, a, REFUSE_PARAMETER, "input must contain action");
    if (a->status || !limits_submit(r, a, m))
        return;
    cJSON *output = NULL;
    if (!strcmp(action, "create_vocabulary"))
        output = create(r, a, input);
    else if (!strcmp(action, "list_vocabulary"))
        output = list(r, input);
    else if (!strcmp(action, "query_vocabulary"))
        output = query(r, a, input);
    else if (!strcmp(action, "update_vocabulary"))
        output = update(r, a, input);
    else if (!strcmp(action, "delete_vocabulary"))
        output = delete (r, a, input);
    else
        refuse_with(r, a, REFUSE_PARAMETER, "action %s is not supported", action);
    if (!output)
        return;
    emu_lock(r->emu);
    record_add(&r->emu->record, "vocabularies", action, 1);
    emu_unlock(r->emu);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "output", output);
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(json, "usage"), "count", 1);
    cJSON_AddStringToObject(json, "request_id", r->id);
    reply_json(a, 200, json);
}

bool vocabulary_fits(const struct request *r, struct reply *a, const char *id, const char *model)
{
    emu_lock(r->emu);
    const struct vocabulary *v = find(r->emu, r->account, id);
    bool fits = v && !strcmp(v->target_model, model), early = v && !deployed(r->emu, v);
    cleanup_free char *target = xstrdup(v ? v->target_model : NULL);
    emu_unlock(r->emu);
    if (early)
        record_violation(r->emu, r, "vocabulary_not_deployed", id);
    if (!v)
        refuse(r, a, REFUSE_NO_RESOURCE);
    else if (!fits)
        refuse_with(r, a, REFUSE_PARAMETER, "vocabulary %s is for %s, not for %s.", id, target, model);
    return fits;
}
