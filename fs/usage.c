/* How much room the store's state takes. One lock, over nothing but memory. */
#include "fs/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fs/jobs/pool.h"

enum {
    LASTS_MS = 10 * 60 * 1000,
    DEEPEST = 8, /* results have two levels */
};

struct usage {
    pthread_mutex_t lock; /* protects `last` and `measuring` */
    struct report_cache last;
    bool measuring;
    atomic_bool stopping;
    int state_fd;
    struct pool *pool;
};

static void add_up(struct usage *u, int parent, const char *name, int depth, struct report_cache *sum)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    const struct dirent *entry;
    while (!atomic_load(&u->stopping) && (entry = readdir(dir))) {
        struct stat st;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        sum->bytes += (int64_t)st.st_blocks * 512;
        if (!S_ISDIR(st.st_mode))
            sum->files++;
        else if (depth < DEEPEST)
            add_up(u, dirfd(dir), entry->d_name, depth + 1, sum);
    }
    closedir(dir);
}

static void measure(void *arg)
{
    struct usage *u = arg;
    struct report_cache sum = {.known = true};
    add_up(u, u->state_fd, ".", 0, &sum);
    sum.measured_ms = (int64_t)time(NULL) * 1000;
    pthread_mutex_lock(&u->lock);
    if (!atomic_load(&u->stopping))
        u->last = sum;
    u->measuring = false;
    pthread_mutex_unlock(&u->lock);
}

int usage_new(int state_fd, struct pool *pool, struct usage **out)
{
    struct usage *u = calloc(1, sizeof *u);
    if (!u)
        return -ENOMEM;
    pthread_mutex_init(&u->lock, NULL);
    u->state_fd = state_fd;
    u->pool = pool;
    *out = u;
    return 0;
}

void usage_stop(struct usage *u)
{
    atomic_store(&u->stopping, true);
}

void usage_free(struct usage *u)
{
    if (!u)
        return;
    pthread_mutex_destroy(&u->lock);
    free(u);
}

void usage_get(struct usage *u, int64_t now_ms, struct report_cache *out)
{
    pthread_mutex_lock(&u->lock);
    int64_t age = now_ms - u->last.measured_ms; /* negative: the clock was set back */
    if (!u->measuring && (!u->last.known || age < 0 || age > LASTS_MS))
        u->measuring = pool_submit(u->pool, measure, u) == 0;
    *out = u->last;
    pthread_mutex_unlock(&u->lock);
}
