/* Limits of spending. */
#include "fs/jobs/spending.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/base/day.h"
#include "fs/library.h"

/* Somebody had to wait for the end of this day or month because of this folder's limit. */
struct full {
    char *folder;
    int period;
    struct full *next;
};

/* One limit of one folder. */
struct check {
    const char *key;
    const char *code, *code_of_folder; /* while it is reached */
    bool month, money;
};

static const struct check checks[] = {
    {"minutes_per_day", "limit.day", "limit.folder_day", false, false},
    {"minutes_per_month", "limit.month", "limit.folder_month", true, false},
    {"cost_per_day", "limit.day_cost", "limit.folder_day", false, true},
    {"cost_per_month", "limit.month_cost", "limit.folder_month", true, true},
};
#define CHECKS (sizeof checks / sizeof *checks)

/* In milliseconds or millionths; 0: none. */
static int64_t limit_of(const struct limits *l, size_t check)
{
    const int64_t minutes[] = {l->minutes_per_day, l->minutes_per_month};
    const double cost[] = {l->cost_per_day, l->cost_per_month};
    return check < 2 ? minutes[check] * 60000 : (int64_t)(cost[check - 2] * 1e6 + 0.5);
}

struct amount spending_amount(const struct spending *s, const struct backend_charge *charge)
{
    struct amount amount = {.ms = charge->billed_ms};
    if (s && charge->currency[0] && strcmp(charge->currency, s->currency) == 0)
        amount.micro = charge->cost_micro;
    else if (s)
        amount.micro = charge->billed_ms * s->micro_per_second / 1000;
    return amount;
}

static int period_of(int64_t at_ms, bool month)
{
    int day = day_of(at_ms);
    return month ? day_month(day) : day;
}

static int64_t taken(const struct spending *s, const char *folder, int period, const struct check *check)
{
    struct amount sum = s->sent(s->context, folder, period);
    const struct reservation *r;
    DL_FOREACH(s->reservations, r)
    {
        if (period_of(r->at_ms, check->month) != period || !path_is_below(r->folder, folder))
            continue;
        sum.ms += r->amount.ms;
        sum.micro += r->amount.micro;
    }
    return check->money ? sum.micro : sum.ms;
}

static bool is_full(const struct spending *s, const char *folder, int period)
{
    const struct full *f;
    LL_FOREACH(s->full, f)
    {
        if (f->period == period && strcmp(f->folder, folder) == 0)
            return true;
    }
    return false;
}

/* Days and months that are over are forgotten, and those of a clock that was set back. Without memory a small
 * recording may overtake. */
static void note_full(struct spending *s, const char *folder, int64_t now_ms, int period)
{
    struct full *f, *next;
    LL_FOREACH_SAFE(s->full, f, next)
    {
        if (f->period == period_of(now_ms, false) || f->period == period_of(now_ms, true))
            continue;
        LL_DELETE(s->full, f);
        free(f->folder);
        free(f);
    }
    f = is_full(s, folder, period) ? NULL : calloc(1, sizeof *f);
    if (!f)
        return;
    *f = (struct full){.folder = strdup(folder), .period = period};
    if (f->folder)
        LL_PREPEND(s->full, f);
    else
        free(f);
}

static void describe(const struct check *check, const char *folder, int64_t limit, char *text, size_t size)
{
    char number[40];
    if (check->money)
        snprintf(number, sizeof number, "%.2f", (double)limit / 1e6);
    else
        snprintf(number, sizeof number, "%lld", (long long)(limit / 60000));
    snprintf(text, size, "%s is %s%s%s", check->key, number, *folder ? " in " : "", folder);
}

static void refuse_for_good(const struct check *check, const char *folder, int64_t limit, int64_t need,
                            struct refusal *why)
{
    char text[300];
    describe(check, folder, limit, text, sizeof text);
    why->until_ms = 0;
    if (check->money)
        error_set(&why->error, ERROR_PERMANENT, EDQUOT, "limit.size", "%s, and it would cost %.2f", text,
                  (double)need / 1e6);
    else if (check->month || *folder)
        error_set(&why->error, ERROR_PERMANENT, EDQUOT, "limit.size",
                  "%s, and %.1f minutes of audio would be billed", text, (double)need / 60000);
    else
        error_set(&why->error, ERROR_PERMANENT, EDQUOT, "limit.length",
                  "%s, and %.1f minutes of audio would be billed", text, (double)need / 60000);
}

static void refuse_for_now(const struct check *check, const char *folder, int64_t limit, int64_t now_ms,
                           struct refusal *why)
{
    char text[300];
    int64_t until_ms = check->month ? month_end(now_ms) : day_end(now_ms);
    if (until_ms <= why->until_ms)
        return; /* another limit keeps it longer */
    describe(check, folder, limit, text, sizeof text);
    error_set(&why->error, ERROR_TRANSIENT, EDQUOT, *folder ? check->code_of_folder : check->code, "%s", text);
    free(why->folder);
    why->folder = strdup(folder);
    why->until_ms = until_ms;
    why->period = period_of(now_ms, check->month);
}

/* The limits of one folder. False: it will never be sent. */
static bool judge(struct spending *s, const char *folder, const struct limits *limits, int64_t now_ms,
                  const struct amount *amount, struct refusal *why)
{
    for (size_t i = 0; i < CHECKS; i++) {
        const struct check *check = &checks[i];
        int64_t limit = limit_of(limits, i), need = check->money ? amount->micro : amount->ms;
        int period = period_of(now_ms, check->month);
        if (limit <= 0)
            continue;
        if (need > limit) {
            refuse_for_good(check, folder, limit, need, why);
            return false;
        }
        int64_t left = is_full(s, folder, period) ? 0 : limit - taken(s, folder, period, check);
        if (left > 0 && need <= left)
            continue;
        refuse_for_now(check, folder, limit, now_ms, why);
    }
    return true;
}

bool spending_reserve(struct spending *s, const char *folder, int64_t now_ms, const struct amount *amount,
                      struct reservation *reservation, struct refusal *why)
{
    cleanup_free char *path = strdup(folder);
    spending_release(reservation);
    *why = (struct refusal){0};
    if (!path) {
        why->until_ms = now_ms + 1000;
        error_set(&why->error, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
        return false;
    }
    /* "", "a", "a/b" */
    for (size_t at = 0;; at++) {
        if (at > 0 && path[at] != '/' && path[at] != '\0')
            continue;
        char end = path[at];
        path[at] = '\0';
        struct limits limits = s->limits(s->context, path);
        bool ever = judge(s, path, &limits, now_ms, amount, why);
        path[at] = end;
        if (!ever)
            return false;
        if (!end)
            break;
    }
    if (why->until_ms) {
        if (why->folder)
            note_full(s, why->folder, now_ms, why->period);
        return false;
    }
    *reservation = (struct reservation){.at_ms = now_ms, .amount = *amount, .folder = steal_ptr(path), .of = s};
    DL_APPEND(s->reservations, reservation);
    return true;
}

void spending_sent(struct reservation *reservation, const struct amount *amount)
{
    struct amount *left = &reservation->amount;
    left->ms = left->ms > amount->ms ? left->ms - amount->ms : 0;
    left->micro = left->micro > amount->micro ? left->micro - amount->micro : 0;
}

void spending_release(struct reservation *reservation)
{
    if (!reservation->of)
        return;
    DL_DELETE(reservation->of->reservations, reservation);
    free(reservation->folder);
    *reservation = (struct reservation){0};
}

void spending_clear(struct spending *s)
{
    struct full *f, *next;
    LL_FOREACH_SAFE(s->full, f, next)
    {
        free(f->folder);
        free(f);
    }
    s->full = NULL;
}
