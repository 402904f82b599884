/* What a backend would do with a recording, and why: the answer of backend_operations.explain. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/error.h"

/* A model that was considered. */
struct explained_model {
    char name[64];
    enum { VERDICT_CHOSEN, VERDICT_POSSIBLE, VERDICT_REFUSED } verdict;
    char code[40];  /* of a refusal: "route.region", "media.too_long" …; else "" */
    char text[400]; /* why, in a line */
};

struct explained_lines {
    char **line;
    size_t count;
};

struct explanation {
    char recogniser[256];           /* "Model Studio, China (Beijing)", "Vosk" */
    char model[128];                /* the one taken; "" when none can */
    char why[256];                  /* … and why that one */
    char call[64];                  /* how it is called; "" where there is only one way */
    char language[40];              /* the one it is told or made for; "": it finds out */
    char publish[256];              /* where the audio goes; "": nowhere */
    struct explained_lines steps;   /* what is done to the audio first, in order */
    struct explained_lines unmet;   /* what the settings wish for and do not get */
    struct explained_model *models; /* every one that was considered */
    size_t model_count;
    struct error refused; /* class ERROR_NONE, or why it cannot be transcribed as things are */

    int64_t duration_ms; /* of the recording; negative: not known */
    int64_t bytes;       /* of the file; negative: not known */
    int channels;        /* 0: not known */
    int sample_rate;     /* Hz; 0: not known */

    bool free;          /* it costs nothing */
    int64_t cost_micro; /* at most, millionths of `currency`; negative: not known */
    char currency[4];   /* ISO 4217, or "" */
    bool failed;        /* a line was lost for want of memory */
};

/* Empty, with everything unknown. NULL when out of memory. */
struct explanation *explanation_new(void);
void explanation_free(struct explanation *e); /* NULL is fine */
/* A lost line shows in e->failed. */
void explanation_step(struct explanation *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
void explanation_unmet(struct explanation *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An empty row, valid until the next one; NULL when out of memory. */
struct explained_model *explanation_model(struct explanation *e, const char *name);
