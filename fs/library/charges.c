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

/* ---- waiting for the next day or month ---- */

/* Also over when somebody has set the clock back: the limits are looked at anew. */
static bool hold_lasts(const struct hold *h, int64_t now_ms)
{
    return now_ms >= h->from_ms && now_ms < h->until_ms;
}

static bool hold_is_of(const struct hold *h, const struct job *job)
{
    const struct recording *r = job->recordings;
    if (strcmp(job->backend, h->backend) != 0)
        return false;
    /* What was begun may have been sent, and goes on, unless it was turned away itself. */
    if (job->checkpoint && strcmp(job->error.code, h->error.code) != 0)
        return false;
    return !*h->folder || (r && r->links && path_is_below(r->links->folder->path, h->folder));
}

const struct hold *job_hold(const struct library *lib, const struct job *job, int64_t now_ms)
{
    const struct hold *longest = NULL;
    for (const struct hold *h = lib->holds; h; h = h->next)
        if (hold_lasts(h, now_ms) && (!longest || h->until_ms > longest->until_ms) && hold_is_of(h, job))
            longest = h;
    return longest;
}

int64_t holds_end(const struct library *lib, int64_t now_ms)
{
    int64_t end_ms = 0;
    for (const struct hold *h = lib->holds; h; h = h->next)
        if (hold_lasts(h, now_ms) && (!end_ms || h->until_ms < end_ms))
            end_ms = h->until_ms;
    return end_ms;
}

static void hold_drop(struct library *lib, struct hold *h)
{
    LL_DELETE(lib->holds, h);
    free(h->folder);
    free(h);
}

void holds_free(struct library *lib)
{
    while (lib->holds)
        hold_drop(lib, lib->holds);
}

/* One for each folder and backend; those that are over go. */
static void hold_put(struct library *lib, const char *backend, const char *folder, const struct error *err,
                     int64_t now_ms, int64_t until_ms)
{
    struct hold *h, *next;
    LL_FOREACH_SAFE(lib->holds, h, next)
    {
        bool same = strcmp(h->folder, folder) == 0 && strcmp(h->backend, backend) == 0;
        if (same || !hold_lasts(h, now_ms))
            hold_drop(lib, h);
    }
    h = calloc(1, sizeof *h);
    if (!h)
        return; /* each is asked for itself */
    *h = (struct hold){.folder = strdup(folder), .from_ms = now_ms, .until_ms = until_ms, .error = *err};
    snprintf(h->backend, sizeof h->backend, "%s", backend);
    if (h->folder)
        LL_PREPEND(lib->holds, h);
    else
        free(h);
}

bool library_forget_holds(struct library *lib)
{
    LIBRARY_LOCK(lib);
    int64_t now = wall_ms();
    bool any = lib->holds != NULL;
    struct job *job;
    if (!any)
        return false;
    DL_FOREACH(lib->queue, job)
    {
        if (job_hold(lib, job, now))
            job->status_ms = now;
    }
    holds_free(lib);
    DL_FOREACH(lib->queue, job)
    {
        if (job->status_ms == now)
            job_reconcile(lib, job);
    }
    return true;
}

int64_t library_held_until(struct library *lib, int64_t now_ms, struct error *why)
{
    LIBRARY_LOCK(lib);
    const struct hold *longest = NULL;
    for (const struct hold *h = lib->holds; h; h = h->next)
        if (!*h->folder && hold_lasts(h, now_ms) && (!longest || h->until_ms > longest->until_ms))
            longest = h;
    if (why)
        *why = longest ? longest->error : (struct error){0};
    return longest ? longest->until_ms : 0;
}

void library_job_postponed(struct library *lib, const struct digest *key, const char *folder,
                           const struct error *err, int64_t now_ms, int64_t until_ms)
{
    LIBRARY_LOCK(lib);
    struct job *job = job_claimed(lib, key);
    if (job)
        hold_put(lib, job->backend, folder, err, now_ms, until_ms);
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
        if (!job_hold(lib, waiting, now_ms))
            continue;
        waiting->status_ms = now_ms;
        job_reconcile(lib, waiting);
    }
}
