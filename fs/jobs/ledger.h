/* The accounts: what was done, and what was sent to a paid service. Written to the index, and added up here by
 * local day and month. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/digest.h"
#include "fs/inbox/report.h"
#include "fs/jobs/payers.h"

struct backend_charge;
struct index;
struct ledger;
struct results;

/* Reads the index; `now_ms` (wall clock) says which days are of interest: from about two months before it on.
 * 0 or negative errno. */
int ledger_new(struct index *index, int64_t now_ms, struct ledger **out);
void ledger_free(struct ledger *l);

/* What a job's attempt costs, or what more is known of it: see struct backend_charge. The folder of the recording that
 * is sent pays, under the path it has when that is told first. Queued to the index. */
void ledger_add(struct ledger *l, const char *folder, const struct digest *job, const struct backend_charge *charge);
/* What was sent, billed or possibly billed: see payers_sum(). */
struct paid ledger_paid(struct ledger *l, const char *folder, int day_or_month, const char *currency);
/* The sums of the day and of the month that now_ms is in. */
void ledger_sums(struct ledger *l, int64_t now_ms, struct spent *today, struct spent *month);

/* A job came to its end: with a result, of so much audio (negative: not known), or failed for good. Queued to the
 * index. */
void ledger_finished(struct ledger *l, int64_t now_ms, bool failed, int64_t audio_ms);
/* The last `count` days, today last, and all that was ever done. */
void ledger_days(struct ledger *l, int64_t now_ms, struct report_day *days, size_t count, struct report_day *ever);

/* After a crash: attempts that have their result in the cache, but of which the accounts do not know yet what
 * they cost. They are put right, and fn is told of each. */
void ledger_recover(struct ledger *l, struct results *results,
                    void (*fn)(void *arg, const struct digest *job, const struct backend_charge *charge),
                    void *arg);
