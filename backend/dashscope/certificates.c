/* A handful of certificates, the longest known first. Anybody can send an event that names a certificate, so
 * how many are fetched and kept is bounded. */
#include "backend/dashscope/certificates.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <utlist.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/http.h"

enum { MOST_KEPT = 8, MOST_FETCHES = 30 }; /* fetches: in a minute */
#define MINUTE_MS INT64_C(60000)
#define KEPT_MS (60 * MINUTE_MS) /* a new certificate may take the place of an old one */
#define FETCH_MS 4000            /* EventBridge waits 5 s for the answer to an event */
#define MOST_BYTES ((size_t)64 << 10)

struct certificate {
    struct certificates *owner;
    char *url, *pem;
    size_t length;
    int64_t fetched_ms;           /* CLOCK_MONOTONIC */
    struct http_request *request; /* being fetched */
    struct certificate *prev, *next;
};

struct certificates {
    struct http *http;
    void (*settled)(void *context, const char *url, const struct certificate_text *text);
    void *context;
    struct certificate *list;
    int count;
    int fetches; /* since minute_ms */
    int64_t minute_ms;
};

static void certificate_free(struct certificate *certificate)
{
    DL_DELETE(certificate->owner->list, certificate);
    certificate->owner->count--;
    http_cancel(certificate->request);
    free(certificate->url);
    free(certificate->pem);
    free(certificate);
}

static bool is_certificate(const char *pem, size_t length)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)length);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool good = x509 != NULL;
    X509_free(x509);
    BIO_free(bio);
    return good;
}

static void on_fetched(void *context, const struct http_response *response)
{
    struct certificate *certificate = context;
    struct certificates *c = certificate->owner;
    certificate->request = NULL;
    bool good = response->end == HTTP_ANSWERED && response->status == 200 &&
                is_certificate(response->body, response->length);
    if (good) {
        certificate->pem = strndup(response->body, response->length);
        certificate->length = certificate->pem ? strlen(certificate->pem) : 0;
        certificate->fetched_ms = loop_now_ms();
    }
    if (certificate->pem) {
        struct certificate_text text = {certificate->pem, certificate->length};
        c->settled(c->context, certificate->url, &text);
        return;
    }
    char *url cleanup_free = steal_ptr(certificate->url); /* settled() may ask for it again */
    certificate_free(certificate);
    c->settled(c->context, url, NULL);
}

static bool may_fetch(struct certificates *c)
{
    int64_t now = loop_now_ms();
    if (now - c->minute_ms >= MINUTE_MS) {
        c->minute_ms = now;
        c->fetches = 0;
    }
    return c->fetches < MOST_FETCHES;
}

/* Room for one more: the one that was known first goes, unless it is still on its way. */
static bool make_room(struct certificates *c)
{
    if (c->count < MOST_KEPT)
        return true;
    struct certificate *certificate;
    DL_FOREACH(c->list, certificate)
    {
        if (!certificate->request) {
            certificate_free(certificate);
            return true;
        }
    }
    return false;
}

static enum certificate_state fetch(struct certificates *c, const char *url)
{
    if (!may_fetch(c) || !make_room(c))
        return CERTIFICATE_REFUSED;
    struct certificate *certificate = calloc(1, sizeof *certificate);
    if (!certificate)
        return CERTIFICATE_REFUSED;
    certificate->owner = c;
    DL_APPEND(c->list, certificate);
    c->count++;
    certificate->url = strdup(url);
    if (certificate->url)
        certificate->request = http_start(c->http,
                                          &(struct http_call){.method = "GET",
                                                              .url = url,
                                                              .connect_ms = FETCH_MS,
                                                              .total_ms = FETCH_MS,
                                                              .response_limit = MOST_BYTES,
                                                              .done = on_fetched,
                                                              .context = certificate},
                                          NULL);
    if (certificate->request) {
        c->fetches++;
        return CERTIFICATE_COMING;
    }
    certificate_free(certificate);
    return CERTIFICATE_REFUSED;
}

enum certificate_state certificates_get(struct certificates *c, const char *url,
                                        struct certificate_text *text)
{
    struct certificate *found;
    DL_FOREACH(c->list, found)
    {
        if (strcmp(found->url, url) == 0)
            break;
    }
    if (found && found->request)
        return CERTIFICATE_COMING;
    if (found && loop_now_ms() - found->fetched_ms < KEPT_MS) {
        *text = (struct certificate_text){found->pem, found->length};
        return CERTIFICATE_THERE;
    }
    if (found)
        certificate_free(found);
    return fetch(c, url);
}

struct certificates *certificates_new(struct http *http,
                                      void (*settled)(void *context, const char *url,
                                                      const struct certificate_text *text),
                                      void *context)
{
    struct certificates *c = calloc(1, sizeof *c);
    if (c)
        *c = (struct certificates){
            .http = http, .settled = settled, .context = context, .minute_ms = loop_now_ms()};
    return c;
}

void certificates_free(struct certificates *c)
{
    if (!c)
        return;
    while (c->list)
        certificate_free(c->list);
    free(c);
}
