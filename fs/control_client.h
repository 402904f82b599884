/* One client of the control socket: its buffers and what it waits for. Used by fs/control.c only. */
#pragma once

#include "fs/control.h"

struct control_client;

/* Serves the connected, non-blocking socket, which it owns from here on, also on failure. NULL when out of
 * memory. `gone(owner, client)` is called, once, when the client has hung up; the owner then frees it. */
struct control_client *control_client_new(const struct control_config *config, int fd,
                                          void (*gone)(void *owner, struct control_client *client),
                                          void *owner);
void control_client_changed(struct control_client *client);
void control_client_free(struct control_client *client);

/* Writes {"error":…} as far as the socket takes it, for connections that are refused. */
void control_refuse(int fd, const char *code, const char *message);
