/* The event loop of backend/base/loop.h: epoll for descriptors, a heap of timers that gives epoll its
 * timeout, and an eventfd that other threads ring.
 *
 * Locks: `lock` protects the queue of posted functions, and is never held while one of them runs.
 *
 * Callbacks may free any watch or timer. A watch that epoll has already reported must therefore outlive the
 * round of callbacks: loop_unwatch() only marks it, and the memory goes at the end of the round. */
#include "backend/base/loop.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_PER_ROUND = 64 };

struct posted {
    struct posted *next;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_watch {
    struct loop *loop;
    struct loop_watch *next_dead;
    int fd;
    uint32_t events;
    bool dead;
    void (*fn)(void *arg, uint32_t events);
    void *arg;
};

struct loop_timer {
    struct loop *loop;
    int64_t due_ms;
    uint64_t sequence; /* order of arming: ties fire in this order */
    size_t place;      /* in the heap, counted from 1; 0: not armed */
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    int epoll_fd;
    int wake_fd;
    atomic_bool stop;

    struct loop_timer **heap; /* heap[0] unused; children of i are 2i and 2i+1 */
    size_t heap_len;          /* armed timers */
    size_t heap_cap;          /* room for every timer there is, so that arming one cannot fail */
    size_t timer_count;
    uint64_t sequence;

    struct loop_watch *dead;

    pthread_mutex_t lock;
    struct posted *first, **last;
};

int64_t loop_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- timers ---- */

static bool earlier(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->sequence < b->sequence;
}

static void heap_put(struct loop *loop, size_t place, struct loop_timer *timer)
{
    loop->heap[place] = timer;
    timer->place = place;
}

static void heap_rise(struct loop *loop, size_t place, struct loop_timer *timer)
{
    for (; place > 1 && earlier(timer, loop->heap[place / 2]); place /= 2)
        heap_put(loop, place, loop->heap[place / 2]);
    heap_put(loop, place, timer);
}

static void heap_sink(struct loop *loop, size_t place, struct loop_timer *timer)
{
    for (size_t child; (child = place * 2) <= loop->heap_len; place = child) {
        if (child < loop->heap_len && earlier(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!earlier(loop->heap[child], timer))
            break;
        heap_put(loop, place, loop->heap[child]);
    }
    heap_put(loop, place, timer);
}

struct loop_timer *loop_timer(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    if (loop->timer_count + 2 > loop->heap_cap) {
        size_t cap = loop->heap_cap ? loop->heap_cap * 2 : 16;
        struct loop_timer **heap = reallocarray(loop->heap, cap, sizeof *heap);
        if (!heap)
            return NULL;
        loop->heap = heap;
        loop->heap_cap = cap;
    }
    struct loop_timer *timer = calloc(1, sizeof *timer);
    if (!timer)
        return NULL;
    loop->timer_count++;
    timer->loop = loop;
    timer->fn = fn;
    timer->arg = arg;
    return timer;
}

void loop_timer_after(struct loop_timer *timer, int64_t ms)
{
    struct loop *loop = timer->loop;
    int64_t now = loop_now_ms();
    loop_timer_stop(timer);
    if (ms < 0)
        ms = 0;
    timer->due_ms = ms > INT64_MAX - now ? INT64_MAX : now + ms;
    timer->sequence = loop->sequence++;
    heap_rise(loop, ++loop->heap_len, timer);
}

void loop_timer_stop(struct loop_timer *timer)
{
    struct loop *loop = timer->loop;
    size_t place = timer->place;
    if (!place)
        return;
    timer->place = 0;
    struct loop_timer *last = loop->heap[loop->heap_len--];
    if (last == timer)
        return;
    if (place > 1 && earlier(last, loop->heap[place / 2]))
        heap_rise(loop, place, last);
    else
        heap_sink(loop, place, last);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    loop_timer_stop(timer);
    timer->loop->timer_count--;
    free(timer);
}

/* A timer armed by one of these callbacks waits for the next round, even with a delay of 0: descriptors get
 * their turn. */
static void run_timers(struct loop *loop)
{
    if (!loop->heap_len)
        return;
    int64_t now = loop_now_ms();
    uint64_t round = loop->sequence;
    while (loop->heap_len) {
        struct loop_timer *timer = loop->heap[1];
        if (timer->due_ms > now || timer->sequence >= round)
            return;
        loop_timer_stop(timer);
        timer->fn(timer->arg);
    }
}

static int timeout_ms(const struct loop *loop)
{
    if (!loop->heap_len)
        return -1;
    int64_t wait = loop->heap[1]->due_ms - loop_now_ms();
    if (wait <= 0)
        return 0;
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

/* ---- descriptors ---- */

struct loop_watch *loop_watch(struct loop *loop, int fd, uint32_t events,
                              void (*fn)(void *arg, uint32_t events), void *arg)
{
    struct loop_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    *watch = (struct loop_watch){.loop = loop, .fd = fd, .events = events, .fn = fn, .arg = arg};
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
        free(watch);
        return NULL;
    }
    return watch;
}

int loop_watch_events(struct loop_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event))
        return -errno;
    watch->events = events;
    return 0;
}

void loop_unwatch(struct loop_watch *watch)
{
    if (!watch || watch->dead)
        return;
    epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->dead = true;
    watch->next_dead = watch->loop->dead;
    watch->loop->dead = watch;
}

static void bury_dead(struct loop *loop)
{
    while (loop->dead) {
        struct loop_watch *watch = loop->dead;
        loop->dead = watch->next_dead;
        free(watch);
    }
}

static void dispatch(struct loop *loop, const struct epoll_event *ready, int count)
{
    for (int i = 0; i < count; i++) {
        struct loop_watch *watch = ready[i].data.ptr;
        if (!watch) { /* the wake-up */
            uint64_t rings;
            while (read(loop->wake_fd, &rings, sizeof rings) < 0 && errno == EINTR)
                ;
            continue;
        }
        /* An earlier callback of this round may have ended the watch or narrowed what it asks for. */
        uint32_t events = ready[i].events & (watch->events | EPOLLERR | EPOLLHUP);
        if (!watch->dead && events)
            watch->fn(watch->arg, events);
    }
}

/* ---- other threads ---- */

static void ring(struct loop *loop)
{
    uint64_t one = 1;
    /* A full counter (EAGAIN) rings as well. */
    while (write(loop->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct posted *post = malloc(sizeof *post);
    if (!post)
        return -ENOMEM;
    *post = (struct posted){.fn = fn, .arg = arg};
    pthread_mutex_lock(&loop->lock);
    *loop->last = post;
    loop->last = &post->next;
    pthread_mutex_unlock(&loop->lock);
    ring(loop);
    return 0;
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stop, true);
    ring(loop);
}

static struct posted *take_posted(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct posted *first = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    return first;
}

static void run_posted(struct loop *loop)
{
    for (struct posted *post = take_posted(loop); post;) {
        struct posted *next = post->next;
        post->fn(post->arg);
        free(post);
        post = next;
    }
}

/* ---- life ---- */

int loop_new(struct loop **out)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return -ENOMEM;
    loop->last = &loop->first;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = {.events = EPOLLIN};
    int failed = 0;
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &wake))
        failed = errno;
    else
        failed = pthread_mutex_init(&loop->lock, NULL);
    if (failed) {
        if (loop->epoll_fd >= 0)
            close(loop->epoll_fd);
        if (loop->wake_fd >= 0)
            close(loop->wake_fd);
        free(loop);
        return -failed;
    }
    *out = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    for (struct posted *post = take_posted(loop); post;) {
        struct posted *next = post->next;
        free(post);
        post = next;
    }
    bury_dead(loop);
    close(loop->epoll_fd);
    close(loop->wake_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop->heap);
    free(loop);
}

void loop_run(struct loop *loop)
{
    struct epoll_event ready[EVENTS_PER_ROUND];
    for (;;) {
        /* Read before the queue is taken: whatever was posted before the stop is then in the queue. */
        bool stopping = atomic_exchange(&loop->stop, false);
        run_posted(loop);
        if (stopping)
            break;
        int count = epoll_wait(loop->epoll_fd, ready, EVENTS_PER_ROUND, timeout_ms(loop));
        dispatch(loop, ready, count);
        run_timers(loop);
        bury_dead(loop);
    }
    bury_dead(loop);
}
