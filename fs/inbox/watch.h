/* Watches the inbox in the store for what happens behind the mount's back, by inotify: one thread, asleep
 * while nothing happens. It tells names to look at, once they have been quiet for a moment; what that means
 * is for others to say, as every change through the mount is seen here too.
 *
 * Where inotify does not work it has everything looked through every so often instead, and says so in the
 * log, once. */
#pragma once

#include <stdbool.h>

#include "fs/library.h"

struct watch;

enum watch_mode {
    WATCH_NO, /* nothing is watched: what happened is found at the next start */
    WATCH_YES,
    WATCH_POLL, /* no events, only the regular scan */
};

enum watched_place {
    PLACE_KNOWN,   /* … to be there */
    PLACE_NEW,     /* until now it was known to be elsewhere: it is scanned */
    PLACE_UNKNOWN, /* nothing is known of it: if it was moved, the names in it are looked at */
};

/* Called on the watch's thread. */
struct watch_sink {
    /* Events have been seen, and are going to be acted on: waits until whoever may have caused them has said
     * so. */
    void (*catch_up)(void *context);
    /* As compare_name(). */
    int (*name)(void *context, const struct place *place, unsigned events);
    /* The directory is at this path. */
    enum watched_place (*directory)(void *context, struct file_id id, const char *path);
    /* Calls fn for every name that is known in it: one may have gone before the directory was watched. */
    void (*names_in)(void *context, struct file_id id, void (*fn)(void *argument, const char *name),
                     void *argument);
    /* A directory was seen to leave this path. */
    void (*directory_gone)(void *context, const char *path);
    /* Look at everything at and below this path. Does not wait for it. */
    void (*scan)(void *context, const char *path);
};

struct watch_config {
    int inbox_fd; /* stays the caller's */
    enum watch_mode mode;
    int poll_ms;  /* between two scans without inotify */
    int quiet_ms; /* a name is looked at when nothing happened to it for so long (or for some seconds
                     something did); 0: 300 */
    int most;     /* directories watched; 0: as many as the system allows */
    const struct watch_sink *sink;
    void *context;
    void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

/* 0 or negative errno. Nothing happens before watch_begin(). */
int watch_new(const struct watch_config *config, struct watch **out);
/* Any thread: watches, and then has everything scanned for what happened before. */
void watch_begin(struct watch *w);
/* Ends the thread; NULL is fine. What the sink uses must still be there. */
void watch_free(struct watch *w);
