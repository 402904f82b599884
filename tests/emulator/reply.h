/* One HTTP answer, built completely before the first byte goes out, with the pace at which it goes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/base/buffer.h"
#include "tests/emulator/request.h"

struct cJSON;

struct piece {
    size_t end;       /* the piece ends before this byte of the body */
    int64_t delay_ms; /* real pause before it */
};

struct reply {
    int status; /* 0: nothing was answered yet */
    struct pairs headers;
    const char *content_type; /* static; NULL: none */
    struct buffer body;
    struct piece *pieces; /* of a stream */
    size_t piece_count, piece_capacity;
    bool plain; /* neither gateway headers nor chunks: object storage */
    int fd;     /* -1; else the body is `file_len` bytes of this file from `file_offset` on; owned */
    uint64_t file_offset, file_len;
    bool reset;  /* break the connection instead of answering */
    int64_t cut; /* break the connection after this many bytes; -1: never */
};

/* The errors of the service: status, code and usual message are a table in reply.c. */
enum refusal {
    REFUSE_KEY,
    REFUSE_KEY_OPENAI,
    REFUSE_NO_SYNC,
    REFUSE_NO_ASYNC,
    REFUSE_PARAMETER,
    REFUSE_MODEL,
    REFUSE_MODEL_NOT_FOUND,
    REFUSE_MODEL_UNSUPPORTED,
    REFUSE_EMPTY_MODEL,
    REFUSE_EMPTY_INPUT,
    REFUSE_EMPTY_PARAMETERS,
    REFUSE_NOT_JSON,
    REFUSE_BODY,
    REFUSE_TOO_LARGE,
    REFUSE_NO_RESOURCE,
    REFUSE_NOT_FOUND,
    REFUSE_NO_WORKSPACE,
    REFUSE_DATA_INSPECTION,
    REFUSE_MEDIA,
    REFUSE_URL,
    REFUSE_DOWNLOAD,
    REFUSE_FORMAT,
    REFUSE_TOO_LONG,
    REFUSE_NO_WORDS,
    REFUSE_CANCEL,
    REFUSE_RATE,
    REFUSE_THROTTLED,
    REFUSE_QUOTA,
    REFUSE_INTERNAL,
};

void reply_init(struct reply *a);
void reply_free(struct reply *a);
void reply_header(struct reply *a, const char *name, const char *value);
void reply_json(struct reply *a, int status, struct cJSON *json); /* frees json */
void reply_text(struct reply *a, int status, const char *type, const char *body);
/* {"request_id":…} of this request, for the caller to fill. */
struct cJSON *reply_envelope(const struct request *r);

/* An error in the endpoint's own style, with the usual message or another one. */
void refuse(const struct request *r, struct reply *a, enum refusal what);
void refuse_with(const struct request *r, struct reply *a, enum refusal what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same with any status, code and message (faults, scripts). */
void refuse_raw(const struct request *r, struct reply *a, int status, const char *code, const char *message);
/* OSS: an XML error; `extra` is more XML or NULL. */
void refuse_oss(const struct request *r, struct reply *a, int status, const char *code, const char *message,
                const char *extra);
void xml_text(struct buffer *b, const char *text); /* escaped */
