/* What servers say when they do not transcribe, and what follows from it. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "backend/base/error.h"

struct http_response;

/* The server's words; empty where it said nothing. */
struct openai_refusal {
    int status;                  /* of HTTP; 200 for a failure in a stream of events */
    char code[96], message[320]; /* code: also the type */
};

/* From a body of any kind. */
void openai_refusal_read(int status, const char *body, size_t length, struct openai_refusal *out);
/* From a JSON object; false: it says nothing of a failure. */
bool openai_refusal_of(const cJSON *root, struct openai_refusal *out);

/* Fills *err: class, code and detail, as in backend/faults.h. `request_id` may be NULL. */
void openai_refusal_explain(const struct openai_refusal *refusal, const char *request_id, struct error *err);
/* The recording is too short to hold speech: a finished job, not a failure. */
bool openai_refusal_is_silence(const struct openai_refusal *refusal);
/* The server does not know the kind of answer it was asked for: less may work. */
bool openai_refusal_of_format(const struct openai_refusal *refusal);

/* Milliseconds the answer asks to wait; negative: it does not say. */
int64_t openai_wait_ms(const struct http_response *response);
