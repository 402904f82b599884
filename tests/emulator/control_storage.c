/* The tests' own entrance: buckets with their objects, and keys. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/control.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

static void put_object(struct request *r, struct reply *a, const char *bucket, const char *key)
{
    struct emulator *emu = r->emu;
    const char *type = request_header(r, "Content-Type");
    struct blob blob;
    if (blob_write(&emu->store, spool_data(&r->body), r->body.len, &blob)) {
        control_error(a, 500, "cannot write", NULL);
        return;
    }
    emu_lock(emu);
    struct bucket *b = store_bucket(&emu->store, bucket);
    if (b)
        bucket_put(&emu->store, b, key, &blob, clock_now(&emu->clock))->content_type = xstrdup(type);
    emu_unlock(emu);
    if (b)
        control_ok(a);
    else
        control_error(a, 404, "no such bucket", bucket);
}

/* GET, PUT or DELETE of one object, past every signature and rule. */
static void serve_object(struct request *r, struct reply *a, const char *bucket, const char *key)
{
    struct emulator *emu = r->emu;
    if (!strcmp(r->method, "PUT")) {
        put_object(r, a, bucket, key);
        return;
    }
    emu_lock(emu);
    struct bucket *b = store_bucket(&emu->store, bucket);
    const struct object *o = b ? bucket_find(b, key) : NULL;
    bool found = o;
    if (o && !strcmp(r->method, "DELETE")) {
        bucket_remove(&emu->store, b, key);
        reply_text(a, 204, NULL, "");
    } else if (o) {
        a->fd = blob_open(&emu->store, &o->blob);
        a->file_len = o->blob.size;
        a->status = 200;
    }
    emu_unlock(emu);
    if (!found)
        control_error(a, 404, "no such object", key);
}

void control_buckets(struct request *r, struct reply *a, const char *rest)
{
    struct emulator *emu = r->emu;
    size_t len = strcspn(rest, "/");
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)len, rest);
    if (rest[len] == '/') {
        serve_object(r, a, name, rest + len + 1);
        return;
    }
    bool found = true;
    emu_lock(emu);
    if (!strcmp(r->method, "POST") && *name) /* POST …/buckets/NAME[?public=1][&account=A] */
        store_add_bucket(&emu->store, name,
                         pairs_get(&r->query, "account") ? pairs_get(&r->query, "account") : default_account,
                         pairs_get(&r->query, "public"));
    else if (!strcmp(r->method, "DELETE"))
        found = store_remove_bucket(&emu->store, name);
    cJSON *json = store_save(&emu->store);
    emu_unlock(emu);
    if (found) {
        reply_json(a, 200, json);
    } else {
        cJSON_Delete(json);
        control_error(a, 404, "no such bucket", name);
    }
}

void control_keys(struct request *r, struct reply *a, const char *rest)
{
    struct emulator *emu = r->emu;
    const cJSON *json = r->json;
    const char *key = json_text(json, "key"), *id = json_text(json, "oss_id"),
               *secret = json_text(json, "oss_secret");
    const char *account = json_text(json, "account");
    int64_t expires = (int64_t)json_number(json, "expires_ms", 0);
    bool good = true;
    emu_lock(emu);
    if (!strcmp(r->method, "DELETE"))
        accounts_remove_key(&emu->accounts, rest);
    else if (!strcmp(r->method, "POST") && key)
        good = accounts_add_key(&emu->accounts, key, account, expires);
    else if (!strcmp(r->method, "POST") && id && secret)
        accounts_add_oss(&emu->accounts, id, secret, json_text(json, "token"), account, expires);
    else if (!strcmp(r->method, "POST"))
        good = false;
    cJSON *all = accounts_save(&emu->accounts);
    emu_unlock(emu);
    if (good) {
        reply_json(a, 200, all);
    } else {
        cJSON_Delete(all);
        control_error(a, 400, "give key, or oss_id and oss_secret", NULL);
    }
}
