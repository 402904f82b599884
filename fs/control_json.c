/* Items and paths as JSON, both ways, in one place so that the two sides cannot drift apart. */
#include "fs/control_json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/utf8.h"
#include "fs/control_spent.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/names.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const state_names[ITEM_STATES] = {
    [ITEM_ARRIVING] = "arriving", [ITEM_QUEUED] = "queued", [ITEM_RUNNING] = "running",
    [ITEM_DONE] = "done",         [ITEM_FAILED] = "failed",
};
static const char *const stage_names[] = {
    [STAGE_PREPARING] = "preparing",
    [STAGE_PUBLISHING] = "publishing",
    [STAGE_SUBMITTED] = "submitted",
    [STAGE_RECOGNISING] = "recognising",
};
static const char *const class_names[] = {
    [ERROR_NONE] = "none",     [ERROR_TRANSIENT] = "transient", [ERROR_PERMANENT] = "permanent",
    [ERROR_PERSON] = "person", [ERROR_CHANGED] = "changed",
};

const char *item_stage_name(enum backend_stage stage)
{
    return stage_names[stage];
}

const char *item_state_name(enum item_state state)
{
    return state_names[state];
}

/* Its place in the table, or -1. */
static int lookup(const cJSON *object, const char *key, const char *const *names, size_t count)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    for (size_t i = 0; text && i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return (int)i;
    return -1;
}

/* ---- Bytes ---- */

bool json_add_bytes(cJSON *object, const char *key, const char *bytes)
{
    cleanup_buffer struct buffer text = {0};
    buffer_puts(&text, "");
    for (const char *s = bytes; *s;) {
        uint32_t c;
        char character[4];
        s += utf8_next(s, strnlen(s, 4), &c);
        buffer_add(&text, character, utf8_put(c, character));
    }
    if (buffer_error(&text) || !cJSON_AddStringToObject(object, key, text.data))
        return false;
    if (strcmp(text.data, bytes) == 0)
        return true;
    cleanup_buffer struct buffer name = {0}, hex = {0};
    buffer_printf(&name, "%s_bytes", key);
    for (const char *s = bytes; *s; s++)
        buffer_printf(&hex, "%02x", (unsigned char)*s);
    return !buffer_error(&name) && !buffer_error(&hex) &&
           cJSON_AddStringToObject(object, name.data, hex.data);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char *json_get_bytes(const cJSON *object, const char *key)
{
    cleanup_buffer struct buffer name = {0};
    buffer_printf(&name, "%s_bytes", key);
    if (buffer_error(&name))
        return NULL;
    const char *hex = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name.data));
    if (!hex) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
        return text ? strdup(text) : NULL;
    }
    size_t len = strlen(hex);
    cleanup_free char *bytes = len % 2 == 0 ? malloc(len / 2 + 1) : NULL;
    if (!bytes)
        return NULL;
    for (size_t i = 0; i < len; i += 2) {
        int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
        if (high < 0 || low < 0 || high + low == 0)
            return NULL;
        bytes[i / 2] = (char)(high << 4 | low);
    }
    bytes[len / 2] = '\0';
    return steal_ptr(bytes);
}

/* ---- Items ---- */

static bool add_number(cJSON *object, const char *key, int64_t value)
{
    return cJSON_AddNumberToObject(object, key, (double)value) != NULL;
}

static int64_t get_number(const cJSON *object, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    /* 2^53: what a double holds exactly, and what keeps the conversion defined. */
    if (!cJSON_IsNumber(value) ||
        !(value->valuedouble > -9007199254740992.0 && value->valuedouble < 9007199254740992.0))
        return 0;
    return (int64_t)value->valuedouble;
}

static int get_int(const cJSON *object, const char *key)
{
    int64_t value = get_number(object, key);
    return value < 0 ? 0 : value > INT32_MAX ? INT32_MAX : (int)value;
}

static bool add_error(cJSON *object, const struct error *error)
{
    if (error->class == ERROR_NONE)
        return true;
    cJSON *e = cJSON_AddObjectToObject(object, "error");
    const struct message *m = message_find(error->code);
    return e && cJSON_AddStringToObject(e, "class", class_names[error->class]) &&
           json_add_bytes(e, "code", error->code) && json_add_bytes(e, "detail", error->detail) &&
           cJSON_AddStringToObject(e, "cause", m->cause) && cJSON_AddStringToObject(e, "next", m->next);
}

/* An array of the names of views. */
static bool add_views(cJSON *object, const char *key, uint32_t views)
{
    cJSON *list = cJSON_AddArrayToObject(object, key);
    for (int f = 0; list && f < VIEW_FORMATS; f++) {
        if (!(views & 1u << f))
            continue;
        cJSON *name = cJSON_CreateString(view_format_name((enum view_format)f));
        if (!name || !cJSON_AddItemToArray(list, name)) {
            cJSON_Delete(name);
            return false;
        }
    }
    return list != NULL;
}

cJSON *json_item(const struct item *item)
{
    cJSON *o = cJSON_CreateObject();
    bool ok = o && json_add_bytes(o, "path", item->path ? item->path : "") &&
              json_add_bytes(o, "base", item->base ? item->base : "") &&
              cJSON_AddStringToObject(o, "state", state_names[item->state]);
    if (ok && item->state == ITEM_RUNNING)
        ok = cJSON_AddStringToObject(o, "stage", stage_names[item->stage]) &&
             add_number(o, "done", item->done) && add_number(o, "total", item->total);
    if (ok && item->state == ITEM_QUEUED)
        ok = add_number(o, "position", item->position) && add_number(o, "not_before_ms", item->not_before_ms);
    ok = ok && add_number(o, "duration_ms", item->duration_ms) &&
         add_number(o, "queued_ms", item->queued_ms) && add_number(o, "started_ms", item->started_ms) &&
         add_number(o, "finished_ms", item->finished_ms) && add_number(o, "expected_ms", item->expected_ms) &&
         add_number(o, "attempts", item->attempts) && add_number(o, "versions", item->versions) &&
           add_views(o, "views", item->listed) &&
           add_views(o, "hidden", item->hidden) &&
         cJSON_AddStringToObject(o, "job", item->job) &&
         cJSON_AddStringToObject(o, "backend", item->backend) && add_error(o, &item->error) &&
         json_add_cost(o, &item->cost);
    if (ok && item->empty)
        ok = cJSON_AddTrueToObject(o, "empty");
    if (ok)
        return o;
    cJSON_Delete(o);
    return NULL;
}

static void read_text(char *to, size_t size, const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    snprintf(to, size, "%s", text ? text : "");
}

static uint32_t read_views(const cJSON *object, const char *key)
{
    uint32_t views = 0;
    const cJSON *name;
    cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(object, key))
    {
        for (int f = 0; f < VIEW_FORMATS; f++)
            if (cJSON_IsString(name) && strcmp(name->valuestring, view_format_name((enum view_format)f)) == 0)
                views |= 1u << f;
    }
    return views;
}

bool json_read_item(const cJSON *object, struct item *item)
{
    *item = (struct item){0};
    int state = lookup(object, "state", state_names, ITEM_STATES);
    if (state < 0)
        return false;
    item->path = json_get_bytes(object, "path");
    item->base = json_get_bytes(object, "base");
    if (!item->path || !item->base) {
        free(item->path);
        free(item->base);
        *item = (struct item){0};
        return false;
    }
    item->state = (enum item_state)state;
    int stage = lookup(object, "stage", stage_names, COUNT(stage_names));
    item->stage = stage < 0 ? STAGE_PREPARING : (enum backend_stage)stage;
    item->done = get_number(object, "done");
    item->total = get_number(object, "total");
    item->empty = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "empty"));
    item->position = get_int(object, "position");
    item->duration_ms = get_number(object, "duration_ms");
    item->queued_ms = get_number(object, "queued_ms");
    item->started_ms = get_number(object, "started_ms");
    item->finished_ms = get_number(object, "finished_ms");
    item->expected_ms = get_number(object, "expected_ms");
    item->not_before_ms = get_number(object, "not_before_ms");
    item->attempts = get_int(object, "attempts");
    read_text(item->job, sizeof item->job, object, "job");
    read_text(item->backend, sizeof item->backend, object, "backend");
    json_read_cost(object, &item->cost);
    item->versions = (unsigned)get_int(object, "versions");
    item->listed = read_views(object, "views");
    item->hidden = read_views(object, "hidden");
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(object, "error");
    if (cJSON_IsObject(error)) {
        int class = lookup(error, "class", class_names, COUNT(class_names));
        item->error.class = class < 0 ? ERROR_PERMANENT : (enum error_class) class;
        read_text(item->error.code, sizeof item->error.code, error, "code");
        read_text(item->error.detail, sizeof item->error.detail, error, "detail");
    }
    return true;
}
