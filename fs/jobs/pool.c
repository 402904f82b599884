/* A fixed pool of threads with two queues: the urgent one is served first, and by a thread of its own. */
#include "fs/jobs/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include <utlist.h>

struct task {
    void (*fn)(void *arg);
    void *arg;
    struct task *prev, *next;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct task *tasks, *urgent;
    bool stopping;
    bool kept; /* a thread has taken the part of serving urgent tasks only */
    int count;
    pthread_t threads[];
};

static void *serve(void *arg)
{
    struct pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    bool urgent_only = !pool->kept;
    pool->kept = true;
    for (;;) {
        struct task **queue = pool->urgent || urgent_only ? &pool->urgent : &pool->tasks;
        struct task *task = *queue;
        if (!task) {
            if (pool->stopping)
                break;
            pthread_cond_wait(&pool->wake, &pool->lock);
            continue;
        }
        DL_DELETE(*queue, task);
        pthread_mutex_unlock(&pool->lock);
        task->fn(task->arg);
        free(task);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int pool_new(int threads, struct pool **out)
{
    struct pool *pool = calloc(1, sizeof *pool + (size_t)threads * sizeof *pool->threads);
    if (!pool)
        return -ENOMEM;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    int rc = 0;
    for (; pool->count < threads; pool->count++)
        if ((rc = pthread_create(&pool->threads[pool->count], NULL, serve, pool)) != 0)
            break;
    if (rc != 0) {
        pool_free(pool);
        return -rc;
    }
    *out = pool;
    return 0;
}

static int submit(struct pool *pool, bool urgent, void (*fn)(void *arg), void *arg)
{
    struct task *task = calloc(1, sizeof *task);
    if (!task)
        return -ENOMEM;
    task->fn = fn;
    task->arg = arg;
    pthread_mutex_lock(&pool->lock);
    bool refused = pool->stopping;
    if (!refused && urgent)
        DL_APPEND(pool->urgent, task);
    else if (!refused)
        DL_APPEND(pool->tasks, task);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    if (!refused)
        return 0;
    free(task);
    return -ECANCELED;
}

int pool_submit(struct pool *pool, void (*fn)(void *arg), void *arg)
{
    return submit(pool, false, fn, arg);
}

int pool_submit_urgent(struct pool *pool, void (*fn)(void *arg), void *arg)
{
    return submit(pool, true, fn, arg);
}

void pool_stop(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i], NULL);
    pool->count = 0;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    pool_stop(pool);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
