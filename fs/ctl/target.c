/* Finding the store and the path in it. A path may lie in the mount or in STORE/inbox, and may not exist (a
 * deleted view). */
#include "fs/ctl/target.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/mountinfo.h"

struct mounts {
    struct mountinfo *entries;
    size_t count;
};

static void mounts_clear(struct mounts *m)
{
    mountinfo_free(m->entries, m->count);
}

static int mounts_read(struct mounts *m)
{
    cleanup_file FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return complain(EXIT_GENERAL, _("/proc/self/mountinfo: %s"), strerror(errno));
    if (mountinfo_read(file, "fuse.scribefs", &m->entries, &m->count) < 0)
        return complain(EXIT_GENERAL, _("out of memory"));
    return EXIT_OK;
}

/* The innermost mount that holds the path; of two at one place, the one on top. */
static const struct mountinfo *mount_of(const struct mounts *m, const char *path)
{
    const struct mountinfo *best = NULL;
    for (size_t i = 0; i < m->count; i++)
        if (path_below(path, m->entries[i].mountpoint) &&
            (!best || strlen(m->entries[i].mountpoint) >= strlen(best->mountpoint)))
            best = &m->entries[i];
    return best;
}

static const char *inbox_below(const char *path, const char *directory)
{
    const char *below = path_below(path, directory);
    return below ? path_below(below, "inbox") : NULL;
}

/* Where an absolute path is in an inbox: the store in *store, or NULL if it is in none. `only`: a store it
 * must be in, or NULL. */
static const char *locate(const struct mounts *m, const char *path, const char *only, const char **store)
{
    const struct mountinfo *mount = mount_of(m, path);
    if (mount && (!only || strcmp(mount->source, only) == 0)) {
        const char *below = inbox_below(path, mount->mountpoint);
        *store = mount->source;
        if (below)
            return below;
        return *path_below(path, mount->mountpoint) == '\0' ? "" : NULL;
    }
    for (size_t i = 0; i < m->count; i++) {
        const char *source = m->entries[i].source, *below = inbox_below(path, source);
        if (below && (!only || strcmp(source, only) == 0)) {
            *store = source;
            return below;
        }
    }
    const char *below = only ? inbox_below(path, only) : NULL;
    if (below)
        *store = only;
    return below;
}

/* The directory resolved, the last component left alone: it may be gone, or a link that stands for itself.
 * malloc'ed or NULL. */
static char *resolve_parent(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    cleanup_free char *copy = strndup(path, len);
    if (!copy)
        return NULL;
    char *slash = strrchr(copy, '/');
    const char *name = slash ? slash + 1 : copy;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || *name == '\0')
        return realpath(copy, NULL);
    cleanup_free char *keep = strdup(name);
    if (slash)
        *(slash == copy ? slash + 1 : slash) = '\0';
    cleanup_free char *directory = realpath(slash ? copy : ".", NULL);
    char *full = NULL;
    if (!directory || !keep)
        return NULL;
    if (asprintf(&full, "%s/%s", strcmp(directory, "/") == 0 ? "" : directory, keep) < 0)
        return NULL;
    return full;
}

/* The path in the inbox, malloc'ed, or NULL. *store (malloc'ed or NULL) says which store it must be in, and
 * is set if it is NULL. */
static char *translate(const struct mounts *m, const char *path, char **store)
{
    for (int follow = 0; follow <= 1; follow++) {
        cleanup_free char *full = follow ? realpath(path, NULL) : resolve_parent(path);
        const char *found_store = NULL;
        const char *found = full ? locate(m, full, *store, &found_store) : NULL;
        if (!found)
            continue;
        if (!*store)
            *store = strdup(found_store);
        return strdup(found);
    }
    return NULL;
}

/* The mount that a path is in, wherever in it; NULL: none. */
static const struct mountinfo *mount_with(const struct mounts *m, const char *path)
{
    cleanup_free char *full = resolve_parent(path);
    return full ? mount_of(m, full) : NULL;
}

/* True if it is in the trash, through the mount or in the store. */
static bool is_trashed(const struct mounts *m, const char *path, const char *store)
{
    cleanup_free char *full = resolve_parent(path);
    const struct mountinfo *mount = full ? mount_of(m, full) : NULL;
    const char *below = mount ? path_below(full, mount->mountpoint) : NULL;
    if (below)
        return path_below(below, ".Trash");
    below = full ? path_below(full, store) : NULL;
    return below && path_below(below, "trash");
}

/* What -s or the environment names: a store, or the mount point of one. */
static int named_store(const struct mounts *m, const char *given, char **store)
{
    cleanup_free char *path = realpath(given, NULL);
    if (!path)
        return complain(EXIT_NOT_FOUND, _("%s: %s: give the store's directory with -s"), given, strerror(errno));
    const struct mountinfo *mount = mount_of(m, path);
    bool is_mountpoint = mount && *path_below(path, mount->mountpoint) == '\0';
    *store = is_mountpoint ? strdup(mount->source) : steal_ptr(path);
    return *store ? EXIT_OK : complain(EXIT_GENERAL, _("out of memory"));
}

static int only_store(const struct mounts *m, char **store)
{
    for (size_t i = 1; i < m->count; i++)
        if (strcmp(m->entries[i].source, m->entries[0].source) != 0)
            return complain(EXIT_USAGE,
                            _("several stores are mounted: which one is meant: name it with -s STORE"));
    if (m->count == 0)
        return complain(EXIT_NOT_FOUND,
                        _("no scribefs is mounted: mount one with \"scribefs STORE MOUNTPOINT\", or "
                        "name its store with -s STORE"));
    *store = strdup(m->entries[0].source);
    return *store ? EXIT_OK : complain(EXIT_GENERAL, _("out of memory"));
}

static int find_store(const struct ctl_options *options, const struct mounts *m, char **store)
{
    const char *environment = getenv("SCRIBEFS_STORE");
    if (options->store)
        return named_store(m, options->store, store);
    if (environment && *environment)
        return named_store(m, environment, store);
    for (int i = 0; i < options->path_count && !*store; i++) {
        const struct mountinfo *mount = mount_with(m, options->paths[i]);
        free(translate(m, options->paths[i], store));
        if (!*store && mount)
            *store = strdup(mount->source);
    }
    if (!*store)
        free(translate(m, ".", store));
    return *store ? EXIT_OK : only_store(m, store);
}

int target_find(const struct ctl_options *options, struct target *out)
{
    __attribute__((cleanup(mounts_clear))) struct mounts mounts = {0};
    cleanup_target struct target t = {0};
    int code = mounts_read(&mounts);
    if (code == EXIT_OK)
        code = find_store(options, &mounts, &t.store);
    if (code != EXIT_OK)
        return code;
    t.paths = calloc((size_t)options->path_count + 1, sizeof *t.paths);
    if (!t.paths)
        return complain(EXIT_GENERAL, _("out of memory"));
    for (; t.count < options->path_count; t.count++) {
        const char *given = options->paths[t.count];
        char *path = translate(&mounts, given, &t.store);
        if (!path && is_trashed(&mounts, given, t.store))
            return complain(EXIT_NOT_FOUND,
                            _("%s: it is in the trash, where nothing is transcribed: move it back, then ask again"), given);
        /* Nothing in the inbox from here: then it is meant from the inbox. */
        if (!path && given[0] != '/')
            path = strdup(given);
        if (!path)
            return complain(EXIT_NOT_FOUND, _("%s: it is not in the inbox of %s: give a path in the inbox"),
                            given, t.store);
        t.paths[t.count] = path;
    }
    if (t.count == 0) {
        t.paths[0] = strdup("");
        if (!t.paths[0])
            return complain(EXIT_GENERAL, _("out of memory"));
        t.count = 1;
    }
    *out = t;
    t = (struct target){0};
    return EXIT_OK;
}

void target_clear(struct target *t)
{
    for (int i = 0; t->paths && i < t->count; i++)
        free(t->paths[i]);
    free(t->paths);
    free(t->store);
}
