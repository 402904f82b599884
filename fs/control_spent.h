/* What was spent as JSON, both ways; see fs/control.h. */
#pragma once

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "fs/inbox/spent.h"

/* Adds "spending" to a status object: null without a report. False when out of memory. */
bool json_add_spending(cJSON *object, const struct spending_report *report);
/* False, and nothing in *report, when there is none. */
bool json_read_spending(const cJSON *object, struct spending_report *report);

/* Adds "cost" to an item, unless it cost nothing. False when out of memory. */
bool json_add_cost(cJSON *item, const struct spent_item *cost);
/* What is missing is 0. */
void json_read_cost(const cJSON *item, struct spent_item *cost);
