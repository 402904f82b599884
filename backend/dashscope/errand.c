/* One thread, and an eventfd that tells the loop of its end: nothing is left behind in the loop when it is
 * ended early. */
#include "backend/dashscope/errand.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/base/loop.h"

struct errand {
    int (*work)(void *arg, const atomic_bool *stop);
    void (*done)(void *arg, int result);
    void *arg;
    int result;
    atomic_bool stop;
    int ended; /* eventfd */
    struct loop_watch *watch;
    pthread_t thread;
};

static void errand_free(struct errand *e)
{
    loop_unwatch(e->watch);
    if (e->ended >= 0)
        close(e->ended);
    free(e);
}

static void *run(void *arg)
{
    struct errand *e = arg;
    uint64_t one = 1;
    e->result = e->work(e->arg, &e->stop);
    while (write(e->ended, &one, sizeof one) < 0 && errno == EINTR)
        ;
    return NULL;
}

static void on_ended(void *arg, uint32_t events)
{
    struct errand *e = arg;
    (void)events;
    pthread_join(e->thread, NULL);
    void (*done)(void *, int) = e->done;
    void *to = e->arg;
    int result = e->result;
    errand_free(e);
    done(to, result);
}

struct errand *errand_start(struct loop *loop, int (*work)(void *arg, const atomic_bool *stop),
                            void (*done)(void *arg, int result), void *arg)
{
    struct errand *e = calloc(1, sizeof *e);
    sigset_t all, before;
    if (!e)
        return NULL;
    e->work = work;
    e->done = done;
    e->arg = arg;
    e->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    e->watch = e->ended >= 0 ? loop_watch(loop, e->ended, EPOLLIN, on_ended, e) : NULL;
    int rc = e->watch ? 0 : EMFILE;
    if (!rc) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        rc = pthread_create(&e->thread, NULL, run, e);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (rc) {
        errand_free(e);
        return NULL;
    }
    return e;
}

void errand_end(struct errand *e)
{
    if (!e)
        return;
    atomic_store(&e->stop, true);
    pthread_join(e->thread, NULL);
    errand_free(e);
}
