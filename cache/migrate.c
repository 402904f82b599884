/* The steps that led to today's schema. A step that was once released is never changed: add another one.
 *
 * Names, paths and digests are BLOBs: bytes, compared as bytes. Device and inode numbers are unsigned 64-bit
 * numbers kept in signed ones. There are no foreign keys: memory is what counts, the file follows it in any
 * order that batches make. */
#include "cache/migrate.h"

#include <stdio.h>

static const char *const steps[] = {
    /* 1: what a start needs to know. */
    "CREATE TABLE directories ("
    "  id INTEGER PRIMARY KEY,"
    "  path BLOB NOT NULL,"
    "  dev INTEGER NOT NULL,"
    "  ino INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX directories_by_path ON directories (path);"
    "CREATE TABLE recordings ("
    "  dev INTEGER NOT NULL,"
    "  ino INTEGER NOT NULL,"
    "  birth_ns INTEGER NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  mtime_ns INTEGER NOT NULL,"
    "  ctime_ns INTEGER NOT NULL,"
    "  digest BLOB CHECK (length(digest) = 32)," /* NULL with job: not digested yet */
    "  job BLOB CHECK (length(job) = 32),"
    "  PRIMARY KEY (dev, ino)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE links ("
    "  directory INTEGER NOT NULL,"
    "  name BLOB NOT NULL,"
    "  dev INTEGER NOT NULL,"
    "  ino INTEGER NOT NULL,"
    "  base BLOB NOT NULL,"
    "  hidden INTEGER NOT NULL,"
    "  hidden_for BLOB CHECK (length(hidden_for) = 32),"
    "  PRIMARY KEY (directory, name)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE jobs ("
    "  key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 32),"
    "  digest BLOB NOT NULL CHECK (length(digest) = 32),"
    "  settings TEXT NOT NULL,"
    "  backend TEXT NOT NULL,"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4)," /* enum job_state */
    "  attempts INTEGER NOT NULL,"
    "  not_before_ms INTEGER NOT NULL,"
    "  error_class TEXT," /* NULL: no error */
    "  error_sys INTEGER NOT NULL,"
    "  error_code TEXT NOT NULL,"
    "  error_detail TEXT NOT NULL,"
    "  checkpoint TEXT,"
    "  duration_ms INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  started_ms INTEGER NOT NULL,"
    "  finished_ms INTEGER NOT NULL"
    ") STRICT;",
    /* 2: what happened, and how fast it went. */
    "CREATE TABLE history ("
    "  id INTEGER PRIMARY KEY,"
    "  at_ms INTEGER NOT NULL,"
    "  job BLOB NOT NULL,"
    "  event TEXT NOT NULL,"
    "  detail TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX jobs_done ON jobs (backend, finished_ms) WHERE state = 3;",
    /* 3: what was billed. The jobs of the rows may be gone. */
    "CREATE TABLE charges ("
    "  job BLOB NOT NULL CHECK (length(job) = 32),"
    "  at_ms INTEGER NOT NULL,"
    "  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3)," /* enum charge_kind */
    "  model TEXT NOT NULL,"
    "  billed_ms INTEGER NOT NULL,"
    "  cost_micro INTEGER NOT NULL,"
    "  currency TEXT NOT NULL,"
    "  PRIMARY KEY (job, at_ms)"
    ") STRICT, WITHOUT ROWID;",
    /* 4: what was done on each day, as far as the jobs still know. */
    "CREATE TABLE days ("
    "  day INTEGER PRIMARY KEY," /* 20261122, local */
    "  done INTEGER NOT NULL,"
    "  failed INTEGER NOT NULL,"
    "  audio_ms INTEGER NOT NULL" /* of those that are done */
    ") STRICT;"
    "INSERT INTO days SELECT CAST(strftime('%Y%m%d', finished_ms / 1000, 'unixepoch', 'localtime') AS INTEGER) AS day,"
    "  sum(state = 3), sum(state = 4), sum(CASE state WHEN 3 THEN duration_ms ELSE 0 END)"
    "  FROM jobs WHERE state IN (3, 4) AND finished_ms > 0 GROUP BY day HAVING day > 0;",
    /* 5: what others are still to be told. */
    "CREATE TABLE deliveries ("
    "  id TEXT NOT NULL PRIMARY KEY,"
    "  receiver TEXT NOT NULL,"
    "  body TEXT NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  not_before_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;",
    /* 6: how views look. */
    "ALTER TABLE links ADD COLUMN look TEXT;" /* NULL: as the settings of all say */
    "ALTER TABLE links ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE links ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE links ADD COLUMN look_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE links ADD COLUMN named_ms INTEGER NOT NULL DEFAULT 0;",
    /* 7: what those outside were told of each. */
    "ALTER TABLE links ADD COLUMN told INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE links ADD COLUMN told_for BLOB CHECK (length(told_for) = 32);",
    /* 8: recordings that are transcribed again, and what they had before. */
    "ALTER TABLE recordings ADD COLUMN next BLOB CHECK (length(next) = 32);" /* NULL: none */
    "ALTER TABLE recordings ADD COLUMN versions BLOB;",                      /* digests, one behind the other */
    /* 9: when what is said in a recording was recorded, as far as anybody knows. */
    "ALTER TABLE recordings ADD COLUMN recorded_ns INTEGER NOT NULL DEFAULT 0;"
    "UPDATE recordings SET recorded_ns = mtime_ns;",
    /* 10: who pays. */
    "ALTER TABLE charges ADD COLUMN folder BLOB NOT NULL DEFAULT X'';",
    /* 11: what may be sent to paid services. */
    "CREATE TABLE confirmed ("
    "  digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32)"
    ") STRICT, WITHOUT ROWID;",
};

int migrate_newest(void)
{
    return (int)(sizeof steps / sizeof *steps);
}

int migrate_version(sqlite3 *db, int *version)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL);
    if (rc)
        return rc;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        *version = sqlite3_column_int(stmt, 0);
    return sqlite3_finalize(stmt);
}

static int take_step(sqlite3 *db, int version)
{
    char mark[60];
    snprintf(mark, sizeof mark, "PRAGMA user_version = %d", version);
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (!rc)
        rc = sqlite3_exec(db, steps[version - 1], NULL, NULL, NULL);
    if (!rc)
        rc = sqlite3_exec(db, mark, NULL, NULL, NULL);
    if (!rc)
        rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (rc && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int migrate(sqlite3 *db, int target)
{
    int version = 0;
    int rc = migrate_version(db, &version);
    while (!rc && version < target)
        rc = take_step(db, ++version);
    return rc;
}
