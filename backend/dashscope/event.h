/* Events that EventBridge pushes when a task has ended: are they what they claim to be, and what do they say?
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/error.h"
#include "backend/dashscope/parse.h"

/* The headers that matter; NULL where the request has none. */
struct event_headers {
    const char *timestamp; /* x-eventbridge-signature-timestamp, ms */
    const char *hash_method, *version, *url, *token;
    const char *signature_v2;                /* RSA over everything */
    const char *method, *secret, *signature; /* V1: HMAC with a secret that comes along, encrypted */
};

enum { EVENT_WINDOW_MS = 60000 };

/* True if the request is recent (within a minute of now_ms) and bears a signature at all. */
bool event_is_fresh(const struct event_headers *headers, int64_t now_ms);
/* True if the certificate may be fetched from there: https and EventBridge's own host of a region of the
 * catalogue, or exactly `other_host` (with its port; plain http is fine for this machine). */
bool event_certificate_address(const char *url, const char *other_host);
/* True if the signature is that of the certificate's owner (PEM) over the configured address, the headers and
 * the body. */
bool event_is_signed(const struct event_headers *headers, const char *target, const char *body, size_t length,
                     const char *certificate, size_t certificate_length);

struct event {
    char id[128];
    char task_id[128];
    bool has_answer;           /* the event brings the result along */
    struct task_answer answer; /* then; clear with task_answer_clear() */
};

/* 0; 1: an event of another kind; or a negative errno and *err. */
int event_read(const char *body, size_t length, struct event *out, struct error *err);
