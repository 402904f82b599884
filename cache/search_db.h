/* The file of the full-text search: SQLite with FTS5 and our own idea of a word (search_token.h). Everything in it is
 * derived from the results: one that is damaged or of another version is thrown away.
 *
 * A handle belongs to one thread. Functions return 0 or a negative errno: -EUCLEAN when the file is damaged. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/digest.h"
#include "cache/search_query.h"
#include "cache/search_text.h"

struct search_db;

/* For writing: makes a new file where there is none, and in place of one that is damaged or of another version. */
int search_db_create(const char *path, struct search_db **out);
/* For reading; -ENOENT when there is none (yet). */
int search_db_open(const char *path, struct search_db **out);
void search_db_close(struct search_db *db); /* NULL is fine */
/* Removes the file and what SQLite keeps beside it. */
void search_db_remove(const char *path);

int search_db_begin(struct search_db *db);
int search_db_commit(struct search_db *db);
void search_db_rollback(struct search_db *db);
/* In place of what was there of the same job. */
int search_db_put(struct search_db *db, const struct digest *job, const struct search_text *text);
int search_db_drop(struct search_db *db, const struct digest *job);
bool search_db_has(struct search_db *db, const struct digest *job);
/* Every job that is in it. */
int search_db_each(struct search_db *db, int (*fn)(void *arg, const struct digest *job), void *arg);

/* Calls fn for each transcript that matches, the newest first, until it returns non-zero, which is returned. -ETIME:
 * stopped by search_db_stop_when(). What fn gets is valid during the call. */
struct search_match {
    struct digest job;
    const char *text;
    const void *marks;
    size_t marks_size;
};
int search_db_find(struct search_db *db, const struct search_query *q, int (*fn)(void *arg, const struct search_match *m),
                   void *arg);
/* stop(arg) is asked every now and then during a search, on its thread. */
void search_db_stop_when(struct search_db *db, bool (*stop)(void *arg), void *arg);
