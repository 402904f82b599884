/* The seam to the media tools: what a cloud backend has to know of a recording before it is sent, and what
 * may have to be done to it.
 *
 * A preparer works on the jobs loop; it starts a sandboxed program for the work. Without one, recordings are
 * sent unseen. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/error.h"

struct preparer;
struct preparation; /* one at work; made by probe() or convert(), gone after done() or cancel() */

struct media_facts {
    int64_t duration_ms; /* negative: not known */
    int channels;        /* 0: not known */
    int sample_rate;     /* Hz; 0: not known */
    bool video;          /* there is a picture: the sound alone would do */
};

/* What a converted recording is to be. */
struct media_target {
    bool mix_down;     /* one channel */
    int sample_rate;   /* Hz */
    int64_t max_bytes; /* the file has to stay below this */
};

/* How a recording that is too long is cut. */
struct media_cut {
    bool mix_down;      /* one channel */
    int sample_rate;    /* Hz */
    int64_t max_ms;     /* no part is longer … */
    int64_t max_bytes;  /* … or larger */
    int64_t overlap_ms; /* each part begins that much before the end of the one before it */
};

/* One part: what is in it, and where it lies in the file of all parts. */
struct media_part {
    int64_t begin_ms, end_ms;
    int64_t offset, length; /* bytes; a complete file of its own */
};

struct split_events {
    /* The parts, in order (the array is valid during the call), as read to the end. `extension`: of their
     * format, ".flac". */
    void (*done)(void *context, const struct media_facts *facts, const struct media_part *parts, size_t count,
                 const char *extension);
    void (*failed)(void *context, const struct error *error);
    void (*progress)(void *context, int64_t done_ms, int64_t total_ms);
};

struct prepare_events {
    /* The facts of the recording or of what it was converted to. `fd`: the converted file, owned by the
     * callee from here on, open for reading at 0; -1 after probe(). `extension`: of its format, ".flac"; NULL
     * after probe(). */
    void (*done)(void *context, const struct media_facts *facts, int fd, const char *extension);
    void (*failed)(void *context, const struct error *error);
    void (*progress)(void *context, int64_t done_ms, int64_t total_ms);
};

struct preparer_operations {
    /* The descriptor stays the caller's, open until the end. NULL and *err when it cannot even begin. */
    struct preparation *(*probe)(struct preparer *preparer, int fd, const struct prepare_events *events,
                                 void *context, struct error *err);
    struct preparation *(*convert)(struct preparer *preparer, int fd, const char *work_dir,
                                   const struct media_target *target, const struct prepare_events *events,
                                   void *context, struct error *err);
    /* Cuts where nobody speaks, as late as possible within the last fifth of what a part may have; where
     * somebody always speaks, at the quietest moment. `into` (empty, open for reading and writing) stays the
     * caller's. */
    struct preparation *(*split)(struct preparer *preparer, int fd, int into, const struct media_cut *cut,
                                 const struct split_events *events, void *context, struct error *err);
    void (*cancel)(struct preparation *preparation); /* no event comes afterwards */
};

struct preparer {
    const struct preparer_operations *operations;
};
