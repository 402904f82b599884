/* Questions that are answered on the pool. `answered` and `cancelled` are of the loop's thread; the object is the pool's
 * until it has been posted. */
#include "fs/asking.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/loop.h"
#include "fs/jobs/pool.h"

struct asking {
    struct loop *loop;
    const struct question *question;
    void *context;
    char *path;
    cJSON *request, *object;
    void (*answer)(void *to, cJSON *object);
    void *to;
    bool cancelled;
    atomic_bool lost; /* the answer could not be brought to the loop */
};

static void asking_free(struct asking *a)
{
    cJSON_Delete(a->request);
    cJSON_Delete(a->object);
    free(a->path);
    free(a);
}

static void deliver(void *arg)
{
    struct asking *a = arg;
    cJSON *object = a->object;
    a->object = NULL;
    if (a->cancelled)
        cJSON_Delete(object);
    else
        a->answer(a->to, object);
    asking_free(a);
}

static void work(void *arg)
{
    struct asking *a = arg;
    a->object = a->question->answer(a->context, a->path, a->request);
    if (loop_post(a->loop, deliver, a) != 0)
        atomic_store(&a->lost, true);
}

int asking_start(struct loop *loop, struct pool *pool, const struct question *question, void *context, const char *path,
                 cJSON *request, void (*answer)(void *to, cJSON *object), void *to, struct asking **out)
{
    struct asking *a = calloc(1, sizeof *a);
    if (!a)
        return -ENOMEM;
    *a = (struct asking){.loop = loop,
                         .question = question,
                         .context = context,
                         .path = strdup(path),
                         .request = request,
                         .answer = answer,
                         .to = to};
    *out = a;
    int rc = a->path ? pool_submit(pool, work, a) : -ENOMEM;
    if (rc != 0) {
        a->request = NULL; /* stays the caller's */
        asking_free(a);
        *out = NULL;
    }
    return rc;
}

void asking_cancel(struct asking *a)
{
    if (atomic_load(&a->lost))
        asking_free(a);
    else
        a->cancelled = true;
}

cJSON *asking_error(const char *code, const char *message)
{
    cJSON *o = cJSON_CreateObject(), *e = o ? cJSON_AddObjectToObject(o, "error") : NULL;
    if (e && cJSON_AddStringToObject(e, "code", code) && cJSON_AddStringToObject(e, "message", message))
        return o;
    cJSON_Delete(o);
    return NULL;
}
