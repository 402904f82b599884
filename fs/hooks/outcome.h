/* How the telling of a hook ended. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hook_outcome {
    bool delivered;
    bool again;             /* not delivered, but it may be later */
    int64_t retry_after_ms; /* not before; 0: as usual */
    const char *detail;     /* English, one line: what was wrong */
};
typedef void hook_ended(void *context, const struct hook_outcome *outcome);
