/* Streams of server-sent events in both layouts: DashScope's (id, event, a status in a comment, data) and
 * OpenAI's. */
#pragma once

#include <stdbool.h>

#include "tests/emulator/reply.h"

struct sse {
    const struct request *request;
    struct reply *reply;
    bool openai;
    int events;
    bool stopped; /* by a fault */
};

void sse_begin(struct sse *s, const struct request *r, struct reply *a, bool openai);
/* One event; frees `json`. */
void sse_event(struct sse *s, struct cJSON *json);
/* Ends the stream as its layout does. */
void sse_end(struct sse *s);
/* An error instead of a stream, as the switch sse_errors says; frees `json`. */
void sse_error_answer(const struct request *r, struct reply *a, int status, struct cJSON *json);
