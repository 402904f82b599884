/* clang-format off */
/* Faults on purpose. A rule says where, for what, how often, and what goes wrong; rules that fire together
 * add up.
 *
 * Where ("on"): submit query list cancel sync chat policy upload vocabulary token result bucket (requests),
 * download (the emulator's own fetching of audio), task (what becomes of an accepted task), callback (an
 * event), or * (every request).
 *
 * For what, all optional: "model", "task_id", "sha256" (task only, once heard), "key" (API key), "method",
 * "path" (part of the path; of the URL for download).
 *
 * How often: "skip" N (let N pass first), "count" N (then fire N times; default: always), "rate" 0..1.
 *
 * What goes wrong with a request:
 *   delay_ms                    wait before answering (real milliseconds)
 *   status [code message]       an error in the endpoint's style; [retry_after: seconds] [location: URL]
 *   body [content_type]         this body instead (with status, default 200); html: true = a gateway's HTML page
 *   reset                       break the connection without an answer, before anything was done
 *   lost                        do everything, then break the connection: the answer is lost
 *   truncate N                  break the connection after N bytes of the body
 *   malformed                   a complete answer whose JSON stops in the middle
 *   drip {"bytes":N,"ms":M}     the body in small pieces
 *   split_utf8                  pieces end inside every character that has several bytes
 *   content_type                another Content-Type
 *   error_event N [code message status]   a stream: after N events an error event inside the 200 answer
 *   stop_after N                a stream: ends after N events, orderly but without its end
 *   expired                     result: answer as if the link had expired
 *   unknown                     query: the task is UNKNOWN
 * With a task:
 *   stuck                       RUNNING for ever; pending: PENDING for ever
 *   code [message]              FAILED with it; subtask N: only the file at N (from 0)
 *   all_failed "succeeded"      the other shape of a total failure
 * With a download: code; delay_ms.
 * With an event ("callback"): delay_ms (emulated), duplicate N, lose, contain_result false, version "v1"…, tamper "body" |
 * "signature" | "timestamp" | "certificate" | "url" | "token", event_task_id (another id in the event). */
/* clang-format on */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct emulator;

struct faults {
    struct cJSON *rules;
    unsigned seed;
    int64_t next_id;
};

struct fault_subject {
    const char *model, *task_id, *sha256, *key, *method, *path;
};

void faults_init(struct faults *f);
void faults_free(struct faults *f);
/* Lock held. Takes over a copy; the new id, or NULL and why not. */
const char *faults_add(struct faults *f, const struct cJSON *rule, const char **why);
bool faults_remove(struct faults *f, const char *id); /* NULL: all */
/* Lock held. What fires, merged, for the caller to free; NULL when nothing does. */
struct cJSON *faults_pick(struct faults *f, const char *on, const struct fault_subject *subject);
/* Lock not held. */
struct cJSON *faults_take(struct emulator *emu, const char *on, const struct fault_subject *subject);
