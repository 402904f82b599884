/* The writer thread: everything that has queued up goes into one transaction, again and again until it is in.
 *
 * The lock is held to take the queue, and to put it back when the transaction failed. New changes meanwhile
 * go to a new queue, behind it. */
#include "cache/index.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cache/index_internal.h"

enum {
    FIRST_DELAY_MS = 200,
    LAST_DELAY_MS = 5000,
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- transactions ---- */

/* True when the change itself is refused: it would be refused every time, so it must not hold up the others.
 */
static bool is_refusal(int sqlite_code)
{
    switch (sqlite_code & 0xff) {
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_MISUSE:
        return true;
    default:
        return false;
    }
}

static void describe_trouble(struct index *ix, int sqlite_code, struct error *err)
{
    int error = index_errno(ix->writer, sqlite_code);
    enum error_class class = ERROR_TRANSIENT;
    const char *code = "index.write";
    if (index_is_damage(sqlite_code)) {
        class = ERROR_PERSON;
        code = "index.corrupt";
    } else if (error == ENOSPC || error == EDQUOT) {
        code = "index.full";
    } else if (error == EBUSY) {
        code = "index.locked";
    }
    error_set(err, class, error, code, "the job index cannot be written: %s", sqlite3_errmsg(ix->writer));
}

static bool changes_something(const struct op_queue *batch)
{
    for (const struct op *op = batch->first; op; op = op->next)
        if (op->kind != OP_DURABLE)
            return true;
    return false;
}

/* Writes the whole batch or nothing of it: an SQLite result code, and *trouble. A refused change is left out,
 * and *refused says so. */
static int write_batch(struct index *ix, const struct op_queue *batch, struct error *trouble,
                       struct error *refused)
{
    if (!changes_something(batch))
        return SQLITE_OK;
    int rc = index_run(ix, STATEMENT_BEGIN);
    for (const struct op *op = batch->first; op && !rc; op = op->next) {
        rc = index_apply(ix, op);
        if (is_refusal(rc) && !sqlite3_get_autocommit(ix->writer)) {
            error_set(refused, ERROR_PERMANENT, EINVAL, "index.refused",
                      "a change to the job index was left out: %s", sqlite3_errmsg(ix->writer));
            rc = SQLITE_OK;
        }
    }
    if (!rc)
        rc = index_run(ix, STATEMENT_COMMIT);
    if (rc) {
        describe_trouble(ix, rc, trouble);
        if (!sqlite3_get_autocommit(ix->writer))
            index_run(ix, STATEMENT_ROLLBACK);
        if (index_is_damage(rc))
            index_mark_damaged(ix->path);
    }
    return rc;
}

static void say_durable(const struct op_queue *batch)
{
    for (const struct op *op = batch->first; op; op = op->next)
        if (op->kind == OP_DURABLE)
            op->durable.fn(op->durable.arg);
}

/* ---- the thread ---- */

/* Waits until `until_ms`, or until closing begins. The lock is held. */
static void back_off(struct index *ix, int64_t until_ms)
{
    bool was_closing = ix->closing;
    if (was_closing && ix->deadline_ms < until_ms)
        until_ms = ix->deadline_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    while (ix->closing == was_closing && monotonic_ms() < until_ms)
        pthread_cond_timedwait(&ix->wake, &ix->lock, &until);
}

/* The lock is held, but not while the change is told. */
static void set_trouble(struct index *ix, const struct error *trouble)
{
    bool changed = (ix->trouble.class != ERROR_NONE) != (trouble->class != ERROR_NONE);
    void (*tell)(void *, const struct error *) = ix->on_trouble;
    void *context = ix->trouble_context;
    ix->trouble = *trouble;
    if (!changed || !tell)
        return;
    pthread_mutex_unlock(&ix->lock);
    tell(context, trouble->class != ERROR_NONE ? trouble : NULL);
    pthread_mutex_lock(&ix->lock);
}

static void *writer_thread(void *arg)
{
    struct index *ix = arg;
    int64_t delay_ms = FIRST_DELAY_MS;
    pthread_mutex_lock(&ix->lock);
    for (;;) {
        while (!ix->queue.count && !ix->closing)
            pthread_cond_wait(&ix->wake, &ix->lock);
        if (!ix->queue.count)
            break;
        struct op_queue batch = ix->queue;
        ix->queue = (struct op_queue){0};
        struct error trouble = {0}, refused = {0};
        pthread_mutex_unlock(&ix->lock);
        int rc = write_batch(ix, &batch, &trouble, &refused);
        pthread_mutex_lock(&ix->lock);

        if (refused.class)
            ix->refused = refused;
        set_trouble(ix, &trouble);
        if (!rc) {
            delay_ms = FIRST_DELAY_MS;
            pthread_mutex_unlock(&ix->lock);
            say_durable(&batch);
            op_queue_clear(&batch);
            pthread_mutex_lock(&ix->lock);
            continue;
        }
        op_queue_put_back(&ix->queue, &batch);
        if (ix->closing && monotonic_ms() >= ix->deadline_ms)
            break;
        back_off(ix, monotonic_ms() + delay_ms);
        delay_ms = delay_ms * 2 > LAST_DELAY_MS ? LAST_DELAY_MS : delay_ms * 2;
        if (ix->closing)
            delay_ms = FIRST_DELAY_MS;
    }
    pthread_mutex_unlock(&ix->lock);
    return NULL;
}

int index_start_writer(struct index *ix)
{
    /* Signals are for the threads that expect them. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&ix->thread, NULL, writer_thread, ix);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!rc)
        pthread_setname_np(ix->thread, "index");
    return -rc;
}

void index_stop_writer(struct index *ix, int wait_ms)
{
    pthread_mutex_lock(&ix->lock);
    ix->closing = true;
    ix->deadline_ms = monotonic_ms() + wait_ms;
    pthread_cond_signal(&ix->wake);
    pthread_mutex_unlock(&ix->lock);
    pthread_join(ix->thread, NULL);
}

/* ---- queueing ---- */

static void enqueue(struct index *ix, struct op *op)
{
    pthread_mutex_lock(&ix->lock);
    if (op) {
        op_queue_add(&ix->queue, op);
        if (ix->queue.count == 1)
            pthread_cond_signal(&ix->wake);
    } else {
        error_set(&ix->refused, ERROR_TRANSIENT, ENOMEM, "index.refused",
                  "a change to the job index was left out: out of memory");
    }
    pthread_mutex_unlock(&ix->lock);
}

void index_put_directory(struct index *ix, const struct index_directory *d)
{
    enqueue(ix, op_put_directory(d));
}

void index_put_recording(struct index *ix, const struct index_recording *r)
{
    enqueue(ix, op_put_recording(r));
}

void index_put_link(struct index *ix, const struct index_link *l)
{
    enqueue(ix, op_put_link(l));
}

void index_put_job(struct index *ix, const struct index_job *j)
{
    enqueue(ix, op_put_job(j));
}

void index_drop_directory(struct index *ix, int64_t id)
{
    enqueue(ix, op_drop_directory(id));
}

void index_drop_recording(struct index *ix, uint64_t dev, uint64_t ino)
{
    enqueue(ix, op_drop_recording(dev, ino));
}

void index_drop_link(struct index *ix, int64_t directory, const char *name)
{
    enqueue(ix, op_drop_link(directory, name));
}

void index_drop_job(struct index *ix, const struct digest *key)
{
    enqueue(ix, op_drop_job(key));
}

void index_put_charge(struct index *ix, const struct index_charge *c)
{
    enqueue(ix, op_put_charge(c));
}

void index_drop_charge(struct index *ix, const struct digest *job, int64_t at_ms)
{
    enqueue(ix, op_drop_charge(job, at_ms));
}

void index_put_day(struct index *ix, const struct index_day *d)
{
    enqueue(ix, op_put_day(d));
}

void index_put_delivery(struct index *ix, const struct index_delivery *d)
{
    enqueue(ix, op_put_delivery(d));
}

void index_put_confirmed(struct index *ix, const struct digest *content)
{
    enqueue(ix, op_put_confirmed(content));
}

void index_drop_delivery(struct index *ix, const char *id)
{
    enqueue(ix, op_drop_delivery(id));
}

void index_move_directories(struct index *ix, const char *from, const char *to)
{
    enqueue(ix, op_move_directories(from, to));
}

void index_history(struct index *ix, const struct digest *job, const char *event, const char *detail)
{
    enqueue(ix, op_history(job, wall_clock_ms(), event, detail));
}

void index_when_durable(struct index *ix, void (*fn)(void *arg), void *arg)
{
    enqueue(ix, op_durable(fn, arg));
}

void index_when_trouble(struct index *ix, void (*fn)(void *context, const struct error *trouble), void *context)
{
    pthread_mutex_lock(&ix->lock);
    ix->on_trouble = fn;
    ix->trouble_context = context;
    pthread_mutex_unlock(&ix->lock);
}

bool index_trouble(struct index *ix, struct error *err)
{
    pthread_mutex_lock(&ix->lock);
    const struct error *now = ix->trouble.class ? &ix->trouble : &ix->refused;
    bool trouble = now->class != ERROR_NONE;
    if (trouble && err)
        *err = *now;
    pthread_mutex_unlock(&ix->lock);
    return trouble;
}
