/* Vocabularies for hotwords. One errand at a time, each of a few requests:
 *
 *   list ─┬─ found: query ─┬─ the same words: use it, once its status is OK
 *         │                └─ others: update
 *         └─ none: create ── too many: remove one of ours that is not in use, create
 *   then: the others of ours that are not in use are removed */
#include "backend/dashscope/vocabulary.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>
#include <utlist.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/json_out.h"
#include "backend/base/loop.h"
#include "backend/catalogue.h"
#include "backend/dashscope/hotwords.h"
#include "backend/dashscope/parse_internal.h"
#include "backend/dashscope/service.h"

enum { ID_SIZE = 160, PREFIX_SIZE = 11, MARK = 6, MOST_STATUS = 60, PAGE = 50 };
#define STATUS_EVERY_MS 2000
#define DOING "setting up the hotwords"

struct vocabulary_wait {
    struct vocabularies *all;
    const struct model *model;
    char *words; /* JSON array for the service */
    char prefix[PREFIX_SIZE];
    struct vocabulary_events events;
    void *context;
    struct vocabulary_wait *prev, *next;
};

/* One that is known to be ready. */
struct known {
    char id[ID_SIZE], prefix[PREFIX_SIZE];
    int users;
    struct known *prev, *next;
};

struct vocabularies {
    struct loop *loop;
    const struct service *service;
    char mark[MARK + 1];           /* "sf" and the installation */
    struct vocabulary_wait *waits; /* the first one's errand is run */
    struct known *known;
    struct loop_timer *timer;
    struct http_request *request;
    void (*step)(struct vocabularies *v, const cJSON *output); /* what the running request is for */
    void (*later)(struct vocabularies *v);
    /* The running errand. */
    bool busy, cleaning, made_room;
    char id[ID_SIZE];
    int status_asked;
    cJSON *list; /* ours, as the service listed them */
};

static void look(struct vocabularies *v);
static void ask_status(struct vocabularies *v);
static void next_errand(void *arg);
static void clean(struct vocabularies *v);

/* ---- names ---- */

static int name_words(struct vocabulary_wait *w, const char *hotwords, const char *language)
{
    char hex[5];
    struct buffer key cleanup_buffer = {0};
    w->words = hotwords_json(hotwords,
                             catalogue_language_in(w->model->hotword_languages, language) ? language : NULL);
    buffer_printf(&key, "%s %s", w->model->name, w->words ? w->words : "");
    if (!w->words || buffer_error(&key))
        return -ENOMEM;
    hotwords_hash(key.data, hex, 4);
    snprintf(w->prefix, sizeof w->prefix, "%s%s", w->all->mark, hex);
    return 0;
}

/* "vocab-PREFIX-…" */
static bool has_prefix(const char *id, const char *prefix, bool whole)
{
    size_t len = strlen(prefix);
    return strncmp(id, "vocab-", 6) == 0 && strncmp(id + 6, prefix, len) == 0 &&
           (!whole || id[6 + len] == '-');
}

/* This installation's part of every name. */
static void set_mark(struct vocabularies *v, const char *instance)
{
    char machine[64] = "", hex[5];
    if (!instance) {
        cleanup_file FILE *f = fopen("/etc/machine-id", "re");
        if (!f || !fgets(machine, sizeof machine, f))
            machine[0] = '\0';
    }
    hotwords_hash(instance ? instance : machine, hex, 4);
    snprintf(v->mark, sizeof v->mark, "sf%s", hex);
}

/* ---- the end of an errand ---- */

static void wait_free(struct vocabulary_wait *w)
{
    DL_DELETE(w->all->waits, w);
    free(w->words);
    free(w);
}

static void errand_over(struct vocabularies *v)
{
    v->busy = v->cleaning = v->made_room = false;
    v->status_asked = 0;
    v->id[0] = '\0';
    loop_timer_after(v->timer, 0);
    v->later = NULL;
}

/* All who wait for the same words are served together. */
static void serve(struct vocabularies *v, const char *prefix, const char *id, const struct error *error)
{
    struct vocabulary_wait *w;
    char wanted[PREFIX_SIZE], given[ID_SIZE];
    snprintf(wanted, sizeof wanted, "%s", prefix);
    snprintf(given, sizeof given, "%s", id ? id : "");
    for (;;) {
        struct known *k;
        DL_FOREACH(v->waits, w)
        {
            if (strcmp(w->prefix, wanted) == 0)
                break;
        }
        if (!w)
            return;
        struct vocabulary_events events = w->events;
        void *context = w->context;
        wait_free(w);
        DL_FOREACH(v->known, k)
        {
            if (id && strcmp(k->id, given) == 0)
                k->users++;
        }
        if (id)
            events.ready(context, given);
        else
            events.failed(context, error);
    }
}

static void errand_failed(struct vocabularies *v, const struct error *error)
{
    struct error copy = *error;
    char prefix[PREFIX_SIZE] = "";
    if (v->waits)
        snprintf(prefix, sizeof prefix, "%s", v->waits->prefix);
    errand_over(v);
    if (prefix[0])
        serve(v, prefix, NULL, &copy);
}

static void remember(struct vocabularies *v, const char *prefix, const char *id)
{
    struct known *k = calloc(1, sizeof *k);
    if (!k)
        return; /* it is looked for again the next time */
    snprintf(k->id, sizeof k->id, "%s", id);
    snprintf(k->prefix, sizeof k->prefix, "%s", prefix);
    DL_APPEND(v->known, k);
}

static void errand_done(struct vocabularies *v)
{
    char prefix[PREFIX_SIZE];
    if (!v->waits) {
        errand_over(v);
        return;
    }
    snprintf(prefix, sizeof prefix, "%s", v->waits->prefix);
    remember(v, prefix, v->id);
    v->cleaning = true; /* from here on the errand is nobody's any more */
    serve(v, prefix, v->id, NULL);
    clean(v);
}

/* ---- requests ---- */

/* Nobody waits for the words of the running errand any more. */
static bool deserted(const struct vocabularies *v)
{
    return !v->waits && !v->cleaning;
}

static void on_answer(void *context, const struct http_response *response)
{
    struct vocabularies *v = context;
    struct error err = {0};
    struct fault_text words;
    v->request = NULL;
    if (deserted(v)) {
        errand_over(v);
        return;
    }
    if (service_check(response, DOING, &words, &err) == 0) {
        cJSON *root cleanup_json = json_parse(response->body, response->length, &err);
        if (root) {
            const cJSON *output = json_get(root, "output");
            v->step(v, output);
            return;
        }
    }
    if (v->cleaning) {
        errand_over(v); /* what could not be removed now is tried the next time */
    } else if (strcmp(err.code, "cloud.quota") == 0 && !v->made_room && v->list) {
        v->made_room = true;
        clean(v);
    } else {
        errand_failed(v, &err);
    }
}

static void send_body(struct vocabularies *v, struct buffer *body,
                      void (*step)(struct vocabularies *v, const cJSON *output))
{
    struct error err = {0};
    buffer_puts(body, "}}");
    v->step = step;
    if (buffer_error(body))
        error_set(&err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
    else
        v->request = service_send(v->service,
                                  &(struct service_call){.method = "POST",
                                                         .path = "/api/v1/services/audio/asr/customization",
                                                         .body = body->data,
                                                         .body_length = body->len,
                                                         .total_ms = 60000,
                                                         .response_limit = 4 << 20,
                                                         .done = on_answer,
                                                         .context = v},
                                  &err);
    if (v->request)
        return;
    if (v->cleaning)
        errand_over(v);
    else
        errand_failed(v, &err);
}

static void action(struct buffer *body, const char *name)
{
    buffer_printf(body, "{\"model\":\"speech-biasing\",\"input\":{\"action\":\"%s\"", name);
}

static void with_id(struct buffer *body, const char *id)
{
    buffer_puts(body, ",\"vocabulary_id\":");
    json_out_string(body, id);
}

/* ---- steps ---- */

static void on_status(struct vocabularies *v, const cJSON *output)
{
    const char *status = json_text(output, "status");
    struct error err = {0};
    if (!status || strcasecmp(status, "OK") == 0) {
        errand_done(v);
    } else if (++v->status_asked >= MOST_STATUS) {
        error_set(&err, ERROR_TRANSIENT, ETIMEDOUT, "cloud.vocabulary",
                  "the service does not get the hotwords ready (%s)", status);
        errand_failed(v, &err);
    } else {
        v->later = ask_status;
        loop_timer_after(v->timer, STATUS_EVERY_MS);
    }
}

static void query(struct vocabularies *v, void (*step)(struct vocabularies *v, const cJSON *output))
{
    struct buffer body cleanup_buffer = {0};
    action(&body, "query_vocabulary");
    with_id(&body, v->id);
    send_body(v, &body, step);
}

static void ask_status(struct vocabularies *v)
{
    if (deserted(v))
        errand_over(v);
    else
        query(v, on_status);
}

static void on_updated(struct vocabularies *v, const cJSON *output)
{
    (void)output;
    ask_status(v);
}

static void create(struct vocabularies *v);

/* Another list of words has the same prefix: one chance in 65,536; or somebody changed ours. */
static void on_queried(struct vocabularies *v, const cJSON *output)
{
    const struct vocabulary_wait *w = v->waits;
    const char *target = json_text(output, "target_model");
    if (target && strcmp(target, w->model->name) != 0) {
        create(v);
        return;
    }
    if (hotwords_same(json_get(output, "vocabulary"), w->words)) {
        on_status(v, output);
        return;
    }
    struct buffer body cleanup_buffer = {0};
    action(&body, "update_vocabulary");
    with_id(&body, v->id);
    buffer_printf(&body, ",\"vocabulary\":%s", w->words);
    send_body(v, &body, on_updated);
}

static void on_created(struct vocabularies *v, const cJSON *output)
{
    const char *id = json_text(output, "vocabulary_id");
    struct error err = {0};
    if (id && strlen(id) < sizeof v->id) {
        snprintf(v->id, sizeof v->id, "%s", id);
        ask_status(v);
        return;
    }
    error_set(&err, ERROR_TRANSIENT, EBADMSG, "cloud.answer",
              "the service made a vocabulary and does not say its id");
    errand_failed(v, &err);
}

static void create(struct vocabularies *v)
{
    const struct vocabulary_wait *w = v->waits;
    struct buffer body cleanup_buffer = {0};
    action(&body, "create_vocabulary");
    buffer_puts(&body, ",\"target_model\":");
    json_out_string(&body, w->model->name);
    buffer_printf(&body, ",\"prefix\":\"%s\",\"vocabulary\":%s", w->prefix, w->words);
    send_body(v, &body, on_created);
}

static void on_listed(struct vocabularies *v, const cJSON *output)
{
    const cJSON *list = json_get(output, "vocabulary_list"), *item;
    cJSON_Delete(v->list);
    v->list = cJSON_Duplicate(list, true);
    cJSON_ArrayForEach(item, list)
    {
        const char *id = json_text(item, "vocabulary_id");
        if (id && strlen(id) < sizeof v->id && has_prefix(id, v->waits->prefix, true)) {
            snprintf(v->id, sizeof v->id, "%s", id);
            query(v, on_queried);
            return;
        }
    }
    create(v);
}

/* The service finds prefixes by their beginning or only whole: so all of an account, at most ten, are listed.
 */
static void look(struct vocabularies *v)
{
    struct buffer body cleanup_buffer = {0};
    v->busy = true;
    action(&body, "list_vocabulary");
    buffer_printf(&body, ",\"page_index\":0,\"page_size\":%d", PAGE);
    send_body(v, &body, on_listed);
}

/* ---- removing what is not in use ---- */

static bool in_use(const struct vocabularies *v, const char *id)
{
    const struct known *k;
    const struct vocabulary_wait *w;
    DL_FOREACH(v->known, k)
    {
        if (strcmp(k->id, id) == 0 && k->users > 0)
            return true;
    }
    DL_FOREACH(v->waits, w)
    {
        if (has_prefix(id, w->prefix, true))
            return true;
    }
    return strcmp(id, v->id) == 0;
}

static void forget(struct vocabularies *v, const char *id)
{
    struct known *k, *next;
    DL_FOREACH_SAFE(v->known, k, next)
    {
        if (strcmp(k->id, id) != 0)
            continue;
        DL_DELETE(v->known, k);
        free(k);
    }
}

static void on_removed(struct vocabularies *v, const cJSON *output)
{
    (void)output;
    if (v->cleaning)
        clean(v);
    else
        create(v); /* there is room again */
}

/* Removes one, and comes back for the next. */
static void clean(struct vocabularies *v)
{
    for (cJSON *item = v->list ? v->list->child : NULL; item; item = item->next) {
        const char *id = json_text(item, "vocabulary_id");
        if (!id || !has_prefix(id, v->mark, false) || in_use(v, id))
            continue;
        struct buffer body cleanup_buffer = {0};
        action(&body, "delete_vocabulary");
        with_id(&body, id);
        forget(v, id);
        cJSON_Delete(cJSON_DetachItemViaPointer(v->list, item));
        send_body(v, &body, on_removed);
        return;
    }
    if (v->cleaning) {
        errand_over(v);
        return;
    }
    struct error err = {0};
    error_set(&err, ERROR_PERSON, EDQUOT, "cloud.quota",
              "the account has as many vocabularies as it may have, and none of them can be removed");
    errand_failed(v, &err);
}

/* ---- errands ---- */

static void next_errand(void *arg)
{
    struct vocabularies *v = arg;
    void (*later)(struct vocabularies *) = v->later;
    v->later = NULL;
    if (later) {
        later(v);
        return;
    }
    while (!v->busy && v->waits) {
        const struct known *k;
        DL_FOREACH(v->known, k)
        {
            if (strcmp(k->prefix, v->waits->prefix) == 0)
                break;
        }
        if (!k) {
            look(v);
            return;
        }
        serve(v, k->prefix, k->id, NULL);
    }
}

/* ---- for jobs ---- */

struct vocabularies *vocabularies_new(struct loop *loop, const struct service *service, const char *instance)
{
    struct vocabularies *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->loop = loop;
    v->service = service;
    v->timer = loop_timer(loop, next_errand, v);
    if (!v->timer) {
        free(v);
        return NULL;
    }
    set_mark(v, instance);
    return v;
}

void vocabularies_free(struct vocabularies *v)
{
    if (!v)
        return;
    http_cancel(v->request);
    while (v->waits)
        wait_free(v->waits);
    while (v->known)
        forget(v, v->known->id);
    loop_timer_free(v->timer);
    cJSON_Delete(v->list);
    free(v);
}

struct vocabulary_wait *vocabulary_get(struct vocabularies *v, const char *hotwords,
                                       const struct model *model, const char *language,
                                       const struct vocabulary_events *events, void *context,
                                       struct error *err)
{
    struct vocabulary_wait *w = calloc(1, sizeof *w);
    if (w) {
        *w = (struct vocabulary_wait){.all = v, .model = model, .events = *events, .context = context};
        DL_APPEND(v->waits, w);
    }
    if (!w || name_words(w, hotwords, language) != 0) {
        if (w)
            wait_free(w);
        error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
        return NULL;
    }
    if (!v->busy)
        loop_timer_after(v->timer, 0);
    return w;
}

/* The running errand is the first one's; if that leaves, the next answer finds it out. */
void vocabulary_leave(struct vocabulary_wait *w)
{
    if (!w)
        return;
    struct vocabularies *v = w->all;
    bool first = v->busy && !v->cleaning && v->waits == w;
    wait_free(w);
    if (!first)
        return;
    http_cancel(v->request);
    v->request = NULL;
    errand_over(v);
}

void vocabulary_hold(struct vocabularies *v, const char *id)
{
    struct known *k;
    DL_FOREACH(v->known, k)
    {
        if (strcmp(k->id, id) == 0)
            break;
    }
    if (!k) {
        remember(v, "", id);
        k = v->known ? v->known->prev : NULL; /* the last one */
    }
    if (k && strcmp(k->id, id) == 0)
        k->users++;
}

void vocabulary_release(struct vocabularies *v, const char *id)
{
    struct known *k;
    DL_FOREACH(v->known, k)
    {
        if (strcmp(k->id, id) == 0 && k->users > 0)
            k->users--;
    }
}

void vocabulary_forget(struct vocabularies *v, const char *id)
{
    forget(v, id);
}
