/* When a failed job is tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fs/jobs/retry.h"

static void delays(void **state)
{
    (void)state;
    static const struct {
        enum error_class class;
        const char *code;
        int attempts;
        int64_t least, most; /* -1: never */
    } rows[] = {
        {ERROR_PERMANENT, "media.not_audio", 1, -1, -1},
        {ERROR_CHANGED, "io.changed", 1, 0, 0},
        {ERROR_PERSON, "engine.missing", 1, 60000, 60000},
        {ERROR_PERSON, "engine.missing", 900, 60000, 60000},
        {ERROR_TRANSIENT, "io.space", 1, 5000, 6250},
        {ERROR_TRANSIENT, "io.space", 2, 10000, 12500},
        {ERROR_TRANSIENT, "io.space", 5, 80000, 100000},
        {ERROR_TRANSIENT, "io.space", 1000, 1800000, 2250000},
        {ERROR_TRANSIENT, "engine.killed", 2, 10000, 12500},
        {ERROR_TRANSIENT, "engine.killed", 3, -1, -1},
    };
    static const uint32_t randoms[] = {0, 1, 12345, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < sizeof randoms / sizeof *randoms; k++) {
            struct error err = {.class = rows[i].class};
            strcpy(err.code, rows[i].code);
            int64_t delay = retry_delay_ms(&err, rows[i].attempts, randoms[k]);
            if (delay < rows[i].least || delay > rows[i].most)
                fail_msg("%s, attempt %d: %lld ms", rows[i].code, rows[i].attempts, (long long)delay);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(delays)};
    return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
