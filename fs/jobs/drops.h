/* Drops: recordings that arrive together in one top folder of the inbox, and whether somebody has to confirm
 * that they are sent to a paid service. Pure: the time is passed in, and what else it goes by is asked for.
 *
 * A drop is open until nothing has arrived for a while. Nothing of it is sent before; then all of it may go, or,
 * when it is more than may be sent without a question, all of it is held. What has gone or was confirmed is
 * remembered by its content, and never asked for again. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/digest.h"

struct drops;

struct drops_config {
    int64_t window_ms; /* quiet time after which a drop is complete */
    int64_t grace_ms;  /* how long after the text of a drop was deleted it is looked whether recordings go as well */
    /* The folder of the recording of this job, malloc'ed; NULL: it does not wait (any more). */
    char *(*folder_of)(void *context, const struct digest *job);
    /* What may go without a question from a folder by now; 0: anything. */
    int64_t (*most_ms)(void *context, const char *folder);
    /* More may come: recordings in `top` and below that wait, and have not been asked for. */
    bool (*more_comes)(void *context, const char *top);
    /* The job may be sent; `content` is to be remembered (drops_remember() at the next start). */
    void (*go)(void *context, const struct digest *job, const struct digest *content);
    /* It waits for a confirmation from now on. */
    void (*hold)(void *context, const struct digest *job);
    void *context;
};

/* What is asked for. */
struct drop_question {
    struct digest job, content;
    const char *folder; /* of the recording, "" for the inbox */
    int64_t ms, micro;  /* the most that can be billed: of audio, and in millionths of `currency` */
    char currency[4];   /* "": the price is not known */
    int64_t most_ms;    /* what may go without a question from this folder; 0: anything */
    bool was_held;      /* by an earlier daemon */
};

enum drop_answer {
    DROP_GO,
    DROP_WAIT, /* the drop is not complete */
    DROP_HELD,
};

/* What is held in one top folder. */
struct drop_sum {
    const char *top; /* valid until the next call; "" for what is in the inbox itself */
    int64_t since_ms; /* wall clock */
    size_t count, unpriced;
    int64_t ms, micro;
    char currency[4];
    bool hidden; /* its text was deleted, and what that means is not known yet */
};

int drops_new(const struct drops_config *config, struct drops **out); /* 0 or -ENOMEM */
void drops_free(struct drops *d);
/* This content may go. */
void drops_remember(struct drops *d, const struct digest *content);
/* May it be sent? Asking again is fine. */
enum drop_answer drops_ask(struct drops *d, const struct drop_question *question, int64_t now_ms);
/* Whether it was asked for, or need not be. */
bool drops_knows(const struct drops *d, const struct digest *job, const struct digest *content);
/* Does what is due. Returns when to call it again (0: not before something else happens). */
int64_t drops_look(struct drops *d, int64_t now_ms);
/* Somebody deleted the text of the drop in `top`: what it told of is confirmed, unless recordings of it go as
 * well within grace_ms (the folder is being deleted). */
void drops_deleted(struct drops *d, const char *top, int64_t now_ms);
/* Confirms this one job: true if it was waiting. */
bool drops_confirm(struct drops *d, const struct digest *job);
/* Of each drop that is held. */
void drops_each(struct drops *d, void (*fn)(void *context, const struct drop_sum *sum), void *context);
bool drops_empty(const struct drops *d);
