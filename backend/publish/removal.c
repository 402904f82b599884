/* Removing what was published. It is tried a few times with growing pauses; what still stays then is reported
 * to who asked. */
#include "backend/publish/removal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/publish/publish_internal.h"

enum { MOST_ATTEMPTS = 5, MOST_LOOKS = 20 };
#define FIRST_DELAY_MS 500

struct removal {
    struct publisher *publisher;
    char *object, *upload; /* upload: that is given up … */
    bool object_too;       /* … and the object afterwards; without an upload: the object */
    int looks;             /* for uploads under that name whose id is not known: so often at most */
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

static void next(struct removal *r)
{
    free(r->upload);
    r->upload = NULL;
    r->attempts = 0;
    loop_timer_after(r->timer, 0);
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
    if (r->upload && r->object_too)
        next(r);
    else
        end(r, &err);
}

/* There was a request that begins an upload, and nobody knows whether it arrived. */
static void listed(void *context, const struct http_response *response)
{
    struct removal *r = context;
    struct error err = {0};
    char id[512];
    r->request = NULL;
    if (response->end != HTTP_ANSWERED || response->status >= 500) {
        storage_error(response, "looking for uploads", &err);
        failed(r, &err);
        return;
    }
    r->looks--;
    next(r);
    if (response->status == 200 && storage_xml(response->body, "UploadId", id, sizeof id) == 0)
        r->upload = strdup(id);
    else
        r->looks = 0; /* there is none, or it is not for us to know */
}

static bool needs_request(const struct publisher *p, const struct removal *r)
{
    return (p->settings.kind == PUBLISH_OSS || p->settings.kind == PUBLISH_S3) && r->object[0] &&
           (r->upload || r->looks > 0 || !p->settings.keep);
}

static void go(void *arg)
{
    struct removal *r = arg;
    struct error err = {0};
    if (!needs_request(r->publisher, r)) {
        end(r, &err);
        return;
    }
    struct signature_field upload = {"uploadId", r->upload ? r->upload : ""};
    struct signature_field uploads[] = {{"prefix", r->object}, {"uploads", ""}};
    bool looks = !r->upload && r->looks > 0;
    r->request = bucket_send(r->publisher,
                             &(struct bucket_call){.method = looks ? "GET" : "DELETE",
                                                   .object = looks ? "" : r->object,
                                                   .query = looks ? uploads : &upload,
                                                   .query_count = looks ? 2 : r->upload ? 1 : 0,
                                                   .done = looks ? listed : answered,
                                                   .context = r},
                             &err);
    if (!r->request)
        failed(r, &err);
}

static struct removal *removal_new(struct publisher *publisher, const char *object, const char *upload,
                                   bool object_too)
{
    struct removal *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->publisher = publisher;
    r->object_too = object_too;
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

static struct removal *remove_all(struct publisher *publisher, const char *object, const char *upload,
                                  void (*done)(void *context, const struct error *error), void *context)
{
    struct removal *r = removal_new(publisher, object, upload, true);
    if (r) {
        r->done = done;
        r->context = context;
    }
    return r;
}

struct removal *publish_remove(struct publisher *publisher, const char *object,
                               void (*done)(void *context, const struct error *error), void *context)
{
    return remove_all(publisher, object, NULL, done, context);
}

void publish_remove_unattended(struct removal *r)
{
    if (r)
        r->done = NULL;
}

void removal_of_upload(struct publisher *publisher, const char *object, const char *upload)
{
    removal_new(publisher, object, upload, false);
}

/* A state that names no object leaves nothing to remove: then there is no request. */
struct removal *publish_discard(struct publisher *publisher, const char *state,
                                void (*done)(void *context, const struct error *error), void *context)
{
    cJSON *json = cJSON_Parse(state);
    const char *object = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "object"));
    const char *upload = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "upload"));
    struct removal *r =
        remove_all(publisher, object ? object : "", object && upload ? upload : NULL, done, context);
    if (r && !upload && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "parts")))
        r->looks = MOST_LOOKS;
    cJSON_Delete(json);
    return r;
}
