/* Has recordings transcribed again. Nothing is begun here: the library queues it. */
#include "fs/rerun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/overrides.h"
#include "cache/digest.h"
#include "cache/results.h"
#include "fs/control_json.h"
#include "fs/inbox/folders.h"
#include "fs/library.h"

#define PATHS_MOST 1000 /* that are named in an answer */
#define RUNS_MOST 1000  /* of one recording with the same settings */

struct asking {
    const struct rerun_config *config;
    struct chosen_over over;
    bool again, dry;
    int count, needless, busy, sent;
    int64_t duration_ms;
    cJSON *paths;
};

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_TRANSIENT, ENOMEM, "memory", "out of memory");
}

/* The settings with a number that tells this run from the others with the same ones: malloc'ed. */
static char *numbered(const char *settings, int run)
{
    size_t len = strlen(settings);
    char *out = NULL;
    if (len < 2 || settings[len - 1] != '}')
        return strdup(settings);
    return asprintf(&out, "%.*s%s\"run\":%d}", (int)(len - 1), settings, len > 2 ? "," : "", run) < 0 ? NULL : out;
}

static bool has_result(const struct asking *a, const struct digest *key)
{
    off_t size;
    struct timespec made;
    return results_stat(a->config->results, key, "transcript.json", &size, &made) == 0;
}

/* Key and settings of the job: *settings is malloc'ed, of the frozen ones. False: without memory, or it was run too
 * often. */
static bool job_of(const struct asking *a, const struct job_start *now, const char *frozen, struct digest *key,
                   char **settings)
{
    *settings = strdup(frozen);
    for (int run = 2; *settings && digest_key(&now->digest, *settings, key) == 0; run++) {
        bool taken = memcmp(key, &now->key, sizeof *key) == 0 || has_result(a, key);
        if (!a->again || !taken)
            return true;
        free(*settings);
        *settings = run <= RUNS_MOST ? numbered(frozen, run) : NULL;
    }
    free(*settings);
    *settings = NULL;
    return false;
}

static bool add_path(cJSON *paths, const char *path)
{
    cJSON *o = cJSON_CreateObject();
    if (o && json_add_bytes(o, "path", path) && cJSON_AddItemToArray(paths, o))
        return true;
    cJSON_Delete(o);
    return false;
}

/* Plans, and unless it is a dry run begins, one recording. `here`: it stays on this machine. -EAGAIN: it has to. */
static int rerun_by(struct asking *a, const struct item *item, const struct job_start *now,
                    const struct folder_settings *s, bool here, struct error *err)
{
    struct backend *backend;
    struct digest key;
    cleanup_free char *frozen = NULL, *settings = NULL;
    int rc = choose_backend(&a->config->chooser, s, here, &a->over, &backend, &frozen, err);
    if (rc != 0)
        return rc;
    if (!job_of(a, now, frozen, &key, &settings))
        return no_memory(err);
    if (memcmp(&key, &now->key, sizeof key) == 0) {
        a->needless++;
        return 0;
    }
    if (!a->dry) {
        rc = library_rerun(a->config->library, item->path, &now->digest, &key, backend->name, settings);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    a->count++;
    a->sent += strcmp(backend->name, "local") != 0;
    a->duration_ms += item->duration_ms;
    return a->count > PATHS_MOST || add_path(a->paths, item->path) ? 0 : no_memory(err);
}

static int rerun_one(struct asking *a, const struct item *item, struct error *err)
{
    struct job_start now = {0};
    enum item_state state;
    int rc = library_look_up(a->config->library, item->path, &now, &state);
    if (rc < 0)
        return rc == -ENOMEM ? no_memory(err) : 0; /* it has gone */
    if (!now.settings || (item->state != ITEM_DONE && item->state != ITEM_FAILED)) {
        a->busy++;
        job_start_clear(&now);
        return 0;
    }
    const char *slash = strrchr(item->path, '/');
    cleanup_free char *directory = slash ? strndup(item->path, (size_t)(slash - item->path)) : strdup("");
    const struct folder_settings *s =
        a->config->folders && directory ? folders_get(a->config->folders, directory) : NULL;
    rc = rerun_by(a, item, &now, s, false, err);
    if (rc == -EAGAIN)
        rc = rerun_by(a, item, &now, s, true, err);
    if (s)
        folders_put(s);
    job_start_clear(&now);
    return rc == -ENOMEM ? no_memory(err) : rc;
}

static int set(struct backend_overrides *o, const cJSON *request, const char *key, struct error *err)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, key));
    return value ? override_set(o, key, value, READ_ANY, err) : 0;
}

static cJSON *answer_of(struct asking *a, struct error *err)
{
    cJSON *o = cJSON_CreateObject();
    if (o && cJSON_AddNumberToObject(o, "count", a->count) && cJSON_AddNumberToObject(o, "needless", a->needless) &&
        cJSON_AddNumberToObject(o, "busy", a->busy) &&
        cJSON_AddNumberToObject(o, "duration_ms", (double)a->duration_ms) &&
        cJSON_AddNumberToObject(o, "sent", a->sent) && cJSON_AddItemToObject(o, "paths", a->paths)) {
        a->paths = NULL;
        return o;
    }
    cJSON_Delete(o);
    no_memory(err);
    return NULL;
}

static cJSON *rerun_all(struct asking *a, const char *path, struct error *err)
{
    struct item *items = NULL;
    size_t count = 0;
    int rc = library_items(a->config->library, path, &items, &count);
    if (rc == -ENOENT)
        error_set(err, ERROR_PERSON, ENOENT, "not_found", "nothing is known of it");
    else if (rc < 0 || !(a->paths = cJSON_CreateArray()))
        rc = no_memory(err);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = rerun_one(a, &items[i], err);
    items_free(items, count);
    cJSON *answer = rc == 0 ? answer_of(a, err) : NULL;
    cJSON_Delete(a->paths);
    return answer;
}

cJSON *rerun(const struct rerun_config *config, const char *path, const cJSON *request, struct error *err)
{
    cleanup_overrides struct backend_overrides wishes = {0};
    struct asking a = {
        .config = config,
        .over = {cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "backend")), &wishes},
        .again = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "again")),
        .dry = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "dry"))};
    cJSON *answer = NULL;
    if (set(&wishes, request, "model", err) == 0 && set(&wishes, request, "language", err) == 0)
        answer = rerun_all(&a, path, err);
    if (!answer && strcmp(err->code, "not_found") != 0 && strcmp(err->code, "memory") != 0)
        snprintf(err->code, sizeof err->code, "failed");
    return answer;
}
