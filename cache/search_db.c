/* The file of the full-text search. */
#include "cache/search_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "cache/search_token.h"

#define VERSION 1 /* of tables and tokens: counted up whenever either changes */
#define BUSY_MS 2000
#define STEPS 2000 /* of SQLite's machine between two looks at the clock: well below a millisecond */

struct search_db {
    sqlite3 *db;
    sqlite3_stmt *put, *put_words, *id, *drop, *drop_words, *find;
    bool (*stop)(void *arg);
    void *stop_arg;
};

static const char schema[] = "CREATE TABLE docs ("
                             "  id INTEGER PRIMARY KEY,"
                             "  job BLOB NOT NULL UNIQUE CHECK (length(job) = 32),"
                             "  marks BLOB NOT NULL"
                             ") STRICT;"
                             "CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'scribefs', columnsize = 0);";

/* ---- Our words, for FTS5 ---- */

struct passing_on {
    void *context;
    int (*give)(void *, int, const char *, int, int, int);
};

static int pass_on(void *arg, const struct search_token *token)
{
    const struct passing_on *p = arg;
    return p->give(p->context, 0, token->folded, (int)token->length, (int)token->begin, (int)token->end);
}

static int tokenise(Fts5Tokenizer *tokenizer, void *context, int flags, const char *text, int length,
                    int (*give)(void *, int, const char *, int, int, int))
{
    (void)tokenizer;
    (void)flags;
    int rc = search_tokens(text, length > 0 ? (size_t)length : 0, pass_on, &(struct passing_on){context, give});
    return rc < 0 ? SQLITE_NOMEM : rc;
}

static int make_tokenizer(void *context, const char **arguments, int count, Fts5Tokenizer **out)
{
    (void)arguments;
    (void)count;
    *out = context; /* it has nothing to remember; FTS5 wants a pointer that is not NULL */
    return SQLITE_OK;
}

static void free_tokenizer(Fts5Tokenizer *tokenizer)
{
    (void)tokenizer;
}

/* As SQLite's documentation of FTS5 has it (section 7, "Extending FTS5"). */
static int teach(sqlite3 *db)
{
    fts5_api *api = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, NULL);
    if (!rc) {
        sqlite3_bind_pointer(stmt, 1, &api, "fts5_api_ptr", NULL);
        sqlite3_step(stmt);
        rc = sqlite3_finalize(stmt);
    }
    if (rc || !api)
        return rc ? rc : SQLITE_ERROR;
    static fts5_tokenizer tokenizer = {make_tokenizer, free_tokenizer, tokenise};
    return api->xCreateTokenizer(api, "scribefs", api, &tokenizer, NULL);
}

/* ---- Opening ---- */

static int errno_of(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return 0;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* its tables are not ours */
    case SQLITE_CONSTRAINT:
        return -EUCLEAN;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_INTERRUPT:
        return -ETIME;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
    default: {
        int system = db ? sqlite3_system_errno(db) : 0;
        return system > 0 ? -system : -EIO;
    }
    }
}

void search_db_close(struct search_db *d)
{
    if (!d)
        return;
    sqlite3_finalize(d->put);
    sqlite3_finalize(d->put_words);
    sqlite3_finalize(d->id);
    sqlite3_finalize(d->drop);
    sqlite3_finalize(d->drop_words);
    sqlite3_finalize(d->find);
    sqlite3_close(d->db);
    free(d);
}

void search_db_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        cleanup_free char *name = NULL;
        if (asprintf(&name, "%s%s", path, suffixes[i]) >= 0)
            unlink(name);
        else
            name = NULL;
    }
}

static int version_of(sqlite3 *db, int *version)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL);
    if (rc)
        return rc;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        *version = sqlite3_column_int(stmt, 0);
    return sqlite3_finalize(stmt);
}

static int exec(struct search_db *d, const char *sql)
{
    return sqlite3_exec(d->db, sql, NULL, NULL, NULL);
}

static int prepare(struct search_db *d, const char *sql, sqlite3_stmt **out)
{
    return sqlite3_prepare_v3(d->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
}

static int prepare_all(struct search_db *d, bool write)
{
    int rc = prepare(d, "SELECT id FROM docs WHERE job = ?1", &d->id);
    if (!rc)
        rc = prepare(d,
                     "SELECT docs.job, words.text, docs.marks FROM words JOIN docs ON docs.id = words.rowid"
                     " WHERE words MATCH ?1 ORDER BY words.rowid DESC",
                     &d->find);
    if (rc || !write)
        return rc;
    rc = prepare(d, "INSERT INTO docs (job, marks) VALUES (?1, ?2)", &d->put);
    if (!rc)
        rc = prepare(d, "INSERT INTO words (rowid, text) VALUES (?1, ?2)", &d->put_words);
    if (!rc)
        rc = prepare(d, "DELETE FROM docs WHERE id = ?1", &d->drop);
    return rc ? rc : prepare(d, "DELETE FROM words WHERE rowid = ?1", &d->drop_words);
}

static int begin_new(struct search_db *d)
{
    char mark[60];
    snprintf(mark, sizeof mark, "PRAGMA user_version = %d", VERSION);
    int rc = exec(d, "BEGIN IMMEDIATE");
    if (!rc)
        rc = exec(d, schema);
    if (!rc)
        rc = exec(d, mark);
    return rc ? rc : exec(d, "COMMIT");
}

static int open_at(const char *path, bool write, struct search_db **out)
{
    struct search_db *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    int version = 0;
    int rc = sqlite3_open_v2(path, &d->db,
                             (write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) |
                                 SQLITE_OPEN_NOMUTEX,
                             NULL);
    if (!rc) {
        sqlite3_extended_result_codes(d->db, 1);
        sqlite3_busy_timeout(d->db, BUSY_MS);
        rc = teach(d->db);
    }
    /* What is deleted is to be gone. All of it can be made again: a power loss may cost the last seconds. */
    if (!rc && write)
        rc = exec(d, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON");
    if (!rc)
        rc = version_of(d->db, &version);
    if (!rc && write && version == 0)
        rc = begin_new(d);
    else if (!rc && version != VERSION)
        rc = write ? SQLITE_NOTADB : SQLITE_CANTOPEN;
    if (!rc)
        rc = prepare_all(d, write);
    if (!rc) {
        *out = d;
        return 0;
    }
    rc = errno_of(d->db, rc);
    search_db_close(d);
    return rc;
}

int search_db_create(const char *path, struct search_db **out)
{
    /* SQLite would make one that all may read. */
    cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = open_at(path, true, out);
    if (rc != -EUCLEAN)
        return rc;
    search_db_remove(path);
    cleanup_close int again = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return again < 0 ? -errno : open_at(path, true, out);
}

int search_db_open(const char *path, struct search_db **out)
{
    return access(path, F_OK) ? -errno : open_at(path, false, out);
}

/* ---- Writing ---- */

static int run(struct search_db *d, sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return errno_of(d->db, rc);
}

int search_db_begin(struct search_db *d)
{
    return errno_of(d->db, exec(d, "BEGIN IMMEDIATE"));
}

int search_db_commit(struct search_db *d)
{
    return errno_of(d->db, exec(d, "COMMIT"));
}

void search_db_rollback(struct search_db *d)
{
    if (!sqlite3_get_autocommit(d->db))
        exec(d, "ROLLBACK");
}

/* 0: there is none. */
static int64_t id_of(struct search_db *d, const struct digest *job)
{
    sqlite3_bind_blob(d->id, 1, job->bytes, sizeof job->bytes, SQLITE_STATIC);
    int64_t id = sqlite3_step(d->id) == SQLITE_ROW ? sqlite3_column_int64(d->id, 0) : 0;
    sqlite3_reset(d->id);
    sqlite3_clear_bindings(d->id);
    return id;
}

bool search_db_has(struct search_db *d, const struct digest *job)
{
    return id_of(d, job) != 0;
}

int search_db_drop(struct search_db *d, const struct digest *job)
{
    int64_t id = id_of(d, job);
    if (!id)
        return 0;
    sqlite3_bind_int64(d->drop, 1, id);
    sqlite3_bind_int64(d->drop_words, 1, id);
    int rc = run(d, d->drop_words);
    int second = run(d, d->drop);
    return rc ? rc : second;
}

int search_db_put(struct search_db *d, const struct digest *job, const struct search_text *text)
{
    int rc = search_db_drop(d, job);
    if (rc)
        return rc;
    sqlite3_bind_blob(d->put, 1, job->bytes, sizeof job->bytes, SQLITE_STATIC);
    sqlite3_bind_blob64(d->put, 2, text->marks.data ? text->marks.data : "", text->marks.len, SQLITE_STATIC);
    rc = run(d, d->put);
    if (rc)
        return rc;
    sqlite3_bind_int64(d->put_words, 1, sqlite3_last_insert_rowid(d->db));
    sqlite3_bind_text64(d->put_words, 2, text->text.data ? text->text.data : "", text->text.len, SQLITE_STATIC,
                        SQLITE_UTF8);
    return run(d, d->put_words);
}

int search_db_each(struct search_db *d, int (*fn)(void *arg, const struct digest *job), void *arg)
{
    sqlite3_stmt *stmt = NULL;
    int stopped = 0, rc = sqlite3_prepare_v2(d->db, "SELECT job FROM docs", -1, &stmt, NULL);
    while (!rc && !stopped && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct digest job;
        const void *bytes = sqlite3_column_blob(stmt, 0);
        rc = 0;
        if (bytes && sqlite3_column_bytes(stmt, 0) == sizeof job.bytes) {
            memcpy(job.bytes, bytes, sizeof job.bytes);
            stopped = fn(arg, &job);
        }
    }
    int error = errno_of(d->db, rc);
    sqlite3_finalize(stmt);
    return stopped ? stopped : error;
}

/* ---- Finding ---- */

static int look_at_the_clock(void *arg)
{
    const struct search_db *d = arg;
    return d->stop(d->stop_arg);
}

void search_db_stop_when(struct search_db *d, bool (*stop)(void *arg), void *arg)
{
    d->stop = stop;
    d->stop_arg = arg;
    sqlite3_progress_handler(d->db, STEPS, stop ? look_at_the_clock : NULL, d);
}

int search_db_find(struct search_db *d, const struct search_query *q, int (*fn)(void *arg, const struct search_match *m),
                   void *arg)
{
    cleanup_buffer struct buffer match = {0};
    search_query_match(q, &match);
    if (buffer_error(&match))
        return -ENOMEM;
    sqlite3_bind_text64(d->find, 1, match.data, match.len, SQLITE_STATIC, SQLITE_UTF8);
    int rc = 0, stopped = 0;
    while (!stopped && (rc = sqlite3_step(d->find)) == SQLITE_ROW) {
        struct search_match m = {.text = (const char *)sqlite3_column_text(d->find, 1)};
        const void *job = sqlite3_column_blob(d->find, 0);
        m.marks = sqlite3_column_blob(d->find, 2);
        m.marks_size = (size_t)sqlite3_column_bytes(d->find, 2);
        if (!m.text || !job || sqlite3_column_bytes(d->find, 0) != sizeof m.job.bytes)
            continue;
        memcpy(m.job.bytes, job, sizeof m.job.bytes);
        stopped = fn(arg, &m);
    }
    int error = rc == SQLITE_ERROR ? -EINVAL : errno_of(d->db, rc);
    sqlite3_reset(d->find);
    sqlite3_clear_bindings(d->find);
    return stopped ? stopped : error;
}
