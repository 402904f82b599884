/* The catalogue: every cloud model there is a row for, with where it is offered, how it is called, what it
 * takes and what it can do. A new model is a new row, not new code. Numbers and names are those of Model
 * Studio's documentation, as of August 2026. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum region { REGION_BEIJING, REGION_SINGAPORE, REGION_US, REGION_FRANKFURT, REGION_COUNT };
#define REGION_BIT(region) (1u << (region))

struct region_info {
    const char *name;  /* in settings: "beijing" */
    const char *title; /* for people: "China (Beijing)" */
    const char *id;    /* "cn-beijing" */
    const char *host;  /* shared host, or NULL */
    const char
        *workspace_suffix; /* the host of a workspace is WORKSPACE + this; NULL: there is none for speech */
    const char *currency;  /* of prices there */
};

/* What requests to a model look like; decides about bodies and answers. */
enum model_family {
    FAMILY_FUN_ASR,        /* tasks, file_urls */
    FAMILY_PARAFORMER,     /* tasks, file_urls */
    FAMILY_QWEN_FILETRANS, /* tasks, file_url */
    FAMILY_QWEN_ASR_FLASH, /* direct answer, messages with "audio" */
    FAMILY_FUN_ASR_FLASH,  /* direct answer, messages with "input_audio" */
};

/* How a model can be called. */
enum model_call {
    CALL_TASK = 1 << 0,        /* submit, ask, fetch */
    CALL_SYNC = 1 << 1,        /* one request, one answer */
    CALL_STREAM = 1 << 2,      /* one request, an answer that grows */
    CALL_CHAT = 1 << 3,        /* OpenAI's chat completions */
    CALL_CHAT_STREAM = 1 << 4, /* the same, growing */
};
#define CALL_ANY 0x1Fu

enum model_feature {
    FEATURE_SENTENCE_TIMES = 1 << 0,
    FEATURE_WORD_TIMES = 1 << 1,
    FEATURE_SPEAKERS = 1 << 2,
    FEATURE_EMOTION = 1 << 3,
    FEATURE_LANGUAGE = 1 << 4,      /* says which language was spoken */
    FEATURE_LANGUAGE_HINT = 1 << 5, /* can be told the language */
    FEATURE_HOTWORDS = 1 << 6,      /* lists of its own making, and vocabulary_id */
    FEATURE_CONTEXT = 1 << 7,
    FEATURE_WORD_FILTER = 1 << 8,
    FEATURE_STREAMING = 1 << 9,
    FEATURE_CHANNELS = 1 << 10, /* each channel on its own */
    FEATURE_ITN = 1 << 11,      /* numbers and dates as people write them */
    FEATURE_DISFLUENCY = 1 << 12,
    FEATURE_ALIGNMENT = 1 << 13, /* calibrates times */
    FEATURE_VOCABULARY = 1 << 14, /* a list made at the service: vocabulary_id, or phrase_id of old models */
};

struct model {
    const char *name;
    const char *snapshot; /* the dated model this name stands for at present, or NULL when it is one itself */
    enum model_family family;
    unsigned regions;  /* REGION_BIT … */
    unsigned calls;    /* CALL_ …; see catalogue_calls() */
    unsigned features; /* FEATURE_ … */
    int64_t max_ms, max_bytes;
    int64_t speakers_max_ms;       /* with FEATURE_SPEAKERS */
    int sample_rate;               /* the only one it is made for, Hz; 0: any */
    int least_rate;                /* the lowest it is made for, Hz; 0: any */
    const char *formats;           /* of files it takes, by their usual extension, with a space between */
    const char *languages;         /* codes with a space between */
    const char *word_languages;    /* where word times are reliable; NULL: everywhere */
    const char *hotword_languages; /* allowed in "lang" of a hotword */
    int per_minute[REGION_COUNT];  /* submissions of one account; 0: not documented */
    /* Millionths of the region's currency for a second of audio; 0: not known. */
    int price[REGION_COUNT];
    int rank; /* "auto" takes the highest that can; 0: only by name */
};

/* All models; ends with a NULL name. */
const struct model *catalogue_all(void);
/* NULL: there is none of that name. */
const struct model *catalogue_find(const char *name);
/* The calls the model offers in that region; 0: it is not offered there. */
unsigned catalogue_calls(const struct model *model, enum region region);

const struct region_info *catalogue_region(enum region region);
/* By name or id; REGION_COUNT: there is none. */
enum region catalogue_region_find(const char *name);

/* A language code among the codes of a list ("zh en ja"), whatever its script or country: "en-GB" is in "zh
 * en". */
int catalogue_language_in(const char *list, const char *language);

/* The name of a format by the extension of its files (lower case, without a dot): "mpeg" for "mpg". */
const char *catalogue_format(const char *extension);
/* Whether the model takes a file with that extension; NULL: nobody knows, so it does. */
bool catalogue_takes_format(const struct model *model, const char *extension);

/* For people: "speaker labels". One feature only. */
const char *catalogue_feature_title(enum model_feature feature);

/* The largest file that fits into a request as base64: the service takes 10 MiB of it. */
#define CATALOGUE_INLINE_BYTES ((int64_t)(10485760 - 64) / 4 * 3)
