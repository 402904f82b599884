/* Sums of what was sent, by folder and day. */
#include "fs/jobs/payers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "backend/backend.h"
#include "backend/base/day.h"
#include "fs/library.h"

enum { CURRENCIES = 4 /* a region each, and what has no price */ };

struct day {
    int day;
    struct {
        char currency[4];
        int64_t ms, micro;
    } of[CURRENCIES]; /* the first: without a price */
    UT_hash_handle hh;
};

struct payer {
    struct day *days;
    UT_hash_handle hh;
    char path[];
};

void payers_clear(struct payers *p)
{
    struct payer *payer, *next;
    HASH_ITER(hh, p->table, payer, next)
    {
        struct day *d, *following;
        HASH_ITER(hh, payer->days, d, following)
        {
            HASH_DEL(payer->days, d);
            free(d);
        }
        HASH_DEL(p->table, payer);
        free(payer);
    }
}

static struct payer *find(struct payers *p, const char *path)
{
    struct payer *payer;
    HASH_FIND_STR(p->table, path, payer);
    return payer;
}

const char *payers_folder(struct payers *p, const char *path)
{
    struct payer *payer = find(p, path);
    if (payer)
        return payer->path;
    payer = calloc(1, sizeof *payer + strlen(path) + 1);
    if (!payer)
        return NULL;
    memcpy(payer->path, path, strlen(path) + 1);
    HASH_ADD_STR(p->table, path, payer);
    return payer->path;
}

static struct day *day_get(struct payer *payer, int day)
{
    struct day *d;
    HASH_FIND_INT(payer->days, &day, d);
    if (d || !(d = calloc(1, sizeof *d)))
        return d;
    d->day = day;
    HASH_ADD_INT(payer->days, day, d);
    return d;
}

/* Its place: with a currency too many, among those without a price. */
static int place_of(struct day *d, const char *currency)
{
    for (int i = 1; *currency && i < CURRENCIES; i++) {
        if (!d->of[i].currency[0])
            snprintf(d->of[i].currency, sizeof d->of[i].currency, "%s", currency);
        if (strcmp(d->of[i].currency, currency) == 0)
            return i;
    }
    return 0;
}

void payers_count(struct payers *p, const char *folder, const struct backend_charge *charge, int sign)
{
    struct payer *payer = charge->kind != CHARGE_NONE ? find(p, folder) : NULL;
    struct day *d = payer ? day_get(payer, day_of(charge->at_ms)) : NULL;
    if (!d)
        return;
    int i = place_of(d, charge->currency);
    d->of[i].ms += sign * charge->billed_ms;
    d->of[i].micro += sign * (i > 0 ? charge->cost_micro : 0);
}

static void add_day(const struct day *d, const char *currency, struct paid *sum)
{
    for (int i = 0; i < CURRENCIES; i++) {
        sum->ms += d->of[i].ms;
        if (i > 0 && strcmp(d->of[i].currency, currency) == 0)
            sum->micro += d->of[i].micro;
        else
            sum->unpriced_ms += d->of[i].ms;
    }
}

struct paid payers_sum(const struct payers *p, const char *folder, int day_or_month, const char *currency)
{
    struct paid sum = {0};
    for (const struct payer *payer = p->table; payer; payer = payer->hh.next) {
        if (!path_is_below(payer->path, folder))
            continue;
        for (const struct day *d = payer->days; d; d = d->hh.next)
            if (d->day == day_or_month || day_month(d->day) == day_or_month)
                add_day(d, currency, &sum);
    }
    return sum;
}
