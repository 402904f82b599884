/* Publishing: putting a recording where the service can fetch it. One interface for the provider's temporary
 * storage, the user's own bucket (OSS or anything that speaks S3), and a folder that a web server already
 * serves.
 *
 * What was published is known by an object name; the address the service gets is made from it when it is
 * needed, since it carries a signature that expires and must not be kept anywhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/error.h"

struct http;
struct loop;
struct publisher;
struct removal;     /* one object being removed; gone after done() */
struct publication; /* one recording on its way; made by publish_start(), gone after done(), failed() or
                       publish_cancel() */

enum publish_kind {
    PUBLISH_NONE,
    PUBLISH_TEMPORARY, /* the provider's storage for 48 hours */
    PUBLISH_OSS,       /* a bucket of Alibaba Cloud OSS */
    PUBLISH_S3,        /* a bucket of anything that speaks S3 */
    PUBLISH_URL,       /* already reachable under a web address */
};

struct publish_settings {
    enum publish_kind kind;
    /* OSS and S3 */
    const char *endpoint;  /* address of the bucket: "https://BUCKET.oss-cn-hangzhou.aliyuncs.com",
                              "https://s3.example/BUCKET" */
    const char *bucket;    /* its name */
    const char *region;    /* "cn-hangzhou"; NULL: "us-east-1" for S3 */
    const char *prefix;    /* of object names; NULL: "scribefs/" */
    const char *key_file;  /* lines: key id, secret, token if there is one; NULL: OSS_ACCESS_KEY_ID … or
                              AWS_ACCESS_KEY_ID … */
    bool old_signatures;   /* OSS: V1 instead of V4 */
    bool keep;             /* published recordings are not removed after use */
    int64_t valid_seconds; /* of the addresses; 0: 24 hours; at most 7 days */
    int64_t part_bytes;    /* larger recordings go in parts of this size; 0: 32 MiB */
    /* URL */
    const char *base_url; /* what the inbox is reachable under */
};

/* Copies the settings. NULL and *err (class ERROR_PERSON, "publish.settings") when they make no sense. */
struct publisher *publisher_new(struct loop *loop, struct http *http, const struct publish_settings *settings,
                                struct error *err);
/* Cancels what runs. */
void publisher_free(struct publisher *publisher);

struct publish_request {
    int fd;            /* the recording; stays the caller's and open until the end */
    const char *path;  /* its path inside the inbox, bytes: for the address (URL) and the ending of the
                          object's name */
    const char *state; /* the last checkpoint of an earlier try with the same recording, or NULL */
    /* PUBLISH_TEMPORARY only: */
    const char *service;       /* "https://dashscope.aliyuncs.com" */
    const char *authorization; /* "Authorization: Bearer …" */
    const char *model;         /* the one that will fetch it */
};

struct publish_events {
    /* Bytes; may be NULL. */
    void (*progress)(void *context, int64_t sent, int64_t total);
    /* From here on `state` (text without secrets, copied) saves repeating what is done, and names what is to
     * be removed. */
    void (*checkpoint)(void *context, const char *state);
    /* The recording is at `object`; expires_ms: wall clock, 0: it stays. */
    void (*done)(void *context, const char *object, int64_t expires_ms);
    void (*failed)(void *context, const struct error *error);
};

/* NULL and *err when it cannot even begin. No event comes from inside this call. */
struct publication *publish_start(struct publisher *publisher, const struct publish_request *request,
                                  const struct publish_events *events, void *context, struct error *err);
/* No event comes after this call. What is half published stays for another try, unless `undo`: then it is
 * removed, soon. */
void publish_cancel(struct publication *publication, bool undo);

/* The address for the service, signed anew: malloc'ed (wipe it after use), or NULL and *err. It begins with
 * "oss://" for temporary storage. */
char *publish_address(struct publisher *publisher, const char *object, struct error *err);

/* Removes the object, if that was asked for and can be done at all; tries a few times. done() comes later,
 * once, also when there was nothing to do; *error has class ERROR_NONE when the object is gone. done may be
 * NULL. NULL when out of memory. */
struct removal *publish_remove(struct publisher *publisher, const char *object,
                               void (*done)(void *context, const struct error *error), void *context);
/* It goes on, but done() does not come. NULL is fine. */
void publish_remove_unattended(struct removal *removal);
/* The same for what a state of publish_events.checkpoint() has left there, if it is not to be gone on with: the
 * upload that was begun, and the object. */
struct removal *publish_discard(struct publisher *publisher, const char *state,
                                void (*done)(void *context, const struct error *error), void *context);
/* Where objects are: kind and address, without secrets. What was published while another text was said is not
 * there. Valid as long as the publisher. */
const char *publish_place(const struct publisher *publisher);
/* True if what is published at that place stays there until it is removed. */
bool publish_place_keeps(const char *place);
