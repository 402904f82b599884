/* Looking through the whole cache: how large it is, and whether it still holds what was stored. */
#include "cache/results.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/transcript.h"
#include "cache/results_internal.h"

/* Calls fn for each name in a directory, until it returns non-zero. A directory that is not there is empty. */
static int each_name(int parent, const char *name, int (*fn)(void *arg, int directory, const char *name), void *arg)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -ENOMEM;
    }
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            rc = fn(arg, dirfd(dir), entry->d_name);
    closedir(dir);
    return rc;
}

struct each {
    int (*fn)(void *arg, const struct digest *key, const struct result_info *info);
    void *arg;
};

static int add_file(void *arg, int directory, const char *name)
{
    struct result_info *info = arg;
    struct stat st;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW))
        return 0;
    info->bytes += st.st_size;
    if (st.st_mtim.tv_sec > info->made)
        info->made = st.st_mtim.tv_sec;
    return 0;
}

static int take_result(void *arg, int directory, const char *name)
{
    const struct each *each = arg;
    struct result_info info = {0};
    struct digest key;
    if (digest_parse(name, &key) != 0)
        return 0;
    int rc = each_name(directory, name, add_file, &info);
    return rc ? rc : each->fn(each->arg, &key, &info);
}

static int take_shard(void *arg, int directory, const char *name)
{
    return strlen(name) == 2 ? each_name(directory, name, take_result, arg) : 0;
}

int results_each(struct results *r, int (*fn)(void *arg, const struct digest *key, const struct result_info *info),
                 void *arg)
{
    return each_name(results_root(r), ".", take_shard, &(struct each){fn, arg});
}

/* ---- verifying ---- */

static int read_file(struct results *r, const struct digest *key, const char *name, struct buffer *out)
{
    char block[65536];
    cleanup_close int fd = results_file(r, key, name);
    if (fd < 0)
        return fd;
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : buffer_error(out);
        buffer_add(out, block, (size_t)n);
    }
}

/* One line of the sums: "HEX  NAME". 0 or -EUCLEAN, or the disk's error. */
static int check_line(struct results *r, const struct digest *key, char *line)
{
    struct digest wanted, found;
    if (strlen(line) < DIGEST_HEX + 2 || line[DIGEST_HEX - 1] != ' ')
        return -EUCLEAN;
    line[DIGEST_HEX - 1] = '\0';
    cleanup_close int fd = results_file(r, key, line + DIGEST_HEX + 1);
    if (digest_parse(line, &wanted) || fd == -ENOENT)
        return -EUCLEAN;
    int rc = fd < 0 ? fd : digest_fd(fd, &found, NULL);
    return rc ? rc : memcmp(&wanted, &found, sizeof found) ? -EUCLEAN : 0;
}

static int check_sums(struct results *r, const struct digest *key, bool *summed)
{
    cleanup_buffer struct buffer sums = {0};
    int rc = read_file(r, key, RESULT_SUMS, &sums);
    *summed = rc == 0 && sums.len > 0;
    if (rc == -ENOENT)
        return 0; /* stored before there were sums */
    if (rc == 0 && sums.len == 0)
        rc = -EUCLEAN;
    char *save = NULL;
    for (char *line = rc ? NULL : strtok_r(sums.data, "\n", &save); rc == 0 && line; line = strtok_r(NULL, "\n", &save))
        rc = check_line(r, key, line);
    return rc;
}

int results_verify(struct results *r, const struct digest *key, bool *summed)
{
    cleanup_buffer struct buffer text = {0};
    struct timespec made;
    struct error err;
    off_t size;
    *summed = false;
    int rc = results_stat(r, key, "transcript.json", &size, &made);
    if (rc == 0)
        rc = check_sums(r, key, summed);
    if (rc == 0)
        rc = read_file(r, key, "transcript.json", &text);
    if (rc != 0)
        return rc;
    struct transcript *t = text.len ? transcript_from_json(text.data, text.len, &err) : NULL;
    transcript_free(t);
    return t ? 0 : -EUCLEAN;
}
