/* Reading the index: everything at the start, the speed of a backend later.
 *
 * A row that holds nonsense is passed over: what it said is found again by the scan of the store. */
#include "cache/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/index_internal.h"

enum {
    BUSY_AT_LOAD_MS = 5000,
    SPEED_JOBS = 20,
};

/* ---- columns ---- */

/* A text or bytes; false when it holds a NUL of its own. "" for NULL. */
static bool column_string(sqlite3_stmt *stmt, int column, const char **out)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(stmt, column);
    *out = text ? text : "";
    return strlen(*out) == size;
}

static bool column_digest(sqlite3_stmt *stmt, int column, struct digest *out)
{
    const void *bytes = sqlite3_column_blob(stmt, column);
    if (!bytes || sqlite3_column_bytes(stmt, column) != sizeof out->bytes)
        return false;
    memcpy(out->bytes, bytes, sizeof out->bytes);
    return true;
}

static uint64_t column_u64(sqlite3_stmt *stmt, int column)
{
    return (uint64_t)sqlite3_column_int64(stmt, column);
}

/* ---- rows ---- */

static int errno_of_load(struct index *ix, int sqlite_code)
{
    if (!sqlite_code)
        return 0;
    if (index_is_damage(sqlite_code))
        index_mark_damaged(ix->path);
    return -index_errno(ix->reader, sqlite_code);
}

/* Calls row(stmt, arg) for each row, until it returns non-zero. An SQLite result code; *stopped is what row
 * returned last. */
static int each_row(sqlite3 *db, const char *sql, int (*row)(sqlite3_stmt *stmt, void *arg), void *arg,
                    int *stopped)
{
    sqlite3_stmt *stmt = NULL;
    *stopped = 0;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc)
        return rc;
    while (!*stopped && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        *stopped = row(stmt, arg);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        rc = SQLITE_OK;
    sqlite3_finalize(stmt);
    return rc;
}

static int load(struct index *ix, const char *sql, int (*row)(sqlite3_stmt *stmt, void *arg), void *arg)
{
    int stopped;
    pthread_mutex_lock(&ix->read_lock);
    sqlite3_busy_timeout(ix->reader, BUSY_AT_LOAD_MS);
    int rc = errno_of_load(ix, each_row(ix->reader, sql, row, arg, &stopped));
    sqlite3_busy_timeout(ix->reader, 0);
    pthread_mutex_unlock(&ix->read_lock);
    return rc ? rc : stopped;
}

#define DIRECTORIES_SQL "SELECT id, path, dev, ino FROM directories ORDER BY id"

struct directory_call {
    int (*fn)(void *arg, const struct index_directory *d);
    void *arg;
};

static int directory_row(sqlite3_stmt *stmt, void *arg)
{
    const struct directory_call *call = arg;
    struct index_directory d = {
        .id = sqlite3_column_int64(stmt, 0),
        .dev = column_u64(stmt, 2),
        .ino = column_u64(stmt, 3),
    };
    return column_string(stmt, 1, &d.path) ? call->fn(call->arg, &d) : 0;
}

int index_load_directories(struct index *ix, int (*fn)(void *arg, const struct index_directory *d), void *arg)
{
    return load(ix, DIRECTORIES_SQL, directory_row, &(struct directory_call){fn, arg});
}

#define RECORDINGS_SQL                                                                                       \
    "SELECT dev, ino, birth_ns, size, mtime_ns, ctime_ns, digest, job, next, versions, recorded_ns"           \
    " FROM recordings ORDER BY dev, ino"

struct recording_call {
    int (*fn)(void *arg, const struct index_recording *r);
    void *arg;
};

static int recording_row(sqlite3_stmt *stmt, void *arg)
{
    const struct recording_call *call = arg;
    struct index_recording r = {
        .dev = column_u64(stmt, 0),
        .ino = column_u64(stmt, 1),
        .birth_ns = sqlite3_column_int64(stmt, 2),
        .size = sqlite3_column_int64(stmt, 3),
        .mtime_ns = sqlite3_column_int64(stmt, 4),
        .ctime_ns = sqlite3_column_int64(stmt, 5),
        .recorded_ns = sqlite3_column_int64(stmt, 10),
    };
    r.digested = column_digest(stmt, 6, &r.digest) && column_digest(stmt, 7, &r.job);
    r.rerun = column_digest(stmt, 8, &r.next);
    r.versions = sqlite3_column_blob(stmt, 9);
    r.version_count = r.versions ? (size_t)sqlite3_column_bytes(stmt, 9) / sizeof *r.versions : 0;
    return call->fn(call->arg, &r);
}

int index_load_recordings(struct index *ix, int (*fn)(void *arg, const struct index_recording *r), void *arg)
{
    return load(ix, RECORDINGS_SQL, recording_row, &(struct recording_call){fn, arg});
}

#define LINKS_SQL                                                                                            \
    "SELECT directory, name, dev, ino, base, hidden, hidden_for, look, listed, stamp, look_ms, named_ms,"    \
    " told, told_for FROM links ORDER BY directory, name"

struct link_call {
    int (*fn)(void *arg, const struct index_link *l);
    void *arg;
};

static int link_row(sqlite3_stmt *stmt, void *arg)
{
    const struct link_call *call = arg;
    struct index_link l = {
        .directory = sqlite3_column_int64(stmt, 0),
        .dev = column_u64(stmt, 2),
        .ino = column_u64(stmt, 3),
        .hidden = (uint32_t)sqlite3_column_int64(stmt, 5),
        .listed = (uint32_t)sqlite3_column_int64(stmt, 8),
        .stamp = sqlite3_column_int64(stmt, 9),
        .look_ms = sqlite3_column_int64(stmt, 10),
        .named_ms = sqlite3_column_int64(stmt, 11),
        .told = sqlite3_column_int(stmt, 12),
    };
    column_digest(stmt, 13, &l.told_for);
    bool has_look = sqlite3_column_type(stmt, 7) != SQLITE_NULL;
    if (!column_string(stmt, 1, &l.name) || !column_string(stmt, 4, &l.base) || !column_string(stmt, 7, &l.look))
        return 0;
    if (!has_look)
        l.look = NULL;
    l.hidden_digested = column_digest(stmt, 6, &l.hidden_for);
    return call->fn(call->arg, &l);
}

int index_load_links(struct index *ix, int (*fn)(void *arg, const struct index_link *l), void *arg)
{
    return load(ix, LINKS_SQL, link_row, &(struct link_call){fn, arg});
}

#define JOBS_SQL                                                                                             \
    "SELECT key, digest, settings, backend, state, attempts, not_before_ms, error_class, error_sys,"         \
    " error_code, error_detail, checkpoint, duration_ms, created_ms, started_ms, finished_ms"                \
    " FROM jobs ORDER BY created_ms, key"

struct job_call {
    int (*fn)(void *arg, const struct index_job *j);
    void *arg;
};

static bool load_error(sqlite3_stmt *stmt, int column, struct error *err)
{
    const char *class, *code, *detail;
    if (!column_string(stmt, column, &class) || !column_string(stmt, column + 2, &code) ||
        !column_string(stmt, column + 3, &detail))
        return false;
    err->class = index_error_class(class);
    err->sys = sqlite3_column_int(stmt, column + 1);
    snprintf(err->code, sizeof err->code, "%s", code);
    snprintf(err->detail, sizeof err->detail, "%s", detail);
    return true;
}

static int job_row(sqlite3_stmt *stmt, void *arg)
{
    const struct job_call *call = arg;
    int state = sqlite3_column_int(stmt, 4);
    struct index_job j = {
        .state = (enum job_state)state,
        .attempts = sqlite3_column_int(stmt, 5),
        .not_before_ms = sqlite3_column_int64(stmt, 6),
        .duration_ms = sqlite3_column_int64(stmt, 12),
        .created_ms = sqlite3_column_int64(stmt, 13),
        .started_ms = sqlite3_column_int64(stmt, 14),
        .finished_ms = sqlite3_column_int64(stmt, 15),
    };
    bool has_checkpoint = sqlite3_column_type(stmt, 11) != SQLITE_NULL;
    if (state < JOB_QUEUED || state > JOB_FAILED || !column_digest(stmt, 0, &j.key) ||
        !column_digest(stmt, 1, &j.digest) || !column_string(stmt, 2, &j.settings) ||
        !column_string(stmt, 3, &j.backend) || !load_error(stmt, 7, &j.error) ||
        !column_string(stmt, 11, &j.checkpoint))
        return 0;
    if (!has_checkpoint)
        j.checkpoint = NULL;
    return call->fn(call->arg, &j);
}

int index_load_jobs(struct index *ix, int (*fn)(void *arg, const struct index_job *j), void *arg)
{
    return load(ix, JOBS_SQL, job_row, &(struct job_call){fn, arg});
}

/* ---- charges ---- */

#define CHARGES_SQL                                                                                          \
    "SELECT job, at_ms, kind, model, billed_ms, cost_micro, currency, folder FROM charges ORDER BY job, at_ms"

struct charge_call {
    int (*fn)(void *arg, const struct index_charge *c);
    void *arg;
};

static int charge_row(sqlite3_stmt *stmt, void *arg)
{
    const struct charge_call *call = arg;
    int64_t kind = sqlite3_column_int64(stmt, 2);
    struct index_charge c = {
        .at_ms = sqlite3_column_int64(stmt, 1),
        .kind = (enum charge_kind)kind,
        .billed_ms = sqlite3_column_int64(stmt, 4),
        .cost_micro = sqlite3_column_int64(stmt, 5),
    };
    if (kind < CHARGE_POSSIBLE || kind > CHARGE_BILLED || c.billed_ms < 0 ||
        c.cost_micro < 0 || !column_digest(stmt, 0, &c.job) || !column_string(stmt, 3, &c.model) ||
        !column_string(stmt, 6, &c.currency) || !column_string(stmt, 7, &c.folder))
        return 0;
    return call->fn(call->arg, &c);
}

int index_load_charges(struct index *ix, int (*fn)(void *arg, const struct index_charge *c), void *arg)
{
    return load(ix, CHARGES_SQL, charge_row, &(struct charge_call){fn, arg});
}

/* ---- days ---- */

#define DAYS_SQL "SELECT day, done, failed, audio_ms FROM days ORDER BY day"

struct day_call {
    int (*fn)(void *arg, const struct index_day *d);
    void *arg;
};

static int day_row(sqlite3_stmt *stmt, void *arg)
{
    const struct day_call *call = arg;
    struct index_day d = {.day = sqlite3_column_int(stmt, 0),
                          .done = sqlite3_column_int64(stmt, 1),
                          .failed = sqlite3_column_int64(stmt, 2),
                          .audio_ms = sqlite3_column_int64(stmt, 3)};
    return d.day > 0 && d.done >= 0 && d.failed >= 0 && d.audio_ms >= 0 ? call->fn(call->arg, &d) : 0;
}

int index_load_days(struct index *ix, int (*fn)(void *arg, const struct index_day *d), void *arg)
{
    return load(ix, DAYS_SQL, day_row, &(struct day_call){fn, arg});
}

/* ---- confirmed ---- */

struct confirmed_call {
    int (*fn)(void *arg, const struct digest *content);
    void *arg;
};

static int confirmed_row(sqlite3_stmt *stmt, void *arg)
{
    const struct confirmed_call *call = arg;
    struct digest content;
    return column_digest(stmt, 0, &content) ? call->fn(call->arg, &content) : 0;
}

int index_load_confirmed(struct index *ix, int (*fn)(void *arg, const struct digest *content), void *arg)
{
    return load(ix, "SELECT digest FROM confirmed", confirmed_row, &(struct confirmed_call){fn, arg});
}

/* ---- history ---- */

#define HISTORY_SQL "SELECT job, at_ms, event, detail FROM history ORDER BY id"

struct event_call {
    int (*fn)(void *arg, const struct index_event *e);
    void *arg;
};

static int event_row(sqlite3_stmt *stmt, void *arg)
{
    const struct event_call *call = arg;
    struct index_event e = {.at_ms = sqlite3_column_int64(stmt, 1)};
    if (!column_digest(stmt, 0, &e.job) || !column_string(stmt, 2, &e.event) || !column_string(stmt, 3, &e.detail))
        return 0;
    return call->fn(call->arg, &e);
}

int index_load_history(struct index *ix, int (*fn)(void *arg, const struct index_event *e), void *arg)
{
    return load(ix, HISTORY_SQL, event_row, &(struct event_call){fn, arg});
}

/* ---- deliveries ---- */

#define DELIVERIES_SQL                                                                                       \
    "SELECT id, receiver, body, attempts, created_ms, not_before_ms FROM deliveries ORDER BY created_ms, id"

struct delivery_call {
    int (*fn)(void *arg, const struct index_delivery *d);
    void *arg;
};

static int delivery_row(sqlite3_stmt *stmt, void *arg)
{
    const struct delivery_call *call = arg;
    struct index_delivery d = {
        .attempts = sqlite3_column_int(stmt, 3),
        .created_ms = sqlite3_column_int64(stmt, 4),
        .not_before_ms = sqlite3_column_int64(stmt, 5),
    };
    if (d.attempts < 0 || !column_string(stmt, 0, &d.id) || !column_string(stmt, 1, &d.to) ||
        !column_string(stmt, 2, &d.body))
        return 0;
    return call->fn(call->arg, &d);
}

int index_load_deliveries(struct index *ix, int (*fn)(void *arg, const struct index_delivery *d), void *arg)
{
    return load(ix, DELIVERIES_SQL, delivery_row, &(struct delivery_call){fn, arg});
}

/* ---- reading through ---- */

/* Touches every column, and with them every page they are on. */
static int touch_row(sqlite3_stmt *stmt, void *arg)
{
    (void)arg;
    for (int i = 0; i < sqlite3_column_count(stmt); i++)
        sqlite3_column_blob(stmt, i);
    return sqlite3_errcode(sqlite3_db_handle(stmt)) == SQLITE_NOMEM;
}

int index_scan(sqlite3 *db)
{
    static const char *const all[] = {DIRECTORIES_SQL, RECORDINGS_SQL, LINKS_SQL, JOBS_SQL, CHARGES_SQL,
                                      DAYS_SQL, DELIVERIES_SQL};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int stopped;
        int rc = each_row(db, all[i], touch_row, NULL, &stopped);
        if (rc || stopped)
            return rc ? rc : SQLITE_NOMEM;
    }
    return SQLITE_OK;
}

/* ---- speed ---- */

#define SPEED_SQL                                                                                            \
    "SELECT (finished_ms - started_ms) * 1.0 / duration_ms FROM jobs"                                        \
    " WHERE state = 3 AND backend = ?1"                                                                      \
    " AND duration_ms > 0 AND started_ms > 0 AND finished_ms > started_ms"                                   \
    " ORDER BY finished_ms DESC LIMIT ?2"

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double index_speed(struct index *ix, const char *backend)
{
    double speeds[SPEED_JOBS];
    int count = 0;
    pthread_mutex_lock(&ix->read_lock);
    sqlite3_bind_text(ix->speed, 1, backend, -1, SQLITE_STATIC);
    sqlite3_bind_int(ix->speed, 2, SPEED_JOBS);
    while (count < SPEED_JOBS && sqlite3_step(ix->speed) == SQLITE_ROW)
        speeds[count++] = sqlite3_column_double(ix->speed, 0);
    sqlite3_reset(ix->speed);
    sqlite3_clear_bindings(ix->speed);
    pthread_mutex_unlock(&ix->read_lock);
    if (!count)
        return 0;
    qsort(speeds, (size_t)count, sizeof *speeds, compare_doubles);
    return (speeds[(count - 1) / 2] + speeds[count / 2]) / 2;
}

/* ---- the connection ---- */

int index_open_reader(struct index *ix)
{
    int rc = sqlite3_open_v2(ix->path, &ix->reader, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc)
        return rc;
    sqlite3_extended_result_codes(ix->reader, 1);
    sqlite3_busy_timeout(ix->reader, BUSY_AT_LOAD_MS);
    rc = sqlite3_prepare_v3(ix->reader, SPEED_SQL, -1, SQLITE_PREPARE_PERSISTENT, &ix->speed, NULL);
    /* Later reads answer a person who is looking: rather no answer than a late one. */
    sqlite3_busy_timeout(ix->reader, 0);
    return rc;
}

void index_close_reader(struct index *ix)
{
    sqlite3_finalize(ix->speed);
    sqlite3_close(ix->reader);
    ix->speed = NULL;
    ix->reader = NULL;
}
