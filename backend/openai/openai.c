/* The backend seen from the jobs runner: settings, the operations, and whose turn it is. */
#include "backend/openai/openai.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/http.h"
#include "backend/openai/job.h"
#include "backend/openai/wishes.h"
#include "backend/overrides.h"
#include "backend/secrets.h"

static struct openai *of(struct backend *backend)
{
    return (struct openai *)backend;
}

/* ---- the key ---- */

/* A key in the environment may be meant for OpenAI itself: it is not sent in the clear to another machine. */
char *openai_authorization(const struct openai *o, struct error *err)
{
    bool plain = strncmp(o->address, "https:", 6) != 0 && !o->is_loopback;
    struct secret_source source = {.file = o->key_file, .environment = plain ? NULL : "OPENAI_API_KEY"};
    struct secret key cleanup_secret = {.count = 0};
    char *line = NULL;
    if (!o->key_file && (plain || !getenv("OPENAI_API_KEY") || !*getenv("OPENAI_API_KEY")))
        return NULL;
    if (secret_read(&source, 1, "cloud.no_key", &key, err) != 0)
        return NULL;
    if (asprintf(&line, "Authorization: Bearer %s", key.line[0]) >= 0)
        return line;
    error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    return NULL;
}

static int check_key(const struct openai *o, struct error *err)
{
    struct error why = {0};
    secret_free(openai_authorization(o, &why));
    if (why.class == ERROR_NONE)
        return 0;
    if (err)
        *err = why;
    return -ENOKEY;
}

/* ---- turns ---- */

void openai_look(struct openai *o)
{
    int64_t pause = o->not_before - loop_now_ms();
    loop_timer_after(o->turn, pause > 0 ? pause : 0);
}

static struct backend_job *next_waiting(const struct openai *o)
{
    struct backend_job *job;
    DL_FOREACH2(o->jobs, job, following)
    {
        if (job->waits)
            return job;
    }
    return NULL;
}

/* A job that cannot send ends, and others may begin meanwhile: the list is looked at anew each time. */
static void on_turn(void *arg)
{
    struct openai *o = arg;
    struct backend_job *job;
    if (o->not_before > loop_now_ms()) {
        openai_look(o);
        return;
    }
    while (o->sending < o->parallel && (job = next_waiting(o))) {
        job->waits = false;
        openai_job_send(job);
    }
}

/* ---- the operations ---- */

static char *openai_freeze(struct backend *backend, const struct backend_overrides *overrides, struct error *err)
{
    struct openai *o = of(backend);
    struct buffer text = {0};
    struct openai_wishes w = o->wishes;
    if (override_check(overrides, READ_OPENAI, "the server", err) != 0)
        return NULL;
    if (overrides) {
        w.model = overrides->model ? overrides->model : w.model;
        w.language = overrides->language ? overrides->language : w.language;
        w.prompt = overrides->context ? overrides->context : w.prompt;
        w.words = overrides->words == OVERRIDE_UNSAID ? w.words : overrides->words == OVERRIDE_YES;
        w.stream = overrides->stream == OVERRIDE_UNSAID ? w.stream : overrides->stream == OVERRIDE_YES;
    }
    if (check_key(o, err) == 0 && openai_wishes_write(&w, &text, err) == 0)
        return buffer_take(&text);
    buffer_clear(&text);
    return NULL;
}

static struct backend_job *openai_start(struct backend *backend, const struct backend_request *request,
                                        const struct backend_events *events, void *context, struct error *err)
{
    struct openai *o = of(backend);
    if (check_key(o, err) != 0) {
        close(request->fd);
        return NULL;
    }
    return openai_job_start(o, request, events, context, err);
}

static void openai_cancel(struct backend_job *job)
{
    openai_job_stop(job);
}

static int openai_describe(struct backend *backend, char *line, size_t size)
{
    struct openai *o = of(backend);
    struct error err = {0};
    if (check_key(o, &err) != 0)
        snprintf(line, size, "the server at %s cannot be used: %s", o->host, err.detail);
    else
        snprintf(line, size, "the server at %s, model %s", o->host,
                 o->wishes.model ? o->wishes.model : "whisper-1");
    return 0;
}

static void openai_free(struct backend *backend)
{
    struct openai *o = of(backend);
    while (o->jobs)
        openai_job_stop(o->jobs);
    loop_timer_free(o->turn);
    openai_wishes_clear(&o->wishes);
    free(o->address);
    free(o->host);
    free(o->key_file);
    free(o);
}

static const struct backend_operations operations = {
    .freeze = openai_freeze,
    .start = openai_start,
    .cancel = openai_cancel,
    .describe = openai_describe,
    .free = openai_free,
};

/* ---- settings ---- */

static int wrong(struct error *err, const char *what)
{
    return error_set(err, ERROR_PERSON, EINVAL, "cloud.settings", "%s", what);
}

static int check(const struct openai_settings *s, struct error *err)
{
    const struct openai_wishes *w = &s->wishes;
    if (!w->url || !*w->url)
        return wrong(err, "the address of the server (url) is missing");
    bool https = strncmp(w->url, "https://", 8) == 0;
    if (!https && strncmp(w->url, "http://", 7) != 0)
        return wrong(err, "the address of the server must begin with https:// or http://");
    if (!https && !s->insecure && !http_is_loopback(w->url))
        return wrong(err, "the address of the server must begin with https://, or insecure be yes");
    if (s->currency && (strlen(s->currency) != 3 || strspn(s->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3))
        return wrong(err, "currency is three capital letters, as in USD");
    if (w->temperature > 1)
        return wrong(err, "temperature is a number from 0 to 1");
    return 0;
}

static int set_up(struct openai *o, const struct openai_settings *s, struct error *err)
{
    int rc = check(s, err);
    rc = rc ? rc : openai_wishes_copy(&s->wishes, &o->wishes, err);
    if (rc)
        return rc;
    o->address = openai_address(o->wishes.url);
    o->host = openai_host(o->wishes.url);
    o->key_file = s->key_file ? strdup(s->key_file) : NULL;
    o->turn = loop_timer(o->loop, on_turn, o);
    if (!o->address || !o->host || (s->key_file && !o->key_file) || !o->turn)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    if (strchr(o->host, '@'))
        return wrong(err, "a name or password does not belong into the address of the server");
    o->is_loopback = http_is_loopback(o->address);
    o->mode = openai_first_mode(&o->wishes);
    return 0;
}

struct backend *openai_backend_new(struct loop *loop, struct http *http,
                                   const struct openai_settings *settings, struct error *err)
{
    struct openai *o = calloc(1, sizeof *o);
    if (!o) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
        return NULL;
    }
    int64_t seconds = openai_model_seconds(settings->wishes.model);
    o->backend = (struct backend){.name = "openai", .operations = &operations};
    o->loop = loop;
    o->http = http;
    o->preparer = settings->preparer;
    o->insecure = settings->insecure;
    o->price_per_minute = settings->price_per_minute;
    snprintf(o->currency, sizeof o->currency, "%s", settings->currency ? settings->currency : "USD");
    o->max_bytes = settings->max_bytes ? settings->max_bytes : OPENAI_MAX_BYTES;
    o->max_seconds = settings->max_seconds ? settings->max_seconds : seconds;
    o->parallel = settings->parallel ? settings->parallel : OPENAI_PARALLEL;
    if (set_up(o, settings, err) != 0) {
        openai_free(&o->backend);
        return NULL;
    }
    return &o->backend;
}
