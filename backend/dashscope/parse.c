/* Errors and tasks in the service's JSON. */
#include "backend/dashscope/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/base/error.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/faults.h"

/* ---- errors ---- */

static void copy(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text ? text : "");
}

static void fault_from(const cJSON *object, const cJSON *root, struct fault_text *out)
{
    copy(out->code, sizeof out->code, json_text(object, "code"));
    copy(out->message, sizeof out->message, json_text(object, "message"));
    if (!out->code[0])
        copy(out->code, sizeof out->code, json_text(object, "type"));
    copy(out->request_id, sizeof out->request_id, json_text(root, "request_id"));
}

/* The data of the first event that has some, for an error that comes as an event stream. */
static const char *stream_data(const char *body, size_t length, size_t *data_length)
{
    for (const char *line = body; line < body + length;) {
        const char *end = memchr(line, '\n', (size_t)(body + length - line));
        size_t len = end ? (size_t)(end - line) : (size_t)(body + length - line);
        if (len > 5 && memcmp(line, "data:", 5) == 0) {
            *data_length = len - 5;
            return line + 5;
        }
        line += len + 1;
    }
    return NULL;
}

void parse_fault(const char *body, size_t length, struct fault_text *out)
{
    *out = (struct fault_text){.code = ""};
    cJSON *root cleanup_json = cJSON_ParseWithLength(body, length);
    if (!root) {
        size_t data_length = 0;
        const char *data = stream_data(body, length, &data_length);
        root = data ? cJSON_ParseWithLength(data, data_length) : NULL;
    }
    const cJSON *error = json_get(root, "error");
    if (cJSON_IsObject(error))
        fault_from(error, root, out);
    if (!out->code[0] && !out->message[0])
        fault_from(root, root, out);
    if (!out->code[0] && !out->message[0])
        fault_from(json_get(root, "output"), root, out);
}

/* ---- tasks ---- */

static enum task_status status_from(const char *text)
{
    static const struct {
        const char *text;
        enum task_status status;
    } states[] = {
        {"PENDING", TASK_PENDING},     {"RUNNING", TASK_RUNNING}, {"SUSPENDED", TASK_RUNNING},
        {"SUCCEEDED", TASK_SUCCEEDED}, {"FAILED", TASK_FAILED},   {"CANCELED", TASK_CANCELED},
        {"CANCELLED", TASK_CANCELED},  {"UNKNOWN", TASK_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcasecmp(text, states[i].text) == 0)
            return states[i].status;
    return fault_is_silence(&(struct fault){.code = text}) ? TASK_SILENT : TASK_RUNNING;
}

static bool is_silence(const struct fault_text *fault)
{
    return fault_is_silence(&(struct fault){.code = fault->code, .message = fault->message});
}

static void replace(char **to, const char *text, bool *failed)
{
    if (!text)
        return;
    free(*to);
    *to = strdup(text);
    *failed |= !*to;
}

/* Counts the subtasks of a task of several; takes the address of the first good one and the reason of the
 * first bad one. */
static void read_results(const cJSON *results, struct task_answer *out, int *unfinished, bool *failed)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, results)
    {
        const char *status = json_text(item, "subtask_status"), *url = json_text(item, "transcription_url");
        enum task_status is = status ? status_from(status) : url ? TASK_SUCCEEDED : TASK_FAILED;
        if (!out->file_url)
            replace(&out->file_url, json_text(item, "file_url"), failed);
        if (is == TASK_SUCCEEDED && url && !out->result_url)
            replace(&out->result_url, url, failed);
        else if (is == TASK_PENDING || is == TASK_RUNNING)
            ++*unfinished;
        else if (is != TASK_SUCCEEDED && !out->fault.code[0])
            fault_from(item, NULL, &out->fault);
    }
}

/* What the whole task says is one thing, what became of its files another: SUCCEEDED may hold failures only.
 */
static void judge(struct task_answer *out, const cJSON *output, int unfinished)
{
    struct fault_text whole = {.code = ""};
    fault_from(output, NULL, &whole);
    if (whole.code[0] && (out->status == TASK_FAILED || !out->fault.code[0]))
        out->fault = whole;
    if (out->status == TASK_SUCCEEDED && !out->result_url && unfinished)
        out->status = TASK_RUNNING;
    else if (out->status == TASK_SUCCEEDED && !out->result_url && out->fault.code[0])
        out->status = TASK_FAILED;
    if (out->status == TASK_FAILED && is_silence(&out->fault))
        out->status = TASK_SILENT;
}

int parse_task_object(const cJSON *root, struct task_answer *out, struct error *err)
{
    *out = (struct task_answer){.billed_ms = -1};
    const cJSON *output = json_get(root, "output");
    if (!json_text(output, "task_status") && !json_text(output, "task_id"))
        output = root;
    const char *status = json_text(output, "task_status"), *id = json_text(output, "task_id");
    if (!status && !id)
        return error_set(err, ERROR_TRANSIENT, EBADMSG, "cloud.answer", "the service's answer names no task");

    bool failed = false;
    int unfinished = 0;
    out->status = status ? status_from(status) : TASK_PENDING;
    replace(&out->task_id, id, &failed);
    replace(&out->request_id, json_text(root, "request_id"), &failed);
    read_results(json_get(output, "results"), out, &unfinished, &failed);
    replace(&out->result_url, json_text(json_get(output, "result"), "transcription_url"), &failed);
    judge(out, output, unfinished);
    copy(out->fault.request_id, sizeof out->fault.request_id, json_text(root, "request_id"));

    int64_t seconds;
    const cJSON *usage = json_get(root, "usage") ? json_get(root, "usage") : json_get(output, "usage");
    if (json_number(usage, "duration", &seconds) || json_number(usage, "seconds", &seconds))
        out->billed_ms = seconds * 1000;
    if (failed)
        task_answer_clear(out);
    return failed ? error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.answer", "out of memory") : 0;
}

int parse_task(const char *json, size_t length, struct task_answer *out, struct error *err)
{
    *out = (struct task_answer){.billed_ms = -1};
    cJSON *root cleanup_json = json_parse(json, length, err);
    return root ? parse_task_object(root, out, err) : -EBADMSG;
}

void task_answer_clear(struct task_answer *answer)
{
    free(answer->task_id);
    free(answer->request_id);
    free(answer->file_url);
    free(answer->result_url);
    *answer = (struct task_answer){.billed_ms = -1};
}
