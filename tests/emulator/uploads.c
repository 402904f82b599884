/* Temporary uploads. */
#include "tests/emulator/uploads.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/form.h"
#include "tests/emulator/link.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/sign.h"

const char upload_bucket[] = "dashscope-file-mgr";

void uploads_free(struct uploads *u)
{
    for (size_t i = 0; i < u->count; i++) {
        free(u->grants[i].directory);
        free(u->grants[i].account);
        free(u->grants[i].model);
    }
    free(u->grants);
    *u = (struct uploads){0};
}

static void add_grant(struct uploads *u, const char *directory, const char *account, const char *model)
{
    u->grants = xgrow(u->grants, u->count + 1, &u->capacity, sizeof *u->grants);
    u->grants[u->count++] = (struct grant){xstrdup(directory), xstrdup(account), xstrdup(model)};
}

cJSON *uploads_save(const struct uploads *u)
{
    cJSON *json = cJSON_CreateArray();
    for (size_t i = 0; i < u->count; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "directory", u->grants[i].directory);
        cJSON_AddStringToObject(item, "account", u->grants[i].account);
        cJSON_AddStringToObject(item, "model", u->grants[i].model);
        cJSON_AddItemToArray(json, item);
    }
    return json;
}

void uploads_load(struct uploads *u, const cJSON *json)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json)
    {
        add_grant(u, json_text(item, "directory"), json_text(item, "account"), json_text(item, "model"));
    }
}

/* The service's own key to object storage. Lock held. */
static const struct oss_key *service_key(const struct emulator *emu)
{
    for (size_t i = 0; i < emu->accounts.oss_count; i++)
        if (!strcmp(emu->accounts.oss[i].account, service_account))
            return &emu->accounts.oss[i];
    return NULL;
}

/* ---- the certificate ---- */

static cJSON *condition(const char *a, const char *b, const char *c)
{
    const char *texts[] = {a, b, c};
    return cJSON_CreateStringArray(texts, 3);
}

/* base64 of the policy; the caller frees. */
static char *make_policy(int64_t expires, int64_t max_bytes, const char *directory)
{
    char date[DATE_SIZE];
    date_iso(expires, date);
    cJSON *policy = cJSON_CreateObject();
    cJSON_AddStringToObject(policy, "expiration", date);
    cJSON *conditions = cJSON_AddArrayToObject(policy, "conditions"), *range = cJSON_CreateArray();
    cJSON_AddItemToArray(range, cJSON_CreateString("content-length-range"));
    cJSON_AddItemToArray(range, cJSON_CreateNumber(0));
    cJSON_AddItemToArray(range, cJSON_CreateNumber((double)max_bytes));
    cJSON_AddItemToArray(conditions, range);
    cJSON_AddItemToArray(conditions, condition("starts-with", "$key", directory));
    static const char *const exact[][2] = {
        {"bucket", upload_bucket}, {"x-oss-object-acl", "private"}, {"x-oss-forbid-overwrite", "true"}};
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, exact[i][0], exact[i][1]);
        cJSON_AddItemToArray(conditions, item);
    }
    cleanup_free char *text = cJSON_PrintUnformatted(policy);
    cJSON_Delete(policy);
    return base64_encode(text, strlen(text));
}

void uploads_policy(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    const char *action = pairs_get(&r->query, "action");
    const struct model *m = model_find(r->model);
    if (!action || strcmp(action, "getPolicy"))
        refuse_with(r, a, REFUSE_PARAMETER, "Invalid action: %s.", action ? action : "");
    else if (!r->model || !*r->model)
        refuse(r, a, REFUSE_EMPTY_MODEL);
    else if (!m || !model_in(m, r->region))
        refuse(r, a, !strcmp(r->config.unknown_model, "404") ? REFUSE_MODEL_NOT_FOUND : REFUSE_MODEL);
    if (a->status || !limits_policy(r, a))
        return;
    char hash[33], uuid[UUID_SIZE], day[DATE_SIZE], signature[SIGN_V1_SIZE], id[128];
    text_hex_id(hash, 32);
    text_uuid(uuid);
    emu_lock(emu);
    int64_t now = clock_now(&emu->clock);
    date_day(now, day);
    cleanup_free char *directory = xprintf("dashscope-instant/%s/%s/%s", hash, day, uuid);
    cleanup_free char *policy =
        make_policy(now + r->config.policy_keep_ms, r->config.policy_max_mb << 20, directory);
    const struct oss_key *k = service_key(emu);
    if (!k) {
        emu_unlock(emu);
        refuse(r, a, REFUSE_INTERNAL);
        return;
    }
    sign_hmac_sha1(k->secret, strlen(k->secret), policy, strlen(policy), signature);
    snprintf(id, sizeof id, "%s", k->id);
    add_grant(&emu->uploads, directory, r->account, m->name);
    emu_unlock(emu);
    cleanup_free char *endpoint = xprintf("oss-%s", region_name(r->region));
    cleanup_free char *host = link_base(r->emu, &r->config, upload_bucket, endpoint);
    cJSON *json = reply_envelope(r), *data = cJSON_AddObjectToObject(json, "data");
    cJSON_AddStringToObject(data, "policy", policy);
    cJSON_AddStringToObject(data, "signature", signature);
    cJSON_AddStringToObject(data, "upload_dir", directory);
    cJSON_AddStringToObject(data, "upload_host", host);
    cJSON_AddNumberToObject(data, "expire_in_seconds", (double)(r->config.policy_keep_ms / 1000));
    cJSON_AddNumberToObject(data, "max_file_size_mb", (double)r->config.policy_max_mb);
    cJSON_AddNumberToObject(data, "capacity_limit_mb", 999999999);
    cJSON_AddStringToObject(data, "oss_access_key_id", id);
    cJSON_AddStringToObject(data, "x_oss_object_acl", "private");
    cJSON_AddStringToObject(data, "x_oss_forbid_overwrite", "true");
    reply_json(a, 200, json);
}

/* ---- the form post ---- */

static const char *field(const struct form *f, const char *name)
{
    return pairs_get_nocase(&f->fields, name);
}

static bool refuse_form(const struct request *r, struct reply *a, int status, const char *code,
                        const char *message)
{
    refuse_oss(r, a, status, code, message, NULL);
    return false;
}

static bool failed(const struct request *r, struct reply *a, const cJSON *condition)
{
    cleanup_free char *text = cJSON_PrintUnformatted(condition);
    cleanup_free char *message = xprintf("Invalid according to Policy: Policy Condition failed: %s", text);
    return refuse_form(r, a, 403, "AccessDenied", message);
}

/* The value a condition speaks of. */
static const char *value_of(const struct request *r, const struct form *f, const char *key, const char *name)
{
    if (!strcasecmp(name, "bucket"))
        return r->place.bucket;
    if (!strcasecmp(name, "key"))
        return key;
    const char *value = field(f, name);
    return value ? value : "";
}

static bool condition_holds(const struct request *r, struct reply *a, const struct form *f, const char *key,
                            const cJSON *c)
{
    if (cJSON_IsObject(c))
        return (c->child && cJSON_IsString(c->child) &&
                !strcmp(value_of(r, f, key, c->child->string), c->child->valuestring)) ||
               failed(r, a, c);
    const char *kind = cJSON_GetStringValue(cJSON_GetArrayItem(c, 0));
    const cJSON *second = cJSON_GetArrayItem(c, 1), *third = cJSON_GetArrayItem(c, 2);
    if (kind && !strcmp(kind, "content-length-range") && cJSON_IsNumber(second) && cJSON_IsNumber(third)) {
        if ((double)f->file_len < second->valuedouble)
            return refuse_form(r, a, 400, "EntityTooSmall",
                               "Your proposed upload smaller than the minimum allowed object size.");
        return (double)f->file_len <= third->valuedouble ||
               refuse_form(r, a, 400, "EntityTooLarge",
                           "Your proposed upload exceeds the maximum allowed object size.");
    }
    if (!kind || !cJSON_IsString(second) || *second->valuestring != '$' || !cJSON_IsString(third))
        return refuse_form(r, a, 400, "InvalidPolicyDocument",
                           "Invalid Policy: Invalid JSON: unknown condition.");
    const char *value = value_of(r, f, key, second->valuestring + 1);
    bool holds = !strcmp(kind, "starts-with")
                     ? !strncmp(value, third->valuestring, strlen(third->valuestring))
                     : !strcmp(kind, "eq") && !strcmp(value, third->valuestring);
    return holds || failed(r, a, c);
}

static bool policy_allows(const struct request *r, struct reply *a, const struct form *f, const char *key,
                          bool service)
{
    const char *text = field(f, "policy");
    size_t len;
    cleanup_free unsigned char *decoded = base64_decode(text, strlen(text), &len);
    cleanup_json cJSON *policy = decoded ? cJSON_ParseWithLength((const char *)decoded, len) : NULL;
    int64_t expires = date_parse_iso(json_text(policy, "expiration"));
    if (!policy || expires < 0 || !cJSON_IsArray(json_get(policy, "conditions")))
        return refuse_form(r, a, 400, "InvalidPolicyDocument", "Invalid Policy: Invalid JSON.");
    if ((service ? emu_now(r->emu) : clock_real_ms()) > expires)
        return refuse_form(r, a, 403, "AccessDenied", "Invalid according to Policy: Policy expired.");
    const cJSON *c;
    cJSON_ArrayForEach(c, json_get(policy, "conditions"))
    {
        if (!condition_holds(r, a, f, key, c))
            return false;
    }
    return true;
}

/* Checks everything that needs no lock; fills `account` of the signing key. */
static bool form_good(struct request *r, struct reply *a, const struct form *f, const char *key,
                      char account[ACCOUNT_SIZE])
{
    const char *id = field(f, "OSSAccessKeyId"), *signature = field(f, "Signature"),
               *policy = field(f, "policy");
    if (f->files != 1)
        return refuse_form(r, a, 400, "InvalidArgument",
                           "POST requires exactly one file upload per request.");
    if (!key)
        return refuse_form(
            r, a, 400, "InvalidArgument",
            "Bucket POST must contain a field named 'key'. If it is specified, please check the order of "
            "the fields.");
    if (!id && !signature && !policy)
        return refuse_form(r, a, 403, "AccessDenied", "Anonymous access is forbidden for this operation.");
    if (!id || !signature || !policy)
        return refuse_form(
            r, a, 400, "InvalidArgument",
            "Bucket POST must contain the fields 'OSSAccessKeyId', 'Signature' and 'policy'. If they are "
            "specified, please check the order of the fields.");
    char expected[SIGN_V1_SIZE] = "";
    emu_lock(r->emu);
    const struct oss_key *k = accounts_find_oss(&r->emu->accounts, id);
    if (k) {
        sign_hmac_sha1(k->secret, strlen(k->secret), policy, strlen(policy), expected);
        snprintf(account, ACCOUNT_SIZE, "%s", k->account);
    }
    emu_unlock(r->emu);
    if (!k)
        return refuse_form(r, a, 403, "InvalidAccessKeyId",
                           "The OSS Access Key Id you provided does not exist in our records.");
    if (strcmp(signature, expected))
        return refuse_form(
            r, a, 403, "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key "
            "and signing method.");
    return policy_allows(r, a, f, key, !strcmp(account, service_account));
}

/* Lock held. */
static const struct grant *grant_of(const struct emulator *emu, const char *key)
{
    for (size_t i = emu->uploads.count; i-- > 0;) {
        size_t len = strlen(emu->uploads.grants[i].directory);
        if (!strncmp(key, emu->uploads.grants[i].directory, len))
            return &emu->uploads.grants[i];
    }
    return NULL;
}

static bool store_form(struct request *r, struct reply *a, const struct form *f, const char *key,
                       const char *account, struct blob *blob)
{
    struct emulator *emu = r->emu;
    const char *forbid = field(f, "x-oss-forbid-overwrite"), *type = field(f, "x-oss-content-type");
    if (blob_write(&emu->store, f->file, f->file_len, blob))
        return refuse_form(r, a, 500, "InternalError", "cannot write");
    emu_lock(emu);
    struct bucket *b = store_bucket(&emu->store, r->place.bucket);
    bool exists = b && bucket_find(b, key) && forbid && !strcmp(forbid, "true");
    bool mine = b && !strcmp(b->account, account);
    if (mine && !exists) {
        const struct grant *g = grant_of(emu, key);
        struct object *o = bucket_put(&emu->store, b, key, blob, clock_now(&emu->clock));
        o->content_type = xstrdup(type ? type : f->file_type ? f->file_type : "application/octet-stream");
        o->account = xstrdup(g ? g->account : NULL);
        o->model = xstrdup(g ? g->model : NULL);
        record_add(&emu->record, "objects", "post", 1);
        record_add(&emu->record, "uploads_by_audio", blob->sha256, 1);
        if (!r->model && g)
            r->model = xstrdup(g->model);
    } else {
        blob_remove(&emu->store, blob);
    }
    emu_unlock(emu);
    if (!b)
        return refuse_form(r, a, 404, "NoSuchBucket", "The specified bucket does not exist.");
    if (!mine)
        return refuse_form(r, a, 403, "AccessDenied",
                           "You have no right to access this object because of bucket acl.");
    return !exists || refuse_form(r, a, 409, "FileAlreadyExists",
                                  "The object you specified already exists and can not be overwritten.");
}

/* The key with ${filename} filled in; the caller frees. */
static char *key_of(const struct form *f)
{
    const char *key = field(f, "key"), *mark = key ? strstr(key, "${filename}") : NULL;
    if (!mark)
        return xstrdup(key);
    return xprintf("%.*s%s%s", (int)(mark - key), key, f->file_name ? f->file_name : "", mark + 11);
}

void uploads_post(struct request *r, struct reply *a)
{
    struct form f;
    struct blob blob;
    char account[ACCOUNT_SIZE] = "";
    if (request_header(r, "Authorization")) {
        record_violation(r->emu, r, "authorization_to_upload", r->raw_path);
        refuse_form(r, a, 400, "InvalidArgument", "Authorization header is invalid.");
        return;
    }
    bool formed = !r->body_error &&
                  form_parse(&f, request_header(r, "Content-Type"), spool_data(&r->body), r->body.len);
    cleanup_free char *key = formed ? key_of(&f) : NULL;
    if (!formed)
        refuse_form(r, a, 400, "MalformedPOSTRequest",
                    "The body of your POST request is not well-formed multipart/form-data.");
    if (formed && f.fields_after)
        record_violation(r->emu, r, "fields_after_file", NULL);
    if (formed && form_good(r, a, &f, key, account) && store_form(r, a, &f, key, account, &blob)) {
        const char *status = field(&f, "success_action_status");
        cleanup_free char *etag = xprintf("\"%s\"", blob.md5);
        if (status && !strcmp(status, "201"))
            reply_text(a, 201, "application/xml",
                       "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse/>\n");
        else
            reply_text(a, status && !strcmp(status, "200") ? 200 : 204, NULL, "");
        reply_header(a, "ETag", etag);
    }
    form_free(&f);
}

enum upload_state uploads_find(struct emulator *emu, const char *key, const char *account, const char *model,
                               struct blob *blob)
{
    const struct bucket *b = store_bucket(&emu->store, upload_bucket);
    const struct object *o = b ? bucket_find(b, key) : NULL;
    if (!o || !o->account)
        return UPLOAD_ABSENT;
    if (clock_now(&emu->clock) - o->modified_ms > emu->config.upload_keep_ms)
        return UPLOAD_EXPIRED;
    if (strcmp(o->account, account))
        return UPLOAD_OTHER_ACCOUNT;
    if (strcmp(o->model, model))
        return UPLOAD_OTHER_MODEL;
    *blob = o->blob;
    return UPLOAD_GOOD;
}
