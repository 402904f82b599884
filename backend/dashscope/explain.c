/* Why a recording is given to a model and not to another, without giving it to any: the recording is looked
 * at as a job would look at it, and the same questions are asked of the catalogue. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utlist.h>

#include "backend/base/loop.h"
#include "backend/dashscope/job.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/explain.h"
#include "backend/price.h"
#include "backend/secrets.h"

struct backend_question {
    struct dashscope *dashscope;
    backend_explained *answer;
    void *context;
    int fd;
    struct wishes wishes;
    char *name;
    char *begun_with; /* the model of the checkpoint: the job goes on with it; or NULL */
    struct loop_timer *timer;
    struct preparation *preparation;
    struct media_facts facts;
    struct backend_question *prev, *following;
};

/* ---- which model ---- */

static bool by_name(const char *model)
{
    return model && strcmp(model, "auto") != 0;
}

const char *cloud_why_model(const char *wished)
{
    return by_name(wished) ? "the settings name it" : "of those that can do all that is asked for, it comes first";
}

/* Why one that could do it is not the one. */
static void say_second(const struct backend_question *q, const struct route *route,
                       const struct route_needs *needs, const struct route *chosen, char *text, size_t size)
{
    const struct model *m = route->model;
    if (by_name(needs->model))
        snprintf(text, size, "it could; %s %s",
                 q->begun_with ? "the job was begun with" : "the settings name", needs->model);
    else if (m->rank == 0)
        snprintf(text, size, "it could; it is taken only when the settings name it");
    else if (needs->wanted & ~m->features & FEATURE_SENTENCE_TIMES)
        snprintf(text, size, "it could, without times; %s gives them", chosen->model->name);
    else if (route->split_ms && !chosen->split_ms)
        snprintf(text, size, "it could, in parts; %s takes it whole", chosen->model->name);
    else if (needs->language && !catalogue_language_in(m->languages, needs->language))
        snprintf(text, size, "it could; \"%s\" is not among its languages", needs->language);
    else
        snprintf(text, size, "it could; %s comes before it", chosen->model->name);
}

/* "fun-asr does not offer …": the row names the model already. */
static const char *without_name(const char *detail, const char *name)
{
    size_t len = strlen(name);
    return strncmp(detail, name, len) == 0 && detail[len] == ' ' ? detail + len + 1 : detail;
}

static void explain_models(const struct backend_question *q, struct explanation *e,
                           const struct route_needs *needs, const struct route *chosen)
{
    for (const struct model *m = catalogue_all(); m->name; m++) {
        struct route route;
        struct error why = {0};
        struct explained_model *row = explanation_model(e, m->name);
        if (!row)
            return;
        if (m == chosen->model) {
            row->verdict = VERDICT_CHOSEN;
            snprintf(row->text, sizeof row->text, "%s", e->why);
        } else if (route_check(m, needs, &route, &why) != 0) {
            snprintf(row->code, sizeof row->code, "%s", why.code);
            snprintf(row->text, sizeof row->text, "%s", without_name(why.detail, m->name));
        } else if (chosen->model) {
            row->verdict = VERDICT_POSSIBLE;
            say_second(q, &route, needs, chosen, row->text, sizeof row->text);
        } else {
            row->verdict = VERDICT_POSSIBLE;
            snprintf(row->text, sizeof row->text, "it could, if the settings named it");
        }
    }
}

/* What a model of the settings, or every model of the region, does not offer of the wishes. */
static void explain_refused_wishes(struct explanation *e, const struct route_needs *needs)
{
    const struct model *named = by_name(needs->model) ? catalogue_find(needs->model) : NULL;
    for (unsigned rest = needs->features; rest; rest &= rest - 1) {
        enum model_feature feature = (enum model_feature)(rest & -rest);
        bool offered = false;
        for (const struct model *m = catalogue_all(); m->name; m++)
            offered |=
                (m->features & feature) && (!named || m == named) && catalogue_calls(m, needs->region) != 0;
        if (offered || (by_name(needs->model) && !named))
            continue;
        if (named)
            explanation_unmet(e, "%s: %s does not offer that", catalogue_feature_title(feature), named->name);
        else
            explanation_unmet(e, "%s: no model in %s offers that", catalogue_feature_title(feature),
                              catalogue_region(needs->region)->title);
    }
}

static void explain_wishes(struct explanation *e, const struct dashscope_wishes *w,
                           const struct route_needs *needs, const struct route *chosen)
{
    const struct model *m = chosen->model;
    explain_refused_wishes(e, needs);
    if (!m)
        return;
    if (needs->wanted & FEATURE_SENTENCE_TIMES & ~m->features)
        explanation_unmet(e, "times: %s gives none, so they are estimated", m->name);
    if (needs->wanted & FEATURE_WORD_TIMES & ~m->features)
        explanation_unmet(e, "word times: %s gives none", m->name);
    else if ((needs->wanted & FEATURE_WORD_TIMES) && w->language && m->word_languages &&
             !catalogue_language_in(m->word_languages, w->language))
        explanation_unmet(e, "word times: those of %s are not reliable for \"%s\"", m->name, w->language);
    if (w->language && !catalogue_language_in(m->languages, w->language))
        explanation_unmet(e, "the language \"%s\": it is not among those of %s", w->language, m->name);
    if (w->context && !dashscope_context_fits(w->context))
        explanation_unmet(e, "context: the text is longer than the service takes; its end is cut off");
}

/* ---- what is done to the audio, and where it goes ---- */

static const char *say_call(enum model_call call)
{
    switch (call) {
    case CALL_TASK:
        return "as a task: submitted, asked about, fetched";
    case CALL_SYNC:
        return "in one request with one answer";
    case CALL_STREAM:
        return "in one request with an answer that grows";
    case CALL_CHAT:
        return "in one request of OpenAI's interface";
    case CALL_CHAT_STREAM:
        return "in one request of OpenAI's interface, growing";
    }
    return "";
}

static const char *say_place(enum publish_kind kind)
{
    switch (kind) {
    case PUBLISH_NONE:
        break;
    case PUBLISH_TEMPORARY:
        return "the provider's temporary storage, which forgets it after 48 hours";
    case PUBLISH_OSS:
        return "your bucket of OSS";
    case PUBLISH_S3:
        return "your bucket";
    case PUBLISH_URL:
        return "nowhere: it is reachable under the address of the inbox already";
    }
    return "nowhere: no place is set up";
}

static bool is_converted(const struct backend_question *q, const struct route *route, int64_t bytes)
{
    return cloud_route_needs(q->dashscope, &q->wishes.is, q->wishes.region).can_convert &&
           (route->mix_down || route->convert || route->reduce || cloud_sound_alone(&q->facts, bytes));
}

static int64_t count_parts(const struct explanation *e, const struct route *route)
{
    return route->split_ms > 0 ? (e->duration_ms + route->split_ms - 1) / route->split_ms : 1;
}

static void explain_audio(const struct backend_question *q, struct explanation *e, const struct route *route)
{
    bool converted = is_converted(q, route, e->bytes);
    if (converted && q->facts.video)
        explanation_step(e, "the sound is taken out of the film");
    if (route->mix_down)
        explanation_step(e, "its %d channels are mixed down to one", e->channels);
    if (converted)
        explanation_step(e, "it is converted to %d Hz%s", route->sample_rate,
                         route->reduce    ? ", since it is too large as it is"
                         : route->convert ? ", since the model does not take it as it is"
                                          : "");
    if (route->split_ms > 0)
        explanation_step(e,
                         "it is cut where nobody speaks, into at least %" PRId64 " parts of at most %" PRId64
                         " minutes",
                         count_parts(e, route), route->split_ms / 60000);
    if (route->split_ms > 0 && route->overlap_ms > 0)
        explanation_step(e, "each part begins with the last %" PRId64 " seconds of the one before it",
                         route->overlap_ms / 1000);
    bool direct = route->call != CALL_TASK;
    const char *place = say_place(q->dashscope->publish_kind);
    if (direct && !converted && !route->split_ms && e->bytes >= 0 && e->bytes <= CATALOGUE_INLINE_BYTES)
        snprintf(e->publish, sizeof e->publish, "nowhere: it goes into the request itself");
    else if (direct)
        snprintf(e->publish, sizeof e->publish, "into the request itself if it is small enough then, else %s",
                 place);
    else
        snprintf(e->publish, sizeof e->publish, "%s", place);
    snprintf(e->call, sizeof e->call, "%s", say_call(route->call));
}

static void explain_cost(const struct backend_question *q, struct explanation *e, const struct route *route)
{
    enum region region = q->wishes.region;
    int channels = cloud_billed_channels(q->wishes.is.channels, route->call, e->channels);
    snprintf(e->currency, sizeof e->currency, "%s", catalogue_region(region)->currency);
    int64_t sent_ms = e->duration_ms + (count_parts(e, route) - 1) * route->overlap_ms;
    if (e->duration_ms < 0 ||
        !price_cost(route->model, region, price_longest_ms(sent_ms, channels), &e->cost_micro))
        e->cost_micro = -1;
}

/* ---- the whole ---- */

static int choose(struct backend_question *q, struct route_needs *needs, struct route *chosen,
                  struct explanation *e)
{
    snprintf(e->why, sizeof e->why, "%s", cloud_why_model(needs->model));
    if (q->begun_with && catalogue_find(q->begun_with)) {
        needs->model = q->begun_with;
        snprintf(e->why, sizeof e->why, "it was begun with this model, and goes on with it");
    }
    int rc = route_choose(needs, chosen, &e->refused);
    if (rc != 0) {
        *chosen = (struct route){.model = NULL};
        e->why[0] = '\0';
    }
    return rc;
}

static struct explanation *explain(struct backend_question *q)
{
    const struct dashscope *d = q->dashscope;
    const struct dashscope_wishes *w = &q->wishes.is;
    struct explanation *e = explanation_new();
    struct stat st;
    if (!e)
        return NULL;
    e->duration_ms = q->facts.duration_ms;
    e->channels = q->facts.channels;
    e->sample_rate = q->facts.sample_rate;
    e->bytes = fstat(q->fd, &st) == 0 ? st.st_size : -1;
    snprintf(e->recogniser, sizeof e->recogniser, "Model Studio, %s",
             catalogue_region(q->wishes.region)->title);
    snprintf(e->language, sizeof e->language, "%s", w->language ? w->language : "");
    struct route_needs needs = cloud_route_needs(d, w, q->wishes.region);
    struct route chosen;
    cloud_fill_needs(&needs, &q->facts, e->bytes, q->name);
    if (choose(q, &needs, &chosen, e) == 0) {
        snprintf(e->model, sizeof e->model, "%s", chosen.model->name);
        explain_audio(q, e, &chosen);
        explain_cost(q, e, &chosen);
        char *authorization = service_authorization(&d->service, &e->refused);
        secret_free(authorization);
    }
    explain_models(q, e, &needs, &chosen);
    explain_wishes(e, w, &needs, &chosen);
    return e;
}

/* ---- looking at the recording ---- */

static void question_free(struct backend_question *q)
{
    struct dashscope *d = q->dashscope;
    DL_DELETE2(d->questions, q, prev, following);
    if (q->preparation)
        d->preparer->operations->cancel(q->preparation);
    loop_timer_free(q->timer);
    wishes_clear(&q->wishes);
    free(q->name);
    free(q->begun_with);
    if (q->fd >= 0)
        close(q->fd);
    free(q);
}

static void end(struct backend_question *q, struct explanation *e)
{
    backend_explained *answer = q->answer;
    void *context = q->context;
    if (e && e->failed) {
        explanation_free(e);
        e = NULL;
    }
    question_free(q);
    answer(context, e);
}

static void on_probed(void *context, const struct media_facts *facts, int fd, const char *extension)
{
    struct backend_question *q = context;
    (void)fd, (void)extension;
    q->preparation = NULL;
    q->facts = *facts;
    end(q, explain(q));
}

/* What cannot be read is not transcribed by any model. */
static void on_probe_failed(void *context, const struct error *error)
{
    struct backend_question *q = context;
    q->preparation = NULL;
    struct explanation *e = explanation_new();
    if (e) {
        snprintf(e->recogniser, sizeof e->recogniser, "Model Studio, %s",
                 catalogue_region(q->wishes.region)->title);
        e->refused = *error;
    }
    end(q, e);
}

static void begin(void *arg)
{
    static const struct prepare_events events = {on_probed, on_probe_failed, NULL};
    struct backend_question *q = arg;
    struct preparer *preparer = q->dashscope->preparer;
    struct error err = {0};
    if (!preparer) {
        end(q, explain(q));
        return;
    }
    q->preparation = preparer->operations->probe(preparer, q->fd, &events, q, &err);
    if (!q->preparation)
        on_probe_failed(q, &err);
}

static char *model_of_checkpoint(const char *checkpoint)
{
    cJSON *json cleanup_json = checkpoint ? cJSON_Parse(checkpoint) : NULL;
    const char *model = json_text(json, "model");
    return model ? strdup(model) : NULL;
}

/* Wishes as a job has them: written and read back. */
static int take_wishes(struct dashscope *d, const char *settings, struct wishes *out, struct error *err)
{
    struct buffer text cleanup_buffer = {0};
    if (settings)
        return wishes_read(settings, out, err);
    int rc = wishes_write(&d->wishes, d->region, &text, err);
    return rc ? rc : wishes_read(text.data, out, err);
}

struct backend_question *cloud_explain(struct backend *backend, const struct backend_request *request,
                                       backend_explained *answer, void *context, struct error *err)
{
    struct dashscope *d = (struct dashscope *)backend;
    struct backend_question *q = calloc(1, sizeof *q);
    if (!q) {
        close(request->fd);
        error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
        return NULL;
    }
    q->dashscope = d;
    q->answer = answer;
    q->context = context;
    q->fd = request->fd;
    q->facts.duration_ms = -1;
    q->wishes.region = REGION_COUNT;
    q->name = strdup(request->name);
    q->begun_with = model_of_checkpoint(request->checkpoint);
    DL_APPEND2(d->questions, q, prev, following);
    q->timer = loop_timer(d->loop, begin, q);
    int rc = take_wishes(d, request->settings, &q->wishes, err);
    if (!rc && (!q->timer || !q->name))
        rc = error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    if (rc) {
        question_free(q);
        return NULL;
    }
    loop_timer_after(q->timer, 0);
    return q;
}

void cloud_explain_cancel(struct backend_question *question)
{
    question_free(question);
}

void dashscope_explain(struct backend *backend, int64_t duration_ms, int64_t bytes, int channels,
                       struct buffer *out)
{
    const struct dashscope *d = (const struct dashscope *)backend;
    struct route_needs needs = cloud_route_needs(d, &d->wishes, d->region);
    needs.duration_ms = duration_ms;
    needs.bytes = bytes;
    needs.channels = channels;
    route_explain(&needs, out);
}
