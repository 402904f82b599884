/* When to try again. */
#include "fs/jobs/retry.h"

#include <string.h>

#define FIRST_MS 5000
#define LONGEST_MS (30 * 60 * 1000)
#define PERSON_MS (60 * 1000)
#define KILLED_ATTEMPTS 3

int64_t retry_delay_ms(const struct error *err, int attempts, uint32_t random)
{
    switch (err->class) {
    case ERROR_PERSON:
        return PERSON_MS;
    case ERROR_CHANGED:
        return 0;
    case ERROR_TRANSIENT:
        break;
    case ERROR_NONE:
    case ERROR_PERMANENT:
        return -1;
    }
    if (strcmp(err->code, "engine.killed") == 0 && attempts >= KILLED_ATTEMPTS)
        return -1;
    int64_t delay = FIRST_MS;
    for (int i = 1; i < attempts && delay < LONGEST_MS; i++)
        delay *= 2;
    if (delay > LONGEST_MS)
        delay = LONGEST_MS;
    return delay + (int64_t)(random % (uint32_t)(delay / 4));
}
