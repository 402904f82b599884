/* clang-format off */
/* Inside the cloud backend: one job, and the steps it goes through.
 *
 *   begin ── probe ── route ── convert ── publish ── vocabulary
 *     a task:  … intent ── submit ── watch ── fetch ── remove ── end
 *     direct:  … send ── remove ── end
 *
 * A checkpoint is written before anything that must not be done twice or be forgotten:
 *
 *   "publish"                          state of the publisher, while the recording is on its way
 *   "object", "expires_ms", "model",
 *   "duration_ms"                      it is there; with "intent_ms" just before it is submitted
 *   "task", "submitted_ms",
 *   "vocabulary"                       it was submitted
 *   "downloads"                        how often the service could not fetch it
 *   "place"                            where the object or the upload is
 *
 * A recording that is too long is cut after the route is known, and its parts go through this one by one (parts.h). */
/* clang-format on */
#pragma once

#include "backend/base/buffer.h"
#include "backend/dashscope/answer.h"
#include "backend/dashscope/charge.h"
#include "backend/dashscope/poller.h"
#include "backend/dashscope/service.h"
#include "backend/sse.h"
#include "backend/dashscope/wishes.h"
#include "backend/prepare.h"
#include "backend/route.h"

struct acknowledgement;
struct budget;
struct discard;
struct strangers;
struct budget_turn;
struct callback;
struct parts;
struct vocabularies;
struct vocabulary_wait;

struct lost;

struct dashscope {
    struct backend backend; /* first */
    struct loop *loop;
    struct service service;
    struct dashscope_wishes wishes; /* every text is its own */
    enum region region;
    enum publish_kind publish_kind;
    struct publisher *publisher; /* NULL: no place to publish */
    struct preparer *preparer;   /* or NULL */
    struct budget *queries;
    struct poller *poller;
    struct vocabularies *vocabularies;
    struct callback *callback; /* or NULL */
    struct {
        const struct model *model;
        struct budget *budget;
    } submissions[32]; /* one for each model that was used */
    struct backend_job *jobs;
    struct discard *discards;
    struct strangers *strangers; /* or NULL */
    struct backend_question *questions;
    struct acknowledgement *acknowledgements;
};

struct backend_job {
    struct dashscope *dashscope;
    struct backend_events events;
    void *context;
    int fd;                            /* the recording */
    int converted;                     /* what is sent instead, or -1 */
    char *name, *work_dir, *extension; /* extension: of the converted file */
    char *settings;                    /* as they were frozen */
    bool is_part;                      /* of a longer recording: as it is to be sent, its route is known */
    struct parts *parts;               /* NULL: it is sent whole */
    struct wishes wishes;
    struct route route;
    struct media_facts facts;

    /* What is under way; at most one of them. */
    struct loop_timer *timer;
    void (*next)(struct backend_job *job);
    struct preparation *preparation;
    struct publication *publication;
    struct vocabulary_wait *vocabulary;
    struct budget_turn *turn;
    struct http_request *request;
    struct polled *polled;
    struct removal *removal;
    struct lost *lost; /* a submission that is looked for */

    /* What the checkpoint holds. */
    char *publish_state, *object, *task_id;
    char *place; /* of what is published, since a restart; NULL: where it is published now */
    int64_t expires_ms, submitted_ms;
    int64_t intent_ms; /* it may have been submitted then, nobody knows; 0: certainly not */
    int downloads;

    struct charge charge;
    char *vocabulary_id;
    int attempts;                  /* of the request that is under way */
    char *result_url, *request_id; /* what the ended task said */
    int64_t billed_ms;             /* of a task; negative: not said */

    /* A direct answer. */
    struct sse sse;
    struct answer *answer;
    bool is_stream, is_silent;
    struct error stream_error;
    char *partial; /* what was reported last */

    /* The end. */
    struct transcript *transcript;
    struct buffer raw;
    struct error error;
    int64_t postponed_until; /* wall clock; 0: it is not */
    struct backend_job *prev, *following;
};

/* ---- steps; each may end the job, which is then gone ---- */

void cloud_job_prepare(struct backend_job *job);
void cloud_job_call(struct backend_job *job); /* the recording is where it has to be */
void cloud_job_submit(struct backend_job *job);
void cloud_job_find_lost(struct backend_job *job); /* or, if there is none, cloud_job_submit() */
void cloud_job_watch(struct backend_job *job);
void cloud_job_direct(struct backend_job *job);

/* ---- what decides about a recording; explain.c asks the same ---- */

/* What the wishes need of a model here; what is known of the recording is still to be filled in. */
struct route_needs cloud_route_needs(const struct dashscope *d, const struct dashscope_wishes *w,
                                     enum region region);
/* `bytes`: of the file, negative: not known; `name`: its name, valid as long as *needs. */
void cloud_fill_needs(struct route_needs *needs, const struct media_facts *facts, int64_t bytes,
                      const char *name);
/* A film so large that only its sound is sent. */
bool cloud_sound_alone(const struct media_facts *facts, int64_t bytes);
/* backend_operations.explain */
struct backend_question *cloud_explain(struct backend *backend, const struct backend_request *request,
                                       backend_explained *answer, void *context, struct error *err);
void cloud_explain_cancel(struct backend_question *question);
/* Why the model of a job is the one; `wished`: the settings' model, or NULL. */
const char *cloud_why_model(const char *wished);

/* ---- for the steps ---- */

/* next(job) after a while; the job does nothing meanwhile. */
void cloud_job_later(struct backend_job *job, int64_t ms, void (*next)(struct backend_job *job));
/* What a checkpoint holds now. */
void cloud_job_write_state(const struct backend_job *job, struct buffer *out);
/* Writes the checkpoint; next(job) once it is durable. NULL: the job goes on without waiting. */
void cloud_job_checkpoint(struct backend_job *job, void (*next)(struct backend_job *job));
/* The place to publish was another when the job began. */
bool cloud_job_is_elsewhere(const struct backend_job *job);
/* The published recording is no longer the job's: what is left of it is taken back, at the latest after a restart. */
void cloud_job_leave(struct backend_job *job);
/* backend_operations.discard; `state` is a checkpoint, also of a part or with parts. */
int cloud_discard(struct dashscope *dashscope, const char *state,
                  void (*done)(void *context, const struct error *error), void *context);
void cloud_discards_free(struct dashscope *dashscope); /* done() does not come */
void cloud_lost_free(struct lost *lost);
int64_t cloud_wall_ms(void);
/* The request budget of the job's model. NULL when out of memory. */
struct budget *cloud_job_budget(struct backend_job *job);
/* The body of the request with the audio at that address. */
int cloud_job_body(const struct backend_job *job, const char *audio, struct buffer *out);
const char *cloud_job_file_name(const struct backend_job *job); /* with the ending of what is sent */
int cloud_job_file(const struct backend_job *job);

/* The ends. The published recording is removed first. `transcript` and the bytes in job->raw are taken over.
 */
void cloud_job_finish(struct backend_job *job, struct transcript *transcript);
void cloud_job_fail(struct backend_job *job, const struct error *error);
/* It may not be sent before that time. */
void cloud_job_postpone(struct backend_job *job, const struct error *error, int64_t until_ms);
/* Nobody spoke. */
void cloud_job_finish_silent(struct backend_job *job);
/* The transcript of a recording in parts: they have been through cloud_job_finish() one by one. */
void cloud_job_finish_whole(struct backend_job *job, struct transcript *transcript);

struct backend_job *cloud_job_start(struct dashscope *dashscope, const struct backend_request *request,
                                    const struct backend_events *events, void *context, struct error *err);
/* A part of the recording of `whole`, with its settings and its route. request->fd may be -1 when the
 * checkpoint names a task, and for a job that is only made to be undone. */
struct backend_job *cloud_job_start_part(const struct backend_job *whole,
                                         const struct backend_request *request,
                                         const struct media_facts *facts, const struct backend_events *events,
                                         void *context, struct error *err);
/* No event comes afterwards. `undo`: the job is not gone on with, what it left at the service is taken back.
 */
void cloud_job_stop(struct backend_job *job, bool undo);
void acknowledgements_free(struct dashscope *dashscope);
