/* Which filesystems of a type are mounted, from /proc/self/mountinfo (proc(5)). */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct mountinfo {
    char *mountpoint; /* absolute, unescaped; bytes */
    char *source;     /* what the filesystem calls its source: for fuse.scribefs, the store */
    unsigned minor;   /* of its device number; for FUSE, its directory under /sys/fs/fuse/connections */
};

/* Appends nothing but entries of exactly this type ("fuse.scribefs"), in the file's order: a later one may
 * lie over an earlier one. Lines that are not understood are left out. 0 or -ENOMEM; free *out with
 * mountinfo_free(). */
int mountinfo_read(FILE *file, const char *type, struct mountinfo **out, size_t *count);
void mountinfo_free(struct mountinfo *entries, size_t count);
/* What `path` is below `directory`: "" for the directory itself, "a/b" for directory/a/b; NULL if it is not
 * below. Both absolute and without "." or doubled slashes. Points into `path`. */
const char *path_below(const char *path, const char *directory);
