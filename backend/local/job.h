/* One running worker that recognises: its lines become events of the job, and its death or silence becomes
 * an error. */
#pragma once

#include "backend/backend.h"

struct child_list;
struct loop;

/* Starts argv[0]; `why`, a constant, goes into the transcript: why this model. Takes `recording` over in any case. `hang_ms`: without a sign of life for so long it is
 * killed. */
struct backend_job *job_start(struct loop *loop, struct child_list *children, char *const argv[],
                              const char *why, int recording, int64_t hang_ms, const struct backend_events *events,
                              void *context, struct error *err);
/* No event comes afterwards. */
void job_cancel(struct backend_job *job);
