/* Acting as the caller: when the daemon runs as root, what a client asks for is done with that client's user,
 * group and supplementary groups, for this thread alone. (glibc's setuid() family changes every thread; these
 * are the raw calls.) */
#pragma once

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <sys/types.h>

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

/* The caller's file-creation mask, for this thread alone. The backing filesystem applies it, as it alone can
 * decide: where the directory has a default ACL, that takes the mask's place. */
struct creation_mask {
    bool changed;
};
#define CREATION_MASK_INIT                                                                                   \
    {                                                                                                        \
        false                                                                                                \
    }
#define cleanup_creation_mask __attribute__((cleanup(creation_mask_restore)))

/* The permission bits to make the file with. Where a thread may have no mask of its own (unshare(2) is
 * forbidden in some containers) they are `mode` without the mask's bits, default ACL or not. */
mode_t creation_mask_assume(fuse_req_t req, mode_t mode, struct creation_mask *mask);
void creation_mask_restore(struct creation_mask *mask);
