/* The publisher: settings, the common life of a publication, and the way that needs no upload. */
#include "backend/publish/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <curl/curl.h>
#include <utlist.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/publish/media_type.h"
#include "backend/publish/publish_internal.h"
#include "backend/publish/removal.h"

enum { MOST_ATTEMPTS = 4 };
#define FIRST_DELAY_MS 1000 /* doubles: 1, 2, 4 seconds; longer waits are the caller's affair */
#define DAY_SECONDS (24 * 3600)
#define MAX_VALID_SECONDS (7 * DAY_SECONDS) /* what both kinds of V4 signature allow */
#define PART_BYTES ((int64_t)32 << 20)
#define MIN_PART_BYTES ((int64_t)100 << 10)

/* ---- the way that needs no upload ---- */

static void url_ready(struct publication *p)
{
    publication_done(p, 0);
}

static int url_start(struct publication *p, const struct publish_request *request, struct error *err)
{
    p->object = strdup(request->path);
    if (!p->object)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "publish.failed", "out of memory");
    publication_soon(p, url_ready);
    return 0;
}

static void url_stop(struct publication *p, bool undo)
{
    (void)p, (void)undo;
}

static char *url_address(struct publisher *publisher, const char *object, struct error *err)
{
    const char *base = publisher->settings.base_url;
    struct buffer url = {0};
    buffer_puts(&url, base);
    if (url.len && base[strlen(base) - 1] != '/')
        buffer_puts(&url, "/");
    percent_encode(&url, object, strlen(object), 1);
    char *text = buffer_take(&url);
    if (!text)
        error_set(err, ERROR_TRANSIENT, ENOMEM, "publish.failed", "out of memory");
    return text;
}

static const struct publish_way publish_url = {url_start, url_stop, url_address};

/* ---- settings ---- */

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

/* Host with port, and the path without its last slash. */
static int split_endpoint(struct publisher *p, const char *endpoint)
{
    CURLU *url __attribute__((cleanup(free_url))) = curl_url();
    char *host = NULL, *port = NULL, *path = NULL;
    int rc = -EINVAL;
    if (url && curl_url_set(url, CURLUPART_URL, endpoint, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK) {
        bool has_port = curl_url_get(url, CURLUPART_PORT, &port, 0) == CURLUE_OK;
        rc = asprintf(&p->host, "%s%s%s", host, has_port ? ":" : "", has_port ? port : "") < 0 ? -ENOMEM : 0;
        size_t len = strlen(path);
        p->path = strndup(path, len && path[len - 1] == '/' ? len - 1 : len);
        if (!p->path)
            rc = -ENOMEM;
    }
    curl_free(host);
    curl_free(port);
    curl_free(path);
    return rc;
}

static bool safe_address(const char *url)
{
    return strncmp(url, "https://", 8) == 0 || http_is_loopback(url);
}

static int wrong(struct error *err, const char *what)
{
    return error_set(err, ERROR_PERSON, EINVAL, "publish.settings", "%s", what);
}

static int check_settings(struct publisher *p, struct error *err)
{
    const struct publish_settings *s = &p->settings;
    if (s->valid_seconds < 0 || s->valid_seconds > MAX_VALID_SECONDS)
        return wrong(err, "addresses can be valid for at most 7 days");
    switch (s->kind) {
    case PUBLISH_TEMPORARY:
        p->way = &publish_temporary;
        return 0;
    case PUBLISH_URL:
        p->way = &publish_url;
        if (!s->base_url ||
            (strncmp(s->base_url, "http://", 7) != 0 && strncmp(s->base_url, "https://", 8) != 0))
            return wrong(err, "publishing by address needs the web address of the inbox");
        return 0;
    case PUBLISH_OSS:
    case PUBLISH_S3:
        p->way = &publish_bucket;
        if (!s->endpoint || !safe_address(s->endpoint))
            return wrong(err, "publishing to a bucket needs its https address");
        if (s->kind == PUBLISH_OSS && (!s->bucket || (!s->region && !s->old_signatures)))
            return wrong(err, "publishing to OSS needs the bucket's name and region");
        if (s->part_bytes < MIN_PART_BYTES)
            return wrong(err, "parts of an upload are at least 100 KiB");
        if (split_endpoint(p, s->endpoint) != 0)
            return wrong(err, "the address of the bucket cannot be used");
        return 0;
    case PUBLISH_NONE:
        break;
    }
    return wrong(err, "no place to publish recordings is configured");
}

static int copy_text(const char **text)
{
    if (!*text)
        return 0;
    *text = strdup(*text);
    return *text ? 0 : -ENOMEM;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

static int copy_settings(struct publish_settings *s)
{
    const char **texts[] = {&s->endpoint, &s->bucket, &s->region, &s->prefix, &s->key_file, &s->base_url};
    int rc = 0;
    if (!s->prefix)
        s->prefix = "scribefs/";
    if (!s->region && s->kind == PUBLISH_S3)
        s->region = "us-east-1";
    s->valid_seconds = s->valid_seconds ? s->valid_seconds : DAY_SECONDS;
    s->part_bytes = s->part_bytes ? s->part_bytes : PART_BYTES;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (rc)
            *texts[i] = NULL;
        else
            rc = copy_text(texts[i]);
    }
    return rc;
}

#define BUCKET "bucket "

/* OSS speaks S3 as well: what counts is the address. */
static char *name_place(const struct publish_settings *s)
{
    char *place = NULL;
    switch (s->kind) {
    case PUBLISH_NONE:
    case PUBLISH_TEMPORARY:
        return strdup("temporary");
    case PUBLISH_URL:
        return strdup("url");
    case PUBLISH_OSS:
    case PUBLISH_S3:
        if (asprintf(&place, BUCKET "%s", s->endpoint) < 0)
            return NULL;
    }
    return place;
}

struct publisher *publisher_new(struct loop *loop, struct http *http, const struct publish_settings *settings,
                                struct error *err)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (!p) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "publish.failed", "out of memory");
        return NULL;
    }
    p->loop = loop;
    p->http = http;
    p->settings = *settings;
    int rc = copy_settings(&p->settings);
    if (rc)
        error_set(err, ERROR_TRANSIENT, ENOMEM, "publish.failed", "out of memory");
    else
        rc = check_settings(p, err);
    if (!rc && !(p->place = name_place(&p->settings)))
        rc = error_set(err, ERROR_TRANSIENT, ENOMEM, "publish.failed", "out of memory");
    if (rc) {
        publisher_free(p);
        return NULL;
    }
    return p;
}

void publisher_free(struct publisher *p)
{
    if (!p)
        return;
    while (p->publications)
        publish_cancel(p->publications, false);
    removals_free(p);
    free_text(p->settings.endpoint);
    free_text(p->settings.bucket);
    free_text(p->settings.region);
    free_text(p->settings.prefix);
    free_text(p->settings.key_file);
    free_text(p->settings.base_url);
    free(p->host);
    free(p->path);
    free(p->place);
    free(p);
}

const char *publish_place(const struct publisher *p)
{
    return p->place;
}

bool publish_place_keeps(const char *place)
{
    return strncmp(place, BUCKET, sizeof BUCKET - 1) == 0;
}

/* ---- the life of a publication ---- */

static int64_t mtime_ns(const struct stat *st)
{
    return st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
}

static void publication_free(struct publication *p, bool undo)
{
    http_cancel(p->request);
    p->request = NULL;
    p->publisher->way->stop(p, undo);
    loop_timer_free(p->timer);
    DL_DELETE2(p->publisher->publications, p, prev, before);
    free(p->name);
    free(p->object);
    free(p);
}

void publication_failed(struct publication *p, const struct error *error)
{
    struct publish_events events = p->events;
    void *context = p->context;
    struct error copy = *error;
    publication_free(p, copy.class == ERROR_PERMANENT || copy.class == ERROR_CHANGED);
    events.failed(context, &copy);
}

void publication_done(struct publication *p, int64_t expires_ms)
{
    struct stat st;
    if (fstat(p->fd, &st) != 0 || st.st_size != p->size || mtime_ns(&st) != p->mtime_ns) {
        struct error err = {0};
        error_set(&err, ERROR_CHANGED, ESTALE, "io.changed", "it was changed while it was being sent");
        publication_failed(p, &err);
        return;
    }
    struct publish_events events = p->events;
    void *context = p->context;
    char *object cleanup_free = steal_ptr(p->object);
    publication_free(p, false);
    events.done(context, object, expires_ms);
}

static void on_timer(void *arg)
{
    struct publication *p = arg;
    p->next(p);
}

void publication_soon(struct publication *p, void (*next)(struct publication *publication))
{
    p->next = next;
    loop_timer_after(p->timer, 0);
}

void publication_again(struct publication *p, const struct error *error,
                       void (*next)(struct publication *publication))
{
    if (error->class != ERROR_TRANSIENT || ++p->attempts >= MOST_ATTEMPTS) {
        publication_failed(p, error);
        return;
    }
    p->next = next;
    loop_timer_after(p->timer, (int64_t)FIRST_DELAY_MS << (p->attempts - 1));
}

void publication_progress(void *context, int64_t sent, int64_t received)
{
    struct publication *p = context;
    (void)received;
    int64_t all = p->sent + sent; /* a form is a little longer than the file in it */
    if (p->events.progress)
        p->events.progress(p->context, all < p->size ? all : p->size, p->size);
}

char *publication_object(const char *prefix, const char *recording)
{
    unsigned char random[16];
    size_t have = 0;
    while (have < sizeof random) {
        ssize_t n = getrandom(random + have, sizeof random - have, 0);
        if (n < 0 && errno != EINTR)
            return NULL;
        have += n > 0 ? (size_t)n : 0;
    }
    struct buffer name = {0};
    buffer_puts(&name, prefix);
    for (size_t i = 0; i < sizeof random; i++)
        buffer_printf(&name, "%02x", random[i]);
    buffer_puts(&name, media_extension(recording));
    return buffer_take(&name);
}

struct publication *publish_start(struct publisher *publisher, const struct publish_request *request,
                                  const struct publish_events *events, void *context, struct error *err)
{
    struct stat st;
    if (fstat(request->fd, &st) != 0) {
        error_set(err, ERROR_TRANSIENT, errno, "io.read", "%s", strerror(errno));
        return NULL;
    }
    struct publication *p = calloc(1, sizeof *p);
    if (!p) {
        error_set(err, ERROR_TRANSIENT, ENOMEM, "publish.failed", "out of memory");
        return NULL;
    }
    p->publisher = publisher;
    p->events = *events;
    p->context = context;
    p->fd = request->fd;
    p->size = st.st_size;
    p->mtime_ns = mtime_ns(&st);
    p->name = strdup(request->path);
    p->timer = loop_timer(publisher->loop, on_timer, p);
    DL_APPEND2(publisher->publications, p, prev, before);
    int rc = p->name && p->timer ? publisher->way->start(p, request, err)
                                 : error_set(err, ERROR_TRANSIENT, ENOMEM, "publish.failed", "out of memory");
    if (rc) {
        publication_free(p, false);
        return NULL;
    }
    return p;
}

void publish_cancel(struct publication *p, bool undo)
{
    if (p)
        publication_free(p, undo);
}

char *publish_address(struct publisher *publisher, const char *object, struct error *err)
{
    return publisher->way->address(publisher, object, err);
}
