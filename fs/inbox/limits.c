/* Limits of spending, as settings give them. */
#include "fs/inbox/limits.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *key;
    bool minutes;
    size_t offset;
} rows[] = {
    {"minutes_per_day", true, offsetof(struct limits, minutes_per_day)},
    {"minutes_per_month", true, offsetof(struct limits, minutes_per_month)},
    {"hold_minutes", true, offsetof(struct limits, hold_minutes)},
    {"cost_per_day", false, offsetof(struct limits, cost_per_day)},
    {"cost_per_month", false, offsetof(struct limits, cost_per_month)},
};
#define ROWS (sizeof rows / sizeof *rows)

static size_t find(const char *key)
{
    size_t i = 0;
    while (i < ROWS && strcmp(rows[i].key, key) != 0)
        i++;
    return i;
}

bool limits_known(const char *key)
{
    return find(key) < ROWS;
}

static int refuse(struct error *err, const char *key, const char *value)
{
    error_set(err, ERROR_PERSON, EINVAL, "config.value", "%s=%s: a number above 0 is needed", key, value);
    return -EINVAL;
}

int limits_lower(struct limits *limits, const char *key, const char *value, struct error *err)
{
    size_t i = find(key);
    char *end;
    if (i == ROWS)
        return -ENOENT;
    void *field = (char *)limits + rows[i].offset;
    double n = strtod(value, &end);
    if (end == value || *end || !isfinite(n) || n <= 0 || n > LIMITS_MOST)
        return refuse(err, key, value);
    if (!rows[i].minutes) {
        double *cost = field;
        *cost = *cost > 0 && *cost < n ? *cost : n;
        return 0;
    }
    int64_t *minutes = field;
    if (n != (double)(int64_t)n)
        return refuse(err, key, value);
    *minutes = *minutes > 0 && *minutes < (int64_t)n ? *minutes : (int64_t)n;
    return 0;
}
