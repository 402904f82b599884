/* What may be spent. */
#include "fs/paying.h"

#include <stdio.h>

#include "fs/inbox/folders.h"
#include "fs/jobs/ledger.h"

static struct amount sent(void *context, const char *folder, int day_or_month)
{
    const struct paying *p = context;
    struct paid paid = ledger_paid(p->ledger, folder, day_or_month, p->spending.currency);
    return (struct amount){.ms = paid.ms, .micro = paid.micro + paid.unpriced_ms * p->spending.micro_per_second / 1000};
}

static struct limits limits_in(void *context, const char *folder)
{
    const struct paying *p = context;
    const struct folder_settings *settings = folders_get(p->folders, folder);
    struct limits limits = settings->limits;
    folders_put(settings);
    return limits;
}

void paying_begin(struct paying *p, struct ledger *ledger, struct folders *folders, const char *currency,
                  int64_t micro_per_second)
{
    *p = (struct paying){.ledger = ledger,
                         .folders = folders,
                         .spending = {.sent = sent,
                                      .limits = limits_in,
                                      .context = p,
                                      .micro_per_second = micro_per_second}};
    snprintf(p->spending.currency, sizeof p->spending.currency, "%s", currency);
}
