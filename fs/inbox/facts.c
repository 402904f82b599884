/* Extended attributes of recordings and views. */
#include "fs/inbox/facts.h"

#include <errno.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "fs/control_json.h"

#define PREFIX "user.scribefs."

bool fact_is_name(const char *attribute)
{
    return strncmp(attribute, PREFIX, sizeof PREFIX - 1) == 0;
}

static const char *unit_of(enum backend_stage stage)
{
    return stage == STAGE_RECOGNISING ? "ms" : stage == STAGE_PUBLISHING ? "bytes" : "parts";
}

static void put_progress(const struct item *item, struct buffer *out)
{
    if (item->state == ITEM_QUEUED)
        buffer_printf(out, "%d", item->position);
    if (item->state != ITEM_RUNNING)
        return;
    buffer_puts(out, item_stage_name(item->stage));
    if (item->total > 0)
        buffer_printf(out, " %lld/%lld %s", (long long)(item->done < 0 ? 0 : item->done),
                      (long long)item->total, unit_of(item->stage));
}

static void put_model(const char *settings, struct buffer *out)
{
    cJSON *json = settings ? cJSON_Parse(settings) : NULL;
    const char *model = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "model"));
    buffer_puts(out, model ? model : "");
    cJSON_Delete(json);
}

int fact_value(const struct item *item, const char *settings, const char *attribute, struct buffer *out)
{
    size_t before = out->len;
    const char *name = fact_is_name(attribute) ? attribute + sizeof PREFIX - 1 : "";
    if (strcmp(name, "state") == 0)
        buffer_puts(out, item_state_name(item->state));
    else if (strcmp(name, "progress") == 0)
        put_progress(item, out);
    else if (strcmp(name, "error") == 0)
        buffer_puts(out, item->state == ITEM_DONE ? "" : item->error.code);
    else if (strcmp(name, "model") == 0)
        put_model(settings, out);
    else if (strcmp(name, "job") == 0)
        buffer_puts(out, item->job);
    else if (strcmp(name, "backend") == 0)
        buffer_puts(out, item->backend);
    return buffer_error(out) ? -ENOMEM : out->len > before ? 0 : -ENODATA;
}
