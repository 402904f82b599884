/* The switches of the service by name. */
#include "tests/emulator/config.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
    int64_t value;
    const char *help;
} numbers[] = {
#define ROW(name, value, text) {#name, offsetof(struct config, name), value, text},
    CONFIG_NUMBERS(ROW)
#undef ROW
};

static const struct {
    const char *name;
    size_t offset;
    const char *value;
    const char *help;
} texts[] = {
#define ROW(name, value, text) {#name, offsetof(struct config, name), value, text},
    CONFIG_TEXTS(ROW)
#undef ROW
};

enum { NUMBERS = sizeof numbers / sizeof *numbers, TEXTS = sizeof texts / sizeof *texts };

static int64_t *number_at(const struct config *c, size_t i)
{
    return (int64_t *)((char *)c + numbers[i].offset);
}

static char *text_at(const struct config *c, size_t i)
{
    return (char *)c + texts[i].offset;
}

void config_defaults(struct config *c)
{
    for (size_t i = 0; i < NUMBERS; i++)
        *number_at(c, i) = numbers[i].value;
    for (size_t i = 0; i < TEXTS; i++)
        snprintf(text_at(c, i), CONFIG_TEXT, "%s", texts[i].value);
}

static int set_one(struct config *c, const cJSON *item)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        if (strcmp(numbers[i].name, item->string))
            continue;
        if (!cJSON_IsNumber(item) && !cJSON_IsBool(item))
            return -1;
        *number_at(c, i) = cJSON_IsNumber(item) ? (int64_t)item->valuedouble : cJSON_IsTrue(item);
        return 0;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        if (strcmp(texts[i].name, item->string))
            continue;
        if (!cJSON_IsString(item) || strlen(item->valuestring) >= CONFIG_TEXT)
            return -1;
        strcpy(text_at(c, i), item->valuestring);
        return 0;
    }
    return -1;
}

const char *config_set(struct config *c, const cJSON *object)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (!item->string || set_one(c, item)) {
            return item->string ? item->string : "?";
        }
    }
    return NULL;
}

cJSON *config_json(const struct config *c)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < NUMBERS; i++)
        cJSON_AddNumberToObject(object, numbers[i].name, (double)*number_at(c, i));
    for (size_t i = 0; i < TEXTS; i++)
        cJSON_AddStringToObject(object, texts[i].name, text_at(c, i));
    return object;
}

cJSON *config_help(void)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < NUMBERS; i++)
        cJSON_AddStringToObject(object, numbers[i].name, numbers[i].help);
    for (size_t i = 0; i < TEXTS; i++)
        cJSON_AddStringToObject(object, texts[i].name, texts[i].help);
    return object;
}
