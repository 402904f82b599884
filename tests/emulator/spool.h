/* A request body: in memory while small, in an unlinked file beyond 1 MiB, and in both cases one range of
 * bytes at the end. */
#pragma once

#include <stddef.h>

#include "backend/base/buffer.h"

struct spool {
    struct buffer small;
    int fd; /* -1 while small */
    size_t len;
    void *map;
};

void spool_init(struct spool *s);
int spool_add(struct spool *s, const char *directory, const void *data, size_t len); /* 0 or negative errno */
int spool_finish(struct spool *s);                                                   /* 0 or negative errno */
const char *spool_data(const struct spool *s); /* after finish; never NULL */
void spool_free(struct spool *s);
