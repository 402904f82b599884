/* HTTP requests on the jobs loop: libcurl's multi interface, one thread, connections kept and reused.
 *
 * This layer gives facts and takes no decisions: a status of 500 is an exchange that worked. Safe by default:
 * https only (plain http to this machine itself), TLS 1.2 or later, certificates verified, no redirects, none
 * at all from https to http, no cookies, no netrc, sizes and times bounded; nothing is taken from the
 * environment. A proxy sees only where an https request goes: its headers and body are inside the tunnel. No
 * message repeats headers or addresses, so that no secret gets into a log.
 *
 * All callbacks run on the loop's thread and outside libcurl: they may start and cancel any request, also
 * their own. None is called from inside http_start() or http_cancel(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/error.h"

struct http;
struct http_request;
struct loop;

struct http_config {
    const char *user_agent; /* NULL: "scribefs" */
    const char *ca_file;    /* PEM file of trusted authorities; NULL: the system's */
    const char *proxy;      /* "[SCHEME://][USER:PASSWORD@]HOST[:PORT]"; NULL: none */
    const char *no_proxy;   /* hosts and domains that need none, commas between; NULL: this machine only */
};

/* How an exchange ended. */
enum http_end {
    HTTP_ANSWERED,      /* an answer came whole, whatever its status */
    HTTP_NO_CONNECTION, /* no address, no connection or no TLS session: the other side got nothing */
    HTTP_UNTRUSTED,     /* its certificate is not to be trusted: the other side got nothing */
    HTTP_BROKEN,        /* the connection broke, or the answer is no HTTP */
    HTTP_TIMEOUT,       /* too slow, or too long altogether */
    HTTP_TOO_LARGE,     /* the answer is larger than the limit */
    HTTP_SOURCE,   /* the body to be sent could not be read (`sys`; ENODATA: it is shorter than it was) */
    HTTP_INTERNAL, /* out of memory or the like */
};

struct http_response {
    enum http_end end;
    int status;             /* 0: no answer began */
    int curl_code;          /* the CURLcode behind `end` */
    int sys;                /* errno behind `end`, or 0 */
    bool sent;              /* part of the request left this machine: it may have been carried out */
    const char *body;       /* what on_data did not get: never NULL, followed by a NUL */
    size_t length;          /* of body */
    int64_t bytes_sent;     /* of the body */
    int64_t bytes_received; /* of the body */
    int64_t retry_after_ms; /* what the Retry-After header asks for, a year at most; negative: nothing */
    char detail[200];       /* English, one line, when `end` is not HTTP_ANSWERED */
    const void *headers;    /* for http_header() */
};

/* The value of the last header of that name (any case), or NULL. */
const char *http_header(const struct http_response *response, const char *name);

/* `length` bytes of a file from `offset`, read with pread(). The descriptor stays the caller's and open until
 * the end. */
struct http_range {
    int fd;
    int64_t offset, length;
};

/* One part of a multipart/form-data body: a text, or with `file_name` a file. */
struct http_part {
    const char *name;
    const char *value; /* text */
    struct http_range file;
    const char *file_name;
    const char *content_type; /* of a file; NULL: none is said */
};

/* What to send. Everything but `context` and descriptors is copied by http_start(). */
struct http_call {
    const char *method;         /* "GET", "HEAD", "POST", "PUT", "DELETE" */
    const char *url;            /* sent byte for byte as it is */
    const char *const *headers; /* "Name: value", the last one NULL; NULL: none */
    const void *body;           /* at most one of body, range and parts */
    size_t body_length;
    const struct http_range *range;
    const struct http_part *parts;
    size_t part_count;

    bool plain_http; /* http is fine, also to other machines: for addresses the service gave us */
    bool redirects;  /* follow up to 5; a header Authorization stays with the first host */
    bool once; /* never sent twice, not even when a kept connection turns out to be dead: for what costs money
                */

    size_t response_limit; /* bytes of body; 0: 16 MiB */
    int64_t connect_ms;    /* 0: 10 s */
    int64_t total_ms;      /* 0: 300 s, negative: no limit */
    int low_speed_seconds; /* so long fewer than 10 bytes a second in both directions: it is given up; 0: 60
                            */

    /* Body of an answer with a status of 200 to 299, as it comes; NULL: kept in the response. May cancel the
     * request. */
    void (*on_data)(void *context, const struct http_response *so_far, const char *data, size_t length);
    /* Now and then while a body goes out or comes in; may be NULL. */
    void (*on_progress)(void *context, int64_t sent, int64_t received);
    /* Once, at the end; the response is valid during the call and the request is gone after it. May be NULL.
     */
    void (*done)(void *context, const struct http_response *response);
    void *context;
};

/* Copies the configuration. 0 or negative errno: -EINVAL, -ENOENT, -EACCES … when nothing can be read from
 * ca_file. */
int http_new(struct loop *loop, const struct http_config *config, struct http **out);
/* Cancels what is running. Not from inside a callback. */
void http_free(struct http *http);
/* NULL and *err (code "http.request") when it cannot even begin: an address that is refused, or no memory. */
struct http_request *http_start(struct http *http, const struct http_call *call, struct error *err);
/* No callback comes after this; the request is gone. NULL is fine. */
void http_cancel(struct http_request *request);

/* True if the address is http(s) to this machine itself (127.0.0.0/8, ::1, localhost). */
bool http_is_loopback(const char *url);
