/* Taking back what abandoned jobs have left: a few at a time, tried again with growing pauses.
 *
 * What is known of them is in the library and in the index until it is done; nothing here has to survive. */
#include "fs/jobs/discards.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include <utlist.h>

#include "backend/backend.h"
#include "backend/base/loop.h"
#include "fs/jobs/retry.h"
#include "fs/library.h"

enum {
    MOST_AT_ONCE = 4,
    MOST_ATTEMPTS = 60, /* more than a day; then at the next start */
};
#define GIVE_UP_MS                                                                                           \
    (30 * 24 * 3600 * INT64_C(1000)) /* whoever has not set up that place again by then never will */

struct discards {
    struct discards_config config;
    struct loop_timer *timer;
    struct at_work *at_work;
    int active;
    bool stopping;
};

struct at_work {
    struct discards *discards;
    struct orphan_start start;
    struct at_work *prev, *next;
};

static int64_t wall_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void at_work_free(struct at_work *w)
{
    w->discards->active--;
    DL_DELETE(w->discards->at_work, w);
    orphan_start_clear(&w->start);
    free(w);
}

static void failed(struct at_work *w, const struct error *err)
{
    const struct discards_config *config = &w->discards->config;
    const struct orphan_start *start = &w->start;
    int64_t now = wall_now_ms(), delay = retry_delay_ms(err, start->attempts, 0);
    bool soon = err->class == ERROR_TRANSIENT && delay >= 0 && start->attempts < MOST_ATTEMPTS;
    if (now - start->created_ms > GIVE_UP_MS) {
        config->log(LOG_NOTICE, "what a removed recording has left elsewhere stays there: %s: %s", err->code,
                    err->detail);
        library_orphan_gone(config->library, &start->key);
        return;
    }
    if (!soon || start->attempts == 1)
        config->log(LOG_NOTICE,
                    "what a removed recording has left elsewhere is still there: %s: %s; it is tried again%s",
                    err->code, err->detail, soon ? "" : " at the next start");
    library_orphan_again(config->library, &start->key, soon ? now + delay : INT64_MAX);
}

static void on_done(void *context, const struct error *err)
{
    struct at_work *w = context;
    struct discards *d = w->discards;
    if (err->class == ERROR_NONE)
        library_orphan_gone(d->config.library, &w->start.key);
    else
        failed(w, err);
    at_work_free(w);
    discards_look(d);
}

static struct backend *backend_by_name(const struct discards_config *config, const char *name)
{
    for (int i = 0; i < config->backend_count; i++)
        if (strcmp(config->backends[i]->name, name) == 0)
            return config->backends[i];
    return NULL;
}

static void begin(struct discards *d, struct orphan_start *start)
{
    struct backend *backend = backend_by_name(&d->config, start->backend);
    struct at_work *w = backend && backend->operations->discard ? calloc(1, sizeof *w) : NULL;
    if (w) {
        *w = (struct at_work){.discards = d, .start = *start};
        DL_APPEND(d->at_work, w);
        d->active++;
        if (backend->operations->discard(backend, w->start.checkpoint, on_done, w) == 0)
            return;
        library_orphan_again(d->config.library, &w->start.key, INT64_MAX);
        at_work_free(w);
        return;
    }
    if (backend && !backend->operations->discard)
        library_orphan_gone(d->config.library, &start->key); /* it never leaves anything */
    else
        library_orphan_again(d->config.library, &start->key, INT64_MAX); /* the backend is not set up now */
    orphan_start_clear(start);
}

void discards_look(struct discards *d)
{
    while (!d->stopping && d->active < MOST_AT_ONCE) {
        struct orphan_start start;
        int64_t now = wall_now_ms(), next = 0;
        if (library_claim_orphan(d->config.library, now, &start, &next) != 1) {
            if (next && next != INT64_MAX)
                loop_timer_after(d->timer, next - now);
            return;
        }
        begin(d, &start);
    }
}

static void look_again(void *arg)
{
    discards_look(arg);
}

int discards_new(const struct discards_config *config, struct discards **out)
{
    struct discards *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    d->config = *config;
    d->timer = loop_timer(config->loop, look_again, d);
    if (!d->timer) {
        free(d);
        return -ENOMEM;
    }
    *out = d;
    return 0;
}

void discards_stop(struct discards *d)
{
    d->stopping = true;
}

void discards_free(struct discards *d)
{
    if (!d)
        return;
    while (d->at_work)
        at_work_free(d->at_work);
    loop_timer_free(d->timer);
    free(d);
}
