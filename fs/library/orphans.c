/* Orphans: what jobs that will never go on have left at the service or in a bucket. Such a job is gone for
 * everybody, but its checkpoint is kept, in the index as well, until its backend has taken back what the
 * checkpoint names; so a daemon that is killed, or a network that is down, leaves nothing behind for ever.
 *
 * In the index an orphan is a job without settings, under a key made from the checkpoint. The same content
 * may come back as a job of its own meanwhile: the two have nothing in common. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct orphan {
    struct digest key;
    char *backend, *checkpoint;
    int64_t created_ms, not_before_ms; /* wall clock */
    int attempts;
    bool claimed;
    UT_hash_handle hh; /* oldest first */
};

static void orphan_free(struct orphan *o)
{
    free(o->backend);
    free(o->checkpoint);
    free(o);
}

void orphans_free(struct library *lib)
{
    struct orphan *o, *next;
    HASH_ITER(hh, lib->orphans, o, next)
    {
        HASH_DEL(lib->orphans, o);
        orphan_free(o);
    }
}

static struct orphan *orphan_find(struct library *lib, const struct digest *key)
{
    struct orphan *o;
    HASH_FIND(hh, lib->orphans, key, sizeof *key, o);
    return o;
}

static struct orphan *orphan_new(struct library *lib, const struct digest *key, const char *backend,
                                 const char *checkpoint)
{
    struct orphan *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->key = *key;
    o->backend = strdup(backend);
    o->checkpoint = strdup(checkpoint);
    if (!o->backend || !o->checkpoint) {
        orphan_free(o);
        return NULL;
    }
    HASH_ADD(hh, lib->orphans, key, sizeof o->key, o);
    return o;
}

void orphan_add(struct library *lib, const char *backend, const char *checkpoint)
{
    static const struct digest no_content;
    struct digest key;
    if (digest_key(&no_content, checkpoint, &key) != 0 || orphan_find(lib, &key))
        return;
    struct orphan *o = orphan_new(lib, &key, backend, checkpoint);
    if (!o)
        return; /* out of memory: it stays there */
    o->created_ms = wall_ms();
    index_put_job(lib->index, &(struct index_job){.key = key,
                                                  .digest = no_content,
                                                  .settings = "",
                                                  .backend = backend,
                                                  .state = JOB_QUEUED,
                                                  .checkpoint = checkpoint,
                                                  .created_ms = o->created_ms});
    if (lib->hooks.work)
        lib->hooks.work(lib->hooks.context);
}

bool orphan_load(struct library *lib, const struct index_job *stored)
{
    if (stored->settings[0])
        return false;
    struct orphan *o =
        stored->checkpoint ? orphan_new(lib, &stored->key, stored->backend, stored->checkpoint) : NULL;
    if (o)
        o->created_ms = stored->created_ms;
    return true;
}

void library_leave(struct library *lib, const char *backend, const char *checkpoint)
{
    LIBRARY_LOCK(lib);
    orphan_add(lib, backend, checkpoint);
}

void orphan_start_clear(struct orphan_start *start)
{
    free(start->backend);
    free(start->checkpoint);
    *start = (struct orphan_start){0};
}

int library_claim_orphan(struct library *lib, int64_t now_ms, struct orphan_start *out, int64_t *next_ms)
{
    LIBRARY_LOCK(lib);
    struct orphan *o;
    *next_ms = 0;
    for (o = lib->orphans; o; o = o->hh.next) {
        if (o->claimed)
            continue;
        if (time_has_come(o->not_before_ms, now_ms))
            break;
        if (!*next_ms || o->not_before_ms < *next_ms)
            *next_ms = o->not_before_ms;
    }
    if (!o)
        return 0;
    *out = (struct orphan_start){.key = o->key,
                                 .backend = strdup(o->backend),
                                 .checkpoint = strdup(o->checkpoint),
                                 .created_ms = o->created_ms,
                                 .attempts = o->attempts + 1};
    if (!out->backend || !out->checkpoint) {
        orphan_start_clear(out);
        return -ENOMEM;
    }
    o->claimed = true;
    o->attempts++;
    return 1;
}

void library_orphan_again(struct library *lib, const struct digest *key, int64_t not_before_ms)
{
    LIBRARY_LOCK(lib);
    struct orphan *o = orphan_find(lib, key);
    if (!o)
        return;
    o->claimed = false;
    o->not_before_ms = not_before_ms;
}

void library_orphan_gone(struct library *lib, const struct digest *key)
{
    LIBRARY_LOCK(lib);
    struct orphan *o = orphan_find(lib, key);
    if (!o)
        return;
    HASH_DEL(lib->orphans, o);
    orphan_free(o);
    index_drop_job(lib->index, key);
}
