/* The interface every recogniser implements, the built-in one and the cloud alike.
 *
 * A backend turns one recording into one transcript. It lives on the jobs loop: every function is called on the loop's
 * thread, returns at once, and reports through the events of the job, on the same thread, never from inside a call to
 * start() or cancel().
 *
 * A job may take minutes or hours, and the daemon may be restarted in the middle. Whatever a backend needs in order to pick
 * the work up again (a remote task id) it hands over as a checkpoint; the checkpoint is durable before `acknowledge` is
 * called, and is given back to start() after a restart. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/error.h"

struct backend_overrides;
struct explanation;
struct loop;
struct transcript;

/* The life of a recording, as far as a backend takes part in it. */
enum backend_stage {
    STAGE_PREPARING,   /* probing and converting */
    STAGE_PUBLISHING,  /* sending the audio to where the service can read it */
    STAGE_SUBMITTED,   /* the service has it and has not begun */
    STAGE_RECOGNISING,
};

struct backend_job; /* one running job; made by start(), gone after finished(), failed(), postponed() or cancel() */

/* Whether the provider of a paid service has billed what it was given. Values are stored: never renumber. */
enum charge_kind {
    CHARGE_NONE = 0,      /* certainly not */
    CHARGE_POSSIBLE = 1,  /* it was sent, and nothing is known (yet) */
    CHARGE_ESTIMATED = 2, /* yes, but it did not say how much: the length of the audio is taken */
    CHARGE_BILLED = 3,    /* yes, and it said how much */
};

/* What one attempt at a job costs. The same at_ms again replaces what was said of that attempt before. */
struct backend_charge {
    int64_t at_ms; /* wall clock; its day is the one that it counts for */
    enum charge_kind kind;
    const char *model;
    int64_t billed_ms;  /* audio; while CHARGE_POSSIBLE: the most that can be billed */
    int64_t cost_micro; /* millionths of `currency` */
    char currency[4];   /* ISO 4217; "": the price is not known */
};

/* An event may start other jobs, but must not cancel its own. */
struct backend_events {
    /* done and total in the stage's own unit (milliseconds of audio, bytes); total 0 when unknown. */
    void (*progress)(void *context, enum backend_stage stage, int64_t done, int64_t total);
    /* The work can be picked up from `state` (NUL-terminated, copied). When it is durable, acknowledge(argument) is called. */
    void (*checkpoint)(void *context, const char *state, void (*acknowledge)(void *argument), void *argument);
    /* The transcript (the callee frees it) and the provider's bytes (not owned, may be NULL). The job is gone afterwards. */
    void (*finished)(void *context, struct transcript *transcript, const void *raw, size_t raw_length);
    /* The job is gone afterwards. */
    void (*failed)(void *context, const struct error *error);
    /* The text as far as it is recognised, when that changes; the end may still be corrected. May be NULL. */
    void (*partial)(void *context, const char *text);
    /* Something stays behind that the job has no more to do with: `state` (NUL-terminated, copied) is for discard(), now or
     * after a restart. May be NULL. */
    void (*left)(void *context, const char *state);
    /* Said before anything that may cost money is sent, and when more is known. Never said of what is free. May be NULL. */
    void (*charged)(void *context, const struct backend_charge *charge);
    /* Asked before anything is begun that may cost money: may so much be sent? `most`: the most that can be billed for it.
     * True: it counts as sent until charged() has told of it or the job ends. False: *error says why, and *until_ms when it
     * may be asked again (wall clock; 0: never). NULL: always. */
    bool (*may_send)(void *context, const struct backend_charge *most, struct error *error, int64_t *until_ms);
    /* As may_send() said, with its error and time; the job has cost nothing and is gone afterwards. NULL: failed(). */
    void (*postponed)(void *context, const struct error *error, int64_t until_ms);
};

/* What to transcribe. The strings must stay valid for the call to start() only. */
struct backend_request {
    int fd;                 /* the recording, open for reading at offset 0; owned by the backend from here on, also on failure */
    const char *name;       /* its name, for servers and messages: any bytes */
    const char *work_dir;   /* a directory for this job's temporary files; removed by the caller afterwards */
    const char *settings;   /* the frozen settings: canonical JSON, as backend->freeze() made it */
    const char *checkpoint; /* NULL, or the last acknowledged checkpoint of an earlier run */
};

/* A question what would be done with a recording; gone after its answer or explain_cancel(). */
struct backend_question;
/* The answer: `explanation` is the callee's, NULL when out of memory. */
typedef void backend_explained(void *context, struct explanation *explanation);

struct backend {
    const char *name; /* "local" */
    const struct backend_operations *operations;
};

struct backend_operations {
    /* The settings that decide what comes out (engine, model and its version, language …) as canonical JSON, malloc'ed:
     * content digest + this text make the key of a job and of its result. `wishes` are those of a folder (backend/overrides.h)
     * or NULL. NULL and *err when no job could be run; "folder.cannot" when it cannot do what is wished. */
    char *(*freeze)(struct backend *backend, const struct backend_overrides *wishes, struct error *err);
    /* NULL and *err when the job cannot even begin. */
    struct backend_job *(*start)(struct backend *backend, const struct backend_request *request,
                                 const struct backend_events *events, void *context, struct error *err);
    /* Stops the work; no event comes after this call. Remote work is cancelled where the service can. */
    void (*cancel)(struct backend_job *job);
    /* One line for people: "Vosk, model en-us-small" or why it cannot run. */
    int (*describe)(struct backend *backend, char *line, size_t size);
    void (*free)(struct backend *backend);
    /* As cancel(), but remote work goes on, and the job with it, later, from its last checkpoint: for the end of the daemon.
     * NULL: cancel(). */
    void (*suspend)(struct backend_job *job);
    /* Takes back what a job that will never go on has left elsewhere: what its last checkpoint names, or what was said by
     * the event left(). done() comes later, once, unless the backend is freed before; *error has class ERROR_NONE when
     * nothing is left that could be taken back, ERROR_TRANSIENT when that may work later. 0 or negative errno. NULL:
     * there never is anything. */
    int (*discard)(struct backend *backend, const char *checkpoint,
                   void (*done)(void *context, const struct error *error), void *context);
    /* Which model is taken for the recording, and why (backend/explain.h). Of *request, `work_dir` is not used, `settings`
     * NULL means those of now, and `checkpoint` may be NULL. The answer comes once, later. NULL and *err when it cannot
     * even begin. Both may be NULL: nothing to explain. */
    struct backend_question *(*explain)(struct backend *backend, const struct backend_request *request,
                                        backend_explained *answer, void *context, struct error *err);
    void (*explain_cancel)(struct backend_question *question); /* no answer comes afterwards */
};
