/* When is a recording complete? Decided per inode: on the last release of a writer plus a quiet time, never
 * on a size or a name.
 *
 * Pure: the caller passes the time (milliseconds, monotonic) and does the locking. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fs/inbox/file_id.h"

struct settle;

struct settle_times {
    int quiet_ms;   /* after the last release of a writer; default 2000 */
    int slow_ms;    /* when the writer is smbd, or the file was opened for writing again while it settled;
                       default 5000 */
    int renamed_ms; /* after a rename from a temporary name; default 500 */
};

struct settle *settle_new(const struct settle_times *times); /* NULL when out of memory */
void settle_free(struct settle *s);

/* A handle with write access was opened. `slow`: by a program that closes and reopens (smbd). */
void settle_opened(struct settle *s, struct file_id id, bool slow);
/* Its content changed (write, truncate, O_TRUNC, fallocate, copy_file_range, a dirty mapping). */
void settle_modified(struct settle *s, struct file_id id, int64_t now);
/* A handle with write access was released. */
void settle_released(struct settle *s, struct file_id id, int64_t now);
/* It got a name that makes it a recording: created, linked, moved in (temporary = false), or renamed from a
 * temporary name. */
void settle_arrived(struct settle *s, struct file_id id, bool from_temporary, int64_t now);
/* Something else wants it looked at (the scan; it changed while it was digested). */
void settle_again(struct settle *s, struct file_id id, int64_t now);
/* It is not ours alone to say that nobody writes to it: a writer in the store itself has it open, or it is not as it
 * was when it was last looked at. Looked at again after slow_ms. */
void settle_held(struct settle *s, struct file_id id, int64_t now);
/* Its last name is gone. Open writers are still counted. */
void settle_gone(struct settle *s, struct file_id id);

/* True while it has writers or is waiting for its quiet time. */
bool settle_busy(const struct settle *s, struct file_id id);
/* True if it will be taken, once it is quiet. */
bool settle_pending(const struct settle *s, struct file_id id);
/* When the next file is due, or -1. */
int64_t settle_next(const struct settle *s);
/* Takes one file that is due; false when there is none. It is then forgotten unless writers are still open.
 */
bool settle_take(struct settle *s, int64_t now, struct file_id *out);
