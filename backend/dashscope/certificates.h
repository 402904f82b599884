/* The certificates of those who sign events: fetched over HTTP when one is asked for the first time, kept for
 * an hour, few at a time. Which addresses may be asked is the caller's business. */
#pragma once

#include <stddef.h>

struct certificates;
struct http;

/* PEM. */
struct certificate_text {
    const char *data;
    size_t length;
};

enum certificate_state {
    CERTIFICATE_THERE,
    CERTIFICATE_COMING, /* settled() will be called with its address */
    CERTIFICATE_REFUSED /* too many at a time, or in a minute, or no memory */
};

/* `settled` is called on the loop, once for each fetch that has ended; NULL instead of the text: it could not
 * be had. `http` stays the caller's. NULL when out of memory. */
struct certificates *certificates_new(struct http *http,
                                      void (*settled)(void *context, const char *url,
                                                      const struct certificate_text *text),
                                      void *context);
void certificates_free(struct certificates *certificates); /* no call of settled() comes after this */
/* With CERTIFICATE_THERE *text is good until the next call. */
enum certificate_state certificates_get(struct certificates *certificates, const char *url,
                                        struct certificate_text *text);
