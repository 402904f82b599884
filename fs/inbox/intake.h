/* Intake: turns what happens in the inbox into recordings and jobs. The mount tells it about every change; it
 * settles files, digests them, and scans the store for what changed behind the mount's back (compare.h, watch.h).
 *
 * The functions the mount calls are cheap and never wait for a disk, a digest or the index. Only regular
 * files are reported. Directories are given by file_id and path relative to the inbox. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "fs/inbox/choose.h"
#include "fs/inbox/file_id.h"
#include "fs/inbox/settle.h"
#include "fs/library.h"

struct apply;
struct folders;
struct intake;
struct loop;
struct pool;

struct intake_config {
    int inbox_fd; /* stays the caller's */
    struct library *library;
    struct loop *loop; /* the jobs loop */
    struct pool *pool; /* digests and scans */
    struct chooser chooser;
    /* What the folders say; NULL for both: they say nothing. */
    struct folders *folders;
    struct apply *apply;
    const struct settle_times *settle;
    void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

int intake_new(const struct intake_config *config, struct intake **out); /* 0 or negative errno */
/* Cancels what runs. Call it before pool_free(); no other intake function may be called afterwards but
 * intake_free(). */
void intake_stop(struct intake *in);
void intake_free(struct intake *in);
/* Looks at everything below a directory of the inbox ("" = all), in the background: what is new or changed is
 * taken in, what has gone is forgotten. */
void intake_scan(struct intake *in, const char *path);
/* Before the mount is up: hides the views of recordings whose content changed while nobody looked, until
 * intake_scan() has read them. */
void intake_verify(struct intake *in);
/* Reads the content again (library_hooks.reread). Any thread. */
void intake_reread(struct intake *in, struct file_id id);

/* ---- What the mount reports
 * ----------------------------------------------------------------------------------------- */

/* A handle with write access was opened by process `pid` (a thread id will do). */
void intake_opened(struct intake *in, struct file_id id, pid_t pid);
/* The first change through a handle, or a change by path (truncate). */
void intake_modified(struct intake *in, struct file_id id);
void intake_released(struct intake *in, struct file_id id);
/* Around each change of a name (create, link, unlink, rename, rmdir) from before the system call until intake was told:
 * in between, the name is neither taken for new nor for gone. Any number at once, never one within another. Waits only
 * while a difference between store and library is put right. */
unsigned intake_names_begin(struct intake *in);
void intake_names_end(struct intake *in, unsigned turn); /* what the other returned */
/* A regular file got this name: created, linked, or moved in from a place intake does not look at. */
void intake_added(struct intake *in, const struct place *place, struct file_id id);
/* A name of a regular file was unlinked, or was replaced by something else than a regular file. */
void intake_removed(struct intake *in, const struct place *place, struct file_id id);
/* A regular file was renamed; if it replaced another, intake_replaced() instead. For an exchange, report both
 * directions. */
void intake_renamed(struct intake *in, const struct place *from, const struct place *to, struct file_id id);
/* The regular file `id` was renamed over another, `old`. */
void intake_replaced(struct intake *in, const struct place *from, const struct place *to, struct file_id id,
                     struct file_id old);
/* A directory was renamed: paths relative to the inbox. */
void intake_directory_renamed(struct intake *in, const char *from, const char *to);
void intake_directory_removed(struct intake *in, const char *path);
