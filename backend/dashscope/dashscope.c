/* The cloud backend seen from the jobs runner: settings, the parts all jobs share, and the operations of a
 * backend. */
#include "backend/dashscope/dashscope.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/dashscope/budget.h"
#include "backend/dashscope/callback.h"
#include "backend/dashscope/context.h"
#include "backend/dashscope/job.h"
#include "backend/dashscope/request.h"
#include "backend/dashscope/strangers.h"
#include "backend/dashscope/vocabulary.h"
#include "backend/overrides.h"
#include "backend/secrets.h"

enum { QUERIES = 20, MOST_QUERIES = 100 }; /* a second: what an account has, and what it can be given */
#define POLL_MS 2000

static struct dashscope *of(struct backend *backend)
{
    return (struct dashscope *)backend;
}

/* ---- the operations ---- */

static int check_key(const struct dashscope *d, struct error *err)
{
    char *authorization = service_authorization(&d->service, err);
    if (!authorization)
        return -ENOKEY;
    secret_free(authorization);
    return 0;
}

static bool switched(bool here, enum override_switch wish)
{
    return wish == OVERRIDE_UNSAID ? here : wish == OVERRIDE_YES;
}

/* Our own wishes with those of a folder over them; the texts stay theirs. */
static struct dashscope_wishes with_overrides(const struct dashscope_wishes *own, const struct backend_overrides *o)
{
    struct dashscope_wishes w = *own;
    if (o->hotwords || o->vocabulary_id)
        w.hotwords = w.vocabulary_id = NULL; /* the one excludes the other */
    const struct {
        const char **field;
        const char *wish;
    } texts[] = {{&w.model, o->model},
                 {&w.language, o->language},
                 {&w.channels, o->channels},
                 {&w.vocabulary_id, o->vocabulary_id},
                 {&w.hotwords, o->hotwords},
                 {&w.word_filter, o->word_filter},
                 {&w.context, o->context}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].wish)
            *texts[i].field = texts[i].wish;
    w.words = switched(w.words, o->words);
    w.speakers = switched(w.speakers, o->speakers);
    w.emotion = switched(w.emotion, o->emotion);
    w.itn = switched(w.itn, o->itn);
    w.disfluency = switched(w.disfluency, o->disfluency);
    w.alignment = switched(w.alignment, o->alignment);
    w.stream = switched(w.stream, o->stream);
    w.speaker_count = !w.speakers ? 0 : o->speaker_count ? o->speaker_count : w.speaker_count;
    return w;
}

/* What is found out before anything is sent, rather than by the service. */
static int check_folder(const struct backend_overrides *o, const struct dashscope_wishes *w, struct error *err)
{
    if (override_check(o, READ_DASHSCOPE, "Model Studio", err) != 0)
        return -EINVAL;
    if (o->speaker_count && !w->speakers && o->speakers != OVERRIDE_NO)
        return error_set(err, ERROR_PERMANENT, EINVAL, "folder.cannot",
                         "the settings of the folder say speaker_count, which needs speakers = yes");
    if (o->model && strcmp(o->model, "auto") != 0 && !catalogue_find(o->model))
        return error_set(err, ERROR_PERMANENT, ENOENT, "route.model", "there is no model \"%s\"", o->model);
    return 0;
}

static char *dashscope_freeze(struct backend *backend, const struct backend_overrides *overrides, struct error *err)
{
    struct dashscope *d = of(backend);
    struct buffer text = {0};
    static const struct backend_overrides none;
    const struct backend_overrides *o = overrides ? overrides : &none;
    struct dashscope_wishes w = with_overrides(&d->wishes, o);
    if (check_folder(o, &w, err) == 0 && check_key(d, err) == 0 && wishes_write(&w, d->region, &text, err) == 0)
        return buffer_take(&text);
    buffer_clear(&text);
    return NULL;
}

static struct backend_job *dashscope_start(struct backend *backend, const struct backend_request *request,
                                           const struct backend_events *events, void *context,
                                           struct error *err)
{
    struct dashscope *d = of(backend);
    if (check_key(d, err) != 0) {
        close(request->fd);
        return NULL;
    }
    return cloud_job_start(d, request, events, context, err);
}

static void dashscope_cancel(struct backend_job *job)
{
    cloud_job_stop(job, true);
}

static void dashscope_suspend(struct backend_job *job)
{
    cloud_job_stop(job, false);
}

static int dashscope_discard(struct backend *backend, const char *checkpoint,
                             void (*done)(void *context, const struct error *error), void *context)
{
    return cloud_discard(of(backend), checkpoint, done, context);
}

static int dashscope_describe(struct backend *backend, char *line, size_t size)
{
    struct dashscope *d = of(backend);
    struct error err = {0};
    const char *model = d->wishes.model ? d->wishes.model : "auto";
    if (check_key(d, &err) != 0)
        snprintf(line, size, "Model Studio cannot be used: %s", err.detail);
    else
        snprintf(line, size, "Model Studio, %s, model %s", catalogue_region(d->region)->title, model);
    return 0;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

static void free_wishes(struct dashscope_wishes *w)
{
    free_text(w->model);
    free_text(w->language);
    free_text(w->channels);
    free_text(w->vocabulary_id);
    free_text(w->hotwords);
    free_text(w->word_filter);
    free_text(w->context);
}

static void dashscope_free(struct backend *backend)
{
    struct dashscope *d = of(backend);
    while (d->jobs)
        cloud_job_stop(d->jobs, false);
    while (d->questions)
        cloud_explain_cancel(d->questions);
    cloud_discards_free(d);
    strangers_free(d->strangers);
    acknowledgements_free(d);
    callback_free(d->callback);
    vocabularies_free(d->vocabularies);
    poller_free(d->poller);
    budget_free(d->queries);
    for (size_t i = 0; i < sizeof d->submissions / sizeof *d->submissions; i++)
        budget_free(d->submissions[i].budget);
    publisher_free(d->publisher);
    service_clear(&d->service);
    free_wishes(&d->wishes);
    free(d);
}

static const struct backend_operations operations = {
    .freeze = dashscope_freeze,
    .start = dashscope_start,
    .cancel = dashscope_cancel,
    .describe = dashscope_describe,
    .free = dashscope_free,
    .suspend = dashscope_suspend,
    .discard = dashscope_discard,
    .explain = cloud_explain,
    .explain_cancel = cloud_explain_cancel,
};

/* ---- settings ---- */

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
}

static int copy_wishes(struct dashscope_wishes *to, const struct dashscope_wishes *from, struct error *err)
{
    const char **texts[] = {&to->model,    &to->language,    &to->channels, &to->vocabulary_id,
                            &to->hotwords, &to->word_filter, &to->context};
    bool failed = false;
    *to = *from;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = *texts[i];
        *texts[i] = text && *text ? strdup(text) : NULL;
        failed |= text && *text && !*texts[i];
    }
    return failed ? out_of_memory(err) : 0;
}

/* Found out now rather than with the first recording. */
static int check_wishes(const struct dashscope *d, struct error *err)
{
    struct buffer text cleanup_buffer = {0};
    const char *model = d->wishes.model;
    int rc = wishes_write(&d->wishes, d->region, &text, err);
    if (!rc && model && strcmp(model, "auto") != 0 && !catalogue_find(model))
        rc = error_set(err, ERROR_PERSON, ENOENT, "route.model", "there is no model \"%s\"", model);
    return rc;
}

static int make_poller(struct dashscope *d, const struct dashscope_settings *s, struct error *err)
{
    int queries = s->queries_per_second ? s->queries_per_second : QUERIES;
    if (queries < 1 || queries > MOST_QUERIES)
        return error_set(err, ERROR_PERSON, EINVAL, "cloud.settings",
                         "queries_per_second is a number from 1 to 100");
    d->queries = budget_new(d->loop, queries * 60);
    if (d->queries)
        d->poller = poller_new(&(struct poller_config){.loop = d->loop,
                                                       .service = &d->service,
                                                       .budget = d->queries,
                                                       .first_ms = s->poll_ms > 0 ? s->poll_ms : POLL_MS,
                                                       .slowly = s->callback != NULL});
    return d->poller ? 0 : out_of_memory(err);
}

static int make_callback(struct dashscope *d, const struct dashscope_settings *s, struct error *err)
{
    if (!s->callback)
        return 0;
    if (!s->callback_url)
        return error_set(err, ERROR_PERSON, EINVAL, "cloud.callback",
                         "the address EventBridge was given is needed to check its signatures");
    d->callback = callback_new(&(struct callback_config){.loop = d->loop,
                                                         .http = d->service.http,
                                                         .poller = d->poller,
                                                         .listen = s->callback,
                                                         .url = s->callback_url,
                                                         .token = s->callback_token,
                                                         .certificate_host = s->callback_certificate_host},
                               err);
    return d->callback ? 0 : -EIO;
}

static int set_up(struct dashscope *d, struct http *http, const struct dashscope_settings *s,
                  struct error *err)
{
    int rc = service_init(&d->service, http, s, err);
    rc = rc ? rc : copy_wishes(&d->wishes, &s->wishes, err);
    rc = rc ? rc : check_wishes(d, err);
    if (!rc && s->publish.kind != PUBLISH_NONE) {
        d->publisher = publisher_new(d->loop, http, &s->publish, err);
        rc = d->publisher ? 0 : -EINVAL;
    }
    rc = rc ? rc : make_poller(d, s, err);
    if (!rc) {
        d->vocabularies = vocabularies_new(d->loop, &d->service, s->instance);
        rc = d->vocabularies ? make_callback(d, s, err) : out_of_memory(err);
    }
    return rc;
}

struct backend *dashscope_backend_new(struct loop *loop, struct http *http,
                                      const struct dashscope_settings *settings, struct error *err)
{
    struct dashscope *d = calloc(1, sizeof *d);
    if (!d) {
        out_of_memory(err);
        return NULL;
    }
    d->backend = (struct backend){.name = "dashscope", .operations = &operations};
    d->loop = loop;
    d->region = settings->region;
    d->preparer = settings->preparer;
    d->publish_kind = settings->publish.kind;
    if (set_up(d, http, settings, err) != 0) {
        dashscope_free(&d->backend);
        return NULL;
    }
    return &d->backend;
}

static void pass_over(void *context, bool reply, const char *text, size_t length)
{
    (void)context, (void)reply, (void)text, (void)length;
}

bool dashscope_context_fits(const char *context)
{
    return context_each(context, pass_over, NULL);
}
