/* What each change is in SQL. On the writer thread. */
#include "cache/index_internal.h"

#include <string.h>

enum {
    HISTORY_MAX = 100000,
    /* Lines between two looks at how long the history is. */
    HISTORY_INTERVAL = 1000,
};

/* ---- statements ---- */

static const char *const sql[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_PUT_DIRECTORY] = "REPLACE INTO directories (id, path, dev, ino) VALUES (?1, ?2, ?3, ?4)",
    [STATEMENT_DROP_DIRECTORY] = "DELETE FROM directories WHERE id = ?1",
    [STATEMENT_DROP_DIRECTORY_LINKS] = "DELETE FROM links WHERE directory = ?1",
    [STATEMENT_PUT_RECORDING] = "REPLACE INTO recordings"
                                " (dev, ino, birth_ns, size, mtime_ns, ctime_ns, digest, job, next, versions, recorded_ns)"
                                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [STATEMENT_DROP_RECORDING] = "DELETE FROM recordings WHERE dev = ?1 AND ino = ?2",
    [STATEMENT_PUT_LINK] = "REPLACE INTO links (directory, name, dev, ino, base, hidden, hidden_for,"
                           " look, listed, stamp, look_ms, named_ms, told, told_for)"
                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [STATEMENT_DROP_LINK] = "DELETE FROM links WHERE directory = ?1 AND name = ?2",
    [STATEMENT_PUT_JOB] = "REPLACE INTO jobs (key, digest, settings, backend, state, attempts, not_before_ms,"
                          " error_class, error_sys, error_code, error_detail, checkpoint, duration_ms,"
                          " created_ms, started_ms, finished_ms)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    [STATEMENT_DROP_JOB] = "DELETE FROM jobs WHERE key = ?1",
    [STATEMENT_PUT_CHARGE] =
        "REPLACE INTO charges (job, at_ms, kind, model, billed_ms, cost_micro, currency, folder)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [STATEMENT_DROP_CHARGE] = "DELETE FROM charges WHERE job = ?1 AND at_ms = ?2",
    [STATEMENT_PUT_DAY] = "REPLACE INTO days (day, done, failed, audio_ms) VALUES (?1, ?2, ?3, ?4)",
    [STATEMENT_PUT_DELIVERY] =
        "REPLACE INTO deliveries (id, receiver, body, attempts, created_ms, not_before_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [STATEMENT_DROP_DELIVERY] = "DELETE FROM deliveries WHERE id = ?1",
    [STATEMENT_PUT_CONFIRMED] = "REPLACE INTO confirmed (digest) VALUES (?1)",
    /* ?1 from, ?2 to, ?3 the length of from and 1. '0' is the byte after '/': what is below, and nothing
       else. */
    [STATEMENT_MOVE_DIRECTORIES] = "UPDATE directories SET path = CAST(?2 || substr(path, ?3) AS BLOB)"
                                   " WHERE path = ?1 OR (path > CAST(?1 || '/' AS BLOB)"
                                   " AND path < CAST(?1 || '0' AS BLOB))",
    [STATEMENT_HISTORY] = "INSERT INTO history (at_ms, job, event, detail) VALUES (?1, ?2, ?3, ?4)",
    [STATEMENT_TRIM_HISTORY] = "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?1",
};

int index_prepare_writer(struct index *ix)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        int rc =
            sqlite3_prepare_v3(ix->writer, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &ix->statements[i], NULL);
        if (rc)
            return rc;
    }
    return SQLITE_OK;
}

void index_finalize_writer(struct index *ix)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(ix->statements[i]);
        ix->statements[i] = NULL;
    }
}

int index_run(struct index *ix, enum statement which)
{
    sqlite3_stmt *stmt = ix->statements[which];
    int rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* A failed bind leaves NULL, which the table refuses. What is bound lives until run() has returned. */
static void bind_bytes(sqlite3_stmt *stmt, int at, const char *bytes)
{
    sqlite3_bind_blob64(stmt, at, bytes, strlen(bytes), SQLITE_STATIC);
}

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    if (text)
        sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(stmt, at);
}

static void bind_u64(sqlite3_stmt *stmt, int at, uint64_t value)
{
    sqlite3_bind_int64(stmt, at, (sqlite3_int64)value);
}

static void bind_digest(sqlite3_stmt *stmt, int at, const struct digest *d)
{
    if (d)
        sqlite3_bind_blob(stmt, at, d->bytes, sizeof d->bytes, SQLITE_STATIC);
    else
        sqlite3_bind_null(stmt, at);
}

/* ---- changes ---- */

static int put_directory(struct index *ix, const struct index_directory *d)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_PUT_DIRECTORY];
    sqlite3_bind_int64(stmt, 1, d->id);
    bind_bytes(stmt, 2, d->path);
    bind_u64(stmt, 3, d->dev);
    bind_u64(stmt, 4, d->ino);
    return index_run(ix, STATEMENT_PUT_DIRECTORY);
}

static int drop_directory(struct index *ix, int64_t id)
{
    sqlite3_bind_int64(ix->statements[STATEMENT_DROP_DIRECTORY_LINKS], 1, id);
    sqlite3_bind_int64(ix->statements[STATEMENT_DROP_DIRECTORY], 1, id);
    int rc = index_run(ix, STATEMENT_DROP_DIRECTORY_LINKS);
    int second = index_run(ix, STATEMENT_DROP_DIRECTORY);
    return rc ? rc : second;
}

static int put_recording(struct index *ix, const struct index_recording *r)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_PUT_RECORDING];
    bind_u64(stmt, 1, r->dev);
    bind_u64(stmt, 2, r->ino);
    sqlite3_bind_int64(stmt, 3, r->birth_ns);
    sqlite3_bind_int64(stmt, 4, r->size);
    sqlite3_bind_int64(stmt, 5, r->mtime_ns);
    sqlite3_bind_int64(stmt, 6, r->ctime_ns);
    bind_digest(stmt, 7, r->digested ? &r->digest : NULL);
    bind_digest(stmt, 8, r->digested ? &r->job : NULL);
    bind_digest(stmt, 9, r->rerun ? &r->next : NULL);
    if (r->version_count)
        sqlite3_bind_blob64(stmt, 10, r->versions, r->version_count * sizeof *r->versions, SQLITE_STATIC);
    else
        sqlite3_bind_null(stmt, 10);
    sqlite3_bind_int64(stmt, 11, r->recorded_ns);
    return index_run(ix, STATEMENT_PUT_RECORDING);
}

static int drop_recording(struct index *ix, uint64_t dev, uint64_t ino)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_DROP_RECORDING];
    bind_u64(stmt, 1, dev);
    bind_u64(stmt, 2, ino);
    return index_run(ix, STATEMENT_DROP_RECORDING);
}

static int put_link(struct index *ix, const struct index_link *l)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_PUT_LINK];
    sqlite3_bind_int64(stmt, 1, l->directory);
    bind_bytes(stmt, 2, l->name);
    bind_u64(stmt, 3, l->dev);
    bind_u64(stmt, 4, l->ino);
    bind_bytes(stmt, 5, l->base);
    sqlite3_bind_int64(stmt, 6, l->hidden);
    bind_digest(stmt, 7, l->hidden_digested ? &l->hidden_for : NULL);
    bind_text(stmt, 8, l->look);
    sqlite3_bind_int64(stmt, 9, l->listed);
    sqlite3_bind_int64(stmt, 10, l->stamp);
    sqlite3_bind_int64(stmt, 11, l->look_ms);
    sqlite3_bind_int64(stmt, 12, l->named_ms);
    sqlite3_bind_int(stmt, 13, l->told);
    bind_digest(stmt, 14, &l->told_for);
    return index_run(ix, STATEMENT_PUT_LINK);
}

static int drop_link(struct index *ix, int64_t directory, const char *name)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_DROP_LINK];
    sqlite3_bind_int64(stmt, 1, directory);
    bind_bytes(stmt, 2, name);
    return index_run(ix, STATEMENT_DROP_LINK);
}

static int put_job(struct index *ix, const struct index_job *j)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_PUT_JOB];
    bind_digest(stmt, 1, &j->key);
    bind_digest(stmt, 2, &j->digest);
    bind_text(stmt, 3, j->settings);
    bind_text(stmt, 4, j->backend);
    sqlite3_bind_int(stmt, 5, (int)j->state);
    sqlite3_bind_int(stmt, 6, j->attempts);
    sqlite3_bind_int64(stmt, 7, j->not_before_ms);
    bind_text(stmt, 8, index_error_class_name(j->error.class));
    sqlite3_bind_int(stmt, 9, j->error.sys);
    bind_text(stmt, 10, j->error.code);
    bind_text(stmt, 11, j->error.detail);
    bind_text(stmt, 12, j->checkpoint);
    sqlite3_bind_int64(stmt, 13, j->duration_ms);
    sqlite3_bind_int64(stmt, 14, j->created_ms);
    sqlite3_bind_int64(stmt, 15, j->started_ms);
    sqlite3_bind_int64(stmt, 16, j->finished_ms);
    return index_run(ix, STATEMENT_PUT_JOB);
}

static int drop_job(struct index *ix, const struct digest *key)
{
    bind_digest(ix->statements[STATEMENT_DROP_JOB], 1, key);
    return index_run(ix, STATEMENT_DROP_JOB);
}

static int put_charge(struct index *ix, const struct index_charge *c)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_PUT_CHARGE];
    bind_digest(stmt, 1, &c->job);
    sqlite3_bind_int64(stmt, 2, c->at_ms);
    sqlite3_bind_int(stmt, 3, (int)c->kind);
    bind_text(stmt, 4, c->model);
    sqlite3_bind_int64(stmt, 5, c->billed_ms);
    sqlite3_bind_int64(stmt, 6, c->cost_micro);
    bind_text(stmt, 7, c->currency);
    bind_bytes(stmt, 8, c->folder ? c->folder : "");
    return index_run(ix, STATEMENT_PUT_CHARGE);
}

static int drop_charge(struct index *ix, const struct index_charge *c)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_DROP_CHARGE];
    bind_digest(stmt, 1, &c->job);
    sqlite3_bind_int64(stmt, 2, c->at_ms);
    return index_run(ix, STATEMENT_DROP_CHARGE);
}

static int put_day(struct index *ix, const struct index_day *d)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_PUT_DAY];
    sqlite3_bind_int(stmt, 1, d->day);
    sqlite3_bind_int64(stmt, 2, d->done);
    sqlite3_bind_int64(stmt, 3, d->failed);
    sqlite3_bind_int64(stmt, 4, d->audio_ms);
    return index_run(ix, STATEMENT_PUT_DAY);
}

static int put_delivery(struct index *ix, const struct index_delivery *d)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_PUT_DELIVERY];
    bind_text(stmt, 1, d->id);
    bind_text(stmt, 2, d->to);
    bind_text(stmt, 3, d->body);
    sqlite3_bind_int(stmt, 4, d->attempts);
    sqlite3_bind_int64(stmt, 5, d->created_ms);
    sqlite3_bind_int64(stmt, 6, d->not_before_ms);
    return index_run(ix, STATEMENT_PUT_DELIVERY);
}

static int drop_delivery(struct index *ix, const char *id)
{
    bind_text(ix->statements[STATEMENT_DROP_DELIVERY], 1, id);
    return index_run(ix, STATEMENT_DROP_DELIVERY);
}

static int put_confirmed(struct index *ix, const struct digest *content)
{
    bind_digest(ix->statements[STATEMENT_PUT_CONFIRMED], 1, content);
    return index_run(ix, STATEMENT_PUT_CONFIRMED);
}

static int move_directories(struct index *ix, const char *from, const char *to)
{
    sqlite3_stmt *stmt = ix->statements[STATEMENT_MOVE_DIRECTORIES];
    bind_bytes(stmt, 1, from);
    bind_bytes(stmt, 2, to);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)strlen(from) + 1);
    return index_run(ix, STATEMENT_MOVE_DIRECTORIES);
}

static int add_history(struct index *ix, const struct op *op)
{
    if (ix->history_lines++ % HISTORY_INTERVAL == 0) {
        sqlite3_bind_int(ix->statements[STATEMENT_TRIM_HISTORY], 1, HISTORY_MAX);
        int rc = index_run(ix, STATEMENT_TRIM_HISTORY);
        if (rc)
            return rc;
    }
    sqlite3_stmt *stmt = ix->statements[STATEMENT_HISTORY];
    sqlite3_bind_int64(stmt, 1, op->history.at_ms);
    bind_digest(stmt, 2, &op->history.job);
    bind_text(stmt, 3, op->history.event);
    bind_text(stmt, 4, op->history.detail);
    return index_run(ix, STATEMENT_HISTORY);
}

int index_apply(struct index *ix, const struct op *op)
{
    switch (op->kind) {
    case OP_PUT_DIRECTORY:
        return put_directory(ix, &op->directory);
    case OP_DROP_DIRECTORY:
        return drop_directory(ix, op->directory.id);
    case OP_PUT_RECORDING:
        return put_recording(ix, &op->recording);
    case OP_DROP_RECORDING:
        return drop_recording(ix, op->recording.dev, op->recording.ino);
    case OP_PUT_LINK:
        return put_link(ix, &op->link);
    case OP_DROP_LINK:
        return drop_link(ix, op->link.directory, op->link.name);
    case OP_PUT_JOB:
        return put_job(ix, op->job.row);
    case OP_DROP_JOB:
        return drop_job(ix, &op->job.key);
    case OP_PUT_CHARGE:
        return put_charge(ix, &op->charge);
    case OP_DROP_CHARGE:
        return drop_charge(ix, &op->charge);
    case OP_PUT_DAY:
        return put_day(ix, &op->day);
    case OP_PUT_DELIVERY:
        return put_delivery(ix, &op->delivery);
    case OP_DROP_DELIVERY:
        return drop_delivery(ix, op->delivery.id);
    case OP_PUT_CONFIRMED:
        return put_confirmed(ix, &op->confirmed);
    case OP_MOVE_DIRECTORIES:
        return move_directories(ix, op->move.from, op->move.to);
    case OP_HISTORY:
        return add_history(ix, op);
    case OP_DURABLE:
        break;
    }
    return SQLITE_OK;
}
