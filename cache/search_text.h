/* A transcript as it is searched: one text, and the times that belong to it. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backend/base/buffer.h"

struct transcript;

struct search_text {
    struct buffer text;  /* NFC; a line for each sentence */
    struct buffer marks; /* where words begin and when, packed: search_text_time() reads it */
};

/* 0 or -ENOMEM. Clear both buffers in any case. */
int search_text_make(const struct transcript *t, struct search_text *out);
/* When the word at this byte of the text is said, in milliseconds; 0 if the marks say nothing. */
int64_t search_text_time(const void *marks, size_t size, size_t at);
/* Appends the sentence around [begin, end), shortened to about `most` bytes at spaces with "…", and says where the
 * words are in it: *at, *length in bytes. */
void search_text_excerpt(const char *text, size_t begin, size_t end, size_t most, struct buffer *out, size_t *at,
                         size_t *length);
