/* What was spent as JSON, both ways; see fs/control.h. */
#pragma once

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "fs/inbox/spent.h"

/* SUM of fs/control.h. False when out of memory; what is missing is 0. */
bool json_add_spent(cJSON *object, const char *key, const struct spent *s);
void json_read_spent(const cJSON *object, const char *key, struct spent *s);

/* Adds "spending" to a status object: null without a report. False when out of memory. */
bool json_add_spending(cJSON *object, const struct spending_report *report);
/* False, and nothing in *report, when there is none. */
bool json_read_spending(const cJSON *object, struct spending_report *report);

/* Adds "cost" to an item, unless it cost nothing. False when out of memory. */
bool json_add_cost(cJSON *item, const struct spent_item *cost);
/* What is missing is 0. */
void json_read_cost(const cJSON *item, struct spent_item *cost);
