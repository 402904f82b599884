/* Tells the kernel to forget names. Its lock is a leaf and is not held while the kernel is called. */
#include "fs/mount/notifier.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/mount/internal.h"
#include "fs/mount/thread.h"

/* Beyond this the timeouts of names do the work: a view's is one second. */
#define MOST_QUEUED 65536

struct forgetting {
    struct forgetting *next;
    uint64_t directory;
    char name[];
};

struct notifier {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct mount *mount;
    struct forgetting *first, **end;
    unsigned count;
    bool stopping;
};

static void *run(void *argument)
{
    struct notifier *n = argument;
    pthread_mutex_lock(&n->lock);
    for (;;) {
        while (!n->first && !n->stopping)
            pthread_cond_wait(&n->wake, &n->lock);
        if (n->stopping)
            break;
        struct forgetting *f = n->first;
        n->first = f->next;
        if (!n->first)
            n->end = &n->first;
        n->count--;
        pthread_mutex_unlock(&n->lock);
        /* -ENOENT: it had not cached the name. */
        fuse_lowlevel_notify_inval_entry(n->mount->session, f->directory, f->name, strlen(f->name));
        free(f);
        pthread_mutex_lock(&n->lock);
    }
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

int notifier_start(struct mount *m, struct notifier **out)
{
    struct notifier *n = calloc(1, sizeof *n);
    if (!n)
        return -ENOMEM;
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->wake, NULL);
    n->mount = m;
    n->end = &n->first;
    int rc = thread_start(&n->thread, "notifier", run, n);
    if (rc) {
        pthread_mutex_destroy(&n->lock);
        pthread_cond_destroy(&n->wake);
        free(n);
        return rc;
    }
    *out = n;
    return 0;
}

void notifier_push(struct mount *m, uint64_t directory, const char *name)
{
    struct notifier *n = m->notifier;
    size_t length = strlen(name) + 1;
    struct forgetting *f = n ? malloc(sizeof *f + length) : NULL;
    if (!f)
        return;
    f->next = NULL;
    f->directory = directory;
    memcpy(f->name, name, length);
    pthread_mutex_lock(&n->lock);
    bool queued = n->count < MOST_QUEUED && !n->stopping;
    if (queued) {
        *n->end = f;
        n->end = &f->next;
        n->count++;
        pthread_cond_signal(&n->wake);
    }
    pthread_mutex_unlock(&n->lock);
    if (!queued)
        free(f);
}

void mount_invalidate(struct mount *m, struct file_id directory, const char *name)
{
    struct node *n = node_find(&m->nodes, directory);
    if (!n)
        return; /* the kernel does not know the directory */
    notifier_push(m, n->id, name);
    node_put(&m->nodes, n);
}

void notifier_stop(struct notifier *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    n->stopping = true;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->lock);
    pthread_join(n->thread, NULL);
    for (struct forgetting *f = n->first, *next; f; f = next) {
        next = f->next;
        free(f);
    }
    pthread_mutex_destroy(&n->lock);
    pthread_cond_destroy(&n->wake);
    free(n);
}
