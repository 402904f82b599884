/* The built-in recogniser as a backend: settings, and the command line of a worker. */
#include "backend/local/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/base/json_out.h"
#include "backend/base/loop.h"
#include "backend/explain.h"
#include "backend/local/child.h"
#include "backend/local/engine.h"
#include "backend/local/job.h"
#include "backend/overrides.h"

enum {
    HANG_SECONDS = 120,
    MEMORY_MB = 4096,
    /* Of the way recordings are decoded, fed and cut into sentences. A change that makes other transcripts
     * raises it, and old results are then not taken for new ones. */
    TUNING = 1,
};

struct local_backend {
    struct backend backend; /* first */
    struct loop *loop;
    struct local_settings settings; /* with strings of its own */
    struct child_list *children;
    struct engine_cache cache;
};

static struct local_backend *of(struct backend *backend)
{
    return (struct local_backend *)backend;
}

/* ---- settings ---- */

/* "en-US" and "en" are one language. */
static bool same_language(const char *a, const char *b)
{
    size_t n = strcspn(a, "-_");
    return n == strcspn(b, "-_") && strncasecmp(a, b, n) == 0;
}

static enum local_engine wished_engine(const struct local_backend *l, const struct backend_overrides *wishes)
{
    if (!wishes || !wishes->engine)
        return l->settings.engine;
    return strcmp(wishes->engine, engine_name(LOCAL_VOSK)) == 0 ? LOCAL_VOSK : LOCAL_POCKETSPHINX;
}

/* There is one model, of one language: another can be asked for, but not be had. */
static int check_folder(const struct local_backend *l, const struct backend_overrides *wishes,
                        const struct engine_choice *choice, struct error *err)
{
    if (override_check(wishes, READ_LOCAL, "the built-in recogniser", err) != 0)
        return -EINVAL;
    if (wishes && wishes->language && strcmp(wishes->language, "auto") != 0 &&
        !same_language(wishes->language, l->settings.language))
        return error_set(err, ERROR_PERMANENT, EINVAL, "folder.cannot",
                         "the settings of the folder say language = %s, but the built-in recogniser knows %s only",
                         wishes->language, l->settings.language);
    if (wishes && wishes->model && strcmp(wishes->model, "auto") != 0 && strcmp(wishes->model, choice->model) != 0)
        return error_set(err, ERROR_PERMANENT, EINVAL, "folder.cannot",
                         "the settings of the folder say model = %s, but the built-in recogniser has %s only",
                         wishes->model, choice->model);
    return 0;
}

/* Canonical: fixed order, no spaces. */
static char *local_freeze(struct backend *backend, const struct backend_overrides *wishes, struct error *err)
{
    struct local_backend *l = of(backend);
    struct engine_choice choice;
    char fingerprint[ENGINE_FINGERPRINT + 1];
    if (engine_choose(&l->settings, wished_engine(l, wishes), &choice, err) ||
        check_folder(l, wishes, &choice, err) || engine_fingerprint(&choice, &l->cache, fingerprint, err))
        return NULL;
    struct buffer out = {0};
    buffer_printf(&out, "{\"backend\":\"local\",\"engine\":\"%s\",\"fingerprint\":\"%s\",\"language\":",
                  engine_name(choice.engine), fingerprint);
    json_out_string(&out, l->settings.language);
    buffer_puts(&out, ",\"model\":");
    json_out_string(&out, choice.model);
    buffer_printf(&out, ",\"tuning\":%d}", TUNING);
    char *json = buffer_take(&out);
    if (!json)
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.memory", "out of memory");
    return json;
}

static bool equals(const cJSON *root, const char *key, const char *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    return cJSON_IsString(item) && !strcmp(item->valuestring, value);
}

/* The engine a job was frozen with, checked against what is installed now: a result made with another model
 * must not be stored under this job's key. */
static int thaw(struct local_backend *l, const char *frozen, struct engine_choice *choice, struct error *err)
{
    if (!frozen)
        return engine_choose(&l->settings, l->settings.engine, choice, err);
    cJSON *root = cJSON_Parse(frozen);
    bool sphinx = equals(root, "engine", engine_name(LOCAL_POCKETSPHINX));
    char fingerprint[ENGINE_FINGERPRINT + 1];
    int rc = engine_choose(&l->settings, sphinx ? LOCAL_POCKETSPHINX : LOCAL_VOSK, choice, err);
    if (!rc)
        rc = engine_fingerprint(choice, &l->cache, fingerprint, err);
    if (!rc && (!equals(root, "fingerprint", fingerprint) || !equals(root, "language", l->settings.language)))
        rc = error_set(err, ERROR_CHANGED, 0, "engine.changed", "the model of the recogniser was replaced");
    cJSON_Delete(root);
    return rc;
}

static int local_describe(struct backend *backend, char *line, size_t size)
{
    struct local_backend *l = of(backend);
    struct engine_choice choice;
    struct error err;
    int rc = engine_choose(&l->settings, l->settings.engine, &choice, &err);
    if (!rc && access(l->settings.worker, X_OK))
        rc = error_set(&err, ERROR_PERSON, errno, "engine.missing", "the worker program %s cannot be run: %s",
                       l->settings.worker, strerror(errno));
    if (rc)
        snprintf(line, size, "%s", err.detail);
    else
        snprintf(line, size, "%s, model %s", choice.engine == LOCAL_VOSK ? "Vosk" : "PocketSphinx",
                 choice.model);
    return rc;
}

/* Why the engine is the one that is taken: of what is installed, unless somebody named it. */
static const char *why_engine(const struct local_backend *l, enum local_engine engine)
{
    struct engine_choice best;
    struct error err;
    bool by_itself = l->settings.engine == LOCAL_AUTO &&
                     engine_choose(&l->settings, LOCAL_AUTO, &best, &err) == 0 && best.engine == engine;
    return by_itself ? "of what is installed it makes the fewest errors" : "the settings name this recogniser";
}

/* ---- jobs ---- */

static struct backend_job *local_start(struct backend *backend, const struct backend_request *request,
                                       const struct backend_events *events, void *context, struct error *err)
{
    struct local_backend *l = of(backend);
    cleanup_close int fd = request->fd;
    struct engine_choice choice;
    if (thaw(l, request->settings, &choice, err))
        return NULL;
    bool vosk = choice.engine == LOCAL_VOSK;
    char memory[16];
    snprintf(memory, sizeof memory, "%d", l->settings.memory_mb);
    const char *arguments[] = {
        l->settings.worker,
        "--engine",
        engine_name(choice.engine),
        vosk ? "--model" : "--sphinx-model",
        choice.directory,
        "--model-name",
        choice.model,
        "--language",
        l->settings.language,
        "--memory-mb",
        memory,
        vosk ? "--vosk-library" : NULL,
        vosk ? l->settings.vosk_library : NULL,
        NULL,
    };
    return job_start(l->loop, l->children, (char *const *)arguments,
                     why_engine(l, choice.engine), steal_fd(fd), (int64_t)l->settings.hang_seconds * 1000,
                     events, context, err);
}

/* ---- explaining ---- */

struct backend_question {
    struct local_backend *local;
    backend_explained *answer;
    void *context;
    char *settings; /* or NULL */
    struct loop_timer *timer;
};

static void question_free(struct backend_question *q)
{
    loop_timer_free(q->timer);
    free(q->settings);
    free(q);
}

static void explain_engine(const struct local_backend *l, enum local_engine engine,
                           const struct engine_choice *chosen, struct explanation *e)
{
    struct explained_model *row = explanation_model(e, engine_name(engine));
    struct engine_choice own;
    struct error why = {0};
    if (!row)
        return;
    if (chosen && chosen->engine == engine) {
        row->verdict = VERDICT_CHOSEN;
        snprintf(row->text, sizeof row->text, "%s", e->why);
    } else if (engine_choose(&l->settings, engine, &own, &why)) {
        snprintf(row->code, sizeof row->code, "%s", why.code);
        snprintf(row->text, sizeof row->text, "%s", why.detail);
    } else {
        row->verdict = VERDICT_POSSIBLE;
        snprintf(row->text, sizeof row->text, "it could; %s",
                 l->settings.engine != LOCAL_AUTO ? "the settings name the other one"
                                                  : "the other one makes fewer errors");
    }
}

static struct explanation *explain(const struct backend_question *q)
{
    const struct local_backend *l = q->local;
    struct engine_choice choice;
    struct explanation *e = explanation_new();
    if (!e)
        return NULL;
    e->free = true;
    snprintf(e->language, sizeof e->language, "%s", l->settings.language);
    snprintf(e->recogniser, sizeof e->recogniser, "the built-in recogniser");
    bool found = engine_choose(&l->settings, l->settings.engine, &choice, &e->refused) == 0;
    if (found) {
        snprintf(e->recogniser, sizeof e->recogniser, "the built-in recogniser, %s",
                 choice.engine == LOCAL_VOSK ? "Vosk" : "PocketSphinx");
        snprintf(e->model, sizeof e->model, "%s", choice.model);
        snprintf(e->why, sizeof e->why, "%s", why_engine(l, choice.engine));
        explanation_step(e, "it is decoded to 16 kHz and one channel, on this machine");
        cJSON *frozen = q->settings ? cJSON_Parse(q->settings) : NULL;
        const char *model = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(frozen, "model"));
        if (model && strcmp(model, choice.model) != 0)
            explanation_unmet(e, "the model %s, which it came in for, is no longer the one that is installed",
                              model);
        cJSON_Delete(frozen);
    }
    explain_engine(l, LOCAL_VOSK, found ? &choice : NULL, e);
    explain_engine(l, LOCAL_POCKETSPHINX, found ? &choice : NULL, e);
    return e;
}

static void on_explain(void *arg)
{
    struct backend_question *q = arg;
    backend_explained *answer = q->answer;
    void *context = q->context;
    struct explanation *e = explain(q);
    question_free(q);
    if (e && e->failed) {
        explanation_free(e);
        e = NULL;
    }
    answer(context, e);
}

static struct backend_question *local_explain(struct backend *backend, const struct backend_request *request,
                                              backend_explained *answer, void *context, struct error *err)
{
    struct local_backend *l = of(backend);
    struct backend_question *q = calloc(1, sizeof *q);
    close(request->fd);
    if (q) {
        *q = (struct backend_question){.local = l, .answer = answer, .context = context};
        q->settings = request->settings ? strdup(request->settings) : NULL;
        q->timer = loop_timer(l->loop, on_explain, q);
    }
    if (!q || !q->timer || (request->settings && !q->settings)) {
        if (q)
            question_free(q);
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.memory", "out of memory");
        return NULL;
    }
    loop_timer_after(q->timer, 0);
    return q;
}

/* ---- life ---- */

static void local_free(struct backend *backend)
{
    struct local_backend *l = of(backend);
    child_list_free(l->children);
    free((char *)l->settings.worker);
    free((char *)l->settings.vosk_library);
    free((char *)l->settings.model);
    free((char *)l->settings.sphinx_model);
    free((char *)l->settings.language);
    free(l);
}

static const struct backend_operations operations = {
    .freeze = local_freeze,
    .start = local_start,
    .cancel = job_cancel,
    .describe = local_describe,
    .free = local_free,
    .explain = local_explain,
    .explain_cancel = question_free,
};

/* False when out of memory. */
static bool copy(const char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

struct backend *local_backend_new(struct loop *loop, const struct local_settings *settings, struct error *err)
{
    struct local_backend *l = calloc(1, sizeof *l);
    if (!l) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.memory", "out of memory");
        return NULL;
    }
    l->backend = (struct backend){.name = "local", .operations = &operations};
    l->loop = loop;
    l->settings.engine = settings->engine;
    l->settings.hang_seconds = settings->hang_seconds > 0 ? settings->hang_seconds : HANG_SECONDS;
    l->settings.memory_mb = settings->memory_mb > 0 ? settings->memory_mb : MEMORY_MB;
    l->children = child_list_new(loop);
    bool copied = copy(&l->settings.worker, settings->worker);
    copied = copy(&l->settings.vosk_library, settings->vosk_library) && copied;
    copied = copy(&l->settings.model, settings->model) && copied;
    copied = copy(&l->settings.sphinx_model, settings->sphinx_model) && copied;
    copied = copy(&l->settings.language, settings->language ? settings->language : "en") && copied;
    if (!l->children || !copied || !l->settings.worker) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.memory", "out of memory");
        local_free(&l->backend);
        return NULL;
    }
    return &l->backend;
}
