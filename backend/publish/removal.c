/* Removing what was published. It is tried a few times with growing pauses; what still stays then is reported
 * to who asked. */
#include "backend/publish/removal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "backend/base/loop.h"
#include "backend/publish/publish_internal.h"

enum { MOST_ATTEMPTS = 5 };
#define FIRST_DELAY_MS 500

struct removal {
    struct publisher *publisher;
    char *object, *upload; /* upload: only that is given up */
    void (*done)(void *context, const struct error *error);
    void *context;
    struct loop_timer *timer;
    struct http_request *request;
    int attempts;
    struct removal *prev, *next;
};

static void removal_free(struct removal *r)
{
    http_cancel(r->request);
    loop_timer_free(r->timer);
    DL_DELETE(r->publisher->removals, r);
    free(r->object);
    free(r->upload);
    free(r);
}

void removals_free(struct publisher *publisher)
{
    while (publisher->removals)
        removal_free(publisher->removals);
}

static void end(struct removal *r, const struct error *error)
{
    void (*done)(void *context, const struct error *error) = r->done;
    void *context = r->context;
    struct error copy = *error;
    removal_free(r);
    if (done)
        done(context, &copy);
}

static void failed(struct removal *r, const struct error *error)
{
    if (error->class != ERROR_TRANSIENT || ++r->attempts >= MOST_ATTEMPTS)
        end(r, error);
    else
        loop_timer_after(r->timer, (int64_t)FIRST_DELAY_MS << (r->attempts - 1));
}

/* What is not there any more is as good as removed. */
static void answered(void *context, const struct http_response *response)
{
    struct removal *r = context;
    r->request = NULL;
    bool gone = response->end == HTTP_ANSWERED &&
                ((response->status >= 200 && response->status <= 299) || response->status == 404);
    struct error err = {0};
    if (!gone) {
        storage_error(response, "removing the published recording", &err);
        failed(r, &err);
        return;
    }
    end(r, &err);
}

static bool needs_request(const struct publisher *p, bool upload)
{
    return (p->settings.kind == PUBLISH_OSS || p->settings.kind == PUBLISH_S3) &&
           (upload || !p->settings.keep);
}

static void go(void *arg)
{
    struct removal *r = arg;
    struct error err = {0};
    if (!needs_request(r->publisher, r->upload)) {
        end(r, &err);
        return;
    }
    struct signature_field query = {"uploadId", r->upload ? r->upload : ""};
    r->request = bucket_send(r->publisher,
                             &(struct bucket_call){.method = "DELETE",
                                                   .object = r->object,
                                                   .query = &query,
                                                   .query_count = r->upload ? 1 : 0,
                                                   .done = answered,
                                                   .context = r},
                             &err);
    if (!r->request)
        failed(r, &err);
}

static struct removal *removal_new(struct publisher *publisher, const char *object, const char *upload)
{
    struct removal *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->publisher = publisher;
    DL_APPEND(publisher->removals, r);
    r->object = strdup(object);
    r->upload = upload ? strdup(upload) : NULL;
    r->timer = loop_timer(publisher->loop, go, r);
    if (!r->object || (upload && !r->upload) || !r->timer) {
        removal_free(r);
        return NULL;
    }
    loop_timer_after(r->timer, 0);
    return r;
}

struct removal *publish_remove(struct publisher *publisher, const char *object,
                               void (*done)(void *context, const struct error *error), void *context)
{
    struct removal *r = removal_new(publisher, object, NULL);
    if (r) {
        r->done = done;
        r->context = context;
    }
    return r;
}

void publish_remove_unattended(struct removal *r)
{
    if (r)
        r->done = NULL;
}

void removal_of_upload(struct publisher *publisher, const char *object, const char *upload)
{
    removal_new(publisher, object, upload);
}

void publish_discard(struct publisher *publisher, const char *state)
{
    cJSON *json = cJSON_Parse(state);
    const char *object = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "object"));
    const char *upload = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "upload"));
    if (object && upload)
        removal_of_upload(publisher, object, upload);
    if (object)
        publish_remove(publisher, object, NULL, NULL);
    cJSON_Delete(json);
}
