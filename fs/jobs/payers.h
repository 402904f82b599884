/* What was sent to paid services, by folder and day. A folder's recordings are paid by the folder itself, under the
 * path it had then. Not locked: its owner does that. */
#pragma once

#include <stdint.h>

struct payer;
struct backend_charge;

struct payers { /* all zero: nothing */
    struct payer *table;
};

/* What was sent, also what may not have been billed in the end. */
struct paid {
    int64_t ms, micro;   /* micro: of what has a price in the currency asked for … */
    int64_t unpriced_ms; /* … the length of all else */
};

void payers_clear(struct payers *p);
/* The folder's path as long as `p` lives, to be given to payers_count(). NULL: out of memory. */
const char *payers_folder(struct payers *p, const char *path);
/* Counts a charge on its day; sign -1 takes it back. Without memory it is missing until the next start. */
void payers_count(struct payers *p, const char *folder, const struct backend_charge *charge, int sign);
/* Of a folder and those below it ("": all), on a day (20261122) or in a month (202611). */
struct paid payers_sum(const struct payers *p, const char *folder, int day_or_month, const char *currency);
