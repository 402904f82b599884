/* Texts in files of STATE/folders; their names are in memory, so that most questions cost nothing. */
#include "fs/inbox/remembered.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "backend/base/cleanup.h"

#define TEXT_MOST (256 * 1024) /* bytes */

struct known {
    char name[REMEMBERED_NAME];
    UT_hash_handle hh;
};

struct remembered {
    int fd;
    struct known *known;
};

void remembered_name(const char *kind, const struct store_stat *of, uint64_t device,
                     char name[REMEMBERED_NAME])
{
    snprintf(name, REMEMBERED_NAME, "%s-%" PRIx64 "-%" PRIx64 "-%" PRIx64, kind,
             of->id.dev == device ? (uint64_t)0 : of->id.dev, of->id.ino, (uint64_t)of->stat.birth_ns);
}

static struct known *find(struct remembered *r, const char *name)
{
    struct known *k;
    HASH_FIND_STR(r->known, name, k);
    return k;
}

static int add(struct remembered *r, const char *name)
{
    if (find(r, name))
        return 0;
    struct known *k = calloc(1, sizeof *k);
    if (!k)
        return -ENOMEM;
    snprintf(k->name, sizeof k->name, "%s", name);
    HASH_ADD_STR(r->known, name, k);
    return 0;
}

int remembered_open(int state_fd, struct remembered **out)
{
    if (mkdirat(state_fd, "folders", 0700) != 0 && errno != EEXIST)
        return -errno;
    struct remembered *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->fd = openat(state_fd, "folders", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int copy = r->fd >= 0 ? fcntl(r->fd, F_DUPFD_CLOEXEC, 3) : -1;
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    int rc = dir ? 0 : -errno;
    if (!dir && copy >= 0)
        close(copy);
    for (struct dirent *e; dir && rc == 0 && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            unlinkat(r->fd, e->d_name, 0); /* written and not finished; "." and ".." are no files */
        else if (strlen(e->d_name) < REMEMBERED_NAME)
            rc = add(r, e->d_name);
    }
    if (dir)
        closedir(dir);
    if (rc != 0) {
        remembered_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

void remembered_free(struct remembered *r)
{
    if (!r)
        return;
    struct known *k, *next;
    HASH_ITER(hh, r->known, k, next)
    {
        HASH_DEL(r->known, k);
        free(k);
    }
    if (r->fd >= 0)
        close(r->fd);
    free(r);
}

char *remembered_get(struct remembered *r, const char *name, size_t *len)
{
    struct stat st;
    if (!find(r, name))
        return NULL;
    cleanup_close int fd = openat(r->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size > TEXT_MOST)
        return NULL;
    char *data = malloc((size_t)st.st_size + 1);
    ssize_t n = data ? read(fd, data, (size_t)st.st_size) : -1;
    if (n != st.st_size) {
        free(data);
        return NULL;
    }
    data[n] = '\0';
    *len = (size_t)n;
    return data;
}

int remembered_put(struct remembered *r, const char *name, const char *data, size_t len)
{
    size_t had;
    cleanup_free char *was = remembered_get(r, name, &had);
    if (was && had == len && memcmp(was, data, len) == 0)
        return 0;
    char scratch[REMEMBERED_NAME + 8];
    snprintf(scratch, sizeof scratch, ".%s", name);
    int rc = add(r, name);
    cleanup_close int fd =
        rc == 0 ? openat(r->fd, scratch, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (rc != 0)
        return rc;
    if (fd < 0 || write(fd, data, len) != (ssize_t)len || fsync(fd) != 0 ||
        renameat(r->fd, scratch, r->fd, name) != 0)
        return errno ? -errno : -EIO;
    return 0;
}

void remembered_drop(struct remembered *r, const char *name)
{
    struct known *k = find(r, name);
    if (!k)
        return;
    unlinkat(r->fd, name, 0);
    HASH_DEL(r->known, k);
    free(k);
}
