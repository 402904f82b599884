/* What was spent in a month, added up by day, model or folder: the one the recording was sent from. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/base/day.h"
#include "cache/index.h"
#include "fs/control_json.h"
#include "fs/control_spent.h"
#include "fs/records.h"

struct row {
    char *name;
    struct spent spent;
};

enum grouping { BY_DAY, BY_MODEL, BY_FOLDER };
static const char *const groupings[] = {"day", "model", "folder"};

struct costs {
    int month; /* 202611 */
    enum grouping by;
    struct row *rows;
    size_t count;
    struct spent total;
};

/* ---- adding up ---- */

static struct row *row_of(struct costs *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->rows[i].name, name) == 0)
            return &c->rows[i];
    struct row *rows = reallocarray(c->rows, c->count + 1, sizeof *rows);
    if (!rows)
        return NULL;
    c->rows = rows;
    rows[c->count] = (struct row){.name = strdup(name)};
    return rows[c->count].name ? &rows[c->count++] : NULL;
}

static int take_charge(void *arg, const struct index_charge *charge)
{
    struct costs *c = arg;
    int day = day_of(charge->at_ms);
    char date[40];
    if (day_month(day) != c->month)
        return 0;
    snprintf(date, sizeof date, "%04d-%02d-%02d", day / 10000, day / 100 % 100, day % 100);
    struct row *row = row_of(c, c->by == BY_DAY     ? date
                                : c->by == BY_MODEL ? charge->model
                                                    : charge->folder);
    if (!row)
        return -ENOMEM;
    spent_count(&row->spent, charge->kind, charge->billed_ms, charge->cost_micro, charge->currency, 1);
    spent_count(&c->total, charge->kind, charge->billed_ms, charge->cost_micro, charge->currency, 1);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

static void costs_clear(struct costs *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->rows[i].name);
    free(c->rows);
}

/* ---- the answer ---- */

static cJSON *to_json(struct costs *c)
{
    char month[24];
    snprintf(month, sizeof month, "%04d-%02d", c->month / 100, c->month % 100);
    if (c->count)
        qsort(c->rows, c->count, sizeof *c->rows, by_name);
    cJSON *o = cJSON_CreateObject();
    bool all = o && cJSON_AddStringToObject(o, "month", month) && cJSON_AddStringToObject(o, "by", groupings[c->by]) &&
               json_add_spent(o, "total", &c->total);
    cJSON *rows = all ? cJSON_AddArrayToObject(o, "rows") : NULL;
    all = rows;
    for (size_t i = 0; all && i < c->count; i++) {
        const struct row *r = &c->rows[i];
        cJSON *one = cJSON_CreateObject();
        all = one && cJSON_AddItemToArray(rows, one);
        if (!all)
            cJSON_Delete(one);
        all = all && json_add_bytes(one, "name", r->name) && json_add_spent(one, "sum", &r->spent);
    }
    if (all)
        return o;
    cJSON_Delete(o);
    return NULL;
}

/* "2026-11"; 0: it is none. */
static int read_month(const char *text)
{
    int year, month, end = 0;
    if (sscanf(text, "%4d-%2d%n", &year, &month, &end) != 2 || end != 7 || text[end] || year < 1970 || month < 1 ||
        month > 12)
        return 0;
    return year * 100 + month;
}

static bool read_request(const cJSON *request, struct costs *c)
{
    const char *month = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "month"));
    const char *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "by"));
    c->month = month ? read_month(month) : day_month(day_of((int64_t)time(NULL) * 1000));
    for (size_t i = 0; by && i < sizeof groupings / sizeof *groupings; i++)
        if (strcmp(groupings[i], by) == 0) {
            c->by = (enum grouping)i;
            by = NULL;
            break;
        }
    return c->month && !by;
}

cJSON *record_costs(void *context, const char *path, const cJSON *request)
{
    (void)path;
    struct records *r = context;
    __attribute__((cleanup(costs_clear))) struct costs c = {.by = BY_DAY};
    if (!read_request(request, &c))
        return asking_error("request", "\"month\" is as 2026-11, \"by\" is day, model or folder");
    int rc = index_load_charges(r->index, take_charge, &c);
    if (rc != 0 && rc != -ENOMEM)
        return asking_error("failed", "the index cannot be read now");
    return rc == 0 ? to_json(&c) : NULL;
}
