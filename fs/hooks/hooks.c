/* The queue of hooks: what is to be told to whom, and when it is tried again.
 *
 *   hooks_tell (any thread) --index, post--> waiting --due--> under way --delivered--> gone
 *                                               ^                |
 *                                               '---- failed ----'
 */
#include "fs/hooks/hooks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <time.h>

#include <utlist.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/http.h"
#include "cache/index.h"
#include "fs/hooks/program.h"
#include "fs/hooks/webhook.h"
#include "fs/inbox/status.h"

enum {
    MOST_AT_ONCE = 4,
    LONGEST_MS = 10 * 60 * 60 * 1000, /* that anything waits, whatever a server says */
};

static const char TO_PROGRAM[] = "program", TO_WEBHOOK[] = "webhook";

struct delivery {
    struct hooks *hooks;
    char id[40];
    bool to_webhook;
    char *body;
    int attempts;
    int64_t created_ms, not_before_ms; /* wall clock */
    bool under_way;
    struct program_run *run;
    struct webhook_call *call;
    struct delivery *prev, *next;
};

struct hooks {
    struct hooks_config config; /* owns mountpoint */
    struct programs *programs;  /* NULL: no program is set */
    struct webhook *webhook;    /* NULL: none is set */
    struct loop_timer *timer;
    struct delivery *deliveries; /* the oldest first */
    int active;
};

static int64_t wall_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t hooks_retry_ms(int attempts)
{
    /* As the Standard Webhooks specification advises. */
    static const int minutes[] = {0, 5, 30, 120, 300, 600, 600};
    if (attempts < 1 || attempts > (int)(sizeof minutes / sizeof *minutes))
        return -1;
    return minutes[attempts - 1] ? minutes[attempts - 1] * INT64_C(60000) : 5000;
}

/* ---- the queue ---- */

static void look(struct hooks *h);

static void store(const struct delivery *d)
{
    index_put_delivery(d->hooks->config.index, &(struct index_delivery){.id = d->id,
                                                                        .to = d->to_webhook ? TO_WEBHOOK : TO_PROGRAM,
                                                                        .body = d->body,
                                                                        .attempts = d->attempts,
                                                                        .created_ms = d->created_ms,
                                                                        .not_before_ms = d->not_before_ms});
}

static void delivery_free(struct delivery *d)
{
    free(d->body);
    free(d);
}

static void gone(struct delivery *d)
{
    struct hooks *h = d->hooks;
    index_drop_delivery(h->config.index, d->id);
    DL_DELETE(h->deliveries, d);
    delivery_free(d);
}

static void describe(const struct delivery *d, char *line, size_t size)
{
    enum hook_event event = HOOK_DONE;
    cleanup_free char *path = hook_message_path(d->body, &event);
    snprintf(line, size, "%s: %s", path ? path : "?", d->to_webhook ? "webhook" : "hook");
}

/* It may be gone afterwards. */
static void end(struct delivery *d, const struct hook_outcome *outcome)
{
    struct hooks *h = d->hooks;
    char what[600];
    describe(d, what, sizeof what);
    d->run = NULL;
    d->call = NULL;
    d->under_way = false;
    h->active--;
    int64_t delay = outcome->again ? hooks_retry_ms(d->attempts) : -1;
    if (outcome->again && delay >= 0) {
        if (outcome->retry_after_ms > delay)
            delay = outcome->retry_after_ms < LONGEST_MS ? outcome->retry_after_ms : LONGEST_MS;
        if (d->attempts == 1)
            h->config.log(LOG_NOTICE, "%s: %s; it is tried again", what, outcome->detail);
        d->not_before_ms = wall_now_ms() + delay;
        store(d);
    } else {
        if (!outcome->delivered)
            h->config.log(LOG_NOTICE, "%s: %s%s", what, outcome->detail, outcome->again ? "; it is given up" : "");
        gone(d);
    }
}

static void on_ended(void *context, const struct hook_outcome *outcome)
{
    struct delivery *d = context;
    struct hooks *h = d->hooks;
    end(d, outcome);
    look(h);
}

/* What is told, with the text where that is wanted; the caller frees it. NULL when out of memory. */
static char *body_of(const struct delivery *d)
{
    const struct hooks_config *config = &d->hooks->config;
    enum hook_event event = HOOK_DONE;
    cleanup_free char *path = hook_message_path(d->body, &event);
    cleanup_buffer struct buffer text = {0}, body = {0};
    if (!path || event != HOOK_DONE || !webhook_wants_text(d->hooks->webhook) || !config->text ||
        config->text(config->context, path, &text) != 0 || !text.len ||
        hook_message_add_text(d->body, text.data, text.len, &body) != 0)
        return strdup(d->body);
    return buffer_take(&body);
}

static int begin_webhook(struct delivery *d, struct error *err)
{
    cleanup_free char *body = body_of(d);
    if (!body)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "hook.memory", "out of memory");
    d->call = webhook_send(d->hooks->webhook, d->id, body, on_ended, d, err);
    return d->call ? 0 : -EIO;
}

static void begin(struct delivery *d)
{
    struct hooks *h = d->hooks;
    struct error err = {0};
    int rc = 0;
    d->attempts++;
    d->under_way = true;
    h->active++;
    if (d->to_webhook)
        rc = begin_webhook(d, &err);
    else if (!(d->run = programs_run(h->programs, d->body, h->config.mountpoint, on_ended, d, &err)))
        rc = -EIO;
    if (rc != 0) /* look(), which called, goes on with the next */
        end(d, &(struct hook_outcome){.again = true, .detail = err.detail});
}

/* Whoever it was for is not set any more, or may not be told. */
static bool is_pointless(const struct delivery *d)
{
    enum hook_event event = HOOK_DONE;
    cleanup_free char *path = hook_message_path(d->body, &event);
    const struct hooks *h = d->hooks;
    if (!path || !d->to_webhook)
        return !path || !programs_wants(h->programs, event);
    return !h->webhook || (!webhook_stays_here(h->webhook) && h->config.stays_here &&
                           h->config.stays_here(h->config.context, path));
}

static struct delivery *next_due(struct hooks *h, int64_t now, int64_t *next_ms)
{
    struct delivery *d;
    *next_ms = 0;
    DL_FOREACH(h->deliveries, d)
    {
        if (d->under_way)
            continue;
        /* A time further away than any pause was set before the clock was put back. */
        if (d->not_before_ms <= now || d->not_before_ms - now > LONGEST_MS)
            return d;
        if (!*next_ms || d->not_before_ms < *next_ms)
            *next_ms = d->not_before_ms;
    }
    return NULL;
}

static void look(struct hooks *h)
{
    while (h->active < MOST_AT_ONCE) {
        int64_t now = wall_now_ms(), next;
        struct delivery *d = next_due(h, now, &next);
        if (!d) {
            if (next)
                loop_timer_after(h->timer, next - now);
            return;
        }
        if (is_pointless(d))
            gone(d);
        else
            begin(d);
    }
}

static void on_timer(void *arg)
{
    look(arg);
}

static void on_added(void *arg)
{
    struct delivery *d = arg;
    DL_APPEND(d->hooks->deliveries, d);
    look(d->hooks);
}

/* ---- telling ---- */

static void new_id(char id[40])
{
    unsigned char random[16] = {0};
    (void)!getrandom(random, sizeof random, GRND_NONBLOCK);
    int n = snprintf(id, 40, "msg_");
    for (size_t i = 0; i < sizeof random; i++)
        n += snprintf(id + n, 40 - (size_t)n, "%02x", random[i]);
}

static void add(struct hooks *h, bool to_webhook, const char *body)
{
    struct delivery *d = calloc(1, sizeof *d);
    char *copy = d ? strdup(body) : NULL;
    if (!copy) {
        free(d);
        h->config.log(LOG_NOTICE, "a hook is left out: out of memory");
        return;
    }
    *d = (struct delivery){.hooks = h, .to_webhook = to_webhook, .body = copy, .created_ms = wall_now_ms()};
    new_id(d->id);
    store(d);
    if (loop_post(h->config.loop, on_added, d) != 0)
        delivery_free(d); /* the next daemon finds it in the index */
}

void hooks_tell(struct hooks *h, enum hook_event event, const struct item *item)
{
    if (!h)
        return;
    bool program = programs_wants(h->programs, event);
    cleanup_buffer struct buffer body = {0};
    if (!program && !h->webhook)
        return;
    if (hook_message(event, item, wall_now_ms(), &body) != 0) {
        h->config.log(LOG_NOTICE, "a hook is left out: out of memory");
        return;
    }
    if (program)
        add(h, false, body.data);
    if (h->webhook)
        add(h, true, body.data);
}

/* ---- life ---- */

static int load_one(void *arg, const struct index_delivery *stored)
{
    struct hooks *h = arg;
    struct delivery *d = calloc(1, sizeof *d);
    char *body = d ? strdup(stored->body) : NULL;
    if (!body) {
        free(d);
        return -ENOMEM;
    }
    *d = (struct delivery){.hooks = h,
                           .to_webhook = strcmp(stored->to, TO_WEBHOOK) == 0,
                           .body = body,
                           .attempts = stored->attempts,
                           .created_ms = stored->created_ms,
                           .not_before_ms = stored->not_before_ms};
    snprintf(d->id, sizeof d->id, "%s", stored->id);
    DL_APPEND(h->deliveries, d);
    return 0;
}

int hooks_new(const struct hooks_config *config, struct hooks **out, struct error *err)
{
    const struct hooks_settings *s = config->settings;
    *out = NULL;
    if (!s->on_done && !s->on_failed && !s->webhook_url)
        return 0;
    struct hooks *h = calloc(1, sizeof *h);
    if (!h)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "start.memory", "out of memory");
    h->config = *config;
    h->config.settings = NULL;
    h->config.network = NULL;
    h->config.mountpoint = strdup(config->mountpoint);
    h->timer = loop_timer(config->loop, on_timer, h);
    int rc = h->config.mountpoint && h->timer ? 0 : error_set(err, ERROR_TRANSIENT, ENOMEM, "start.memory", "out of memory");
    if (rc == 0)
        rc = programs_new(config->loop, s, config->log, &h->programs, err);
    if (rc == 0)
        rc = webhook_new(config, &h->webhook, err);
    if (rc == 0 && index_load_deliveries(config->index, load_one, h) < 0)
        rc = error_set(err, ERROR_TRANSIENT, EIO, "index.open", "the hooks of earlier cannot be read from the index");
    if (rc != 0) {
        hooks_free(h);
        return rc;
    }
    loop_timer_after(h->timer, 0);
    *out = h;
    return 0;
}

void hooks_free(struct hooks *h)
{
    if (!h)
        return;
    struct delivery *d, *next;
    DL_FOREACH_SAFE(h->deliveries, d, next)
    {
        program_abandon(d->run);
        webhook_cancel(d->call);
        delivery_free(d);
    }
    programs_free(h->programs);
    webhook_free(h->webhook);
    loop_timer_free(h->timer);
    free((char *)h->config.mountpoint);
    free(h);
}
