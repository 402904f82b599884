/* The result cache on disk:
 *
 *   results/ab/abcd…/NAME    a result: complete from the moment it can be seen, never changed afterwards
 *
 *   results/ab/abcd…/sizes   a line "SIZE NAME" for each file of it: a file cut or lost later is found out
 *
 *   results/ab/abcd…/sums    the same as sha256sum(1) writes it, for "scribectl cache verify"
 *
 *   results/tmp-RANDOM/      being written, or on the way out; swept when the cache is opened
 *
 * Everything below the given path is reached by directory descriptors and without following symbolic links.
 * There are no locks: the kernel's rename decides between two writers of one key. */
#include "cache/results.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "cache/results_internal.h"

enum {
    DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
    DIRECTORY_MODE = 0700,
    FILE_MODE = 0600,
    /* A result has one level; a few more are tried, should somebody have put directories there. */
    REMOVE_DEPTH = 8,
    /* 64 random bits clash so rarely that a second clash means something else is wrong. */
    TEMPORARY_TRIES = 4,
};

#define SIZES "sizes"
#define TEMPORARY_PREFIX "tmp-"
#define TEMPORARY_SIZE (sizeof TEMPORARY_PREFIX + 16)

struct results {
    int root;
};

struct result_writer {
    struct results *results;
    struct digest key;
    char temporary[TEMPORARY_SIZE];
    int directory; /* the temporary directory */
    struct buffer sizes, sums;
    int failed; /* what the first addition to fail returned; 0: none has */
};

/* "ab/abcd…" in two components. */
struct place {
    char shard[3];
    char hex[DIGEST_HEX];
};

static void place_of(const struct digest *key, struct place *place)
{
    digest_hex(key, place->hex);
    memcpy(place->shard, place->hex, 2);
    place->shard[2] = '\0';
}

static void cleanup_dirp(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}
#define cleanup_dir __attribute__((cleanup(cleanup_dirp)))

static int sync_directory(int fd)
{
    return fsync(fd) ? -errno : 0;
}

static bool dot_or_dotdot(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

static bool one_component(const char *name)
{
    return *name && !strchr(name, '/') && !dot_or_dotdot(name);
}

/* Removes a file, or a directory and what is in it. It goes on where one entry cannot be removed, and says
 * so. */
static int remove_tree(int parent, const char *name, int depth)
{
    if (!unlinkat(parent, name, 0))
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (depth == 0)
        return -ELOOP;
    int fd = openat(parent, name, DIRECTORY_FLAGS);
    if (fd < 0)
        return -errno;
    cleanup_dir DIR *dir = fdopendir(fd);
    if (!dir) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    int rc = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (dot_or_dotdot(entry->d_name))
            continue;
        int one = remove_tree(dirfd(dir), entry->d_name, depth - 1);
        if (one && one != -ENOENT)
            rc = one;
    }
    if (!rc && unlinkat(parent, name, AT_REMOVEDIR))
        rc = -errno;
    return rc;
}

static int temporary_name(char name[TEMPORARY_SIZE])
{
    unsigned long long bits;
    if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
        return -errno;
    snprintf(name, TEMPORARY_SIZE, TEMPORARY_PREFIX "%016llx", bits);
    return 0;
}

static void sweep(int root)
{
    int fd = openat(root, ".", DIRECTORY_FLAGS);
    if (fd < 0)
        return;
    cleanup_dir DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (!strncmp(entry->d_name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)))
            remove_tree(root, entry->d_name, REMOVE_DEPTH);
}

int results_open(const char *path, struct results **out)
{
    bool made = !mkdir(path, DIRECTORY_MODE);
    if (!made && errno != EEXIST)
        return -errno;
    /* The path itself may be a link: an administrator may keep the results on another disk. */
    cleanup_close int root = open(path, DIRECTORY_FLAGS & ~O_NOFOLLOW);
    if (root < 0)
        return -errno;
    if (made) {
        cleanup_close int parent = openat(root, "..", DIRECTORY_FLAGS);
        if (parent < 0)
            return -errno;
        int rc = sync_directory(parent);
        if (rc)
            return rc;
    }
    struct results *r = malloc(sizeof *r);
    if (!r)
        return -ENOMEM;
    /* What cannot be removed costs some space and nothing else: no reason to refuse the cache. */
    sweep(root);
    r->root = steal_fd(root);
    *out = r;
    return 0;
}

int results_root(const struct results *r)
{
    return r->root;
}

void results_close(struct results *r)
{
    if (!r)
        return;
    close(r->root);
    free(r);
}

/* ---- writing ---- */

int results_begin(struct results *r, const struct digest *key, struct result_writer **out)
{
    cleanup_free struct result_writer *w = malloc(sizeof *w);
    if (!w)
        return -ENOMEM;
    *w = (struct result_writer){.results = r, .key = *key, .directory = -1};
    int tries = TEMPORARY_TRIES;
    for (;;) {
        int rc = temporary_name(w->temporary);
        if (rc)
            return rc;
        if (!mkdirat(r->root, w->temporary, DIRECTORY_MODE))
            break;
        if (errno != EEXIST || --tries == 0)
            return -errno;
    }
    w->directory = openat(r->root, w->temporary, DIRECTORY_FLAGS);
    if (w->directory < 0) {
        int rc = -errno;
        unlinkat(r->root, w->temporary, AT_REMOVEDIR);
        return rc;
    }
    *out = steal_ptr(w);
    return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_file(int directory, const char *name, const void *data, size_t len)
{
    cleanup_close int fd =
        openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, data, len);
    if (rc)
        return rc;
    if (fsync(fd))
        return -errno;
    /* Some network filesystems say only now that a quota was exceeded. */
    return close(steal_fd(fd)) && errno != EINTR ? -errno : 0;
}

static void add_sum(struct result_writer *w, const char *name, const void *data, size_t len)
{
    struct digest sum;
    char hex[DIGEST_HEX];
    if (EVP_Digest(data, len, sum.bytes, NULL, EVP_sha256(), NULL) != 1) {
        w->sums.failed = true;
        return;
    }
    digest_hex(&sum, hex);
    buffer_printf(&w->sums, "%s  %s\n", hex, name);
}

int result_add(struct result_writer *w, const char *name, const void *data, size_t len)
{
    if (!one_component(name) || strchr(name, '\n') || strcmp(name, SIZES) == 0 || strcmp(name, RESULT_SUMS) == 0)
        return -EINVAL;
    if (w->failed)
        return w->failed;
    buffer_printf(&w->sizes, "%zu %s\n", len, name);
    add_sum(w, name, data, len);
    w->failed = write_file(w->directory, name, data, len);
    /* The space is given back at once: on a full disk somebody may be waiting for it. */
    if (w->failed)
        remove_tree(w->results->root, w->temporary, REMOVE_DEPTH);
    return w->failed;
}

/* Moves the temporary directory to its place: 0, or -EEXIST if there is a result already. */
static int move_in(const struct result_writer *w, int shard, const char *hex)
{
    if (!renameat2(w->results->root, w->temporary, shard, hex, RENAME_NOREPLACE))
        return 0;
    /* Some filesystems do not know the flag. A plain rename does not replace a directory with files in it
     * either. */
    if (errno == EINVAL || errno == ENOSYS) {
        if (!renameat(w->results->root, w->temporary, shard, hex))
            return 0;
        if (errno == ENOTEMPTY)
            return -EEXIST;
    }
    return -errno;
}

static int commit(struct result_writer *w)
{
    if (w->failed)
        return w->failed;
    int root = w->results->root;
    struct place place;
    place_of(&w->key, &place);
    int rc = buffer_error(&w->sizes);
    if (!rc)
        rc = write_file(w->directory, SIZES, w->sizes.data ? w->sizes.data : "", w->sizes.len);
    if (!rc)
        rc = buffer_error(&w->sums);
    if (!rc)
        rc = write_file(w->directory, RESULT_SUMS, w->sums.data ? w->sums.data : "", w->sums.len);
    if (!rc)
        rc = sync_directory(w->directory);
    if (rc)
        return rc;
    if (mkdirat(root, place.shard, DIRECTORY_MODE) && errno != EEXIST)
        return -errno;
    /* Also when it was there: whoever made it may not have synced it yet. */
    rc = sync_directory(root);
    if (rc)
        return rc;
    cleanup_close int shard = openat(root, place.shard, DIRECTORY_FLAGS);
    if (shard < 0)
        return -errno;
    rc = move_in(w, shard, place.hex);
    if (rc && rc != -EEXIST)
        return rc;
    if (!rc)
        w->temporary[0] = '\0'; /* nothing left to remove */
    /* Also when another writer was first: it may not have come this far yet. */
    return sync_directory(shard);
}

int result_commit(struct result_writer *w)
{
    int rc = commit(w);
    result_abort(w);
    return rc;
}

void result_abort(struct result_writer *w)
{
    if (!w)
        return;
    if (w->temporary[0])
        remove_tree(w->results->root, w->temporary, REMOVE_DEPTH);
    close(w->directory);
    buffer_clear(&w->sizes);
    buffer_clear(&w->sums);
    free(w);
}

/* ---- reading ---- */

/* A descriptor of the result's directory, or negative errno. */
static int open_result(struct results *r, const struct digest *key)
{
    struct place place;
    place_of(key, &place);
    cleanup_close int shard = openat(r->root, place.shard, DIRECTORY_FLAGS);
    if (shard < 0)
        return -errno;
    int fd = openat(shard, place.hex, DIRECTORY_FLAGS);
    return fd < 0 ? -errno : fd;
}

int results_file(struct results *r, const struct digest *key, const char *name)
{
    if (!one_component(name))
        return -EINVAL;
    cleanup_close int directory = open_result(r, key);
    if (directory < 0)
        return directory;
    /* O_NONBLOCK: should a FIFO have got here, opening it must not wait. */
    cleanup_close int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st))
        return -errno;
    return S_ISREG(st.st_mode) ? steal_fd(fd) : -EIO;
}

/* The size that `name` had when the result was stored, or -1. */
static off_t stored_size(int directory, const char *name)
{
    cleanup_close int fd = openat(directory, SIZES, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    cleanup_file FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!f)
        return -1;
    fd = -1;
    char line[NAME_MAX + 32];
    while (fgets(line, sizeof line, f)) {
        char *space = NULL;
        long long size = strtoll(line, &space, 10);
        line[strcspn(line, "\n")] = '\0';
        if (size >= 0 && *space == ' ' && strcmp(space + 1, name) == 0)
            return size;
    }
    return -1;
}

int results_stat(struct results *r, const struct digest *key, const char *name, off_t *size,
                 struct timespec *mtime)
{
    if (!one_component(name))
        return -EINVAL;
    cleanup_close int directory = open_result(r, key);
    if (directory < 0)
        return directory;
    struct stat st = {0};
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) && errno != ENOENT)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size != stored_size(directory, name))
        return -EUCLEAN;
    *size = st.st_size;
    *mtime = st.st_mtim;
    return 0;
}

int results_drop(struct results *r, const struct digest *key)
{
    struct place place;
    place_of(key, &place);
    cleanup_close int shard = openat(r->root, place.shard, DIRECTORY_FLAGS);
    if (shard < 0)
        return errno == ENOENT ? 0 : -errno;
    char aside[TEMPORARY_SIZE];
    int rc = temporary_name(aside);
    if (rc)
        return rc;
    /* Renamed first, so that nobody finds half a result while its files go. */
    if (renameat(shard, place.hex, r->root, aside))
        return errno == ENOENT ? 0 : -errno;
    rc = sync_directory(shard);
    /* What cannot be removed now is swept at the next start. */
    remove_tree(r->root, aside, REMOVE_DEPTH);
    return rc;
}
