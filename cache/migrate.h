/* The schema of the index, version by version (PRAGMA user_version). */
#pragma once

#include <sqlite3.h>

/* The version this program reads and writes. */
int migrate_newest(void);
/* The version of an open database: 0 for an empty one. Returns an SQLite result code. */
int migrate_version(sqlite3 *db, int *version);
/* Takes the database from its version up to `target`, each step in a transaction of its own: what a crash or
 * a full disk interrupts is gone on with the next time. Returns an SQLite result code. */
int migrate(sqlite3 *db, int target);
