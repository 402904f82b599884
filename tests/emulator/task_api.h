/* Endpoints: query, list and cancel tasks. */
#pragma once

#include "tests/emulator/reply.h"

struct cJSON;
struct task;

void task_query(struct request *r, struct reply *a);
void task_list(struct request *r, struct reply *a);
void task_cancel(struct request *r, struct reply *a);

/* Lock held. The body of a query: {"request_id","output"[,"usage"]}. */
struct cJSON *task_body(const struct task *t, const char *request_id);
