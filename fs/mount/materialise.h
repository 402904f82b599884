/* Makes a real file out of a view's bytes, complete or not at all. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct view_content;

struct owner {
    uid_t uid;
    gid_t gid;
    mode_t mode;     /* permission bits */
    const void *acl; /* the access ACL beyond them (fs/mount/acl.h), NULL: none; not owned */
    size_t acl_size;
};

/* Puts a file with this content (NULL: empty) at (dirfd, name), over what is there if `replace`. The content
 * is on the disk before the name is, so that a crash leaves the whole file or none. As an ordinary user the
 * owner stays the daemon's. A descriptor open for reading and writing, or negative errno (-EEXIST). */
int materialise(int dirfd, const char *name, const struct view_content *content, const struct owner *owner,
                bool replace);
/* The same without a name, as a file that was deleted while it is open; on the filesystem of dirfd. */
int materialise_unnamed(int dirfd, const struct view_content *content, const struct owner *owner);
