/* The runner: takes queued jobs from the library, gives them to a backend, stores what comes back, and
 * decides what happens after a failure. Everything runs on the jobs loop; only storing results runs on the
 * pool. */
#pragma once

#include "backend/base/error.h"
#include "fs/inbox/file_id.h"

struct backend;
struct index;
struct ledger;
struct library;
struct loop;
struct pool;
struct results;
struct runner;

struct spending;
struct backend_charge;
struct job_start;

struct runner_config {
    int inbox_fd;         /* stays the caller's */
    const char *work_dir; /* STORE/state/work; at start only what interrupted jobs go on with stays in it */
    struct library *library;
    struct index *index;
    struct results *results;
    struct ledger *ledger; /* NULL: nothing here costs anything */
    struct spending *spending; /* the limits; or NULL */
    struct loop *loop;
    struct pool *pool;
    struct backend *const *backends;
    int backend_count;
    int workers; /* jobs at once, not counting those that wait for a service */
    /* May so much not be sent yet, because somebody has to confirm it first? Then why: the job waits until
     * library_let_go(). Asked again when it was asked for. NULL: nothing waits so. */
    bool (*withhold)(void *context, const struct job_start *job, const struct backend_charge *most,
                     struct error *why);
    /* A recording turned out not to be what was digested: have it read again. */
    void (*reread)(void *context, struct file_id id);
    void *context;
    void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

int runner_new(const struct runner_config *config, struct runner **out); /* 0 or negative errno */
/* On the loop: there may be something to do (library_hooks.work). */
void runner_look(struct runner *r);
/* On the loop, before it stops: no new job is begun, those that run are cancelled and queued again. */
void runner_stop(struct runner *r);
/* After the loop has ended and the pool is gone. */
void runner_free(struct runner *r);
