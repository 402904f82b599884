/* What outlives a restart: accounts, objects, uploads, vocabularies, tasks, counters, the clock's offset. */
#include "tests/emulator/state.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

int state_save(struct emulator *emu)
{
    cleanup_free char *path = xprintf("%s/state.json", emu->options.state),
                      *temporary = xprintf("%s.new", path);
    cleanup_json cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "clock_offset_ms", (double)(clock_now(&emu->clock) - clock_real_ms()));
    cJSON_AddItemToObject(json, "accounts", accounts_save(&emu->accounts));
    cJSON_AddItemToObject(json, "store", store_save(&emu->store));
    cJSON_AddItemToObject(json, "uploads", uploads_save(&emu->uploads));
    cJSON_AddItemToObject(json, "vocabularies", vocabularies_save(&emu->vocabularies));
    cJSON_AddItemToObject(json, "tasks", tasks_save(&emu->tasks));
    cJSON_AddItemToObject(json, "counters", cJSON_Duplicate(emu->record.counters, true));
    cleanup_free char *text = cJSON_PrintUnformatted(json);
    FILE *f = fopen(temporary, "we");
    if (!f)
        return -errno;
    bool written = text && fputs(text, f) >= 0;
    written = !fclose(f) && written;
    return written && !rename(temporary, path) ? 0 : -EIO;
}

static char *read_all(const char *path, size_t *len)
{
    struct buffer b = {0};
    char block[65536];
    size_t n;
    cleanup_file FILE *f = fopen(path, "re");
    while (f && (n = fread(block, 1, sizeof block, f)) > 0)
        buffer_add(&b, block, n);
    *len = b.len;
    return b.data;
}

void state_load(struct emulator *emu)
{
    size_t len;
    cleanup_free char *path = xprintf("%s/state.json", emu->options.state), *text = read_all(path, &len);
    cleanup_json cJSON *json = text ? cJSON_ParseWithLength(text, len) : NULL;
    if (!json)
        return;
    clock_advance(&emu->clock, (int64_t)json_number(json, "clock_offset_ms", 0));
    accounts_load(&emu->accounts, json_get(json, "accounts"));
    store_load(&emu->store, json_get(json, "store"));
    uploads_load(&emu->uploads, json_get(json, "uploads"));
    vocabularies_load(&emu->vocabularies, json_get(json, "vocabularies"));
    tasks_load(emu, json_get(json, "tasks"));
    cJSON_Delete(emu->record.counters);
    emu->record.counters = cJSON_Duplicate(json_get(json, "counters"), true);
}
