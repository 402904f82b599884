/* What search needs to know of the library: which results are shown, and where. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>

static bool is_shown(const struct job *job)
{
    return job->state == JOB_DONE && job->recordings;
}

int library_each_result(struct library *lib, void (*fn)(void *arg, const struct digest *job), void *arg)
{
    struct digest *keys = NULL;
    size_t count = 0;
    {
        LIBRARY_LOCK(lib);
        keys = calloc(HASH_COUNT(lib->jobs) + 1, sizeof *keys);
        if (!keys)
            return -ENOMEM;
        for (const struct job *job = lib->jobs; job; job = job->hh.next)
            if (is_shown(job))
                keys[count++] = job->key;
    }
    for (size_t i = 0; i < count; i++)
        fn(arg, &keys[i]);
    free(keys);
    return 0;
}

void shown_paths_free(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    free(paths);
}

static int add_path(const struct link *l, char ***paths, size_t *count)
{
    char *path = link_path(l);
    char **more = path ? reallocarray(*paths, *count + 1, sizeof *more) : NULL;
    if (!more) {
        free(path);
        return -ENOMEM;
    }
    more[(*count)++] = path;
    *paths = more;
    return 0;
}

int library_shown_with(struct library *lib, const struct digest *key, char ***paths, size_t *count)
{
    LIBRARY_LOCK(lib);
    const struct job *job = job_find(lib, key);
    *paths = NULL;
    *count = 0;
    if (!job || !is_shown(job))
        return 0;
    int rc = 0;
    for (const struct recording *r = job->recordings; r && rc == 0; r = r->job_next)
        for (const struct link *l = r->links; l && rc == 0; l = l->next)
            rc = add_path(l, paths, count);
    if (rc) {
        shown_paths_free(*paths, *count);
        *paths = NULL;
        *count = 0;
    }
    return rc;
}
