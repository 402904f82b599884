/* What the tests of the cloud backend have in common: a studio for each test. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/dashscope/budget.h"
#include "backend/dashscope/parse.h"
#include "backend/dashscope/poller.h"
#include "backend/dashscope/service.h"
#include "backend/prepare.h"
#include "tests/unit/fake_studio.h"

static inline int setup(void **state)
{
    *state = studio_new();
    return 0;
}

static inline int teardown(void **state)
{
    studio_free(*state);
    return 0;
}

static const struct dashscope_settings tasks = {.publish = {.kind = PUBLISH_OSS},
                                                .wishes = {.model = "fun-asr"}};

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
