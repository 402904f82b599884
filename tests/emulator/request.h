/* One HTTP request: what the client sent, what it addresses, who sent it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/emulator/config.h"
#include "tests/emulator/place.h"
#include "tests/emulator/spool.h"
#include "tests/emulator/text.h"

struct MHD_Connection;
struct cJSON;
struct emulator;

enum { ACCOUNT_SIZE = 32 };

/* How an endpoint writes its errors. */
enum error_style { STYLE_API, STYLE_OPENAI, STYLE_OSS, STYLE_CONTROL };

struct request {
    struct emulator *emu;
    struct MHD_Connection *connection;
    struct config config; /* as of the request's arrival */
    int64_t arrived_ms;   /* real time */
    char id[UUID_SIZE];
    char *method;
    char *raw_path;
    char *path; /* decoded; NULL when it cannot be */
    struct pairs query;
    bool bad_query;
    struct pairs headers;
    struct place place;
    enum region region; /* of the API addressed */
    struct spool body;
    int body_error;
    struct cJSON *json;   /* the body when it is a JSON object, else NULL */
    const char *endpoint; /* the endpoint's name, as faults and counters use it */
    enum error_style style;
    char *tail;                 /* what follows the endpoint's fixed path, such as a task id */
    char *model;                /* the model it is about, NULL when none */
    char account[ACCOUNT_SIZE]; /* after authentication */
    char key[128];
    bool sse;            /* the client asked for a stream */
    struct cJSON *fault; /* the faults that hit this request, merged; NULL when none */
};

struct request *request_new(struct emulator *emu, const char *raw_uri);
void request_free(struct request *r);
const char *request_header(const struct request *r, const char *name);
