/* Small texts that are kept over a restart, each in a file of STATE/folders: the last good settings of a
 * folder, the names of the speakers of a recording. One thread at a time. */
#pragma once

#include <stddef.h>

#include "fs/inbox/store.h"

struct remembered;

/* "folder" or "names", and whose it is: also a file that has got the inode number of another is told apart.
 * `device` is the inbox's own, which changes over a reboot. */
#define REMEMBERED_NAME 80
void remembered_name(const char *kind, const struct store_stat *of, uint64_t device,
                     char name[REMEMBERED_NAME]);

/* Makes the directory if it is missing. 0 or negative errno. */
int remembered_open(int state_fd, struct remembered **out);
void remembered_free(struct remembered *r);
/* malloc'ed, with a NUL behind it; NULL: there is none. */
char *remembered_get(struct remembered *r, const char *name, size_t *len);
/* 0 or negative errno. */
int remembered_put(struct remembered *r, const char *name, const char *data, size_t len);
void remembered_drop(struct remembered *r, const char *name);
