/* What the parsers of the service's JSON share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

struct error;
struct sentence;
struct transcript;

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

/* Adds a sentence of the service ("sentence" object of any family) to the transcript. The speaker is the
 * service's number. Times that are missing are negative until estimate_times(). 0 or -ENOMEM. */
int add_sentence(struct transcript *t, const cJSON *json, int channel);
/* The same for a "sentence" that may hold the whole recording: cut where a sentence ends, if its words show
 * where that is. */
int add_split_sentence(struct transcript *t, const cJSON *json);
/* Fills missing times from the neighbours; sets times_estimated when there was something to fill.
 * `duration_ms` negative: not known. */
void estimate_times(struct transcript *t, int64_t duration_ms);
/* The last step: order, speakers counted from 0 by first appearance, the language of the whole. */
void finish_transcript(struct transcript *t);
