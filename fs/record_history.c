/* All that is known of one recording: the jobs of its content, what happened to them, what they cost. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "cache/index.h"
#include "fs/control_json.h"
#include "fs/library.h"
#include "fs/records.h"

struct history {
    const struct job_start *now; /* the recording, and its job of today */
    cJSON *jobs;                 /* each with "events" and "charges" */
};

static bool same(const struct digest *a, const struct digest *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static cJSON *job_of(const struct history *h, const struct digest *key)
{
    char hex[DIGEST_HEX];
    cJSON *job;
    digest_hex(key, hex);
    cJSON_ArrayForEach(job, h->jobs)
    {
        if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(job, "job")), hex) == 0)
            return job;
    }
    return NULL;
}

static bool add_number(cJSON *o, const char *key, int64_t value)
{
    return cJSON_AddNumberToObject(o, key, (double)value) != NULL;
}

static bool add_error(cJSON *o, const struct error *err)
{
    if (err->class == ERROR_NONE)
        return cJSON_AddNullToObject(o, "error") != NULL;
    cJSON *e = cJSON_AddObjectToObject(o, "error");
    return e && cJSON_AddStringToObject(e, "code", err->code) && json_add_bytes(e, "detail", err->detail);
}

static int take_job(void *arg, const struct index_job *j)
{
    static const char *const states[] = {[JOB_QUEUED] = "queued", [JOB_RUNNING] = "running", [JOB_DONE] = "done",
                                         [JOB_FAILED] = "failed"};
    struct history *h = arg;
    char hex[DIGEST_HEX];
    if (!same(&j->digest, &h->now->digest))
        return 0;
    cJSON *o = cJSON_CreateObject();
    if (!o || !cJSON_AddItemToArray(h->jobs, o)) {
        cJSON_Delete(o);
        return -ENOMEM;
    }
    digest_hex(&j->key, hex);
    bool all = cJSON_AddStringToObject(o, "job", hex) &&
               cJSON_AddBoolToObject(o, "current", same(&j->key, &h->now->key)) &&
               cJSON_AddStringToObject(o, "backend", j->backend) &&
               cJSON_AddStringToObject(o, "state", states[j->state]) && add_number(o, "attempts", j->attempts) &&
               add_number(o, "queued_ms", j->created_ms) && add_number(o, "started_ms", j->started_ms) &&
               add_number(o, "finished_ms", j->finished_ms) && add_number(o, "duration_ms", j->duration_ms) &&
               add_error(o, &j->error) && cJSON_AddArrayToObject(o, "events") && cJSON_AddArrayToObject(o, "charges");
    return all ? 0 : -ENOMEM;
}

static int take_event(void *arg, const struct index_event *e)
{
    const struct history *h = arg;
    cJSON *job = job_of(h, &e->job);
    if (!job)
        return 0;
    cJSON *o = cJSON_CreateObject();
    if (!o || !cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(job, "events"), o)) {
        cJSON_Delete(o);
        return -ENOMEM;
    }
    return add_number(o, "at_ms", e->at_ms) && cJSON_AddStringToObject(o, "event", e->event) &&
                   json_add_bytes(o, "detail", e->detail)
               ? 0
               : -ENOMEM;
}

static int take_charge(void *arg, const struct index_charge *c)
{
    static const char *const kinds[] = {[CHARGE_POSSIBLE] = "possible", [CHARGE_ESTIMATED] = "estimated",
                                        [CHARGE_BILLED] = "billed"};
    const struct history *h = arg;
    cJSON *job = job_of(h, &c->job);
    if (!job)
        return 0;
    cJSON *o = cJSON_CreateObject();
    if (!o || !cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(job, "charges"), o)) {
        cJSON_Delete(o);
        return -ENOMEM;
    }
    bool priced = *c->currency;
    bool all = add_number(o, "at_ms", c->at_ms) && cJSON_AddStringToObject(o, "kind", kinds[c->kind]) &&
               cJSON_AddStringToObject(o, "model", c->model) && add_number(o, "billed_ms", c->billed_ms) &&
               (priced ? add_number(o, "cost_micro", c->cost_micro) && cJSON_AddStringToObject(o, "currency", c->currency)
                       : cJSON_AddNullToObject(o, "cost_micro") && cJSON_AddNullToObject(o, "currency"));
    return all ? 0 : -ENOMEM;
}

static bool add_recording(cJSON *o, const struct job_start *job, enum item_state state)
{
    char hex[DIGEST_HEX];
    digest_hex(&job->digest, hex);
    return json_add_bytes(o, "path", job->path) && cJSON_AddStringToObject(o, "state", item_state_name(state)) &&
           add_number(o, "arrived_ms", job->stat.birth_ns / 1000000) &&
           add_number(o, "changed_ms", job->stat.mtime_ns / 1000000) && add_number(o, "bytes", job->stat.size) &&
           (job->settings ? cJSON_AddStringToObject(o, "sha256", hex) : cJSON_AddNullToObject(o, "sha256")) != NULL;
}

cJSON *record_history(void *context, const char *path, const cJSON *request)
{
    (void)request;
    struct records *r = context;
    __attribute__((cleanup(job_start_clear))) struct job_start now = {0};
    enum item_state state;
    int rc = library_look_up(r->library, path, &now, &state);
    if (rc == -ENOENT)
        return asking_error("not_found", "no recording is there");
    if (rc == -EISDIR)
        return asking_error("request", "it is a folder: name one recording");
    cJSON *o = rc == 0 ? cJSON_CreateObject() : NULL;
    struct history h = {.now = &now};
    bool all = o && add_recording(o, &now, state) && (h.jobs = cJSON_AddArrayToObject(o, "jobs"));
    if (all && now.settings) {
        rc = index_load_jobs(r->index, take_job, &h);
        if (rc == 0)
            rc = index_load_history(r->index, take_event, &h);
        if (rc == 0)
            rc = index_load_charges(r->index, take_charge, &h);
    }
    if (all && rc == 0)
        return o;
    cJSON_Delete(o);
    return rc == 0 || rc == -ENOMEM ? NULL : asking_error("failed", "the index cannot be read now");
}
