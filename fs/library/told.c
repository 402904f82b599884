/* What those outside were told of each recording: every outcome once, over restarts too. */
#include "fs/library/model.h"

#include <string.h>

static enum told_state outcome_of(const struct job *job)
{
    return !job                        ? TOLD_NOTHING
           : job->state == JOB_DONE   ? TOLD_DONE
           : job->state == JOB_FAILED ? TOLD_FAILED
                                      : TOLD_NOTHING;
}

static void set(struct library *lib, struct link *l, enum told_state state, const struct job *job)
{
    l->told = state;
    if (job)
        l->told_for = job->key;
    link_store(lib, l);
}

/* Everything that shows the outcome can be seen. */
static bool is_shown(struct library *lib, const struct link *l)
{
    if (link_missing(lib, l))
        return false;
    for (unsigned i = 0; i < l->view_count; i++)
        if (l->views[i].state == VIEW_PENDING || l->views[i].state == VIEW_GOING)
            return false;
    return true;
}

void link_tell(struct library *lib, struct link *l)
{
    if (!l->recording)
        return;
    const struct job *job = l->recording->job;
    enum told_state now = outcome_of(job);
    if (l->told == TOLD_UNKNOWN) { /* of an index that did not keep it: whoever was interested has heard of it */
        set(lib, l, now, job);
        return;
    }
    bool same = job && memcmp(&l->told_for, &job->key, sizeof l->told_for) == 0;
    if (now == TOLD_NOTHING && l->told == TOLD_FAILED && same) /* should it fail again, that is news */
        set(lib, l, TOLD_NOTHING, job);
    if (now == TOLD_NOTHING || (now == l->told && same) || !is_shown(lib, l))
        return;
    struct item item;
    if (!lib->hooks.told || item_fill(lib, l, &item) != 0)
        return; /* the next change or the next start tells */
    lib->hooks.told(lib->hooks.context, &item);
    item_clear(&item);
    set(lib, l, now, job);
}

void links_tell(struct library *lib)
{
    struct folder *f, *next_f;
    HASH_ITER(by_id, lib->folders_by_id, f, next_f)
    for (struct link *l = f->names; l; l = l->by_name.next)
        link_tell(lib, l);
}
