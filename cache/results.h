/* The result cache: one immutable directory per job key, results/ab/abcd…/, written aside, synced, then
 * renamed. Any thread. Functions return 0 (or a descriptor) or a negative errno. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cache/digest.h"

struct results;
struct result_writer;

/* `path` is created if it is missing. What a crash left half written is removed. */
int results_open(const char *path, struct results **out);
void results_close(struct results *r);

int results_begin(struct results *r, const struct digest *key, struct result_writer **out);
/* name is one path component such as "view.srt". After a failure (-ENOSPC, -EDQUOT …) what was written is
 * already removed, and result_commit() fails the same way. */
int result_add(struct result_writer *w, const char *name, const void *data, size_t len);
/* Durable when it returns 0. If another writer was first its result stays, and this one is dropped: 0 too.
 * Frees w in any case. */
int result_commit(struct result_writer *w);
void result_abort(struct result_writer *w); /* NULL is fine */

/* A read-only, close-on-exec descriptor of one file of a result; -ENOENT when there is none. */
int results_file(struct results *r, const struct digest *key, const char *name);
/* Size and time of one file of a result. -ENOENT when there is no such result; -EUCLEAN when there is one,
 * and this file of it is missing or not as long as it was: drop it. */
int results_stat(struct results *r, const struct digest *key, const char *name, off_t *size,
                 struct timespec *mtime);
/* Calls fn for each result, until it returns non-zero, which is returned. May take long. */
struct result_info {
    int64_t bytes;
    time_t made;
};
int results_each(struct results *r, int (*fn)(void *arg, const struct digest *key, const struct result_info *info),
                 void *arg);
/* Reads all of a result: 0 and *summed = whether it could be compared with sums that were stored with it; -EUCLEAN when it is
 * not what was stored; another negative errno when it cannot be read now. */
int results_verify(struct results *r, const struct digest *key, bool *summed);
/* Removes a result that turned out to be damaged; what is not there is fine. Descriptors of it stay readable.
 */
int results_drop(struct results *r, const struct digest *key);
