/* What the files of the HTTP client share: request bodies in the form libcurl asks for them, how requests are
 * made, and the check of addresses. */
#pragma once

#include <curl/curl.h>

#include "backend/http.h"

/* Memory (data not NULL) or a range of a file. */
struct http_source {
    const char *data;
    struct http_range range; /* of memory: length only */
    int64_t position;        /* from the start of the body */
    int sys;                 /* why reading failed; 0: it did not */
};

/* CURLOPT_READFUNCTION and CURLOPT_SEEKFUNCTION; the argument is the source. */
size_t http_source_read(char *into, size_t size, size_t count, void *source);
int http_source_seek(void *source, curl_off_t offset, int origin);

/* Makes the body of a form. `sources` has room for part_count and must outlive the transfer; names and texts
 * are copied. 0 or -ENOMEM. */
int http_form(CURL *easy, const struct http_part *parts, size_t part_count, struct http_source *sources,
              curl_mime **out);

enum http_address { ADDRESS_BAD, ADDRESS_HTTP, ADDRESS_HTTPS, ADDRESS_LOOPBACK };
enum http_address http_address(const char *url);

/* How long a request may take. */
CURLcode http_set_limits(CURL *easy, const struct http_call *call);
/* Whom it trusts, where it may be led, and the way it goes. */
CURLcode http_set_manners(CURL *easy, const struct http_config *config, const struct http_call *call,
                          bool by_proxy);
/* 0 if the PEM file holds certificates, or negative errno. */
int http_check_authorities(const char *file);
