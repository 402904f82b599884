/* POSIX ACLs as the kernel keeps them in the extended attributes system.posix_acl_access and
 * system.posix_acl_default (linux/posix_acl_xattr.h).
 *
 * Where ACLs are on, the kernel asks for them and decides itself (FUSE_CAP_POSIX_ACL, default_permissions);
 * what it gets is what the backing filesystem has. A view has the ACL of its recording. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"

/* True for the names of these two attributes. */
bool acl_is_name(const char *attribute);
/* Takes the right to execute from every entry of an ACL in the kernel's form. Anything else is left alone. */
void acl_drop_execute(void *acl, size_t size);
/* Takes both names out of a list as listxattr(2) gives it; what is left of its size. */
size_t acl_drop_names(char *list, size_t size);
/* Whether the filesystem of this (O_PATH) descriptor has ACLs. */
bool acl_supported(int fd);
/* Whether the file of this name has an ACL that says more than its mode. */
bool acl_beyond_mode(int dirfd, const char *name);
/* The access ACL that a view of this recording has: (O_PATH) descriptor's own without the right to execute,
 * in *acl, to be freed; NULL if it has none beyond its mode. 0 or negative errno. */
int acl_of_recording(int fd, void **acl, size_t *size);
/* Gives a new file this ACL (NULL: none, whatever its directory's default is). Its mode is to be set
 * afterwards. 0 or negative errno; -EOPNOTSUPP: the filesystem has no ACLs, and this is one. */
int acl_give(int fd, const void *acl, size_t size);
