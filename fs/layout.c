/* The store on disk. */
#include "fs/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/library.h"

static int refuse(struct error *err, int sys, const char *code, const char *path, const char *what)
{
    return error_set(err, ERROR_PERSON, sys, code, "%s: %s", path, what);
}

static bool is_ours(const char *name)
{
    return strcmp(name, "inbox") == 0 || strcmp(name, "state") == 0 || strcmp(name, "scribefs.conf") == 0 ||
           strcmp(name, "trash") == 0 || strcmp(name, "lost+found") == 0;
}

/* A directory that already holds something else is not turned into a store by a slip of the hand. */
static int check_foreign(int fd, const char *store, struct error *err)
{
    struct stat st;
    if (fstatat(fd, "inbox", &st, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISDIR(st.st_mode)
                   ? 0
                   : refuse(err, ENOTDIR, "store.foreign", store, "its inbox is not a directory");
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (!dir) {
        int sys = errno;
        if (copy >= 0)
            close(copy);
        return refuse(err, sys, "store.access", store, strerror(sys));
    }
    const struct dirent *e;
    bool foreign = false;
    while ((e = readdir(dir)))
        foreign |= e->d_name[0] != '.' && !is_ours(e->d_name);
    closedir(dir);
    return foreign ? refuse(err, ENOTEMPTY, "store.foreign", store,
                            "it is not a store and not empty; give an empty or a new directory")
                   : 0;
}

static int make_directory(int at, const char *name, mode_t mode, const char *store, struct error *err)
{
    if (mkdirat(at, name, mode) == 0 || errno == EEXIST)
        return 0;
    int sys = errno;
    return error_set(err, ERROR_PERSON, sys, "store.access", "%s/%s: %s", store, name, strerror(sys));
}

/* The trash directory of the FreeDesktop specification: for everybody, and sticky, or file managers do not
 * use it. A store does without where it cannot be made. */
static int open_trash(int at)
{
    bool made = mkdirat(at, "trash", 0700) == 0;
    int fd = openat(at, "trash", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && made && fchmodat(at, "trash", 01777, 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A daemon that was killed or told to end holds its lock until the last thread of it has gone: who starts another
 * right after that waits so long. */
#define LOCK_WAIT_MS 3000
#define LOCK_STEP_MS 20

static int take_lock(struct layout *l, struct error *err)
{
    l->lock_fd = openat(l->state_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->lock_fd < 0)
        return error_set(err, ERROR_PERSON, errno, "store.access", "%s/state/lock: %s", l->store,
                         strerror(errno));
    int rc = flock(l->lock_fd, LOCK_EX | LOCK_NB);
    for (int waited = 0; rc < 0 && errno == EWOULDBLOCK && waited < LOCK_WAIT_MS; waited += LOCK_STEP_MS) {
        usleep(LOCK_STEP_MS * 1000);
        rc = flock(l->lock_fd, LOCK_EX | LOCK_NB);
    }
    if (rc < 0)
        return refuse(err, errno, "store.running", l->store,
                      "another scribefs serves this store; stop it first");
    char pid[32];
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(l->lock_fd, 0) < 0 || pwrite(l->lock_fd, pid, (size_t)n, 0) < 0)
        return 0; /* the pid is only for people; a full disk is met and told later */
    return 0;
}

int layout_open(const char *store, struct layout *l, struct error *err)
{
    *l = (struct layout){.inbox_fd = -1, .trash_fd = -1, .state_fd = -1, .lock_fd = -1};
    if (mkdir(store, 0755) < 0 && errno != EEXIST)
        return refuse(err, errno, "store.missing", store, strerror(errno));
    l->store = realpath(store, NULL);
    if (!l->store)
        return refuse(err, errno, "store.missing", store, strerror(errno));
    cleanup_close int fd = open(l->store, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 ? 0 : refuse(err, errno, "store.missing", store, strerror(errno));
    if (rc == 0)
        rc = check_foreign(fd, l->store, err);
    if (rc == 0)
        rc = make_directory(fd, "inbox", 0755, l->store, err);
    if (rc == 0)
        rc = make_directory(fd, "state", 0700, l->store, err);
    if (rc == 0) {
        l->inbox_fd = openat(fd, "inbox", O_PATH | O_DIRECTORY | O_CLOEXEC);
        l->trash_fd = open_trash(fd);
        l->state_fd = openat(fd, "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (l->inbox_fd < 0 || l->state_fd < 0)
            rc = refuse(err, errno, "store.access", l->store, strerror(errno));
    }
    if (rc == 0)
        rc = take_lock(l, err);
    if (rc == 0 && (asprintf(&l->index, "%s/state/index.db", l->store) < 0 ||
                    asprintf(&l->results, "%s/state/results", l->store) < 0 ||
                    asprintf(&l->views, "%s/state/views", l->store) < 0 ||
                    asprintf(&l->work, "%s/state/work", l->store) < 0))
        rc = error_set(err, ERROR_TRANSIENT, ENOMEM, "store.access", "out of memory");
    if (rc != 0)
        layout_close(l);
    return rc;
}

void layout_close(struct layout *l)
{
    free(l->store);
    free(l->index);
    free(l->results);
    free(l->views);
    free(l->work);
    if (l->inbox_fd >= 0)
        close(l->inbox_fd);
    if (l->trash_fd >= 0)
        close(l->trash_fd);
    if (l->state_fd >= 0)
        close(l->state_fd);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
    *l = (struct layout){.inbox_fd = -1, .trash_fd = -1, .state_fd = -1, .lock_fd = -1};
}

/* Absolute, without asking the mount point itself: it may be one that a dead daemon left behind. */
static char *absolute(const char *path)
{
    if (*path == '/')
        return strdup(path);
    cleanup_free char *here = getcwd(NULL, 0);
    char *result = NULL;
    return here && asprintf(&result, "%s/%s", here, path) >= 0 ? result : NULL;
}

int layout_check_mountpoint(const struct layout *l, const char *mountpoint, char **resolved,
                            struct error *err)
{
    struct stat st;
    /* A slash at the end would have realpath() ask what is there, which may be a mount that nobody answers for. */
    cleanup_free char *plain = strdup(mountpoint);
    for (size_t n = plain ? strlen(plain) : 0; n > 1 && plain[n - 1] == '/'; n--)
        plain[n - 1] = '\0';
    if (!plain)
        return refuse(err, ENOMEM, "mount.point", mountpoint, "out of memory");
    *resolved = realpath(plain, NULL);
    int rc = *resolved ? stat(*resolved, &st) : -1;
    if (rc < 0 && (errno == ENOTCONN || errno == ECONNABORTED)) {
        /* The mount clears it away. */
        if (!*resolved)
            *resolved = absolute(plain);
        return *resolved ? 0 : refuse(err, ENOMEM, "mount.point", mountpoint, "out of memory");
    }
    if (rc < 0)
        return refuse(err, errno, "mount.point", mountpoint, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return refuse(err, ENOTDIR, "mount.point", mountpoint, "it is not a directory");
    if (path_is_below(*resolved, l->store))
        return refuse(err, EINVAL, "mount.loop", mountpoint,
                      "the mount point is inside the store; choose another place");
    if (strcmp(*resolved, "/") == 0 || path_is_below(l->store, *resolved))
        return refuse(err, EINVAL, "mount.loop", mountpoint,
                      "the store is inside the mount point; choose another place");
    return 0;
}
