/* The mount: everything that knows libfuse. Passes STORE/inbox through, shows the library's views in it,
 * tells intake what happens, and announces views through a child process. */
#pragma once

#include <stdbool.h>

#include "backend/base/error.h"
#include "fs/inbox/file_id.h"

struct buffer;
struct intake;
struct library;
struct mount;
struct search;
struct wording;

/* The files at the top of the mount. */
enum top_page { PAGE_TEXT, PAGE_HTML, PAGE_JSON, PAGE_METRICS, TOP_PAGES };

struct mount_config {
    int inbox_fd;           /* O_PATH | O_DIRECTORY descriptor of STORE/inbox; stays the caller's */
    int trash_fd;           /* the same of STORE/trash; -1: there is none */
    const char *store;      /* absolute path; the source shown in /proc/mounts */
    const char *mountpoint; /* absolute path */
    struct library *library;
    struct intake *intake;
    const struct wording *wording; /* of hits.txt; NULL: English */
    struct search *search; /* NULL: there is no MOUNT/search. mount_free() stops it */
    const char *announcer;    /* path of the announcer program; NULL: views appear without inotify events */
    const char *fuse_options; /* more mount options, comma separated ("allow_other,ro"), or NULL */
    double attr_timeout;      /* seconds the kernel may keep names and attributes of real files */
    int max_threads;          /* 0: 32 */
    bool debug;               /* libfuse's trace on stderr */
    /* Appends the text of one of the pages at the top. Called on FUSE threads, of each page at most about once a
     * second. */
    void (*page)(void *context, enum top_page page, struct buffer *out);
    void *page_context;
    bool pages_private; /* they name every recording: for the daemon's user (and root) alone */
    /* The kernel has answered: the mount is usable. Called once, on a FUSE thread. */
    void (*ready)(void *context);
    void *context;
    /* One line for the log; never called with a lock held. Priorities as syslog(3). */
    void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

/* Mounts. 0, or negative errno and *err ("mount.…"). A dead scribefs at the mount point is unmounted first.
 * SIGTERM, SIGINT and SIGHUP are handled from here on (by libfuse's usual handlers) until mount_free(): they
 * end mount_run(). The caller wires library_set_hooks() to mount_invalidate() afterwards. */
int mount_new(const struct mount_config *config, struct mount **out, struct error *err);
/* Serves until the filesystem is unmounted or one of those signals arrives. Call it on the main thread, with
 * the signals blocked in every other one. 0, or negative errno. */
int mount_run(struct mount *m);
/* Unmounts (lazily if it is busy), stops the announcer and frees everything. The library must still be there;
 * intake is not called any more. No mount_invalidate() may be under way or follow. NULL is fine. */
void mount_free(struct mount *m);
/* Any thread, never blocks: the kernel forgets this name. */
void mount_invalidate(struct mount *m, struct file_id directory, const char *name);
