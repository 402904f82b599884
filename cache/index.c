/* Opening the index: checking, moving a damaged one aside, refusing a newer one; and closing it. */
#include "cache/index.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "cache/index_internal.h"
#include "cache/migrate.h"

enum {
    DAMAGED = 1, /* beside 0 and negative errno */
    BUSY_AT_OPEN_MS = 5000,
    BUSY_MS = 500,
    /* A whole check of an index of this many bytes takes some tenths of a second. */
    CHECK_LIMIT = 64 << 20,
    NAMES_TRIED = 100,
};

bool index_is_damage(int sqlite_code)
{
    int primary = sqlite_code & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

int index_errno(sqlite3 *db, int sqlite_code)
{
    int system = db ? sqlite3_system_errno(db) : 0;
    switch (sqlite_code & 0xff) {
    case SQLITE_NOMEM:
        return ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return EBUSY;
    case SQLITE_FULL:
        return ENOSPC;
    case SQLITE_READONLY:
        return EROFS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return EUCLEAN;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return system > 0 ? system : EIO;
    default:
        return EIO;
    }
}

static const char *const class_names[] = {
    [ERROR_TRANSIENT] = "transient",
    [ERROR_PERMANENT] = "permanent",
    [ERROR_PERSON] = "person",
    [ERROR_CHANGED] = "changed",
};

const char *index_error_class_name(enum error_class class)
{
    return (size_t) class < sizeof class_names / sizeof *class_names ? class_names[class] : NULL;
}

enum error_class index_error_class(const char *name)
{
    if (!*name)
        return ERROR_NONE;
    for (size_t i = 0; i < sizeof class_names / sizeof *class_names; i++)
        if (class_names[i] && !strcmp(class_names[i], name))
            return (enum error_class)i;
    return ERROR_TRANSIENT;
}

static char *with_suffix(const char *path, const char *suffix)
{
    char *joined;
    return asprintf(&joined, "%s%s", path, suffix) < 0 ? NULL : joined;
}

static int sync_directory_of(const char *path)
{
    cleanup_free char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    cleanup_close int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) ? -errno : 0;
}

/* ---- damage ---- */

#define DAMAGE_MARK "-damaged"

void index_mark_damaged(const char *path)
{
    cleanup_free char *mark = with_suffix(path, DAMAGE_MARK);
    cleanup_close int fd = mark ? open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0)
        sync_directory_of(path);
}

static bool marked_damaged(const char *path)
{
    cleanup_free char *mark = with_suffix(path, DAMAGE_MARK);
    return mark && !access(mark, F_OK);
}

static int rename_new(const char *from, const char *to)
{
    if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    /* The filesystem does not know the flag. */
    if (!access(to, F_OK))
        return -EEXIST;
    return rename(from, to) ? -errno : 0;
}

static void rename_companion(const char *path, const char *aside, const char *suffix)
{
    cleanup_free char *from = with_suffix(path, suffix);
    cleanup_free char *to = with_suffix(aside, suffix);
    /* One that stays behind does no harm: SQLite throws it away with the first look at an empty database. */
    if (from && to)
        rename(from, to);
}

/* Gives the damaged file a name of its own, with what SQLite keeps beside it. */
static int move_aside(const char *path, char **moved, struct error *err)
{
    char stamp[40];
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, ".corrupt-%Y%m%d-%H%M%S", &tm);

    cleanup_free char *aside = NULL;
    int rc = -EEXIST;
    for (int n = 1; rc == -EEXIST && n <= NAMES_TRIED; n++) {
        char again[16] = "";
        if (n > 1)
            snprintf(again, sizeof again, "-%d", n);
        free(aside);
        if (asprintf(&aside, "%s%s%s", path, stamp, again) < 0) {
            aside = NULL;
            rc = -ENOMEM;
        } else {
            rc = rename_new(path, aside);
        }
    }
    if (rc)
        return error_set(err, ERROR_PERSON, -rc, "index.open",
                         "the job index %s is damaged and cannot be moved aside: %s", path, strerror(-rc));
    rename_companion(path, aside, "-wal");
    rename_companion(path, aside, "-shm");
    cleanup_free char *mark = with_suffix(path, DAMAGE_MARK);
    if (mark)
        unlink(mark);
    sync_directory_of(path);
    if (moved)
        *moved = steal_ptr(aside);
    return 0;
}

/* ---- opening ---- */

static int cannot_open(const char *path, int error, const char *why, struct error *err)
{
    return error_set(err, error == EBUSY ? ERROR_TRANSIENT : ERROR_PERSON, error, "index.open",
                     "the job index %s cannot be opened: %s", path, why);
}

/* What a failed call on the writer's connection means. */
static int judge(const struct index *ix, int sqlite_code, struct error *err)
{
    if (index_is_damage(sqlite_code))
        return DAMAGED;
    int error = index_errno(ix->writer, sqlite_code);
    bool system = error != EIO && error != EBUSY && error != EROFS;
    return cannot_open(ix->path, error, system ? strerror(error) : sqlite3_errmsg(ix->writer), err);
}

/* The same where SQLite has refused a statement of ours: the tables are not those of the version. */
static int judge_schema(const struct index *ix, int sqlite_code, struct error *err)
{
    return (sqlite_code & 0xff) == SQLITE_ERROR ? DAMAGED : judge(ix, sqlite_code, err);
}

/* Makes sure of a file that can be written, before SQLite looks at it: SQLite would make one that all may
 * read, and would open a read-only one and leave read-only companions beside it. (Closing drops the locks
 * this process has on the file: none yet.) */
static int touch_file(const char *path)
{
    cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : sync_directory_of(path);
}

static int exec(struct index *ix, const char *sql)
{
    return sqlite3_exec(ix->writer, sql, NULL, NULL, NULL);
}

/* An SQLite result code; SQLITE_CORRUPT when the check finds something. */
static int quick_check(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (rc)
        return rc;
    bool fine = false;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *verdict = (const char *)sqlite3_column_text(stmt, 0);
        fine = verdict && !strcmp(verdict, "ok");
    }
    rc = sqlite3_finalize(stmt);
    return rc || fine ? rc : SQLITE_CORRUPT;
}

static bool is_large(const struct index *ix)
{
    struct stat st;
    return !stat(ix->path, &st) && st.st_size > CHECK_LIMIT;
}

/* 0, DAMAGED, or negative errno and *err. Until the version is known nothing of the file is changed. */
static int open_version(struct index *ix, struct error *err)
{
    int rc = sqlite3_open_v2(ix->path, &ix->writer, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc)
        return judge(ix, rc, err);
    sqlite3_extended_result_codes(ix->writer, 1);
    sqlite3_busy_timeout(ix->writer, BUSY_AT_OPEN_MS);
    /* Closing would otherwise carry the log over into a file that we refuse, or that is damaged. */
    sqlite3_db_config(ix->writer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int version = 0;
    rc = migrate_version(ix->writer, &version);
    if (rc)
        return judge(ix, rc, err);
    if (version > migrate_newest())
        return error_set(err, ERROR_PERSON, EPROTONOSUPPORT, "index.newer",
                         "the job index %s was written by a newer scribefs (version %d, this one knows %d)",
                         ix->path, version, migrate_newest());
    return version < 0 || marked_damaged(ix->path) ? DAMAGED : 0;
}

/* The same; afterwards the database has the newest version. */
static int open_database(struct index *ix, struct error *err)
{
    int rc = touch_file(ix->path);
    if (rc)
        return cannot_open(ix->path, -rc, strerror(-rc), err);
    rc = open_version(ix, err);
    if (rc)
        return rc;
    if (sqlite3_db_readonly(ix->writer, "main"))
        return DAMAGED; /* its header asks for a future SQLite */
    /* A filesystem without shared memory refuses WAL: then the rollback journal serves, as durable and
     * slower. */
    rc = exec(ix, "PRAGMA trusted_schema = OFF;"
                  "PRAGMA cell_size_check = ON;"
                  "PRAGMA journal_mode = WAL;"
                  "PRAGMA synchronous = FULL;"
                  "PRAGMA journal_size_limit = 4194304;");
    if (rc)
        return judge_schema(ix, rc, err);
    bool large = is_large(ix);
    rc = large ? SQLITE_OK : quick_check(ix->writer);
    if (rc)
        return judge(ix, rc, err);
    rc = migrate(ix->writer, migrate_newest());
    /* A large one is only read through, as the start does next in any case. */
    if (!rc && large)
        rc = index_scan(ix->writer);
    if (!rc)
        rc = exec(ix, "DELETE FROM links WHERE directory NOT IN (SELECT id FROM directories)");
    if (!rc)
        rc = index_prepare_writer(ix);
    if (rc)
        return judge_schema(ix, rc, err);
    sqlite3_busy_timeout(ix->writer, BUSY_MS);
    sqlite3_db_config(ix->writer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return 0;
}

static void close_writer(struct index *ix)
{
    index_finalize_writer(ix);
    sqlite3_close(steal_ptr(ix->writer));
}

static struct index *index_new(const char *path)
{
    struct index *ix = calloc(1, sizeof *ix);
    if (!ix)
        return NULL;
    ix->path = strdup(path);
    if (!ix->path) {
        free(ix);
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&ix->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&ix->lock, NULL);
    pthread_mutex_init(&ix->read_lock, NULL);
    return ix;
}

static void index_free(struct index *ix)
{
    if (!ix)
        return;
    /* The reader first: the last connection to close carries the log over, which a reader may not. */
    index_close_reader(ix);
    close_writer(ix);
    op_queue_clear(&ix->queue);
    pthread_mutex_destroy(&ix->read_lock);
    pthread_mutex_destroy(&ix->lock);
    pthread_cond_destroy(&ix->wake);
    free(ix->path);
    free(ix);
}

static int start(struct index *ix, char **moved, struct error *err)
{
    int rc = open_database(ix, err);
    if (rc == DAMAGED) {
        close_writer(ix);
        rc = move_aside(ix->path, moved, err);
        if (rc)
            return rc;
        rc = open_database(ix, err);
        if (rc == DAMAGED)
            return cannot_open(ix->path, EIO, "a new one was damaged at once", err);
    }
    if (rc)
        return rc;
    rc = index_open_reader(ix);
    if (rc)
        return cannot_open(ix->path, index_errno(ix->reader, rc), sqlite3_errstr(rc), err);
    rc = index_start_writer(ix);
    return rc ? cannot_open(ix->path, -rc, strerror(-rc), err) : 0;
}

int index_open(const char *path, struct index **out, char **moved, struct error *err)
{
    if (moved)
        *moved = NULL;
    struct index *ix = index_new(path);
    if (!ix)
        return cannot_open(path, ENOMEM, strerror(ENOMEM), err);
    int rc = start(ix, moved, err);
    if (rc) {
        index_free(ix);
        return rc;
    }
    *out = ix;
    return 0;
}

int index_close(struct index *ix, int wait_ms)
{
    if (!ix)
        return 0;
    index_stop_writer(ix, wait_ms);
    int rc = ix->queue.count ? -EAGAIN : 0;
    index_free(ix);
    return rc;
}
