/* The CloudEvent that tells the end of a task. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/callback.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/task_api.h"

/* The result as a query tells it, but without results when the whole failed. */
static cJSON *output_result(const struct emulator *emu, const struct task *t)
{
    cJSON *json = task_body(t, t->request_id), *output = cJSON_GetObjectItemCaseSensitive(json, "output");
    if (t->status == TASK_FAILED)
        cJSON_DeleteItemFromObjectCaseSensitive(output, "results");
    if (emu->config.callback_usage_inside && json_get(json, "usage"))
        cJSON_AddItemToObject(output, "usage", cJSON_DetachItemFromObjectCaseSensitive(json, "usage"));
    return json;
}

static cJSON *data_json(const struct emulator *emu, const struct task *t, const cJSON *fault)
{
    char start[DATE_SIZE], end[DATE_SIZE];
    date_service_seconds(t->scheduled_ms, start);
    date_service_seconds(t->end_ms, end);
    cleanup_free char *unique = xprintf("apikey:v1:audio:asr:transcription:%s", t->model->name);
    const char *other = json_text(fault, "event_task_id");
    bool contain = json_get(fault, "contain_result") ? json_true(fault, "contain_result")
                                                     : emu->config.callback_contain_result != 0;
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "start_time", start);
    cJSON_AddStringToObject(data, "end_time", end);
    cJSON_AddStringToObject(data, "user_api_unique_key", unique);
    cJSON_AddStringToObject(data, "task_status", task_status_name(t->status));
    cJSON_AddBoolToObject(data, "contain_result", contain);
    cJSON_AddStringToObject(data, "task_id", other ? other : t->id);
    cJSON_AddStringToObject(data, "region", region_name(t->region));
    cJSON_AddStringToObject(data, "request_id", t->request_id);
    cJSON_AddStringToObject(data, "api_key_id", "1501");
    cJSON *result = contain ? output_result(emu, t) : NULL;
    if (result && emu->config.callback_result_text) {
        cleanup_free char *text = cJSON_PrintUnformatted(result);
        cJSON_AddStringToObject(data, "output_result", text);
        cJSON_Delete(result);
    } else if (result) {
        cJSON_AddItemToObject(data, "output_result", result);
    }
    return data;
}

char *event_body(struct emulator *emu, const struct task *t, const char *event_id, const cJSON *fault)
{
    char now[DATE_SIZE];
    date_iso(clock_now(&emu->clock), now);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "datacontenttype", "application/json;charset=utf-8");
    cJSON_AddStringToObject(json, "aliyunaccountid", t->account);
    cJSON_AddStringToObject(json, "aliyunpublishtime", now);
    cJSON_AddItemToObject(json, "data", data_json(emu, t, fault));
    cJSON_AddStringToObject(json, "aliyunoriginalaccountid", t->account);
    cJSON_AddStringToObject(json, "specversion", "1.0");
    cJSON_AddStringToObject(json, "aliyuneventbusname", "default");
    cJSON_AddStringToObject(json, "id", event_id);
    cJSON_AddStringToObject(json, "source", "acs.dashscope");
    cJSON_AddStringToObject(json, "time", now);
    cJSON_AddStringToObject(json, "aliyunregionid", region_name(t->region));
    cJSON_AddStringToObject(json, "type", "dashscope:System:AsyncTaskFinish");
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}
