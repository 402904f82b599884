/* Inside the backend for OpenAI-compatible servers: one job, and the steps it goes through.
 *
 *   begin ── probe ─┬─ as it is ─┬─ wait for a turn ── send ─┬─ next part ── … ── put together ── end
 *                   ├─ convert ──┤        ▲                  ├─ ask for less ─┐
 *                   └─ cut ──────┘        └──────────────────┴─ again later ──┘
 *
 * The server keeps nothing of a job: there is nothing to go on with after a restart, and no checkpoint. */
#pragma once

#include "backend/base/buffer.h"
#include "backend/openai/openai.h"
#include "backend/openai/request.h"
#include "backend/prepare.h"
#include "backend/sse.h"

struct loop_timer;
struct openai_answer;
struct transcript;

struct openai {
    struct backend backend; /* first */
    struct loop *loop;
    struct http *http;
    struct preparer *preparer; /* or NULL */
    struct openai_wishes wishes;
    char *address, *host, *key_file;
    bool insecure;
    double price_per_minute; /* 0: not known */
    char currency[4];
    bool is_loopback;
    int64_t max_bytes, max_seconds;
    int parallel;

    enum openai_mode mode;   /* the richest that the server has not refused */
    int sending;             /* requests under way */
    int64_t not_before;      /* of the loop's clock: the server asked for a pause */
    struct loop_timer *turn; /* looks for jobs that may send */
    struct backend_job *jobs;
};

/* One request: the whole recording, or a part of it. */
struct openai_part {
    int64_t begin_ms, end_ms; /* end negative: not known */
    struct http_range file;
    struct transcript *transcript; /* once it is there */
};

struct backend_job {
    struct openai *openai;
    struct backend_events events;
    void *context;
    int fd;                            /* the recording */
    int prepared;                      /* what is sent instead, or -1 */
    char *name, *work_dir, *extension; /* extension: of what is sent instead */
    struct openai_wishes wishes;
    struct media_facts facts;

    /* What is under way; at most one of them. */
    struct loop_timer *begin;
    struct preparation *preparation;
    bool waits; /* for its turn */
    struct http_request *request;

    struct openai_part *parts;
    size_t part_count, part; /* part: the one whose turn it is */
    enum openai_mode mode;   /* what was asked for */
    int attempts;            /* of this part */
    int64_t charged_ms;      /* wall clock of the charge; 0: nothing was sent that costs */

    struct openai_answer *answer;
    struct sse sse;
    bool is_stream;
    struct error stream_error;
    struct buffer body;    /* of an answer that came in pieces without being events */
    struct buffer partial; /* the texts of earlier parts */
    struct buffer raw;     /* the server's bytes, of all parts */
    struct backend_job *prev, *following;
};

/* ---- steps; each may end the job, which is then gone ---- */

void openai_job_prepare(struct backend_job *job);
/* The length is known: may it be sent? False: the job has ended. */
bool openai_job_may_send(struct backend_job *job);
/* The parts are there. */
void openai_job_wait(struct backend_job *job);
/* It is its turn. */
void openai_job_send(struct backend_job *job);

/* ---- ends ---- */

/* It may not be sent before that time. */
void openai_job_postpone(struct backend_job *job, const struct error *error, int64_t until_ms);
void openai_job_fail(struct backend_job *job, const struct error *error);
void openai_job_finish(struct backend_job *job, struct transcript *transcript);

/* ---- for the backend ---- */

struct backend_job *openai_job_start(struct openai *o, const struct backend_request *request,
                                     const struct backend_events *events, void *context, struct error *err);
void openai_job_stop(struct backend_job *job);
/* A header with the key; NULL without *err set (class ERROR_NONE): none is needed. NULL and *err
 * ("cloud.no_key"). Wipe it with secret_free(). */
char *openai_authorization(const struct openai *o, struct error *err);
/* Soon, from the loop: jobs that wait may send. */
void openai_look(struct openai *o);
