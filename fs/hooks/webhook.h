/* Hooks that are web servers: the message is posted, signed as the Standard Webhooks specification says. */
#pragma once

#include <stdbool.h>

#include "fs/hooks/outcome.h"

struct error;
struct hooks_config;
struct webhook;
struct webhook_call;

/* *out is NULL when none is set. 0, or negative errno and *err ("config.value"): the address must be https, or http to this
 * machine, and may hold no name and password. */
int webhook_new(const struct hooks_config *config, struct webhook **out, struct error *err);
/* Cancels what is under way. NULL is fine. */
void webhook_free(struct webhook *w);
/* NULL: no. */
bool webhook_wants_text(const struct webhook *w);
/* The server is this machine. */
bool webhook_stays_here(const struct webhook *w);
/* Posts `body` (copied). A status of 2xx: delivered; 410: it is not wanted; anything else: again later. The secret is read anew
 * each time. ended() comes once, on the loop, not from inside. NULL and *err when it cannot even begin. */
struct webhook_call *webhook_send(struct webhook *w, const char *id, const char *body, hook_ended *ended, void *context,
                                  struct error *err);
/* ended() does not come. NULL is fine. */
void webhook_cancel(struct webhook_call *call);
