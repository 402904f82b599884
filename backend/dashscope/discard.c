/* What is left of a job that will never go on: its task is cancelled while that is possible, and what it
 * published is removed. Everything is known from the checkpoint; all of it can be done again without harm, so
 * whoever does not know whether it was done does it again.
 *
 * A submission that nobody knows an answer of is not looked for: its task ends by itself, and is paid for in
 * any case. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/dashscope/job.h"
#include "backend/dashscope/parse_internal.h"

#define CANCEL_MS 10000

/* One thing that is left. At most one member is set. */
struct remains {
    char *task, *object, *publish_state;
    struct remains *next;
};

struct discard {
    struct dashscope *dashscope;
    void (*done)(void *context, const struct error *error);
    void *context;
    struct remains *remains; /* the first is at work */
    struct loop_timer *timer;
    struct http_request *request;
    struct removal *removal;
    struct error error; /* the first that was met, or the worst: what may work later counts more */
    struct discard *prev, *following;
};

static void remains_free(struct remains *r)
{
    free(r->task);
    free(r->object);
    free(r->publish_state);
    free(r);
}

static void discard_free(struct discard *discard)
{
    DL_DELETE2(discard->dashscope->discards, discard, prev, following);
    http_cancel(discard->request);
    publish_remove_unattended(discard->removal);
    loop_timer_free(discard->timer);
    struct remains *r, *next;
    LL_FOREACH_SAFE(discard->remains, r, next)
    remains_free(r);
    free(discard);
}

void cloud_discards_free(struct dashscope *d)
{
    while (d->discards)
        discard_free(d->discards);
}

/* ---- what there is ---- */

static int add(struct discard *discard, const char *task, const char *object, const char *publish_state)
{
    struct remains *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->task = task ? strdup(task) : NULL;
    r->object = object ? strdup(object) : NULL;
    r->publish_state = publish_state ? strdup(publish_state) : NULL;
    LL_APPEND(discard->remains, r);
    return (task && !r->task) || (object && !r->object) || (publish_state && !r->publish_state) ? -ENOMEM : 0;
}

/* What lies in a place that is not set up any more has to wait until it is. */
static bool is_elsewhere(struct discard *discard, const cJSON *state)
{
    const struct publisher *publisher = discard->dashscope->publisher;
    const char *place = json_text(state, "place");
    if (publisher && (!place || strcmp(place, publish_place(publisher)) == 0))
        return false;
    error_set(&discard->error, ERROR_PERSON, EXDEV, "publish.place",
              "what was published lies in another place than the one that is set up now (%s)",
              place ? place : "none");
    return true;
}

static int collect(struct discard *discard, const cJSON *state)
{
    const char *task = json_text(state, "task"), *object = json_text(state, "object");
    const char *publish_state = object ? NULL : json_text(state, "publish");
    const cJSON *part;
    int rc = task ? add(discard, task, NULL, NULL) : 0;
    if (!rc && (object || publish_state) && !is_elsewhere(discard, state))
        rc = add(discard, NULL, object, publish_state);
    cJSON_ArrayForEach(part, json_get(state, "parts"))
    {
        rc = rc ? rc : collect(discard, json_get(part, "state"));
    }
    return rc;
}

/* ---- one after the other ---- */

static void next(void *arg);

static void note(struct discard *discard, const struct error *error)
{
    if (discard->error.class == ERROR_NONE || error->class == ERROR_TRANSIENT)
        discard->error = *error;
}

static void step_ended(struct discard *discard)
{
    struct remains *r = discard->remains;
    LL_DELETE(discard->remains, r);
    remains_free(r);
    loop_timer_after(discard->timer, 0);
}

/* A refusal is an answer: it runs, has ended, or is forgotten. */
static void on_cancelled(void *context, const struct http_response *response)
{
    struct discard *discard = context;
    struct error err = {0};
    discard->request = NULL;
    if (service_check(response, "cancelling a task", NULL, &err) != 0 &&
        (err.class == ERROR_TRANSIENT || response->end != HTTP_ANSWERED || response->status == 401))
        note(discard, &err);
    step_ended(discard);
}

static void on_removed(void *context, const struct error *error)
{
    struct discard *discard = context;
    discard->removal = NULL;
    if (error->class != ERROR_NONE)
        note(discard, error);
    step_ended(discard);
}

static void cancel_task(struct discard *discard, const char *task)
{
    struct error err = {0};
    char path[300];
    if (!service_task_path(task, "/cancel", path, sizeof path)) {
        step_ended(discard);
        return;
    }
    discard->request = service_send(
        &discard->dashscope->service,
        &(struct service_call){
            .method = "POST", .path = path, .total_ms = CANCEL_MS, .done = on_cancelled, .context = discard},
        &err);
    if (discard->request)
        return;
    note(discard, &err);
    step_ended(discard);
}

static void next(void *arg)
{
    struct discard *discard = arg;
    struct publisher *publisher = discard->dashscope->publisher;
    const struct remains *r = discard->remains;
    if (!r) {
        void (*done)(void *context, const struct error *error) = discard->done;
        void *context = discard->context;
        struct error error = discard->error;
        discard_free(discard);
        done(context, &error);
        return;
    }
    if (r->task) {
        cancel_task(discard, r->task);
        return;
    }
    if (r->object)
        discard->removal = publish_remove(publisher, r->object, on_removed, discard);
    else
        discard->removal = publish_discard(publisher, r->publish_state, on_removed, discard);
    if (discard->removal)
        return;
    struct error err = {0};
    error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    note(discard, &err);
    step_ended(discard);
}

int cloud_discard(struct dashscope *d, const char *state,
                  void (*done)(void *context, const struct error *error), void *context)
{
    struct discard *discard = calloc(1, sizeof *discard);
    if (!discard)
        return -ENOMEM;
    *discard = (struct discard){.dashscope = d, .done = done, .context = context};
    DL_APPEND2(d->discards, discard, prev, following);
    discard->timer = loop_timer(d->loop, next, discard);
    cJSON *json cleanup_json = cJSON_Parse(state); /* NULL: damaged, and names nothing */
    if (!discard->timer || collect(discard, json) != 0) {
        discard_free(discard);
        return -ENOMEM;
    }
    loop_timer_after(discard->timer, 0);
    return 0;
}
