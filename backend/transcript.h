/* The transcript: what every backend produces and every view is rendered from.
 *
 * Times are integer milliseconds from the start of the recording. Text is UTF-8. All strings are owned by the transcript
 * and may be NULL where said. Sentences are ordered by begin time, then channel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct error;

struct word {
    int64_t begin_ms, end_ms;
    char *text;        /* without surrounding white space, never NULL */
    char *punctuation; /* what follows the word, without white space; NULL if none */
    double confidence; /* 0..1; negative when unknown */
};

struct sentence {
    int64_t begin_ms, end_ms;
    int channel;       /* zero-based audio channel */
    int speaker;       /* zero-based, by first appearance; -1 when unknown */
    char *text;        /* never NULL */
    char *language;    /* BCP-47 code of this sentence, or NULL */
    char *emotion;     /* provider's word, or NULL */
    double confidence; /* 0..1; negative when unknown */
    struct word *words;
    size_t word_count; /* 0 when the engine gave no word times */
};

struct transcript {
    int64_t duration_ms; /* of the recording; negative when unknown */
    char *language;      /* BCP-47 code of the whole, or NULL */
    struct sentence *sentences;
    size_t sentence_count; /* 0: no speech was detected; this is a result, not an error */
    /* Provenance; each may be NULL. */
    char *provider;     /* "local", "dashscope", "openai" */
    char *engine;       /* "vosk", "pocketsphinx", or the provider's service */
    char *model;        /* model name as the provider or the model directory says it */
    char *why;          /* one line for people: why this model */
    char *task_id;      /* remote task, if there was one */
    char *request_id;   /* remote request, if there was one */
    int64_t billed_ms;  /* what the provider billed; 0 when free */
    int64_t cost_micro; /* what that costs by the price list, millionths of `currency`; 0: free or not known */
    char currency[4];   /* ISO 4217, or "" */
    bool billed_estimated; /* the provider did not say what it billed: billed_ms is from the length */
    bool times_estimated; /* word or sentence times were distributed, not recognised */
};

struct transcript *transcript_new(void); /* NULL when out of memory; duration unknown, everything else empty */
void transcript_free(struct transcript *t);
/* Adds an empty sentence (channel 0, speaker -1, confidence -1, text NULL: the caller sets text) and returns it; valid until
 * the next addition. NULL when out of memory. */
struct sentence *transcript_add_sentence(struct transcript *t);
/* Adds an empty word (confidence -1, text NULL: the caller sets text) to the sentence; the same rules. */
struct word *sentence_add_word(struct sentence *s);
/* Sorts the sentences by begin time and channel and clamps times to be ordered and non-negative. */
void transcript_normalise(struct transcript *t);

/* The canonical JSON form ("scribefs-transcript/1"), as the worker sends it and the cache stores it. */
int transcript_to_json(const struct transcript *t, struct buffer *out); /* 0 or -ENOMEM */
/* Strict about types and times, tolerant of unknown fields. NULL and *err (code "transcript.invalid") on failure. */
struct transcript *transcript_from_json(const char *json, size_t len, struct error *err);
