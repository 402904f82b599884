/* Items and paths as JSON: what the daemon writes on its control socket and scribectl reads. Described in
 * fs/control.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "fs/inbox/status.h"

/* Adds `key` (text) and, if the bytes are not UTF-8, `key`_bytes (hex). False when out of memory. */
bool json_add_bytes(cJSON *object, const char *key, const char *bytes);
/* The exact bytes: `key`_bytes if it is there, else `key`. malloc'ed; NULL if there is neither, if it is
 * malformed or holds a NUL, or when out of memory. */
char *json_get_bytes(const cJSON *object, const char *key);

/* NULL when out of memory. */
cJSON *json_item(const struct item *item);
/* Reads what json_item() made; members that are missing are 0. False when it is no item or out of memory;
 * then nothing needs to be freed. */
bool json_read_item(const cJSON *object, struct item *item);

/* "arriving", "queued", "running", "done", "failed" */
const char *item_state_name(enum item_state state);
const char *item_stage_name(enum backend_stage stage);
