/* Questions about recordings: found in the library, opened, handed to their backend; the answer as JSON. */
#include "fs/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/catalogue.h"
#include "backend/explain.h"
#include "cache/results.h"
#include "fs/control_json.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/store.h"
#include "fs/library.h"

#define MOST_AT_ONCE 4 /* each may have a program that looks at the recording */

struct explainer {
    struct explainer_config config;
    struct explaining *under_way;
    int count;
};

struct explaining {
    struct explainer *explainer;
    struct backend *backend;
    struct backend_question *question;
    struct loop_timer *timer; /* instead of it, where the backend explains nothing */
    struct job_start job;
    enum item_state state;
    explained *answer;
    void *to;
    struct explaining *prev, *next;
};

struct explainer *explainer_new(const struct explainer_config *config)
{
    struct explainer *x = calloc(1, sizeof *x);
    if (x)
        x->config = *config;
    return x;
}

static void explaining_free(struct explaining *e)
{
    DL_DELETE(e->explainer->under_way, e);
    loop_timer_free(e->timer);
    e->explainer->count--;
    job_start_clear(&e->job);
    free(e);
}

void explain_cancel(struct explaining *e)
{
    if (e->question)
        e->backend->operations->explain_cancel(e->question);
    explaining_free(e);
}

void explainer_free(struct explainer *x)
{
    if (!x)
        return;
    while (x->under_way)
        explain_cancel(x->under_way);
    free(x);
}

/* ---- the answer ---- */

static bool add_text(cJSON *o, const char *key, const char *text)
{
    return text && *text ? cJSON_AddStringToObject(o, key, text) != NULL
                         : cJSON_AddNullToObject(o, key) != NULL;
}

static bool add_lines(cJSON *o, const char *key, const struct explained_lines *lines)
{
    cJSON *array = cJSON_AddArrayToObject(o, key);
    for (size_t i = 0; array && i < lines->count; i++)
        if (!cJSON_AddItemToArray(array, cJSON_CreateString(lines->line[i])))
            return false;
    return array;
}

static bool add_models(cJSON *o, const struct explanation *x)
{
    static const char *const verdicts[] = {
        [VERDICT_CHOSEN] = "chosen", [VERDICT_POSSIBLE] = "possible", [VERDICT_REFUSED] = "refused"};
    cJSON *array = cJSON_AddArrayToObject(o, "models");
    for (size_t i = 0; array && i < x->model_count; i++) {
        const struct explained_model *m = &x->models[i];
        cJSON *row = cJSON_CreateObject();
        if (!row || !cJSON_AddItemToArray(array, row) || !cJSON_AddStringToObject(row, "name", m->name) ||
            !cJSON_AddStringToObject(row, "verdict", verdicts[m->verdict]) ||
            !add_text(row, "code", m->code) || !cJSON_AddStringToObject(row, "text", m->text))
            return false;
    }
    return array;
}

static bool add_refusal(cJSON *o, const struct error *err)
{
    if (err->class == ERROR_NONE)
        return cJSON_AddNullToObject(o, "refused");
    const struct message *m = message_find(err->code);
    cJSON *refused = cJSON_AddObjectToObject(o, "refused");
    return refused && add_text(refused, "code", err->code) &&
           json_add_bytes(refused, "detail", err->detail) &&
           cJSON_AddStringToObject(refused, "cause", m->cause) &&
           cJSON_AddStringToObject(refused, "next", m->next);
}

static bool add_cost(cJSON *o, const struct explanation *x)
{
    cJSON *cost = cJSON_AddObjectToObject(o, "cost");
    bool known = x->free || x->cost_micro >= 0;
    return cost && cJSON_AddBoolToObject(cost, "free", x->free) &&
           (known ? cJSON_AddNumberToObject(cost, "most", x->free ? 0 : (double)x->cost_micro / 1e6) != NULL
                  : cJSON_AddNullToObject(cost, "most") != NULL) &&
           add_text(cost, "currency", x->free ? NULL : x->currency);
}

static bool add_number(cJSON *o, const char *key, int64_t value, bool known)
{
    return known ? cJSON_AddNumberToObject(o, key, (double)value) != NULL
                 : cJSON_AddNullToObject(o, key) != NULL;
}

/* Who did transcribe it: the result says so before anything that may be long. */
static bool add_taken(cJSON *o, struct results *results, const struct digest *key, bool is_done)
{
    static const struct {
        const char *stored, *shown;
    } members[] = {{"provider", "provider"},
                   {"engine", "name"},
                   {"model", "model"},
                   {"why", "why"},
                   {"task_id", "task_id"},
                   {"request_id", "request_id"}};
    char head[4096];
    cleanup_close int fd = is_done ? results_file(results, key, "transcript.json") : -1;
    ssize_t n = fd >= 0 ? pread(fd, head, sizeof head - 1, 0) : 0;
    head[n > 0 ? n : 0] = '\0';
    char *sentences = strstr(head, ",\"sentences\":[");
    if (sentences)
        strcpy(sentences, "}");
    cJSON *stored = sentences ? cJSON_Parse(head) : NULL;
    if (!stored)
        return cJSON_AddNullToObject(o, "taken");
    cJSON *taken = cJSON_AddObjectToObject(o, "taken");
    bool all = taken != NULL;
    for (size_t i = 0; all && i < sizeof members / sizeof *members; i++)
        all = add_text(taken, members[i].shown,
                       cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(stored, members[i].stored)));
    cJSON_Delete(stored);
    return all;
}

static void explain_backend(const struct explaining *e, char *text, size_t size)
{
    const struct explainer_config *c = &e->explainer->config;
    if (e->backend == c->chosen)
        snprintf(text, size, "%s", c->why_chosen);
    else
        snprintf(text, size, "it came in while \"%s\" was set; new recordings are given to \"%s\"",
                 e->backend->name, c->chosen->name);
}

/* What the settings for the cloud wish for is not done here. */
static void add_unmet(const struct explaining *e, struct explanation *x)
{
    const unsigned here = FEATURE_SENTENCE_TIMES | FEATURE_WORD_TIMES | FEATURE_LANGUAGE_HINT;
    if (strcmp(e->backend->name, "local") != 0)
        return;
    for (unsigned rest = e->explainer->config.wishes & ~here; rest; rest &= rest - 1)
        explanation_unmet(x, "%s: the built-in recogniser does not offer that",
                          catalogue_feature_title((enum model_feature)(rest & -rest)));
}

static cJSON *to_json(const struct explaining *e, struct explanation *x)
{
    char why[200];
    add_unmet(e, x);
    explain_backend(e, why, sizeof why);
    cJSON *o = cJSON_CreateObject();
    if (o && !x->failed && json_add_bytes(o, "path", e->job.path) &&
        cJSON_AddStringToObject(o, "state", item_state_name(e->state)) &&
        cJSON_AddStringToObject(o, "backend", e->backend->name) &&
        cJSON_AddStringToObject(o, "backend_why", why) && add_text(o, "recogniser", x->recogniser) &&
        add_text(o, "model", x->model) && add_text(o, "why", x->why) && add_text(o, "call", x->call) &&
        add_text(o, "language", x->language) &&
        add_taken(o, e->explainer->config.results, &e->job.key, e->state == ITEM_DONE) &&
        add_number(o, "duration_ms", x->duration_ms, x->duration_ms >= 0) &&
        add_number(o, "bytes", x->bytes, x->bytes >= 0) &&
        add_number(o, "channels", x->channels, x->channels > 0) &&
        add_number(o, "sample_rate", x->sample_rate, x->sample_rate > 0) &&
        add_lines(o, "steps", &x->steps) && add_text(o, "publish", x->publish) && add_cost(o, x) &&
        add_lines(o, "unmet", &x->unmet) && add_models(o, x) && add_refusal(o, &x->refused))
        return o;
    cJSON_Delete(o);
    return NULL;
}

static void on_explained(void *context, struct explanation *x);

/* All that can be said of it is what it says of itself. */
static void describe(void *arg)
{
    struct explaining *e = arg;
    struct explanation *x = explanation_new();
    if (x)
        e->backend->operations->describe(e->backend, x->recogniser, sizeof x->recogniser);
    on_explained(e, x);
}

static void on_explained(void *context, struct explanation *x)
{
    struct explaining *e = context;
    explained *answer = e->answer;
    void *to = e->to;
    cJSON *o = x ? to_json(e, x) : NULL;
    explanation_free(x);
    explaining_free(e);
    answer(to, o);
}

/* ---- the question ---- */

static int find(struct explainer *x, struct explaining *e, const char *path, struct error *err)
{
    int rc = library_look_up(x->config.library, path, &e->job, &e->state);
    if (rc == -ENOENT)
        return error_set(err, ERROR_PERMANENT, ENOENT, "not_found", "no recording is there");
    if (rc == -EISDIR)
        return error_set(err, ERROR_PERMANENT, EISDIR, "request", "it is a folder: name a recording in it");
    if (rc)
        return error_set(err, ERROR_TRANSIENT, -rc, "memory", "scribefs is out of memory");
    e->backend = e->job.backend ? NULL : x->config.chosen;
    for (int i = 0; i < x->config.backend_count && !e->backend; i++)
        if (strcmp(x->config.backends[i]->name, e->job.backend) == 0)
            e->backend = x->config.backends[i];
    if (!e->backend)
        return error_set(err, ERROR_PERSON, ENOENT, "failed",
                         "it came in while \"%s\" was set, and that is not set up any more", e->job.backend);
    return 0;
}

/* The file that the library means, and with something in it. */
static int open_it(struct explainer *x, const struct explaining *e, struct error *err)
{
    struct store_stat st;
    cleanup_close int fd = store_open(x->config.inbox_fd, e->job.path, O_RDONLY);
    int rc = fd >= 0 ? store_stat(fd, "", &st) : fd;
    if (rc)
        return error_set(err, ERROR_PERSON, -rc, "failed", "it cannot be read: %s", strerror(-rc));
    if (!file_id_equal(st.id, e->job.id))
        return error_set(err, ERROR_TRANSIENT, ESTALE, "failed", "it was just changed or moved: ask again");
    if (st.stat.size == 0)
        return error_set(err, ERROR_PERMANENT, ENODATA, "request", "the file is empty");
    return steal_fd(fd);
}

static int ask(struct explainer *x, struct explaining *e, const char *path, struct error *err)
{
    if (x->count > MOST_AT_ONCE)
        return error_set(err, ERROR_TRANSIENT, EBUSY, "busy", "too many questions at the same time");
    int rc = find(x, e, path, err);
    int fd = rc ? rc : open_it(x, e, err);
    if (fd < 0)
        return fd;
    if (!e->backend->operations->explain) {
        close(fd);
        e->timer = loop_timer(x->config.loop, describe, e);
        if (!e->timer)
            return error_set(err, ERROR_TRANSIENT, ENOMEM, "memory", "scribefs is out of memory");
        loop_timer_after(e->timer, 0);
        return 0;
    }
    struct error why = {0};
    e->question = e->backend->operations->explain(
        e->backend,
        &(struct backend_request){
            .fd = fd, .name = e->job.path, .settings = e->job.settings, .checkpoint = e->job.checkpoint},
        on_explained, e, &why);
    return e->question ? 0 : error_set(err, why.class, why.sys, "failed", "%s", why.detail);
}

struct explaining *explain_start(struct explainer *x, const char *path, explained *answer, void *to,
                                 struct error *err)
{
    struct explaining *e = calloc(1, sizeof *e);
    if (!e) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "memory", "scribefs is out of memory");
        return NULL;
    }
    e->explainer = x;
    e->answer = answer;
    e->to = to;
    DL_APPEND(x->under_way, e);
    x->count++;
    if (ask(x, e, path, err) == 0)
        return e;
    explaining_free(e);
    return NULL;
}
