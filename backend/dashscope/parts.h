/* A recording that is longer than its model takes: cut, each part a cloud job of its own, and the transcripts
 * put together again.
 *
 *   split ── sync ── checkpoint ─┬─ part: copy out ── job (publish, call …) ── store ── checkpoint ─┐
 *                                └─ … a few at a time                                               ├─ stitch
 *                                                                                                  ─┘
 * The work directory holds what a restart must find again: "parts", all of them in one file; "part-001.json"
 * and "part-001.raw", the transcript and the service's bytes of a part that is done. The checkpoint:
 *
 *   {"model", "call", "channels", "sample_rate", "duration_ms", "extension", "overlap_ms",
 *    "parts": [{"begin_ms", "end_ms", "offset", "length", "done": true or "state": checkpoint of its job}]}
 */
#pragma once

#include <stdbool.h>

#include <cjson/cJSON.h>

struct backend_job;
struct buffer;
struct parts;

/* Cuts the recording as the route says, and goes on with the parts. May end the job. */
void cloud_parts_split(struct backend_job *job);
/* Goes on with what cloud_parts_restore() found. May end the job. */
void cloud_parts_resume(struct backend_job *job);

/* From a checkpoint, once the route is known: sets job->parts, unless it names no parts. 0 or -ENOMEM. */
int cloud_parts_restore(struct backend_job *job, const cJSON *checkpoint);
/* The members of a checkpoint, each with a comma before it. */
void cloud_parts_write(const struct parts *parts, struct buffer *out);

/* Stops the jobs of all parts; see cloud_job_stop(). */
void cloud_parts_stop(struct parts *parts, bool undo);
void cloud_parts_free(struct parts *parts); /* stops first; NULL is fine */
