/* The service's address and key, and requests to it. */
#pragma once

#include "backend/dashscope/dashscope.h"
#include "backend/dashscope/parse.h"
#include "backend/http.h"

struct service {
    struct http *http;
    char *base;      /* "https://dashscope.aliyuncs.com" */
    char *workspace; /* for the header of the shared hosts, or NULL */
    char *key_file;  /* or NULL */
    char *result_hosts;
};

/* 0, or a negative errno and *err ("cloud.settings"). */
int service_init(struct service *service, struct http *http, const struct dashscope_settings *settings,
                 struct error *err);
void service_clear(struct service *service);

/* "Authorization: Bearer …", malloc'ed: secret_free() it. NULL and *err ("cloud.no_key"). */
char *service_authorization(const struct service *service, struct error *err);

struct service_call {
    const char *method, *path; /* "/api/v1/…", with its query */
    const void *body;          /* JSON */
    size_t body_length;
    bool task;     /* to be carried out as a task */
    bool stream;   /* the answer is to grow */
    bool resolves; /* the body holds an address "oss://" */
    bool once;     /* see struct http_call */
    int64_t total_ms;
    int patience_seconds; /* silence is fine for so long; 0: 60 */
    size_t response_limit;
    void (*on_data)(void *context, const struct http_response *so_far, const char *data, size_t length);
    void (*done)(void *context, const struct http_response *response);
    void *context;
};
struct http_request *service_send(const struct service *service, const struct service_call *call,
                                  struct error *err);

/* 0 if the exchange ended with status 200; else a negative errno, and *err says what that means. `words`, if
 * not NULL, gets what the service said. */
int service_check(const struct http_response *response, const char *doing, struct fault_text *words,
                  struct error *err);
/* True if the failure says "too many requests": that concerns all of the account. */
bool service_is_busy(const struct http_response *response);
/* "/api/v1/tasks/ID" + suffix. False when the id is not one that may stand in a path: it is the service's,
 * and it may be anything. */
bool service_task_path(const char *task_id, const char *suffix, char *path, size_t size);
/* A result may be fetched from this address: http(s), a host of the list, or this machine if the service is
 * here as well. */
bool service_may_fetch(const struct service *service, const char *url);
