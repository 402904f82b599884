/* The caches: how large, what nobody needs any more, what is damaged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uthash.h>

#include "backend/base/cleanup.h"
#include "cache/index.h"
#include "cache/results.h"
#include "cache/views.h"
#include "fs/control_json.h"
#include "fs/library.h"
#include "fs/records.h"

#define DAY_S (24 * 3600)
#define LISTED_MOST 1000 /* damaged results that are named */

struct known {
    struct digest digest;
    UT_hash_handle hh;
};

struct audit {
    struct records *records;
    struct known *needed;   /* jobs whose result a recording shows, or could show again */
    struct known *contents; /* of the recordings there are */
    bool dry, verifies;
    int64_t older_s; /* < 0: nothing is removed */
    time_t now;
    int64_t results, bytes, unneeded, unneeded_bytes, removed, removed_bytes, unsummed;
    cJSON *damaged;
    int64_t damaged_count;
    bool out_of_memory;
};

static bool known_has(struct known *const *set, const struct digest *digest)
{
    const struct known *k;
    HASH_FIND(hh, *set, digest, sizeof *digest, k);
    return k;
}

static int known_add(struct known **set, const struct digest *digest)
{
    if (known_has(set, digest))
        return 0;
    struct known *k = calloc(1, sizeof *k);
    if (!k)
        return -ENOMEM;
    k->digest = *digest;
    HASH_ADD(hh, *set, digest, sizeof k->digest, k);
    return 0;
}

static void known_clear(struct known **set)
{
    struct known *k, *next;
    HASH_ITER(hh, *set, k, next)
    {
        HASH_DEL(*set, k);
        free(k);
    }
}

static void audit_clear(struct audit *a)
{
    known_clear(&a->needed);
    known_clear(&a->contents);
    cJSON_Delete(a->damaged);
}

/* ---- what is needed ---- */

static void take_shown(void *arg, const struct digest *job)
{
    struct audit *a = arg;
    a->out_of_memory |= known_add(&a->needed, job) != 0;
}

static int take_recording(void *arg, const struct index_recording *r)
{
    struct audit *a = arg;
    if (!r->digested)
        return 0;
    int rc = known_add(&a->contents, &r->digest);
    return rc ? rc : known_add(&a->needed, &r->job);
}

/* An earlier transcript of a recording that is still there stays as well. */
static int take_job(void *arg, const struct index_job *j)
{
    struct audit *a = arg;
    return known_has(&a->contents, &j->digest) ? known_add(&a->needed, &j->key) : 0;
}

static int find_needed(struct audit *a)
{
    int rc = library_each_result(a->records->library, take_shown, a);
    if (rc == 0)
        rc = index_load_recordings(a->records->index, take_recording, a);
    if (rc == 0)
        rc = index_load_jobs(a->records->index, take_job, a);
    return rc ? rc : a->out_of_memory ? -ENOMEM : 0;
}

/* ---- each result ---- */

/* What is shown with it is transcribed again, unless it is only looked at. */
static int note_damage(struct audit *a, const struct digest *key)
{
    char hex[DIGEST_HEX], **paths = NULL;
    size_t count = 0;
    digest_hex(key, hex);
    a->damaged_count++;
    int rc = library_shown_with(a->records->library, key, &paths, &count);
    cJSON *o = rc == 0 && a->damaged_count <= LISTED_MOST ? cJSON_CreateObject() : NULL;
    if (o && !(cJSON_AddItemToArray(a->damaged, o) && cJSON_AddStringToObject(o, "job", hex) &&
               (count ? json_add_bytes(o, "path", paths[0]) : cJSON_AddNullToObject(o, "path") != NULL)))
        rc = -ENOMEM;
    shown_paths_free(paths, count);
    if (!a->dry)
        library_result_lost(a->records->library, key);
    return rc;
}

/* A recording may have come since what is needed was looked up. */
static bool is_shown_by_now(const struct audit *a, const struct digest *key)
{
    char **paths = NULL;
    size_t count = 0;
    int rc = library_shown_with(a->records->library, key, &paths, &count);
    shown_paths_free(paths, count);
    return rc != 0 || count > 0;
}

static int take_result(void *arg, const struct digest *key, const struct result_info *info)
{
    struct audit *a = arg;
    if (atomic_load(&a->records->stopping))
        return -ECANCELED;
    a->results++;
    a->bytes += info->bytes;
    if (a->verifies) {
        bool summed;
        int rc = results_verify(a->records->results, key, &summed);
        a->unsummed += rc == 0 && !summed;
        return rc == -EUCLEAN ? note_damage(a, key) : 0; /* what cannot be read now may be well */
    }
    if (known_has(&a->needed, key))
        return 0;
    a->unneeded++;
    a->unneeded_bytes += info->bytes;
    if (a->older_s < 0 || a->now - info->made < a->older_s)
        return 0;
    if (!a->dry && (is_shown_by_now(a, key) || results_drop(a->records->results, key) != 0))
        return 0;
    a->removed++;
    a->removed_bytes += info->bytes;
    return 0;
}

/* ---- answers ---- */

static bool add_number(cJSON *o, const char *key, int64_t value)
{
    return cJSON_AddNumberToObject(o, key, (double)value) != NULL;
}

static bool add_answer(cJSON *o, struct audit *a, int64_t views_removed)
{
    struct view_usage views = {0};
    if (!add_number(o, "results", a->results) || !add_number(o, "result_bytes", a->bytes) ||
        !cJSON_AddBoolToObject(o, "dry_run", a->dry))
        return false;
    if (a->verifies) {
        bool all = add_number(o, "damaged_results", a->damaged_count) && add_number(o, "without_sums", a->unsummed) &&
                   cJSON_AddItemToObject(o, "damaged", a->damaged);
        if (all)
            a->damaged = NULL;
        return all;
    }
    views_measure(a->records->views, &views);
    return add_number(o, "unneeded_results", a->unneeded) && add_number(o, "unneeded_bytes", a->unneeded_bytes) &&
           add_number(o, "removed_results", a->removed) && add_number(o, "removed_bytes", a->removed_bytes) &&
           add_number(o, "views", views.count) && add_number(o, "view_bytes", views.bytes) &&
           add_number(o, "removed_views", views_removed);
}

cJSON *record_cache(void *context, const char *path, const cJSON *request)
{
    (void)path;
    struct records *r = context;
    const char *what = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "what"));
    const cJSON *days = cJSON_GetObjectItemCaseSensitive(request, "older_days");
    bool prunes = what && strcmp(what, "prune") == 0, verifies = what && strcmp(what, "verify") == 0;
    if (!prunes && !verifies && (!what || strcmp(what, "stat") != 0))
        return asking_error("request", "\"what\" is stat, prune or verify");
    __attribute__((cleanup(audit_clear))) struct audit a = {
        .records = r, .verifies = verifies, .older_s = -1, .now = time(NULL), .damaged = cJSON_CreateArray()};
    a.dry = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "dry_run"));
    if (prunes && cJSON_IsNumber(days) && days->valuedouble >= 0 && days->valuedouble < 100000)
        a.older_s = (int64_t)(days->valuedouble * DAY_S);
    int rc = a.damaged ? find_needed(&a) : -ENOMEM;
    if (rc == 0)
        rc = results_each(r->results, take_result, &a);
    if (rc == -ECANCELED)
        return asking_error("failed", "scribefs is ending");
    if (rc != 0 && rc != -ENOMEM)
        return asking_error("failed", "the index or the cache cannot be read now");
    int64_t views_removed = rc == 0 && prunes && !a.dry ? (int64_t)library_prune_views(r->library) : 0;
    cJSON *o = rc == 0 ? cJSON_CreateObject() : NULL;
    if (o && add_answer(o, &a, views_removed))
        return o;
    cJSON_Delete(o);
    return NULL;
}
