/* A thread of the mount: named, and with all signals blocked, as they belong to the main thread. */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <signal.h>

/* 0 or negative errno. `name` has at most 15 bytes. */
static inline int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!rc)
        pthread_setname_np(*thread, name);
    return -rc;
}
