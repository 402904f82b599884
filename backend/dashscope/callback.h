/* The listener for EventBridge's events: a small web server on the jobs loop. What is forged, old or unknown
 * changes nothing; tasks whose events never come are found by the poller. */
#pragma once

#include <stdint.h>

#include "backend/base/error.h"

struct callback;
struct http;
struct loop;
struct poller;

struct callback_config {
    struct loop *loop;
    struct http *http;            /* for the signer's certificate */
    struct poller *poller;        /* is told */
    const char *listen;           /* "127.0.0.1:8090", "[::1]:0" */
    const char *url;              /* the address EventBridge was given */
    const char *token;            /* or NULL */
    const char *certificate_host; /* or NULL: EventBridge's own */
    int64_t connection_ms;        /* a connection is closed after so long; 0: 15 s */
};

/* Copies the texts. NULL and *err (ERROR_PERSON, "cloud.callback") when it cannot listen there. */
struct callback *callback_new(const struct callback_config *config, struct error *err);
void callback_free(struct callback *callback);
int callback_port(const struct callback *callback);
