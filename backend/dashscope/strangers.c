/* A table of task ids and the addresses of the recordings they name. */
#include "backend/dashscope/strangers.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* a library never ends the program */
#include <uthash.h>

enum { MOST = 5000 };

struct stranger {
    char *task_id, *address;
    UT_hash_handle hh;
};

struct strangers {
    struct stranger *table;
};

static void stranger_free(struct stranger *s)
{
    free(s->task_id);
    free(s->address);
    free(s);
}

static void forget_all(struct strangers *strangers)
{
    struct stranger *s, *next;
    HASH_ITER(hh, strangers->table, s, next)
    {
        HASH_DEL(strangers->table, s);
        stranger_free(s);
    }
}

void strangers_free(struct strangers *strangers)
{
    if (!strangers)
        return;
    forget_all(strangers);
    free(strangers);
}

const char *strangers_names(const struct strangers *strangers, const char *task_id)
{
    struct stranger *s = NULL;
    if (strangers)
        HASH_FIND_STR(strangers->table, task_id, s);
    return s ? s->address : NULL;
}

void strangers_add(struct strangers **strangers, const char *task_id, const char *address)
{
    if (!*strangers)
        *strangers = calloc(1, sizeof **strangers);
    if (!*strangers || strangers_names(*strangers, task_id))
        return;
    if (HASH_COUNT((*strangers)->table) >= MOST)
        forget_all(*strangers);
    struct stranger *s = calloc(1, sizeof *s);
    if (!s)
        return;
    s->task_id = strdup(task_id);
    s->address = address ? strndup(address, strcspn(address, "?")) : strdup("");
    if (s->task_id && s->address)
        HASH_ADD_KEYPTR(hh, (*strangers)->table, s->task_id, strlen(s->task_id), s);
    if (!s->task_id || !s->address || !s->hh.tbl)
        stranger_free(s);
}
