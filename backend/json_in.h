/* What the parsers of services' JSON share: tolerant readers of members. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

struct error;

/* The member, or NULL: also when `object` is NULL or is no object. */
const cJSON *json_get(const cJSON *object, const char *key);
/* The text of a member, or NULL: also when it is empty or no string. */
const char *json_text(const cJSON *object, const char *key);
/* A whole number, also one written as a string; false when there is none. */
bool json_number(const cJSON *object, const char *key, int64_t *value);
/* NULL and *err ("cloud.answer", transient) when the bytes are no JSON object. */
cJSON *json_parse(const char *json, size_t length, struct error *err);
/* Releases a cJSON * at scope end. */
void json_freep(cJSON **json);
#define cleanup_json __attribute__((cleanup(json_freep)))

/* Without white space around it; NULL when out of memory. */
char *text_trimmed(const char *text);
