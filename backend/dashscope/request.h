/* The bodies of requests, for each family of models. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/catalogue.h"
#include "backend/dashscope/dashscope.h"

struct buffer;

struct request {
    const struct dashscope_wishes *wishes;
    const struct model *model;
    enum model_call call;
    const char *audio;         /* address or data URI */
    const char *format;        /* "wav": of the file, where the model wants to be told */
    int sample_rate;           /* of the file; 0: not known */
    int channels;              /* of the file; 0: not known */
    const char *vocabulary_id; /* or NULL */
};

/* Appends the JSON. 0 or -ENOMEM. */
int request_body(const struct request *request, struct buffer *out);
/* The path on the service's host. */
const char *request_path(enum model_call call);

/* "data:audio/mpeg;base64,…" of a whole file; 0 or a negative errno (-EFBIG: larger than `most` bytes). */
int request_data_uri(int fd, const char *media_type, int64_t most, struct buffer *out);
