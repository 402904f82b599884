/* Full-text search over all transcripts that recordings show (state/search.db).
 *
 * Two threads of its own: one keeps the file in step with the results, in the background; the other answers. Nobody
 * else ever waits for either. What is in the file is derived from the results: at start it is compared with what
 * there is, and one that is missing, damaged or older is made again.
 *
 * Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/digest.h"

struct results;
struct search;

#define SEARCH_HITS 20     /* of one recording that are told */
#define SEARCH_SECONDS 2   /* that a search may take; what was found until then is told */
#define SEARCH_EXCERPT 200 /* bytes of a sentence around a hit */

struct search_config {
    const char *path;        /* copied */
    struct results *results; /* stays the caller's, until search_free() */
    /* Calls fn for each job whose result a recording shows. On a thread of search's. */
    void (*each)(void *context, void (*fn)(void *arg, const struct digest *job), void *arg);
    /* It cannot be kept in step (negative errno), or can again (0). On a thread of search's. May be NULL. */
    void (*trouble)(void *context, int error);
    void *context;
};

/* 0 or negative errno. A file that cannot be opened is no error: searches find nothing then. */
int search_new(const struct search_config *config, struct search **out);
/* Answers what was asked, at once and with what there is, and refuses more. After it returns no answer is under
 * way. */
void search_stop(struct search *s);
void search_free(struct search *s); /* with search_stop(); NULL is fine */

/* This job has a result now, or no recording shows it any more. Only queued. */
void search_add(struct search *s, const struct digest *job);
void search_drop(struct search *s, const struct digest *job);

struct search_hit {
    int64_t at_ms;              /* in the recording */
    char *text;                 /* the sentence, or what is around the hit of a long one */
    size_t mark, mark_length; /* where the words are in it, bytes */
};

struct search_found {
    struct digest job;
    struct search_hit *hits; /* in the order of time */
    size_t count;
    bool more; /* than SEARCH_HITS */
};

struct search_answer {
    int error; /* 0, or negative errno: -EINVAL (nothing in the words can be searched for), -EIO … */
    struct search_found *found; /* the newest first */
    size_t count;
    bool more;     /* there are others beyond `most` */
    bool late;     /* time was up: there may be others */
    bool building; /* not all transcripts are in the file yet */
};
void search_answer_free(struct search_answer *a); /* NULL is fine */

/* Searches: done(to, answer) is called once, on a thread of search's, and owns the answer (NULL: out of memory). 0, or
 * -EBUSY (too many wait), -ECANCELED (after search_stop()), -ENOMEM: then it is not called. */
int search_ask(struct search *s, const char *words, size_t most, void (*done)(void *to, struct search_answer *answer),
               void *to);
/* Waits until what was added so far is in the file: for tests. */
void search_settle(struct search *s);
