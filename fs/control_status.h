/* The report as a JSON object: what "status" of the control socket answers and MOUNT/status.json holds. Described in
 * fs/control.h. */
#pragma once

#include <stddef.h>

#include <cjson/cJSON.h>

#include "fs/inbox/report.h"

struct buffer;

/* The items beyond the first `limit` are only counted. NULL when out of memory. */
cJSON *json_status(const struct status_report *report, size_t limit);
/* MOUNT/status.json: the object, and spaces up to a multiple of STATUS_BLOCK. */
void status_json(const struct status_report *report, struct buffer *out);
