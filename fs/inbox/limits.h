/* What may be spent at services that are paid: the limits that settings give, of everything or of a folder.
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/base/error.h"

#define LIMITS_MOST 1000000

/* 0: no limit. Minutes are of audio; costs in the currency of the price list. */
struct limits {
    int64_t minutes_per_day, minutes_per_month;
    double cost_per_day, cost_per_month;
    int64_t hold_minutes; /* what arrives together and is more waits until somebody confirms it (fs/jobs/drops.h) */
};

bool limits_known(const char *key);
/* Sets one from text, never higher than it is: a folder can only lower what holds above it. 0, -ENOENT when
 * there is no such limit, or -EINVAL and *err. */
int limits_lower(struct limits *limits, const char *key, const char *value, struct error *err);
