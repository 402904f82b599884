/* What a cloud job costs, and whether it may be sent now: the link between a job, the price list (price.h) and
 * whoever keeps the accounts (backend_events.charged) and knows the limits (backend_events.may_send).
 *
 *   reserve ── sent ─┬─ settle: what the service billed
 *                    ├─ withdraw: it was certainly not accepted
 *                    '─ (the job fails: it may have been billed) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/catalogue.h"

struct backend_job;
struct transcript;

/* Part of a job; all zero at first. */
struct charge {
    int64_t at_ms; /* when it was asked for; names the attempt. 0: not yet */
    bool sent;     /* it may have been billed */
};

/* How many times its length a recording can be billed. `list`: the wish "channels", or NULL; `channels`: of
 * the recording, 0: not known. */
int cloud_billed_channels(const char *list, enum model_call call, int channels);
/* The length is known: may it be sent now? True: go on. False: the job has ended. */
bool cloud_charge_reserve(struct backend_job *job);
/* Before the first request that may cost money; again before each other one of the same attempt. */
void cloud_charge_sent(struct backend_job *job);
/* Nothing of this attempt was accepted. */
void cloud_charge_withdraw(struct backend_job *job);
/* Puts the costs into the transcript, if they are not in it, and reports them. */
void cloud_charge_settle(struct backend_job *job, struct transcript *transcript);
/* A checkpoint said so: it was sent. */
void cloud_charge_restore(struct backend_job *job, int64_t at_ms);
