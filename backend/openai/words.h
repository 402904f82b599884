/* Words with times, as the servers give them. Pure. */
#pragma once

#include <cjson/cJSON.h>

struct sentence;

/* Adds the words of a list from `*at` on to the sentence: up to the first that is spoken after `until`
 * seconds (INFINITY: all), where *at is left. `scale`: milliseconds in the list's unit of time. Pieces of
 * words are put together; punctuation at their ends is told apart. All or nothing: a list with a word that
 * has no time, or that cuts through characters, adds none. 0 or -ENOMEM. */
int openai_add_words(struct sentence *s, const cJSON *list, const cJSON **at, double until, double scale);

/* A member that is a number, or a text that is one; `otherwise` when there is none. */
double openai_number(const cJSON *object, const char *key, double otherwise);
