/* What jobs cost, and jobs that have to wait because others have spent what may be spent. */
#include "fs/library/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

/* ---- costs ---- */

static struct backend_charge *charge_at(struct job_costs *costs, int64_t at_ms)
{
    for (size_t i = 0; i < costs->count; i++)
        if (costs->charges[i].at_ms == at_ms)
            return &costs->charges[i];
    struct backend_charge *more = reallocarray(costs->charges, costs->count + 1, sizeof *more);
    if (!more)
        return NULL;
    costs->charges = more;
    return &more[costs->count++];
}

void job_learn_charge(struct job *job, const struct backend_charge *charge)
{
    struct backend_charge *kept = charge_at(&job->costs, charge->at_ms);
    if (!kept)
        return;
    *kept = *charge;
    kept->model = NULL;
}

void job_costs(const struct job *job, struct spent_item *out)
{
    *out = (struct spent_item){0};
    for (size_t i = 0; i < job->costs.count; i++) {
        const struct backend_charge *c = &job->costs.charges[i];
        if (c->kind == CHARGE_POSSIBLE) {
            out->possible = true;
            out->possible_ms += c->billed_ms;
        } else if (c->kind != CHARGE_NONE) {
            out->billed_ms += c->billed_ms;
            out->cost_micro += c->cost_micro;
            out->estimated |= c->kind == CHARGE_ESTIMATED;
        }
        if (c->currency[0]) /* a job stays in its region */
            memcpy(out->currency, c->currency, sizeof out->currency);
    }
}

void library_job_charged(struct library *lib, const struct digest *key, const struct backend_charge *charge)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_find(lib, key);
    if (job)
        job_learn_charge(job, charge);
    if (lib->hooks.changed)
        lib->hooks.changed(lib->hooks.context);
}

/* ---- waiting for the next day ---- */

/* Also over when somebody has set the clock back: the backend decides anew. */
static bool hold_lasts(const struct library *lib, int64_t now_ms)
{
    const struct hold *h = &lib->hold;
    return h->until_ms && now_ms >= h->from_ms && now_ms < h->until_ms;
}

bool job_is_held(const struct library *lib, const struct job *job, int64_t now_ms)
{
    const struct hold *h = &lib->hold;
    if (!hold_lasts(lib, now_ms) || strcmp(job->backend, h->backend) != 0)
        return false;
    /* What was begun may have been sent, and goes on, unless it was turned away itself. */
    return !job->checkpoint || strcmp(job->error.code, h->error.code) == 0;
}

int64_t hold_until(const struct library *lib, int64_t now_ms)
{
    return hold_lasts(lib, now_ms) ? lib->hold.until_ms : 0;
}

int64_t library_held_until(struct library *lib, int64_t now_ms, struct error *why)
{
    LIBRARY_LOCK(lib);
    if (why)
        *why = lib->hold.error;
    return hold_until(lib, now_ms);
}

void library_job_postponed(struct library *lib, const struct digest *key, const struct error *err,
                           int64_t now_ms, int64_t until_ms)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_claimed(lib, key);
    struct hold *h = &lib->hold;
    if (job) {
        *h = (struct hold){.from_ms = now_ms, .until_ms = until_ms, .error = *err};
        snprintf(h->backend, sizeof h->backend, "%s", job->backend);
    }
    if (!job || !job_unclaim(lib, job))
        return;
    job->attempts--; /* it was not tried */
    job->error = *err;
    job_enqueue_first(lib, job);
    job_store(lib, job);
    /* All that wait say so now, and why. */
    struct job *waiting;
    DL_FOREACH(lib->queue, waiting)
    {
        if (!job_is_held(lib, waiting, now_ms))
            continue;
        waiting->status_ms = now_ms;
        job_reconcile(lib, waiting);
    }
}
