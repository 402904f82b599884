/* What the files of the index share.
 *
 * Two connections: the writer thread has one to itself, and what is read goes through the other.
 * Two locks, `lock` and `read_lock`; nobody takes one while holding the other. `lock` is never held over a
 * call to SQLite. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>

#include "cache/index.h"
#include "cache/index_queue.h"

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_PUT_DIRECTORY,
    STATEMENT_DROP_DIRECTORY,
    STATEMENT_DROP_DIRECTORY_LINKS,
    STATEMENT_PUT_RECORDING,
    STATEMENT_DROP_RECORDING,
    STATEMENT_PUT_LINK,
    STATEMENT_DROP_LINK,
    STATEMENT_PUT_JOB,
    STATEMENT_DROP_JOB,
    STATEMENT_PUT_CHARGE,
    STATEMENT_DROP_CHARGE,
    STATEMENT_PUT_DAY,
    STATEMENT_PUT_DELIVERY,
    STATEMENT_DROP_DELIVERY,
    STATEMENT_PUT_CONFIRMED,
    STATEMENT_MOVE_DIRECTORIES,
    STATEMENT_HISTORY,
    STATEMENT_TRIM_HISTORY,
    STATEMENT_COUNT,
};

struct index {
    char *path;

    /* Of the writer thread, once it runs. */
    sqlite3 *writer;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    unsigned history_lines; /* written since the start */

    pthread_t thread;
    pthread_mutex_t lock; /* protects what follows, down to `closing` */
    pthread_cond_t wake;  /* the queue was empty and is not any more, or closing; CLOCK_MONOTONIC */
    struct op_queue queue;
    struct error trouble; /* why the last transaction failed; class ERROR_NONE when it did not */
    struct error refused; /* the last change that could not be written at all and was left out */
    void (*on_trouble)(void *context, const struct error *trouble);
    void *trouble_context;
    bool closing;
    int64_t deadline_ms; /* of closing */

    pthread_mutex_t read_lock; /* protects what follows */
    sqlite3 *reader;
    sqlite3_stmt *speed;
};

/* Damage: the file does not hold what an index of its version holds. Any other code may be only for now. */
bool index_is_damage(int sqlite_code);
/* A positive errno for the code of a call on db that has just failed. */
int index_errno(sqlite3 *db, int sqlite_code);
/* Classes are stored by name; NULL is ERROR_NONE. An unknown name is ERROR_TRANSIENT: trying again does no
 * harm. */
const char *index_error_class_name(enum error_class class);
enum error_class index_error_class(const char *name);
/* Leaves a note beside the file that it is damaged: the next start then begins a new one. */
void index_mark_damaged(const char *path);

/* Reads every row a start reads. An SQLite result code. */
int index_scan(sqlite3 *db);
/* Opens the connection for reading. An SQLite result code. */
int index_open_reader(struct index *ix);
void index_close_reader(struct index *ix);

/* Prepares the writer's statements. An SQLite result code. */
int index_prepare_writer(struct index *ix);
/* Makes one statement, whose values are bound, and one change, on the writer thread. SQLite result codes. */
int index_run(struct index *ix, enum statement which);
int index_apply(struct index *ix, const struct op *op);
/* Starts the writer thread. 0 or negative errno. */
int index_start_writer(struct index *ix);
/* Waits until it has written everything, or given up. What it could not write is left in the queue. */
void index_stop_writer(struct index *ix, int wait_ms);
void index_finalize_writer(struct index *ix);
