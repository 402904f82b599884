/* A search for the control socket. */
#include "fs/control_search.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "cache/search.h"
#include "fs/control_json.h"
#include "fs/library.h"

struct searching {
    struct loop *loop;
    struct library *library;
    void (*answer)(void *to, cJSON *object);
    void *to;
    struct search_answer *found;
    bool cancelled;   /* of the loop's thread */
    atomic_bool lost; /* the answer could not be brought to the loop */
};

static void searching_free(struct searching *s)
{
    search_answer_free(s->found);
    free(s);
}

static bool add_part(cJSON *object, const char *key, const char *text, size_t length)
{
    cleanup_free char *part = strndup(text, length);
    return part && cJSON_AddStringToObject(object, key, part);
}

static bool add_hit(cJSON *list, const struct search_hit *hit)
{
    cJSON *o = cJSON_CreateObject();
    if (!o || !cJSON_AddItemToArray(list, o)) {
        cJSON_Delete(o);
        return false;
    }
    const char *rest = hit->text + hit->mark + hit->mark_length;
    return cJSON_AddNumberToObject(o, "at_ms", (double)hit->at_ms) && add_part(o, "before", hit->text, hit->mark) &&
           add_part(o, "match", hit->text + hit->mark, hit->mark_length) && add_part(o, "after", rest, strlen(rest));
}

static bool add_recording(cJSON *list, const char *path, const struct search_found *found)
{
    cJSON *o = cJSON_CreateObject();
    if (!o || !cJSON_AddItemToArray(list, o)) {
        cJSON_Delete(o);
        return false;
    }
    cJSON *hits = json_add_bytes(o, "path", path) ? cJSON_AddArrayToObject(o, "hits") : NULL;
    bool ok = hits && cJSON_AddBoolToObject(o, "more", found->more);
    for (size_t i = 0; ok && i < found->count; i++)
        ok = add_hit(hits, &found->hits[i]);
    return ok;
}

static bool add_all(cJSON *list, struct library *library, const struct search_found *found)
{
    char **paths;
    size_t count;
    if (library_shown_with(library, &found->job, &paths, &count))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = add_recording(list, paths[i], found);
    shown_paths_free(paths, count);
    return ok;
}

static cJSON *error_object(int error)
{
    cJSON *o = cJSON_CreateObject(), *e = o ? cJSON_AddObjectToObject(o, "error") : NULL;
    bool words = error == -EINVAL;
    if (e && cJSON_AddStringToObject(e, "code", words ? "request" : "failed") &&
        cJSON_AddStringToObject(e, "message",
                                words ? "nothing in these words can be searched for" : "the search could not be made"))
        return o;
    cJSON_Delete(o);
    return NULL;
}

static cJSON *object_of(const struct searching *s)
{
    const struct search_answer *a = s->found;
    if (!a || a->error)
        return a ? error_object(a->error) : NULL;
    cJSON *o = cJSON_CreateObject(), *list = o ? cJSON_AddArrayToObject(o, "found") : NULL;
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < a->count; i++)
        ok = add_all(list, s->library, &a->found[i]);
    if (ok && cJSON_AddBoolToObject(o, "more", a->more || a->late) && cJSON_AddBoolToObject(o, "building", a->building))
        return o;
    cJSON_Delete(o);
    return NULL;
}

static void deliver(void *arg)
{
    struct searching *s = arg;
    if (!s->cancelled)
        s->answer(s->to, object_of(s));
    searching_free(s);
}

static void on_answer(void *to, struct search_answer *answer)
{
    struct searching *s = to;
    s->found = answer;
    if (loop_post(s->loop, deliver, s) != 0)
        atomic_store(&s->lost, true);
}

int searching_start(struct loop *loop, struct search *search, struct library *library, const char *words, size_t limit,
                    void (*answer)(void *to, cJSON *object), void *to, struct searching **out)
{
    struct searching *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    *s = (struct searching){.loop = loop, .library = library, .answer = answer, .to = to};
    *out = s;
    int rc = search_ask(search, words, limit, on_answer, s);
    if (rc)
        free(s);
    return rc;
}

void searching_cancel(struct searching *s)
{
    if (atomic_load(&s->lost))
        searching_free(s);
    else
        s->cancelled = true;
}
