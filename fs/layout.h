/* The store on disk: what is where, made on first use, refused when it cannot be a store, locked while a
 * daemon serves it. */
#pragma once

#include "backend/base/error.h"

struct layout {
    char *store;   /* absolute, without symbolic links */
    char *index;   /* STORE/state/index.db */
    char *results; /* STORE/state/results */
    char *views;   /* STORE/state/views */
    char *work;    /* STORE/state/work */
    int inbox_fd;  /* O_PATH */
    int trash_fd;  /* O_PATH: STORE/trash, for file managers; -1: it could not be made */
    int state_fd;
    int lock_fd; /* holds the lock until it is closed */
};

/* An empty or missing directory becomes a store. Codes: "store.missing", "store.foreign" (it holds something
 * else), "store.access", "store.running" (another daemon has it). 0 or negative errno and *err. */
int layout_open(const char *store, struct layout *out, struct error *err);
void layout_close(struct layout *l);

/* Checks where the store is to be shown: an existing directory that is neither in the store nor holds it.
 * *resolved is absolute (malloc'ed). Codes: "mount.point", "mount.loop". A mount point that a dead daemon
 * left behind is let through as it stands. */
int layout_check_mountpoint(const struct layout *l, const char *mountpoint, char **resolved,
                            struct error *err);
