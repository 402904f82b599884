/* What may be spent: the limits (fs/jobs/spending.h) with what they go by, the accounts and the settings of folders. */
#pragma once

#include "fs/jobs/spending.h"

struct folders;
struct ledger;

struct paying {
    struct spending spending;
    struct ledger *ledger;
    struct folders *folders;
};

/* Both stay the caller's. `currency` and `micro_per_second`: of the price list, as in struct spending. */
void paying_begin(struct paying *p, struct ledger *ledger, struct folders *folders, const char *currency,
                  int64_t micro_per_second);
