/* The cache of rendered views: state/views/ab/abcd…, one immutable file for each. Derived data: everything in it is
 * made again from the results when it is missing, and may be deleted at any time, also while it is in use. Any
 * thread. Functions return 0 (or a descriptor) or a negative errno. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "cache/digest.h"

struct render_look;
struct results;
struct transcript;
struct views;

/* What a view is made of. Pointers stay the caller's. */
struct view_recipe {
    struct digest job;      /* whose result */
    struct timespec made;   /* of the result: one that was lost and made again may be another */
    int format;             /* enum format */
    const char *look_json;  /* look_to_json() of … */
    const struct render_look *look; /* … this; NULL: the default */
    /* Of the recording. */
    const char *name;     /* without folders */
    int64_t recorded_ms;  /* its last change */
    int64_t size;         /* bytes */
    struct digest digest; /* of its content */
    const char *settings; /* frozen settings of the job, or NULL */
};

/* The same recipe always has the same key; another RENDER_VERSION gives others. 0, -ENOMEM or -EIO. */
int views_key(const struct view_recipe *recipe, struct digest *key);

/* `path` is made when it is needed; the directory above it must be there. 0 or negative errno. */
int views_open(const char *path, struct views **out);
void views_close(struct views *v);

/* A descriptor of a view that is ready, with its size: the file holds more than that. -ENOENT when there is none;
 * one that was damaged is removed. */
int views_file(struct views *v, const struct digest *key, off_t *size);
/* The same of any format of a result, also of those that are not rendered (the provider's bytes). */
int views_content(struct views *v, struct results *results, int format, const struct digest *job,
                  const struct digest *key, off_t *size);
/* Makes the view unless it is ready. *transcript is read when it is needed and may be handed on to the next call for
 * the same result; start with NULL, free it. Uses the processor and the disk for some milliseconds, for a recording
 * of hours some tenths of a second, and waits while several others are doing so. 0 and *size; -ENOENT: this result
 * has no such view; -EUCLEAN: the result is damaged; else the disk's error. */
int views_make(struct views *v, struct results *results, const struct view_recipe *recipe, const struct digest *key,
               struct transcript **transcript, off_t *size);

/* How many views there are, and their size. May take long. */
struct view_usage {
    int64_t count, bytes;
};
void views_measure(struct views *v, struct view_usage *out);

/* Removes what was not used lately and is not among the `count` keys (sorted by memcmp). Returns how many went. May
 * take long. */
size_t views_prune(struct views *v, const struct digest *keys, size_t count);
