/* The cloud backend: Alibaba Cloud Model Studio (DashScope), every speech model of the catalogue. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "backend/catalogue.h"
#include "backend/publish/publish.h"

struct http;
struct preparer;

/* What is wanted of a transcript. NULL and false mean the service's own default where nothing else is said.
 */
struct dashscope_wishes {
    const char *model;    /* a name of the catalogue; NULL or "auto": the best that can */
    const char *language; /* BCP-47; NULL: found out */
    bool no_times;        /* neither subtitles nor times are of interest */
    bool words;           /* word times, where the model has them */
    bool speakers;
    int speaker_count;    /* 2 to 100, a hint; 0: found out */
    const char *channels; /* "0,1": only these, each on its own; "all"; NULL: all of them mixed into one */
    bool emotion, itn, disfluency, alignment;
    bool stream;               /* text while it is recognised */
    bool chat;                 /* by way of the OpenAI-compatible interface */
    const char *vocabulary_id; /* of the console */
    const char *
        hotwords; /* words between commas or line ends, each with "=1" to "=5" behind it for its weight (4) */
    const char *word_filter; /* JSON as the service documents it */
    bool word_filter_object; /* sent as an object, not as a text */
    const char *context;     /* names and terms, or any text about the recording */
};

struct dashscope_settings {
    enum region region;
    const char *host;      /* "https://…" instead of the region's; plain http for this machine only */
    const char *workspace; /* id, or NULL: the default one */
    const char *key_file;  /* NULL: DASHSCOPE_API_KEY, else the file in DASHSCOPE_API_KEY_FILE_PATH */
    struct dashscope_wishes wishes;
    struct publish_settings publish;
    int queries_per_second; /* about tasks, of the whole account; 0: 20; at most 100 */
    int64_t poll_ms; /* first pause between two queries about a task; 0: 2 s. It grows to two and a half times
                        as much. */
    const char *result_hosts; /* endings of host names results may be fetched from, commas between; NULL:
                                 ".aliyuncs.com" */
    const char *instance; /* letters and digits that tell this installation's vocabularies from others'; NULL:
                             from the machine */
    struct preparer *preparer; /* looks at and converts recordings; stays the caller's; NULL: they are sent as
                                  they are, unseen */
    /* Events of EventBridge instead of frequent queries. */
    const char *callback;        /* where to listen: "127.0.0.1:8090"; NULL: nowhere */
    const char *callback_url;    /* the address EventBridge was given, for the signature */
    const char *callback_token;  /* the token it was given, or NULL */
    const char
        *callback_certificate_host; /* where signers' certificates are; NULL: EventBridge's own hosts */
};

/* Copies the settings; loop, http and preparer stay the caller's. NULL and *err when the settings make no
 * sense. A missing key or place to publish is no error here: freeze() and start() say so, and what was put
 * right is found without a restart. */
struct backend *dashscope_backend_new(struct loop *loop, struct http *http,
                                      const struct dashscope_settings *settings, struct error *err);
/* False when the text of the context wish is longer than the service takes: its end is then cut off. */
bool dashscope_context_fits(const char *context);
/* Which model would be taken for a recording, and why the others not: a line each. */
struct buffer;
void dashscope_explain(struct backend *backend, int64_t duration_ms, int64_t bytes, int channels,
                       struct buffer *out);

/* Asks the service whether it can be reached and knows the key; that bills nothing. done() comes once, on the loop, with
 * class ERROR_NONE or what is wrong, and the service's clock (seconds since 1970; 0: it did not say). 0, or negative errno
 * and *err when nothing could be asked: "cloud.no_key", "cloud.settings". */
int dashscope_check_start(struct http *http, const struct dashscope_settings *settings,
                          void (*done)(void *context, const struct error *err, int64_t server_time_s), void *context,
                          struct error *err);
