/* Answers the question why a recording is transcribed by this model and not by another, for the control
 * socket. On the jobs loop's thread. */
#pragma once

#include <cjson/cJSON.h>

#include "backend/base/error.h"

struct backend;
struct explainer;
struct explaining; /* one question; gone after its answer or explain_cancel() */
struct library;
struct loop;
struct results;

struct explainer_config {
    struct loop *loop; /* stays the caller's, like everything here */
    int inbox_fd;
    struct library *library;
    struct results *results; /* where finished recordings say who transcribed them */
    struct backend *const *backends;
    int backend_count;
    struct backend *chosen; /* for new recordings … */
    const char *why_chosen; /* … and why, in half a sentence */
    unsigned wishes; /* FEATURE_ …: of the settings for the cloud; what is done here gets none of them */
};

/* Copies the configuration, not what it points to. NULL when out of memory. */
struct explainer *explainer_new(const struct explainer_config *config);
/* Cancels what is under way. Before the backends are freed. NULL is fine. */
void explainer_free(struct explainer *explainer);

/* Asks about the recording at `path`, relative to the inbox. The answer comes once, later: an object as
 * fs/control.h describes it (the callee's), or NULL when out of memory. NULL and *err when it cannot even
 * begin: code "not_found", "request" (a folder, an empty file), "busy", "failed" or "memory". */
typedef void explained(void *to, cJSON *answer);
struct explaining *explain_start(struct explainer *explainer, const char *path, explained *answer, void *to,
                                 struct error *err);
void explain_cancel(struct explaining *explaining); /* no answer comes afterwards */
