/* A zip archive in memory, for document formats that are one. */
#pragma once

#include <stddef.h>

struct buffer;

struct zip_part {
    const char *name; /* inside the archive, with '/' */
    const char *data;
    size_t len;
};

/* Appends an archive of the parts, in order, without times: the same parts give the same bytes. 0 or -ENOMEM.
 */
int zip_files(const struct zip_part *parts, size_t count, struct buffer *out);
