/* Finished tasks announced the way EventBridge does: a signed POST of a CloudEvent to the configured URL,
 * tried again when it fails. The emulator has a key of its own; its certificate is a public object in the
 * bucket cn-beijing-eventbridge. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/emulator/text.h"

struct cJSON;
struct emulator;
struct task;

struct event {
    char id[UUID_SIZE];      /* of the CloudEvent; the same when it is sent again */
    char task_id[UUID_SIZE]; /* whose end it tells */
    char *body;              /* sent as it is, or NULL: made from the task */
    struct cJSON *fault;     /* how it is spoiled, or NULL */
    int64_t due_ms;
    int attempts;
};

struct callbacks {
    struct event *waiting;
    size_t count, capacity;
    struct cJSON *log; /* every attempt */
    void *key;         /* EVP_PKEY */
    pthread_t *senders;
    size_t sender_count;
};

int callbacks_init(struct emulator *emu); /* makes or reads the key; 0 or negative errno */
int callbacks_start(struct emulator *emu);
void callbacks_stop(struct emulator *emu); /* after emu->stopping was set */
void callbacks_free(struct callbacks *c);
/* Lock held. */
void callbacks_announce(struct emulator *emu, const struct task *t);
/* Lock held. Sends about this task now; `body` NULL: the usual one. Takes over copies. */
void callbacks_send(struct emulator *emu, const char *task_id, const char *body, const struct cJSON *fault);

/* event.c. Lock held: the CloudEvent about a task; the caller frees. `id` may name another task. */
char *event_body(struct emulator *emu, const struct task *t, const char *event_id, const struct cJSON *fault);

/* event_sign.c: the headers of a delivery. `key` is an EVP_PKEY. */
struct event_signature {
    const char *url, *certificate_url, *token; /* token NULL: none */
    int64_t timestamp_ms;
    bool v1, v2, v1_newline;
};
void event_sign(void *key, const struct event_signature *s, const char *body, struct pairs *headers);
void *event_key_new(void);
/* PEM of a self-signed certificate of the key; the caller frees. */
char *event_certificate(void *key);
