/* Reading, cutting down and giving POSIX ACLs. */
#include "fs/mount/acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "backend/base/cleanup.h"
#include "fs/mount/resolve.h"

#define TRIES 10 /* how often one that grows meanwhile is read again */

bool acl_is_name(const char *attribute)
{
    return !strcmp(attribute, ACL_ACCESS) || !strcmp(attribute, ACL_DEFAULT);
}

void acl_drop_execute(void *acl, size_t size)
{
    struct posix_acl_xattr_header header;
    char *at = (char *)acl + sizeof header;
    if (size < sizeof header)
        return;
    memcpy(&header, acl, sizeof header);
    if (le32toh(header.a_version) != POSIX_ACL_XATTR_VERSION)
        return;
    struct posix_acl_xattr_entry entry;
    for (size_t left = size - sizeof header; left >= sizeof entry; left -= sizeof entry) {
        memcpy(&entry, at, sizeof entry);
        entry.e_perm &= htole16((uint16_t)~ACL_EXECUTE);
        memcpy(at, &entry, sizeof entry);
        at += sizeof entry;
    }
}

size_t acl_drop_names(char *list, size_t size)
{
    size_t kept = 0;
    for (size_t at = 0; at < size;) {
        size_t length = strnlen(list + at, size - at) + 1;
        bool ended = length <= size - at;
        if (!ended)
            length = size - at; /* nothing that a kernel gives */
        if (!ended || !acl_is_name(list + at)) {
            memmove(list + kept, list + at, length);
            kept += length;
        }
        at += length;
    }
    return kept;
}

bool acl_supported(int fd)
{
    char path[PROC_FD_SIZE];
    proc_fd(fd, path);
    return getxattr(path, ACL_ACCESS, NULL, 0) >= 0 || errno != EOPNOTSUPP;
}

bool acl_beyond_mode(int dirfd, const char *name)
{
    char path[PROC_FD_SIZE + NAME_MAX + 2], directory[PROC_FD_SIZE];
    proc_fd(dirfd, directory);
    int n = snprintf(path, sizeof path, "%s/%s", directory, name);
    return n > 0 && n < (int)sizeof path && lgetxattr(path, ACL_ACCESS, NULL, 0) > 0;
}

int acl_of_recording(int fd, void **acl, size_t *size)
{
    char path[PROC_FD_SIZE];
    proc_fd(fd, path);
    *acl = NULL;
    *size = 0;
    ssize_t n = 0;
    for (int i = 0; i < TRIES; i++) {
        n = getxattr(path, ACL_ACCESS, NULL, 0);
        if (n <= 0)
            break;
        cleanup_free void *data = malloc((size_t)n);
        if (!data)
            return -ENOMEM;
        n = getxattr(path, ACL_ACCESS, data, (size_t)n);
        if (n > 0) {
            acl_drop_execute(data, (size_t)n);
            *size = (size_t)n;
            *acl = steal_ptr(data);
            return 0;
        }
        if (n == 0 || errno != ERANGE)
            break;
    }
    return n == 0 || errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
}

int acl_give(int fd, const void *acl, size_t size)
{
    if (acl)
        return fsetxattr(fd, ACL_ACCESS, acl, size, 0) ? -errno : 0;
    return fremovexattr(fd, ACL_ACCESS) && errno != ENODATA && errno != EOPNOTSUPP ? -errno : 0;
}
