/* Making and removing work directories. */
#include "fs/jobs/work_dirs.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    remove(path);
    return 0;
}

static void remove_tree(const char *top, const char *name)
{
    char *path cleanup_free = NULL;
    if (asprintf(&path, "%s/%s", top, name) < 0)
        path = NULL;
    else
        nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int work_dirs_open(const char *top)
{
    return mkdir(top, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

char *work_dir_make(const char *top, const struct digest *key, struct error *err)
{
    char hex[DIGEST_HEX], *path = NULL;
    digest_hex(key, hex);
    if (asprintf(&path, "%s/%s", top, hex) < 0) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "io.state", "out of memory");
        return NULL;
    }
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return path;
    int sys = errno;
    bool full = sys == ENOSPC || sys == EDQUOT;
    error_set(err, ERROR_TRANSIENT, sys, full ? "io.space" : "io.state", "%s: %s", path, strerror(sys));
    free(path);
    return NULL;
}

void work_dir_remove(const char *top, const struct digest *key)
{
    char hex[DIGEST_HEX];
    digest_hex(key, hex);
    remove_tree(top, hex);
}

int work_dirs_sweep(const char *top, bool (*keeps)(void *context, const struct digest *key), void *context)
{
    DIR *dir = opendir(top);
    int kept = 0;
    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        struct digest key;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (digest_parse(name, &key) == 0 && keeps(context, &key))
            kept++;
        else
            remove_tree(top, name);
    }
    closedir(dir);
    return kept;
}
