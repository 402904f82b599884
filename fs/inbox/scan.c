/* A breadth-first walk: one open directory at a time, so a deep tree costs memory and not descriptors. */
#include "fs/inbox/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <utlist.h>

#include "backend/base/cleanup.h"
#include "fs/inbox/folder.h"
#include "fs/inbox/names.h"

struct waiting {
    char *path;
    void *parent; /* the visitor's */
    struct waiting *prev, *next;
};

struct walk {
    int inbox_fd;
    uint64_t device;
    const atomic_int *cancel;
    const struct scan_visitor *visitor;
    struct waiting *queue;
};

static void enqueue(struct walk *w, const char *parent, void *visited, const char *name)
{
    struct waiting *d = calloc(1, sizeof *d);
    if (!d)
        return;
    if (asprintf(&d->path, "%s%s%s", parent, *parent ? "/" : "", name) < 0) {
        free(d);
        return;
    }
    d->parent = visited;
    DL_APPEND(w->queue, d);
}

static int visit(struct walk *w, const char *path, void *parent)
{
    int fd = store_open(w->inbox_fd, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    struct store_stat here;
    int rc = store_stat(fd, "", &here);
    DIR *dir = rc == 0 && here.id.dev == w->device ? fdopendir(fd) : NULL;
    if (!dir) {
        close(fd);
        return rc;
    }
    const struct scan_visitor *v = w->visitor;
    void *visited = v->entered ? v->entered(v->context, parent, dirfd(dir), path, here.id) : NULL;
    struct dirent *e;
    while ((e = readdir(dir))) {
        if (atomic_load(w->cancel)) {
            rc = -ECANCELED;
            break;
        }
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        bool may_be_directory = e->d_type == DT_DIR || e->d_type == DT_UNKNOWN;
        bool named = v->found && (name_classify(e->d_name) == NAME_RECORDING || folder_is_settings_file(e->d_name));
        if (!named && !may_be_directory)
            continue;
        struct store_stat st;
        if (store_stat(dirfd(dir), e->d_name, &st) != 0)
            continue;
        if (S_ISDIR(st.mode) && !name_skips_directory(e->d_name))
            enqueue(w, path, visited, e->d_name);
        else if (S_ISREG(st.mode) && named)
            v->found(v->context, &(struct place){here.id, path, e->d_name}, &st);
    }
    closedir(dir);
    return rc;
}

int scan_inbox(int inbox_fd, const char *path, const atomic_int *cancel, const struct scan_visitor *visitor)
{
    struct walk w = {.inbox_fd = inbox_fd, .cancel = cancel, .visitor = visitor};
    struct store_stat top;
    int rc = store_stat(inbox_fd, "", &top);
    if (rc != 0)
        return rc;
    w.device = top.id.dev;
    rc = visit(&w, path, NULL);
    while (w.queue) {
        struct waiting *d = w.queue;
        DL_DELETE(w.queue, d);
        if (rc == 0 && visit(&w, d->path, d->parent) == -ECANCELED)
            rc = -ECANCELED;
        free(d->path);
        free(d);
    }
    return rc;
}
