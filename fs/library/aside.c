/* Whiteouts of recordings that were moved to where there are no recordings, such as the trash: what was
 * deleted stays deleted when the file comes back. In memory; a file is known again by its inode number and
 * time of birth. */
#include "fs/library/model.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ASIDE 10000 /* the oldest goes */

struct aside {
    struct file_id id;
    int64_t birth_ns;
    uint32_t hidden;
    struct digest hidden_for;
    UT_hash_handle hh; /* in the order of their coming */
};

static void forget(struct library *lib, struct aside *a)
{
    HASH_DEL(lib->aside, a);
    free(a);
}

static struct aside *find(struct library *lib, struct file_id id)
{
    struct aside *a;
    HASH_FIND(hh, lib->aside, &id, sizeof id, a);
    return a;
}

void whiteouts_put_aside(struct library *lib, const struct link *l)
{
    const struct recording *r = l->recording;
    if (!l->hidden || !l->hidden_digested || !r || !r->stat.birth_ns)
        return;
    struct aside *a = find(lib, r->id);
    if (a)
        forget(lib, a);
    if (HASH_CNT(hh, lib->aside) >= MOST_ASIDE)
        forget(lib, lib->aside);
    a = calloc(1, sizeof *a);
    if (!a)
        return; /* then they come back */
    a->id = r->id;
    a->birth_ns = r->stat.birth_ns;
    a->hidden = l->hidden;
    a->hidden_for = l->hidden_for;
    HASH_ADD(hh, lib->aside, id, sizeof a->id, a);
}

void whiteouts_bring_back(struct library *lib, const struct recording *r)
{
    struct aside *a = find(lib, r->id);
    if (!a)
        return;
    for (struct link *l = r->links; l && a->birth_ns == r->stat.birth_ns; l = l->next) {
        if (l->hidden)
            continue;
        l->hidden = a->hidden;
        l->hidden_digested = true;
        l->hidden_for = a->hidden_for;
        link_store(lib, l);
    }
    forget(lib, a);
}

void aside_free(struct library *lib)
{
    while (lib->aside)
        forget(lib, lib->aside);
}
