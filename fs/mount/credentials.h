/* Acting as the caller: when the daemon runs as root, what a client asks for is done with that client's user,
 * group and supplementary groups, for this thread alone. (glibc's setuid() family changes every thread; these
 * are the raw calls.) */
#pragma once

#include <fuse_lowlevel.h>
#include <stdbool.h>

struct mount;

struct credentials {
    bool changed;
};
#define CREDENTIALS_INIT                                                                                     \
    {                                                                                                        \
        false                                                                                                \
    }
/* Give every `struct credentials` this attribute: the daemon's own are back at the end of its scope. */
#define cleanup_credentials __attribute__((cleanup(credentials_restore)))

/* True if this process may act as others. */
bool credentials_possible(void);
/* 0, or negative errno (-EPERM): then nothing may be done for this caller. */
int credentials_assume(const struct mount *m, fuse_req_t req, struct credentials *c);
void credentials_restore(struct credentials *c);
