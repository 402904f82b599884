/* What the tests of the index share: an index in a directory of its own, and looking at its file from
 * outside. */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "cache/index.h"
#include "tests/unit/scratch.h"

struct fixture {
    char *scratch;
    char *path;
    struct index *index; /* may be NULL */
};

/* The index is opened by the test. */
static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->scratch = scratch_new();
    f->path = scratch_join(f->scratch, "index.db");
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    index_close(f->index, 0);
    scratch_remove(f->scratch);
    free(f->path);
    free(f);
    return 0;
}

/* Opens a sound index. */
static inline void open_index(struct fixture *f)
{
    struct error err = {0};
    char *moved;
    int rc = index_open(f->path, &f->index, &moved, &err);
    if (rc)
        print_error("%s: %s\n", err.code, err.detail);
    assert_int_equal(rc, 0);
    assert_null(moved);
}

static inline void close_index(struct fixture *f)
{
    struct index *ix = f->index;
    f->index = NULL;
    assert_int_equal(index_close(ix, 10000), 0);
}

static inline void post(void *semaphore)
{
    sem_post(semaphore);
}

/* Returns when all that was queued is durable. */
static inline void flush(struct index *ix)
{
    sem_t done;
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 60;
    sem_init(&done, 0, 0);
    index_when_durable(ix, post, &done);
    int rc;
    while ((rc = sem_timedwait(&done, &deadline)) && errno == EINTR)
        ;
    assert_int_equal(rc, 0);
    sem_destroy(&done);
}

static inline struct digest digest_of(uint32_t number)
{
    struct digest d = {{0}};
    memcpy(d.bytes, &number, sizeof number);
    d.bytes[31] = 0xd1;
    return d;
}

static inline struct index_job job_of(uint32_t number)
{
    return (struct index_job){
        .key = digest_of(number),
        .digest = digest_of(number + 1),
        .settings = "{\"engine\":\"vosk\"}",
        .backend = "local",
        .state = JOB_QUEUED,
        .created_ms = 1 + (int64_t)number,
    };
}

static inline void put_jobs(struct index *ix, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct index_job job = job_of(first + i);
        index_put_job(ix, &job);
    }
}

static inline int count_job(void *arg, const struct index_job *j)
{
    (void)j;
    ++*(uint32_t *)arg;
    return 0;
}

static inline uint32_t jobs_loaded(struct index *ix)
{
    uint32_t count = 0;
    assert_int_equal(index_load_jobs(ix, count_job, &count), 0);
    return count;
}

/* Waits until index_trouble() says so. */
static inline struct error wait_for_trouble(struct index *ix)
{
    struct error err = {0};
    for (int i = 0; i < 6000; i++) {
        if (index_trouble(ix, &err))
            return err;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    fail_msg("no trouble within half a minute");
    return err;
}

/* ---- the file, from outside ---- */

static inline sqlite3 *open_outside(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    return db;
}

static inline void run_sql(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    int rc = sqlite3_exec(db, sql, NULL, NULL, &message);
    if (rc)
        print_error("%s: %s\n", sql, message);
    sqlite3_free(message);
    assert_int_equal(rc, SQLITE_OK);
}

static inline int64_t number_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

static inline int64_t count_rows(const char *path, const char *table)
{
    sqlite3 *db = open_outside(path);
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    int64_t rows = number_of(db, sql);
    sqlite3_close(db);
    return rows;
}

/* Every row of what a start reads, as text; the caller frees it. */
static inline char *dump(const char *path)
{
    static const char *const tables[] = {"directories", "recordings", "links", "jobs", "charges", "deliveries"};
    struct buffer out = {0};
    sqlite3 *db = open_outside(path);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[100];
        sqlite3_stmt *stmt;
        snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2", tables[i]);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            buffer_printf(&out, "%s:", tables[i]);
            for (int c = 0; c < sqlite3_column_count(stmt); c++) {
                const unsigned char *bytes = sqlite3_column_blob(stmt, c);
                buffer_puts(&out, " ");
                for (int b = 0; b < sqlite3_column_bytes(stmt, c); b++)
                    buffer_printf(&out, "%02x", bytes[b]);
            }
            buffer_puts(&out, "\n");
        }
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
    return buffer_take(&out);
}

/* The whole of a file; the caller frees it. */
static inline char *slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    struct buffer content = {0};
    char block[65536];
    size_t n;
    while ((n = fread(block, 1, sizeof block, file)))
        buffer_add(&content, block, n);
    fclose(file);
    *size = content.len;
    return buffer_take(&content);
}

/* Overwrites a part of a file, in a process of its own: closing a descriptor here would drop the locks SQLite
 * has on it. */
static inline void overwrite(const char *path, off_t at, const void *data, size_t size)
{
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        _exit(fd < 0 || pwrite(fd, data, size, at) != (ssize_t)size);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
