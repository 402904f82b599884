/* The backend for any server that speaks OpenAI's /v1/audio/transcriptions: OpenAI itself, Groq, and servers
 * of one's own such as whisper.cpp, speaches, vLLM or LocalAI. They differ in what they can answer, so the
 * richest answer is asked for first and less when the server refuses. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"

struct http;
struct loop;
struct preparer;

/* How the server is to answer. */
enum openai_format {
    OPENAI_AUTO, /* with as many times as the server can give */
    OPENAI_VERBOSE_JSON,
    OPENAI_DIARIZED_JSON,
    OPENAI_JSON,
    OPENAI_TEXT,
    OPENAI_SRT,
    OPENAI_VTT,
};
extern const char *const openai_format_names[]; /* as in settings, in that order; ends with NULL */

/* What decides about the transcript. NULL: not said. */
struct openai_wishes {
    const char *url;      /* "http://localhost:8000/v1"; or the whole address of the transcription endpoint */
    const char *model;    /* NULL: "whisper-1" */
    const char *language; /* BCP-47; NULL: the server finds out */
    const char *prompt;   /* names, terms, or the text before */
    double temperature;   /* 0 to 1; negative: the server's own */
    enum openai_format format;
    bool words;  /* word times, where the server has them */
    bool stream; /* text while it is recognised, where the server can */
};

struct openai_settings {
    struct openai_wishes wishes;
    const char *key_file;      /* NULL: OPENAI_API_KEY, if that is set; without a key none is sent */
    bool insecure;             /* plain http is fine, also to other machines */
    int64_t max_bytes;         /* of a request; 0: OPENAI_MAX_BYTES */
    int64_t max_seconds;       /* of a recording; 0: what the model is known for, else no limit */
    int parallel;              /* requests at once; 0: OPENAI_PARALLEL */
    double price_per_minute;   /* of audio, as it was sent; 0: not known */
    const char *currency;      /* of it, ISO 4217; NULL: "USD" */
    struct preparer *preparer; /* looks at, converts and cuts recordings; stays the caller's; NULL: they are
                                  sent as they are */
};

#define OPENAI_MAX_BYTES ((int64_t)25 << 20) /* OpenAI's and Groq's limit, and vLLM's default */
#define OPENAI_PARALLEL 2

/* Copies the settings; loop, http and preparer stay the caller's. NULL and *err ("cloud.settings") when the
 * settings make no sense. A key that is missing is no error here: freeze() and start() say so. */
struct backend *openai_backend_new(struct loop *loop, struct http *http,
                                   const struct openai_settings *settings, struct error *err);
