/* What the ways of publishing share: the publisher, a recording on its way, retries, and calls to a bucket.
 */
#pragma once

#include "backend/http.h"
#include "backend/publish/publish.h"
#include "backend/publish/signature.h"

struct publish_way;
struct removal;

struct publisher {
    struct loop *loop;
    struct http *http;
    struct publish_settings settings; /* every text is the publisher's own */
    const struct publish_way *way;
    char *host, *path; /* of the bucket's endpoint: host with port, and what stands before the key */
    char *place;       /* for publish_place() */
    struct publication *publications;
    struct removal *removals;
};

struct publication {
    struct publisher *publisher;
    struct publish_events events;
    void *context;
    int fd;
    int64_t size, mtime_ns; /* as they were at the start */
    char *name;             /* path of the recording */
    char *object;
    struct loop_timer *timer;
    void (*next)(struct publication *publication); /* what the timer does */
    struct http_request *request;
    int attempts; /* failed ones of this step */
    int64_t sent; /* bytes that are over there already */
    void *work;   /* of the way */
    struct publication *prev, *before;
};

/* One way of publishing. */
struct publish_way {
    /* Prepares; the first step is next(), called by the timer. */
    int (*start)(struct publication *publication, const struct publish_request *request, struct error *err);
    /* Frees `work`; with `undo` what is half there is removed. */
    void (*stop)(struct publication *publication, bool undo);
    char *(*address)(struct publisher *publisher, const char *object, struct error *err);
};

extern const struct publish_way publish_temporary, publish_bucket;

/* Ends of a publication; it is gone afterwards. The first fails it instead when the recording has changed. */
void publication_done(struct publication *publication, int64_t expires_ms);
void publication_failed(struct publication *publication, const struct error *error);
/* Tries `next` again after a while if that may help (a transient error, and not too often yet); else it has
 * failed. */
void publication_again(struct publication *publication, const struct error *error,
                       void (*next)(struct publication *publication));
/* `next` as soon as the loop comes to it. */
void publication_soon(struct publication *publication, void (*next)(struct publication *publication));
/* Reports the bytes of the running request on top of those that are there. */
void publication_progress(void *publication, int64_t sent, int64_t received);
/* A new object name: prefix, 32 random hexadecimal digits, the ending of the recording's name. NULL: out of
 * memory. */
char *publication_object(const char *prefix, const char *recording);

/* A request to the bucket of OSS or S3. */
struct bucket_call {
    const char *method, *object;
    const struct signature_field *query;
    size_t query_count;
    const char *content_type; /* NULL: none */
    const void *body;
    size_t body_length;
    const struct http_range *range;
    void (*on_progress)(void *context, int64_t sent, int64_t received);
    void (*done)(void *context, const struct http_response *response);
    void *context;
};
struct http_request *bucket_send(struct publisher *publisher, const struct bucket_call *call,
                                 struct error *err);
char *bucket_address(struct publisher *publisher, const char *object, struct error *err);

/* What an answer of object storage means when it is not the one that was hoped for. */
void storage_error(const struct http_response *response, const char *doing, struct error *err);
/* The text of the first element of that name in an XML body; 0 or -ENOENT. */
int storage_xml(const char *xml, const char *name, char *text, size_t size);
