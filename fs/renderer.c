/* Makes views on the pool: one task makes those of one recording and asks for the next. No locks: counters and flags. */
#include "fs/renderer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "backend/base/loop.h"
#include "fs/jobs/pool.h"
#include "fs/library.h"

#define AGAIN_MS 10000   /* after views could not be made */
#define PRUNE_EVERY 1000 /* recordings whose views were made */

struct renderer {
    struct renderer_config config;
    struct loop_timer *timer;
    atomic_bool posted; /* a task waits on the pool */
    atomic_bool fails;  /* said once */
    atomic_int made;    /* recordings, since unused views were removed last */
};

static void prune(void *arg)
{
    struct renderer *r = arg;
    library_prune_views(r->config.library);
}

void renderer_prune(struct renderer *r)
{
    pool_submit(r->config.pool, prune, r);
}

static void arm_timer(void *arg)
{
    struct renderer *r = arg;
    loop_timer_after(r->timer, AGAIN_MS);
}

static void work(void *arg)
{
    struct renderer *r = arg;
    atomic_store(&r->posted, false);
    int rc = library_render(r->config.library);
    if (rc < 0) {
        if (!atomic_exchange(&r->fails, true))
            r->config.log(LOG_WARNING, "a view cannot be made: %s; trying again", strerror(-rc));
        loop_post(r->config.loop, arm_timer, r);
        return;
    }
    if (atomic_exchange(&r->fails, false))
        r->config.log(LOG_NOTICE, "views can be made again");
    if (rc > 0) {
        atomic_fetch_add(&r->made, 1);
        renderer_look(r);
    } else if (atomic_load(&r->made) >= PRUNE_EVERY && atomic_exchange(&r->made, 0) >= PRUNE_EVERY) {
        renderer_prune(r); /* many look another way now: what they were is left over */
    }
}

/* What must not wait behind long work: a view is made in milliseconds. */
void renderer_look(void *renderer)
{
    struct renderer *r = renderer;
    if (!atomic_exchange(&r->posted, true) && pool_submit_urgent(r->config.pool, work, r) != 0)
        atomic_store(&r->posted, false);
}

int renderer_new(const struct renderer_config *config, struct renderer **out)
{
    struct renderer *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    r->config = *config;
    r->timer = loop_timer(config->loop, renderer_look, r);
    if (!r->timer) {
        free(r);
        return -ENOMEM;
    }
    *out = r;
    return 0;
}

void renderer_free(struct renderer *r)
{
    if (!r)
        return;
    loop_timer_free(r->timer);
    free(r);
}
