/* What was spent as JSON. */
#include "fs/control_spent.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool add_number(cJSON *object, const char *key, int64_t value)
{
    return cJSON_AddNumberToObject(object, key, (double)value) != NULL;
}

static int64_t get_number(const cJSON *object, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    bool fits = cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble < 9007199254740992.0;
    return fits ? (int64_t)value->valuedouble : 0;
}

static int get_count(const cJSON *object, const char *key)
{
    int64_t value = get_number(object, key);
    return value > INT32_MAX ? INT32_MAX : (int)value;
}

static void get_currency(const cJSON *object, char currency[4])
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "currency"));
    snprintf(currency, 4, "%s", text && strlen(text) == 3 ? text : "");
}

/* ---- sums ---- */

bool json_add_spent(cJSON *object, const char *key, const struct spent *s)
{
    cJSON *o = cJSON_AddObjectToObject(object, key);
    bool ok = o && add_number(o, "billed_ms", s->billed_ms) && add_number(o, "possible_ms", s->possible_ms) &&
              add_number(o, "jobs", s->jobs) && add_number(o, "possible_jobs", s->possible_jobs) &&
              add_number(o, "estimated_jobs", s->estimated_jobs) &&
              add_number(o, "unpriced_jobs", s->unpriced_jobs);
    cJSON *money = ok ? cJSON_AddArrayToObject(o, "costs") : NULL;
    ok = ok && money;
    for (int i = 0; ok && i < SPENT_CURRENCIES && s->money[i].currency[0]; i++) {
        cJSON *one = cJSON_CreateObject();
        ok = one && cJSON_AddItemToArray(money, one);
        if (!ok)
            cJSON_Delete(one);
        ok = ok && add_number(one, "cost_micro", s->money[i].micro) &&
             cJSON_AddStringToObject(one, "currency", s->money[i].currency);
    }
    return ok;
}

void json_read_spent(const cJSON *object, const char *key, struct spent *s)
{
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(object, key), *one;
    s->billed_ms = get_number(o, "billed_ms");
    s->possible_ms = get_number(o, "possible_ms");
    s->jobs = get_count(o, "jobs");
    s->possible_jobs = get_count(o, "possible_jobs");
    s->estimated_jobs = get_count(o, "estimated_jobs");
    s->unpriced_jobs = get_count(o, "unpriced_jobs");
    int i = 0;
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(o, "costs"))
    {
        if (i == SPENT_CURRENCIES)
            break;
        s->money[i].micro = get_number(one, "cost_micro");
        get_currency(one, s->money[i++].currency);
    }
}

static bool add_to_confirm(cJSON *object, const struct spending_report *report)
{
    if (!report->to_confirm)
        return cJSON_AddNullToObject(object, "to_confirm") != NULL;
    cJSON *o = cJSON_AddObjectToObject(object, "to_confirm");
    if (!o || !add_number(o, "recordings", (int64_t)report->to_confirm) || !add_number(o, "billed_ms", report->confirm_ms))
        return false;
    if (report->confirm_currency[0])
        return add_number(o, "cost_micro", report->confirm_micro) &&
               cJSON_AddStringToObject(o, "currency", report->confirm_currency);
    return cJSON_AddNullToObject(o, "cost_micro") && cJSON_AddNullToObject(o, "currency");
}

bool json_add_spending(cJSON *object, const struct spending_report *report)
{
    if (!report)
        return cJSON_AddNullToObject(object, "spending") != NULL;
    cJSON *o = cJSON_AddObjectToObject(object, "spending");
    return o && json_add_spent(o, "today", &report->today) && json_add_spent(o, "month", &report->month) &&
           add_to_confirm(o, report) &&
           add_number(o, "limit_ms", report->limit_ms) &&
           add_number(o, "month_limit_ms", report->month_limit_ms) &&
           add_number(o, "limit_micro", report->limit_micro) &&
           add_number(o, "month_limit_micro", report->month_limit_micro) &&
           cJSON_AddStringToObject(o, "currency", report->currency) &&
           cJSON_AddBoolToObject(o, "held_for_month", report->held_for_month) && add_number(o, "held_until_ms", report->held_until);
}

bool json_read_spending(const cJSON *object, struct spending_report *report)
{
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(object, "spending");
    *report = (struct spending_report){0};
    if (!cJSON_IsObject(o))
        return false;
    json_read_spent(o, "today", &report->today);
    json_read_spent(o, "month", &report->month);
    report->limit_ms = get_number(o, "limit_ms");
    report->month_limit_ms = get_number(o, "month_limit_ms");
    report->limit_micro = get_number(o, "limit_micro");
    report->month_limit_micro = get_number(o, "month_limit_micro");
    get_currency(o, report->currency);
    report->held_for_month = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "held_for_month"));
    report->held_until = get_number(o, "held_until_ms");
    const cJSON *waits = cJSON_GetObjectItemCaseSensitive(o, "to_confirm");
    report->to_confirm = (size_t)get_number(waits, "recordings");
    report->confirm_ms = get_number(waits, "billed_ms");
    report->confirm_micro = get_number(waits, "cost_micro");
    get_currency(waits, report->confirm_currency);
    return true;
}

/* ---- one recording ---- */

bool json_add_cost(cJSON *item, const struct spent_item *cost)
{
    if (!cost->billed_ms && !cost->possible)
        return true;
    cJSON *o = cJSON_AddObjectToObject(item, "cost");
    bool ok = o && add_number(o, "billed_ms", cost->billed_ms) &&
              add_number(o, "possible_ms", cost->possible_ms) &&
              cJSON_AddBoolToObject(o, "possible", cost->possible) &&
              cJSON_AddBoolToObject(o, "estimated", cost->estimated);
    if (ok && cost->currency[0])
        return add_number(o, "cost_micro", cost->cost_micro) &&
               cJSON_AddStringToObject(o, "currency", cost->currency);
    return ok && cJSON_AddNullToObject(o, "cost_micro") && cJSON_AddNullToObject(o, "currency");
}

void json_read_cost(const cJSON *item, struct spent_item *cost)
{
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(item, "cost");
    *cost = (struct spent_item){.billed_ms = get_number(o, "billed_ms"),
                                .possible_ms = get_number(o, "possible_ms"),
                                .cost_micro = get_number(o, "cost_micro"),
                                .possible = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "possible")),
                                .estimated = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "estimated"))};
    get_currency(o, cost->currency);
}
