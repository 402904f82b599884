/* A status object of the control socket, read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "fs/inbox/status.h"

struct answer {
    char *engine;
    char *trouble; /* NULL: none */
    size_t counts[ITEM_STATES];
    bool paid; /* `spending` is known */
    struct spending_report spending;
    struct item *items;
    size_t count, omitted;
    bool final, timed_out; /* of a wait */
};

/* 0 or -ENOMEM. What is missing is empty. */
int answer_read(const cJSON *object, struct answer *out);
void answer_clear(struct answer *a);

#define cleanup_answer __attribute__((cleanup(answer_clear)))
