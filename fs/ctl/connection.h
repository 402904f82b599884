/* A connection to a scribefs: asks and hears lines of JSON, as fs/control.h describes them. Errors are said
 * on stderr. */
#pragma once

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "fs/ctl/ctl.h"

struct connection {
    int fd;
    const char *store;
    struct buffer in;
    /* While connection_hear() waits: called when this descriptor (-1: none) can be read. The caller's; set it after
     * connection_open(). */
    int also_fd;
    void (*also)(void *context);
    void *context;
};

/* An exit code. The connection must be closed in any case; `store` must outlive it. */
int connection_open(struct connection *c, const char *store);
void connection_close(struct connection *c);
/* Sends a request. `extra` (owned, may be NULL) holds further members. An exit code. */
int connection_ask(struct connection *c, const char *command, const char *path, cJSON *extra);
/* The next answer in *answer, owned by the caller. An exit code: an answer that is an error is said, with
 * `path`, and is none. */
int connection_hear(struct connection *c, const char *path, cJSON **answer);

#define cleanup_connection __attribute__((cleanup(connection_close)))
