/* Lists of hotwords: as people write them, and as the service takes them. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cJSON;

/* The service's limits. */
enum { HOTWORDS_MOST = 500, HOTWORD_MOST_CHARACTERS = 15, HOTWORD_MOST_PARTS = 7, HOTWORD_WEIGHT = 4 };

/* NULL, or what is wrong with a list ("word, other word=5", commas or line ends between). */
const char *hotwords_wrong(const char *list);
/* The list as JSON for the service; `language`: of all words, or NULL. Malloc'ed; NULL when out of memory. */
char *hotwords_json(const char *list, const char *language);
/* True if the service's array holds the same words with the same weights in the same order as that JSON. */
bool hotwords_same(const struct cJSON *theirs, const char *json);
/* The first `digits` (at most 64) hexadecimal digits of a digest of the text. */
void hotwords_hash(const char *text, char *hex, size_t digits);
