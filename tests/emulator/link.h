/* URLs that the service gives out. */
#pragma once

#include <stdint.h>

struct config;
struct emulator;

/* http://{bucket}.{endpoint}.localhost:PORT, or path style on 127.0.0.1 as the switch url_hosts says; https
 * with its port where there is TLS. The caller frees. */
char *link_base(const struct emulator *emu, const struct config *c, const char *bucket, const char *endpoint);
/* Lock held. A V1-signed link to an object of the service's own; `file_name`: ask for a download under this
 * name, or NULL. The caller frees. */
char *link_signed(struct emulator *emu, const char *bucket, const char *endpoint, const char *key,
                  int64_t expires_ms, const char *file_name);
