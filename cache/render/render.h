/* Transcript in, text of a view out. Pure functions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct transcript;

/* What a view may say beside the words. Strings may be NULL. */
struct render_source {
    const char *sha256;        /* hex digest of the recording's content */
    const char *settings_hash; /* hex */
    int64_t size;              /* bytes of the recording; negative when unknown */
    int64_t finished_ms;       /* wall clock of the result */
    bool emotions;             /* .txt: how each paragraph was said, unless that is neutral */
};

/* Each appends to out and returns 0 or -ENOMEM. The same input always gives the same bytes. */
int render_txt(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_srt(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_json(const struct transcript *t, const struct render_source *source, struct buffer *out);
