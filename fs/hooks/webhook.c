/* Posting the messages of hooks. */
#include "fs/hooks/webhook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/http.h"
#include "backend/secrets.h"
#include "fs/hooks/hooks.h"
#include "fs/hooks/message.h"

enum {
    TOTAL_MS = 30000,
    ANSWER_MOST = 64 << 10,
    GONE = 410,
};

struct webhook {
    struct http *http;
    char *url, *secret_file;
    bool text;
};

struct webhook_call {
    struct http_request *request;
    hook_ended *ended;
    void *context;
};

static void on_done(void *context, const struct http_response *r)
{
    struct webhook_call *call = context;
    char detail[300];
    bool answered = r->end == HTTP_ANSWERED;
    bool good = answered && r->status >= 200 && r->status < 300;
    if (answered)
        snprintf(detail, sizeof detail, "the server answered with status %d", r->status);
    else
        snprintf(detail, sizeof detail, "%s", r->detail);
    struct hook_outcome outcome = {.delivered = good,
                                   .again = !good && !(answered && r->status == GONE),
                                   .retry_after_ms = r->retry_after_ms > 0 ? r->retry_after_ms : 0,
                                   .detail = detail};
    hook_ended *ended = call->ended;
    void *to = call->context;
    free(call);
    ended(to, &outcome);
}

/* The three headers of the specification. */
static int put_headers(const struct webhook *w, const char *id, const char *body, struct buffer headers[3], struct error *err)
{
    int64_t now = (int64_t)time(NULL);
    buffer_printf(&headers[0], "webhook-id: %s", id);
    buffer_printf(&headers[1], "webhook-timestamp: %lld", (long long)now);
    if (w->secret_file) {
        cleanup_secret struct secret secret = {0};
        int rc = secret_read(&(struct secret_source){.file = w->secret_file}, 1, "hook.secret", &secret, err);
        if (rc != 0)
            return rc;
        buffer_puts(&headers[2], "webhook-signature: ");
        rc = hook_sign(secret.line[0], id, now, body, &headers[2]);
        if (rc == -EINVAL)
            return error_set(err, ERROR_PERSON, EINVAL, "hook.secret", "%s: what follows whsec_ is no base64", w->secret_file);
    }
    for (int i = 0; i < 3; i++)
        if (headers[i].failed)
            return error_set(err, ERROR_TRANSIENT, ENOMEM, "hook.memory", "out of memory");
    return 0;
}

struct webhook_call *webhook_send(struct webhook *w, const char *id, const char *body, hook_ended *ended, void *context,
                                  struct error *err)
{
    struct buffer headers[3] = {{0}};
    struct webhook_call *call = NULL;
    if (put_headers(w, id, body, headers, err) == 0 && !(call = calloc(1, sizeof *call)))
        error_set(err, ERROR_TRANSIENT, ENOMEM, "hook.memory", "out of memory");
    if (call) {
        const char *const lines[] = {"Content-Type: application/json", headers[0].data, headers[1].data,
                                     w->secret_file ? headers[2].data : NULL, NULL};
        *call = (struct webhook_call){.ended = ended, .context = context};
        call->request = http_start(w->http,
                                   &(struct http_call){.method = "POST",
                                                       .url = w->url,
                                                       .headers = lines,
                                                       .body = body,
                                                       .body_length = strlen(body),
                                                       .response_limit = ANSWER_MOST,
                                                       .total_ms = TOTAL_MS,
                                                       .done = on_done,
                                                       .context = call},
                                   err);
        if (!call->request) {
            free(call);
            call = NULL;
        }
    }
    for (int i = 0; i < 3; i++)
        buffer_clear(&headers[i]);
    return call;
}

void webhook_cancel(struct webhook_call *call)
{
    if (!call)
        return;
    http_cancel(call->request);
    free(call);
}

/* ---- settings ---- */

bool webhook_wants_text(const struct webhook *w)
{
    return w && w->text;
}

bool webhook_stays_here(const struct webhook *w)
{
    return http_is_loopback(w->url);
}

static int check_address(const char *url, struct error *err)
{
    bool safe = strncmp(url, "https://", 8) == 0 || (strncmp(url, "http://", 7) == 0 && http_is_loopback(url));
    const char *host = strstr(url, "://");
    const char *at = host ? strpbrk(host + 3, "@/?#") : NULL;
    if (at && *at == '@')
        return error_set(err, ERROR_PERSON, EINVAL, "config.value",
                         "webhook_url: a name and a password do not belong there; webhook_secret_file signs instead");
    if (!safe)
        return error_set(err, ERROR_PERSON, EINVAL, "config.value",
                         "webhook_url=%s: an address with https:// is needed, or http:// to this machine", url);
    return 0;
}

int webhook_new(const struct hooks_config *config, struct webhook **out, struct error *err)
{
    const struct hooks_settings *s = config->settings;
    *out = NULL;
    if (!s->webhook_url)
        return 0;
    int rc = check_address(s->webhook_url, err);
    if (rc != 0)
        return rc;
    struct webhook *w = calloc(1, sizeof *w);
    if (!w)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "start.memory", "out of memory");
    w->url = strdup(s->webhook_url);
    w->secret_file = s->webhook_secret_file ? strdup(s->webhook_secret_file) : NULL;
    w->text = s->webhook_text;
    if (!w->url || (s->webhook_secret_file && !w->secret_file)) {
        webhook_free(w);
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "start.memory", "out of memory");
    }
    rc = http_new(config->loop, config->network, &w->http);
    if (rc != 0) {
        error_set(err, ERROR_PERSON, -rc, "config.value", "ca_file=%s: %s",
                  config->network->ca_file ? config->network->ca_file : "", strerror(-rc));
        webhook_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

void webhook_free(struct webhook *w)
{
    if (!w)
        return;
    if (w->http)
        http_free(w->http);
    free(w->url);
    free(w->secret_file);
    free(w);
}
