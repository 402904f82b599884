/* The report as a JSON object. */
#include "fs/control_status.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/control_json.h"
#include "fs/control_spent.h"

static bool add_number(cJSON *object, const char *key, int64_t value)
{
    return cJSON_AddNumberToObject(object, key, (double)value) != NULL;
}

static bool add_text_or_null(cJSON *o, const char *key, const char *text)
{
    return text ? json_add_bytes(o, key, text) : cJSON_AddNullToObject(o, key) != NULL;
}

static bool add_counts(cJSON *object, const size_t counts[ITEM_STATES])
{
    cJSON *numbers = cJSON_AddObjectToObject(object, "counts");
    bool ok = numbers != NULL;
    for (int s = 0; ok && s < ITEM_STATES; s++)
        ok = add_number(numbers, item_state_name((enum item_state)s), (int64_t)counts[s]);
    return ok;
}

static bool add_items(cJSON *object, const struct status_report *r, size_t limit)
{
    cJSON *list = cJSON_AddArrayToObject(object, "items");
    size_t total = 0, shown = r->count < limit ? r->count : limit;
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < shown; i++) {
        cJSON *item = json_item(&r->items[i]);
        ok = item && cJSON_AddItemToArray(list, item);
        if (!ok)
            cJSON_Delete(item);
    }
    for (int s = 0; s < ITEM_STATES; s++)
        total += r->counts[s];
    return ok && add_number(object, "omitted", (int64_t)(total - shown));
}

static bool add_costs(cJSON *object, const struct spent *s)
{
    cJSON *list = cJSON_AddArrayToObject(object, "costs");
    bool ok = list != NULL;
    for (int i = 0; ok && i < SPENT_CURRENCIES && s->money[i].currency[0]; i++) {
        cJSON *one = cJSON_CreateObject();
        ok = one && cJSON_AddItemToArray(list, one);
        if (!ok)
            cJSON_Delete(one);
        ok = ok && add_number(one, "cost_micro", s->money[i].micro) &&
             cJSON_AddStringToObject(one, "currency", s->money[i].currency);
    }
    return ok;
}

static bool add_day(cJSON *o, const struct report_day *d)
{
    return add_number(o, "done", d->done) && add_number(o, "failed", d->failed) &&
           add_number(o, "audio_ms", d->audio_ms) && add_number(o, "billed_ms", d->spent.billed_ms) &&
           add_costs(o, &d->spent);
}

static bool add_days(cJSON *object, const struct report_all *all)
{
    cJSON *list = cJSON_AddArrayToObject(object, "days");
    bool ok = list != NULL;
    for (int i = 0; ok && i < REPORT_DAYS; i++) {
        const struct report_day *d = &all->days[i];
        char date[16];
        snprintf(date, sizeof date, "%04d-%02d-%02d", d->day / 10000 % 10000, d->day / 100 % 100, d->day % 100);
        cJSON *one = cJSON_CreateObject();
        ok = one && cJSON_AddItemToArray(list, one);
        if (!ok)
            cJSON_Delete(one);
        ok = ok && cJSON_AddStringToObject(one, "day", date) && add_day(one, d);
    }
    cJSON *ever = ok ? cJSON_AddObjectToObject(object, "ever") : NULL;
    return ever && add_day(ever, &all->ever);
}

static bool add_space(cJSON *object, const struct report_all *all)
{
    cJSON *disk = all->space.known ? cJSON_AddObjectToObject(object, "disk") : cJSON_AddNullToObject(object, "disk");
    bool ok = disk && (!all->space.known || (add_number(disk, "size_bytes", all->space.size) &&
                                             add_number(disk, "available_bytes", all->space.available)));
    cJSON *cache = !ok                 ? NULL
                   : all->cache.known ? cJSON_AddObjectToObject(object, "cache")
                                      : cJSON_AddNullToObject(object, "cache");
    return cache && (!all->cache.known || (add_number(cache, "bytes", all->cache.bytes) &&
                                           add_number(cache, "files", all->cache.files) &&
                                           add_number(cache, "measured_ms", all->cache.measured_ms)));
}

cJSON *json_status(const struct status_report *r, size_t limit)
{
    cJSON *o = cJSON_CreateObject();
    if (o && json_add_bytes(o, "engine", r->engine ? r->engine : "") && add_text_or_null(o, "trouble", r->trouble) &&
        add_counts(o, r->counts) && add_items(o, r, limit) && json_add_spending(o, r->spending) &&
        (!r->all || (add_days(o, r->all) && add_space(o, r->all) && add_number(o, "started_ms", r->all->started_ms) &&
                     add_number(o, "written_ms", r->now_ms))))
        return o;
    cJSON_Delete(o);
    return NULL;
}

void status_json(const struct status_report *r, struct buffer *out)
{
    cJSON *o = json_status(r, r->count);
    cleanup_free char *text = o ? cJSON_Print(o) : NULL;
    cJSON_Delete(o);
    if (!text) {
        out->failed = true;
        return;
    }
    size_t start = out->len;
    buffer_puts(out, text);
    size_t rest = (out->len - start + 1) % STATUS_BLOCK;
    buffer_fill(out, ' ', rest ? STATUS_BLOCK - rest : 0);
    buffer_puts(out, "\n");
}
