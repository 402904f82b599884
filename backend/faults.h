/* What a failure of the cloud service means for a job: one table from its codes to a class, a message and
 * what to do. Pure. */
#pragma once

#include <stdbool.h>

#include "backend/base/error.h"

struct http_response;

/* What the service said, each part NULL or empty when it did not. The HTTP status is 0 for a failure inside a
 * task. */
struct fault {
    int status;
    const char *code, *message, *request_id;
};

/* Fills *err: class, code ("cloud.busy" …: a key of the message catalogue), and a detail with the service's
 * own words and the request's id. Never fails, whatever the service invents: what is unknown is judged by its
 * status. */
void fault_explain(const struct fault *fault, struct error *err);
/* The service found no speech in the recording: a finished job, not a failure. */
bool fault_is_silence(const struct fault *fault);
/* The service could not get at the audio: publishing it again may help, once. */
bool fault_is_download(const struct fault *fault);

/* For an exchange that did not end with an answer (end is not HTTP_ANSWERED). `doing` is for people:
 * "submitting the recording". */
void fault_of_transport(const struct http_response *response, const char *doing, struct error *err);

/* The rows of the table, for tests; ends with a NULL key. */
struct fault_row {
    int status;               /* 0: any */
    const char *code;         /* exact in any case, or its beginning when it ends in '*' */
    const char *message_part; /* NULL: any message */
    enum error_class class;
    const char *key;
};
const struct fault_row *fault_rows(void);
