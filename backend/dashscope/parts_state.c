/* The table of parts, and its form in a checkpoint. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/json_out.h"
#include "backend/base/loop.h"
#include "backend/dashscope/errand.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/dashscope/parts_internal.h"
#include "backend/transcript.h"

#define MOST_PARTS 100000 /* a checkpoint that names more is damaged */

struct parts *parts_new(struct backend_job *job)
{
    struct parts *parts = calloc(1, sizeof *parts);
    if (!parts)
        return NULL;
    parts->job = job;
    parts->file = -1;
    return parts;
}

int parts_set_count(struct parts *parts, size_t count)
{
    parts->part = calloc(count, sizeof *parts->part);
    if (!parts->part)
        return -ENOMEM;
    parts->count = count;
    for (size_t i = 0; i < count; i++) {
        parts->part[i].parts = parts;
        parts->part[i].number = i;
        parts->part[i].fd = -1;
    }
    return 0;
}

void parts_clear_table(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        struct part *part = &parts->part[i];
        free(part->state);
        free(part->text);
        buffer_clear(&part->json);
        buffer_clear(&part->raw);
        if (part->fd >= 0)
            close(part->fd);
    }
    free(parts->part);
    parts->part = NULL;
    parts->count = 0;
}

void cloud_parts_free(struct parts *parts)
{
    if (!parts)
        return;
    cloud_parts_stop(parts, false);
    parts_clear_table(parts);
    loop_timer_free(parts->report);
    transcript_free(parts->whole);
    if (parts->file >= 0)
        close(parts->file);
    free(parts->extension);
    free(parts);
}

/* ---- the checkpoint ---- */

void cloud_parts_write(const struct parts *parts, struct buffer *out)
{
    const struct backend_job *job = parts->job;
    if (!parts->count)
        return; /* nothing is cut yet */
    buffer_puts(out, ",\"model\":");
    json_out_string(out, job->route.model->name);
    buffer_printf(out, ",\"call\":%d,\"duration_ms\":%" PRId64 ",\"channels\":%d,\"sample_rate\":%d",
                  (int)job->route.call, job->facts.duration_ms, job->facts.channels, job->facts.sample_rate);
    buffer_puts(out, ",\"extension\":");
    json_out_string(out, parts->extension);
    buffer_printf(out, ",\"overlap_ms\":%" PRId64 ",\"parts\":[", parts->overlap_ms);
    for (size_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->part[i];
        buffer_printf(out,
                      "%s{\"begin_ms\":%" PRId64 ",\"end_ms\":%" PRId64 ",\"offset\":%" PRId64
                      ",\"length\":%" PRId64,
                      i ? "," : "", part->begin_ms, part->end_ms, part->offset, part->length);
        if (part->done) {
            buffer_puts(out, ",\"done\":true");
        } else if (part->state) {
            buffer_puts(out, ",\"state\":");
            buffer_puts(out, part->state);
        }
        buffer_puts(out, "}");
    }
    buffer_puts(out, "]");
}

/* False: damaged. */
static bool read_part(struct part *part, const cJSON *json, bool *out_of_memory)
{
    if (!json_number(json, "begin_ms", &part->begin_ms) || !json_number(json, "end_ms", &part->end_ms) ||
        !json_number(json, "offset", &part->offset) || !json_number(json, "length", &part->length))
        return false;
    const cJSON *state = json_get(json, "state");
    part->done = cJSON_IsTrue(json_get(json, "done"));
    part->state = cJSON_IsObject(state) ? cJSON_PrintUnformatted(state) : NULL;
    *out_of_memory |= cJSON_IsObject(state) && !part->state;
    return part->begin_ms >= 0 && part->end_ms > part->begin_ms && part->offset >= 0 && part->length > 0;
}

int cloud_parts_restore(struct backend_job *job, const cJSON *json)
{
    const cJSON *table = json_get(json, "parts"), *item;
    const char *extension = json_text(json, "extension");
    int size = cJSON_GetArraySize(table);
    bool good = extension && size > 0 && size <= MOST_PARTS, out_of_memory = false;
    if (!good)
        return 0;
    struct parts *parts = parts_new(job);
    if (!parts || parts_set_count(parts, (size_t)size) || !(parts->extension = strdup(extension))) {
        cloud_parts_free(parts);
        return -ENOMEM;
    }
    json_number(json, "overlap_ms", &parts->overlap_ms);
    size_t i = 0;
    cJSON_ArrayForEach(item, table)
    {
        good &= read_part(&parts->part[i++], item, &out_of_memory);
    }
    if (good && !out_of_memory) {
        job->parts = parts;
        return 0;
    }
    cloud_parts_free(parts);
    return out_of_memory ? -ENOMEM : 0; /* damaged: it is begun anew */
}
