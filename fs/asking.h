/* A question of the control socket that takes a while: answered on the pool, the answer brought to the loop. */
#pragma once

#include <cjson/cJSON.h>

struct loop;
struct pool;
struct asking; /* one question; gone after its answer or asking_cancel() */

/* What answers: on the pool. The request and the path (normalised) are the caller's. An object as fs/control.h describes
 * it, which may be an "error"; NULL when out of memory. */
struct question {
    const char *command;
    cJSON *(*answer)(void *context, const char *path, const cJSON *request);
};

/* Takes the request on success. answer() comes once, on the loop: the object is the callee's, NULL when out of memory. 0 and
 * *out, or negative errno. `context` must outlive the pool's work. */
int asking_start(struct loop *loop, struct pool *pool, const struct question *question, void *context, const char *path,
                 cJSON *request, void (*answer)(void *to, cJSON *object), void *to, struct asking **out);
void asking_cancel(struct asking *a); /* no answer comes afterwards */

/* {"error":{…}} as fs/control.h has it; NULL when out of memory. */
cJSON *asking_error(const char *code, const char *message);
