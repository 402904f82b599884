/* Hooks: a program is run, or a web server is told, when a transcript is there or could not be made.
 *
 * What is to be told is in the index before anybody is told, and leaves it when it was delivered: each event reaches each
 * receiver at least once, also over a restart, and twice only if the daemon ends in between. Everything happens on the jobs
 * loop; a few deliveries are under way at once. */
#pragma once

#include <stdbool.h>

#include "backend/base/error.h"
#include "fs/hooks/message.h"

struct buffer;
struct hooks;
struct http_config;
struct index;
struct item;
struct loop;

/* From [hooks] of scribefs.conf(5). NULL: not set. */
struct hooks_settings {
    char *on_done, *on_failed; /* command lines */
    int timeout_seconds;       /* of a program */
    char *webhook_url;
    char *webhook_secret_file; /* first line: the secret */
    bool webhook_text;         /* with the text of the transcript */
};

struct hooks_config {
    const struct hooks_settings *settings; /* read by hooks_new() only */
    const struct http_config *network; /* read by hooks_new() only */
    const char *mountpoint;                 /* copied */
    struct loop *loop;
    struct index *index;
    /* True if nothing about this recording (path relative to the inbox) may be told to another machine. On the loop. */
    bool (*stays_here)(void *context, const char *path);
    /* Appends the text view of the recording. 0 or negative errno. On the loop. */
    int (*text)(void *context, const char *path, struct buffer *out);
    void *context;
    void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

/* *out is NULL when no hook is set. Takes up what an earlier daemon did not deliver. Before the loop runs. 0, or negative
 * errno and *err ("config.value"), which names the setting. */
int hooks_new(const struct hooks_config *config, struct hooks **out, struct error *err);
/* Any thread; copies what it needs, never waits, and calls nobody but index_*() and loop_post(). NULL is fine. */
void hooks_tell(struct hooks *h, enum hook_event event, const struct item *item);
/* Programs are killed; what is not delivered is told again by the next daemon. After the loop has ended. NULL is fine. */
void hooks_free(struct hooks *h);

/* Milliseconds until the next attempt after `attempts` failed ones, or -1: it is given up, after a bit more than a day. Pure. */
int64_t hooks_retry_ms(int attempts);
