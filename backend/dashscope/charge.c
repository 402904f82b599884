/* What a cloud job costs. */
#include "backend/dashscope/charge.h"

#include <stdio.h>
#include <string.h>

#include "backend/dashscope/job.h"
#include "backend/price.h"
#include "backend/transcript.h"

/* Tasks recognise each channel that was asked for on its own, everything else one. */
int cloud_billed_channels(const char *list, enum model_call call, int channels)
{
    if (!list || call != CALL_TASK)
        return 1;
    if (strcmp(list, "all") == 0)
        return channels > 0 ? channels : 1;
    int count = 1;
    for (const char *comma = list; (comma = strchr(comma, ',')); comma++)
        count++;
    return count;
}

static int billed_channels(const struct backend_job *job)
{
    return cloud_billed_channels(job->wishes.is.channels, job->route.call, job->facts.channels);
}

static int64_t longest_ms(const struct backend_job *job)
{
    return price_longest_ms(job->facts.duration_ms, billed_channels(job));
}

static void put_price(const struct backend_job *job, int64_t billed_ms, int64_t *cost_micro, char currency[4])
{
    const struct model *model = job->route.model;
    enum region region = job->wishes.region;
    if (model && price_cost(model, region, billed_ms, cost_micro))
        snprintf(currency, 4, "%s", catalogue_region(region)->currency);
}

static void report(const struct backend_job *job, const struct backend_charge *charge)
{
    if (job->events.charged)
        job->events.charged(job->context, charge);
}

/* The most that can be billed. */
static struct backend_charge possible(const struct backend_job *job, int64_t at_ms)
{
    struct backend_charge charge = {.at_ms = at_ms,
                                    .kind = CHARGE_POSSIBLE,
                                    .model = job->route.model ? job->route.model->name : "",
                                    .billed_ms = longest_ms(job)};
    put_price(job, charge.billed_ms, &charge.cost_micro, charge.currency);
    return charge;
}

bool cloud_charge_reserve(struct backend_job *job)
{
    struct backend_charge most = possible(job, cloud_wall_ms());
    struct error err = {0};
    int64_t until_ms = 0;
    if (!job->events.may_send || job->events.may_send(job->context, &most, &err, &until_ms)) {
        job->charge.at_ms = most.at_ms;
        return true;
    }
    if (until_ms)
        cloud_job_postpone(job, &err, until_ms);
    else
        cloud_job_fail(job, &err);
    return false;
}

void cloud_charge_sent(struct backend_job *job)
{
    if (job->charge.sent)
        return;
    struct backend_charge charge = possible(job, job->charge.at_ms);
    job->charge.sent = true;
    report(job, &charge);
}

void cloud_charge_withdraw(struct backend_job *job)
{
    if (!job->charge.sent)
        return;
    job->charge.sent = false;
    report(job, &(struct backend_charge){
                    .at_ms = job->charge.at_ms, .kind = CHARGE_NONE, .model = job->route.model->name});
}

/* An answer without a number of seconds. Where nobody spoke, and only speech is billed, none were. */
static void estimate(const struct backend_job *job, struct transcript *t)
{
    if (t->sentence_count == 0 && price_is_of_speech(job->route.model))
        return;
    int64_t duration_ms = job->facts.duration_ms > 0 ? job->facts.duration_ms : t->duration_ms;
    t->billed_ms = price_longest_ms(duration_ms, billed_channels(job));
    t->billed_estimated = true;
}

void cloud_charge_settle(struct backend_job *job, struct transcript *t)
{
    if (!job->route.model)
        return;
    if (t->billed_ms <= 0 && job->billed_ms > 0)
        t->billed_ms = job->billed_ms;
    if (t->billed_ms <= 0 && job->billed_ms < 0)
        estimate(job, t);
    put_price(job, t->billed_ms, &t->cost_micro, t->currency);
    struct backend_charge charge = {.at_ms = job->charge.at_ms,
                                    .kind = t->billed_estimated ? CHARGE_ESTIMATED : CHARGE_BILLED,
                                    .model = job->route.model->name,
                                    .billed_ms = t->billed_ms,
                                    .cost_micro = t->cost_micro};
    memcpy(charge.currency, t->currency, sizeof charge.currency);
    report(job, &charge);
}

void cloud_charge_restore(struct backend_job *job, int64_t at_ms)
{
    job->charge.at_ms = at_ms;
    job->charge.sent = at_ms > 0;
}
