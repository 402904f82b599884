/* Asks the service about a task that does not exist: that needs a valid key, and bills nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "backend/dashscope/dashscope.h"
#include "backend/dashscope/service.h"

#define TASK "00000000-0000-0000-0000-000000000000"
#define PATIENCE_MS 20000

struct dashscope_check {
    struct service service;
    void (*done)(void *context, const struct error *err, int64_t server_time_s);
    void *context;
};

static void on_answer(void *context, const struct http_response *response)
{
    struct dashscope_check *c = context;
    struct error err = {0};
    const char *date = http_header(response, "date");
    time_t at = date ? curl_getdate(date, NULL) : -1;
    /* Whatever it says of the task: it knows the key. */
    bool known = response->end == HTTP_ANSWERED && (response->status == 400 || response->status == 404);
    if (!known)
        service_check(response, "asking the service", NULL, &err);
    c->done(c->context, &err, at > 0 ? (int64_t)at : 0);
    service_clear(&c->service);
    free(c);
}

int dashscope_check_start(struct http *http, const struct dashscope_settings *settings,
                          void (*done)(void *context, const struct error *err, int64_t server_time_s), void *context,
                          struct error *err)
{
    struct dashscope_check *c = calloc(1, sizeof *c);
    if (!c)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    c->done = done;
    c->context = context;
    int rc = service_init(&c->service, http, settings, err);
    const struct service_call call = {
        .method = "GET", .path = "/api/v1/tasks/" TASK, .total_ms = PATIENCE_MS, .done = on_answer, .context = c};
    if (rc == 0 && !service_send(&c->service, &call, err))
        rc = -EIO;
    if (rc != 0) {
        service_clear(&c->service);
        free(c);
    }
    return rc;
}
