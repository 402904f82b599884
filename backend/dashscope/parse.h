/* Reading the service's JSON: strict about being JSON, tolerant about everything else. What is missing stays
 * unknown, what is unknown is ignored, and the same thing may be found in more than one place. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/error.h"

struct cJSON;
struct transcript;

/* ---- errors ---- */

/* The service's words about a failure; empty where it said nothing. */
struct fault_text {
    char code[96], message[320], request_id[80];
};

/* Finds them in a body of any kind: its own form, OpenAI's form, an event stream with one error event, or no
 * JSON at all. */
void parse_fault(const char *body, size_t length, struct fault_text *out);

/* ---- tasks ---- */

enum task_status {
    TASK_PENDING,
    TASK_RUNNING, /* also: suspended, and states of the future */
    TASK_SUCCEEDED,
    TASK_SILENT, /* no speech was found: as good as succeeded, without a result file */
    TASK_FAILED,
    TASK_CANCELED,
    TASK_UNKNOWN, /* the service has forgotten it: 24 hours after its end */
};

/* Clear with task_answer_clear(). */
struct task_answer {
    enum task_status status;
    char *task_id, *request_id; /* or NULL */
    char *file_url;             /* what was transcribed, or NULL; tasks of one file only */
    char *result_url;           /* TASK_SUCCEEDED; byte for byte */
    struct fault_text fault;    /* TASK_FAILED */
    int64_t billed_ms;          /* negative: not said */
};

/* The answer to a submission or a query, or the same inside a callback. 0, or a negative errno and *err
 * ("cloud.answer"). */
int parse_task(const char *json, size_t length, struct task_answer *out, struct error *err);
int parse_task_object(const struct cJSON *root, struct task_answer *out, struct error *err);
void task_answer_clear(struct task_answer *answer);

/* The result file of a task. NULL and *err ("cloud.answer", transient). Duration and billing stay unknown
 * (negative, 0) when the file does not say them. */
struct transcript *parse_result(const char *json, size_t length, struct error *err);
