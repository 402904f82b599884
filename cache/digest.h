/* SHA-256 of a recording's content: what results are keyed by. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct digest {
    uint8_t bytes[32];
};

#define DIGEST_HEX 65 /* 64 digits and the NUL */

/* Hashes from offset 0 to the end, whatever the descriptor's own offset. *cancel (may be NULL) is looked at
 * every MiB: non-zero gives -ECANCELED. 0 or negative errno. */
int digest_fd(int fd, struct digest *out, const atomic_int *cancel);
/* The key of a job: the content's digest and the frozen settings. */
int digest_key(const struct digest *content, const char *settings, struct digest *out);
void digest_hex(const struct digest *d, char hex[DIGEST_HEX]);
int digest_parse(const char *hex, struct digest *out); /* 0 or -EINVAL */
