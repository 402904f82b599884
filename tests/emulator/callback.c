/* Finished tasks announced: the queue and the senders. */
#include "tests/emulator/callback.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/download.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/link.h"
#include "tests/emulator/memory.h"

enum { SENDERS = 4, TIMEOUT_MS = 5000, IDLE_MS = 1000, STALE_MS = 120000 };

static const char certificate_bucket[] = "cn-beijing-eventbridge", certificate_key[] = "certificate.pem";

/* ---- key and certificate ---- */

static EVP_PKEY *read_key(const char *path)
{
    cleanup_file FILE *f = fopen(path, "re");
    return f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
}

static int write_key(const char *path, EVP_PKEY *key)
{
    cleanup_file FILE *f = fopen(path, "we");
    return f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) ? 0 : -EIO;
}

int callbacks_init(struct emulator *emu)
{
    struct callbacks *c = &emu->callbacks;
    cleanup_free char *path = xprintf("%s/callback-key.pem", emu->options.state);
    int rc = 0;
    c->log = cJSON_CreateArray();
    c->key = read_key(path);
    if (!c->key) {
        c->key = event_key_new();
        rc = c->key ? write_key(path, c->key) : -EIO;
    }
    if (rc)
        return rc;
    cleanup_free char *pem = event_certificate(c->key);
    struct blob blob;
    rc = blob_write(&emu->store, pem, strlen(pem), &blob);
    if (rc)
        return rc;
    struct bucket *b = store_add_bucket(&emu->store, certificate_bucket, service_account, true);
    bucket_put(&emu->store, b, certificate_key, &blob, clock_now(&emu->clock))->content_type =
        xstrdup("application/x-x509-ca-cert");
    return 0;
}

static void free_event(struct event *e)
{
    free(e->body);
    cJSON_Delete(e->fault);
}

void callbacks_free(struct callbacks *c)
{
    for (size_t i = 0; i < c->count; i++)
        free_event(&c->waiting[i]);
    free(c->waiting);
    cJSON_Delete(c->log);
    EVP_PKEY_free(c->key);
}

/* ---- the queue ---- */

static struct event *enqueue(struct emulator *emu, const char *task_id, int64_t due)
{
    struct callbacks *c = &emu->callbacks;
    c->waiting = xgrow(c->waiting, c->count + 1, &c->capacity, sizeof *c->waiting);
    struct event *e = &c->waiting[c->count++];
    *e = (struct event){.due_ms = due};
    text_uuid(e->id);
    snprintf(e->task_id, sizeof e->task_id, "%s", task_id);
    pthread_cond_broadcast(&emu->changed);
    return e;
}

static void enqueue_copy(struct emulator *emu, const struct event *of)
{
    struct event *e = enqueue(emu, of->task_id, of->due_ms);
    memcpy(e->id, of->id, sizeof e->id);
    e->body = xstrdup(of->body);
    e->fault = cJSON_Duplicate(of->fault, true);
    e->attempts = of->attempts;
}

/* Queues one event as its fault says: later, several times, or never. */
static void post(struct emulator *emu, const char *task_id, const char *body, cJSON *fault, int64_t delay_ms)
{
    if (json_true(fault, "lose")) {
        cJSON_Delete(fault);
        return;
    }
    int64_t due = clock_now(&emu->clock) + delay_ms + (int64_t)json_number(fault, "delay_ms", 0);
    struct event *e = enqueue(emu, task_id, due);
    e->body = xstrdup(body);
    e->fault = fault;
    struct event first = *e;
    for (int i = (int)json_number(fault, "duplicate", 0); i > 0; i--)
        enqueue_copy(emu, &first);
}

void callbacks_announce(struct emulator *emu, const struct task *t)
{
    const char *suffix = emu->config.callback_suffix;
    size_t len = strlen(t->model->name), n = strlen(suffix);
    if (!*emu->config.callback_url || (n > len || strcmp(t->model->name + len - n, suffix)))
        return;
    struct fault_subject subject = {.model = t->model->name,
                                    .task_id = t->id,
                                    .key = t->key,
                                    .sha256 = t->file_count ? t->files[0].sha256 : NULL};
    post(emu, t->id, NULL, faults_pick(&emu->faults, "callback", &subject), emu->config.callback_delay_ms);
}

void callbacks_send(struct emulator *emu, const char *task_id, const char *body, const cJSON *fault)
{
    post(emu, task_id, body, cJSON_Duplicate(fault, true), 0);
}

/* ---- delivery ---- */

struct delivery {
    char *url, *body;
    struct pairs headers;
};

static bool tampered(const struct event *e, const char *what)
{
    const char *tamper = json_text(e->fault, "tamper");
    return tamper && !strcmp(tamper, what);
}

/* After signing: another state, or a byte more. */
static void tamper_body(char **body)
{
    char *status = strstr(*body, "\"SUCCEEDED\"");
    if (status)
        memcpy(status, "\"CANCELED\" ", 11);
    char *longer = xprintf("%s ", *body);
    free(*body);
    *body = longer;
}

static void tamper_signature(struct pairs *headers)
{
    for (size_t i = 0; i < headers->count; i++)
        if (!strcmp(headers->at[i].name, "x-eventbridge-signature-v2") ||
            !strcmp(headers->at[i].name, "x-eventbridge-signature"))
            headers->at[i].value[4] = headers->at[i].value[4] == 'A' ? 'B' : 'A';
}

/* Lock held. False when there is nothing to tell. */
static bool prepare(struct emulator *emu, const struct event *e, struct delivery *d)
{
    const struct task *t = tasks_find(&emu->tasks, e->task_id);
    const struct config *c = &emu->config;
    const char *version = json_text(e->fault, "version");
    if (!e->body && !t)
        return false;
    if (!version)
        version = c->callback_versions;
    cleanup_free char *base =
        link_base(emu, c, tampered(e, "url") ? "elsewhere" : certificate_bucket, "oss-accelerate");
    cleanup_free char *certificate = xprintf("%s/%s", base, certificate_key);
    const char *token = tampered(e, "token") ? "wrong" : *c->callback_token ? c->callback_token : NULL;
    *d = (struct delivery){.url = xstrdup(c->callback_url)};
    d->body = e->body ? xstrdup(e->body) : event_body(emu, t, e->id, e->fault);
    struct event_signature s = {
        .url = d->url,
        .certificate_url = certificate,
        .token = token,
        .timestamp_ms = clock_real_ms() - (tampered(e, "timestamp") ? STALE_MS : 0),
        .v1 = !strcmp(version, "v1") || !strcmp(version, "both"),
        .v2 = !strcmp(version, "v2") || !strcmp(version, "both"),
        .v1_newline = c->callback_v1_newline,
    };
    EVP_PKEY *other = tampered(e, "certificate") ? event_key_new() : NULL;
    event_sign(other ? other : emu->callbacks.key, &s, d->body, &d->headers);
    EVP_PKEY_free(other);
    if (tampered(e, "body"))
        tamper_body(&d->body);
    if (tampered(e, "signature"))
        tamper_signature(&d->headers);
    return true;
}

static size_t discard(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

static int stop_with_emulator(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    struct emulator *emu = arg;
    emu_lock(emu);
    bool stopping = emu->stopping;
    emu_unlock(emu);
    return stopping;
}

/* The HTTP status, 0 when there was none. */
static long deliver(struct emulator *emu, const struct delivery *d)
{
    CURL *curl = curl_easy_init();
    long status = 0;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json; charset=utf-8");
    headers = curl_slist_append(headers, "Expect:");
    for (size_t i = 0; i < d->headers.count; i++) {
        cleanup_free char *line = xprintf("%s: %s", d->headers.at[i].name, d->headers.at[i].value);
        headers = curl_slist_append(headers, line);
    }
    curl_easy_setopt(curl, CURLOPT_URL, d->url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, d->body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "AliyunEventBridge");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_with_emulator);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, emu);
    if (download_is_loopback(d->url) && curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

/* Lock held. */
static void note(struct emulator *emu, const struct event *e, long status)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "event_id", e->id);
    cJSON_AddStringToObject(item, "task_id", e->task_id);
    cJSON_AddNumberToObject(item, "attempt", e->attempts);
    cJSON_AddNumberToObject(item, "status", (double)status);
    cJSON_AddNumberToObject(item, "time", (double)clock_real_ms());
    if (e->fault)
        cJSON_AddItemToObject(item, "fault", cJSON_Duplicate(e->fault, true));
    cJSON_AddItemToArray(emu->callbacks.log, item);
    record_add(&emu->record, "callbacks", status / 100 == 2 ? "delivered" : "failed", 1);
}

/* Lock held on both ends; lets go of it while sending. */
static void send_one(struct emulator *emu, struct event *e)
{
    struct delivery d;
    if (!prepare(emu, e, &d)) {
        free_event(e);
        return;
    }
    emu_unlock(emu);
    long status = deliver(emu, &d);
    emu_lock(emu);
    free(d.url);
    free(d.body);
    pairs_clear(&d.headers);
    e->attempts++;
    note(emu, e, status);
    if (status / 100 != 2 && e->attempts <= emu->config.callback_retries && !emu->stopping) {
        e->due_ms = clock_now(&emu->clock) + emu->config.callback_retry_ms;
        enqueue_copy(emu, e);
    }
    free_event(e);
}

static void *send_all(void *arg)
{
    struct emulator *emu = arg;
    struct callbacks *c = &emu->callbacks;
    emu_lock(emu);
    while (!emu->stopping) {
        int64_t now = clock_now(&emu->clock), next = now + IDLE_MS;
        size_t found = c->count;
        for (size_t i = 0; i < c->count && found == c->count; i++) {
            if (c->waiting[i].due_ms <= now)
                found = i;
            else if (c->waiting[i].due_ms < next)
                next = c->waiting[i].due_ms;
        }
        if (found == c->count) {
            emu_wait(emu, clock_wait(&emu->clock, next));
            continue;
        }
        struct event e = c->waiting[found];
        memmove(c->waiting + found, c->waiting + found + 1, (--c->count - found) * sizeof e);
        send_one(emu, &e);
    }
    emu_unlock(emu);
    return NULL;
}

int callbacks_start(struct emulator *emu)
{
    struct callbacks *c = &emu->callbacks;
    int rc = 0;
    c->senders = xcalloc(SENDERS, sizeof *c->senders);
    while (!rc && c->sender_count < SENDERS) {
        rc = pthread_create(&c->senders[c->sender_count], NULL, send_all, emu);
        c->sender_count += !rc;
    }
    return rc;
}

void callbacks_stop(struct emulator *emu)
{
    for (size_t i = 0; i < emu->callbacks.sender_count; i++)
        pthread_join(emu->callbacks.senders[i], NULL);
    free(emu->callbacks.senders);
}
