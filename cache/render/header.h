/* What a text says about its recording before the first word: at most a title and five lines, in the language
 * of the transcript. What is not known is left out. */
#pragma once

#include <stddef.h>

#include "backend/base/buffer.h"

struct phrases;
struct render_source;
struct transcript;

#define HEADER_LINES 5

struct header_line {
    const char *label; /* without the colon */
    struct buffer value;
};

struct header {
    struct buffer title;                    /* of the file's name: may be empty */
    struct header_line lines[HEADER_LINES]; /* date, duration, language, speakers, engine */
    size_t count;
};

/* Fills *out (zeroed); `source` may be NULL. 0 or -ENOMEM; clear it in any case. */
int header_of(const struct transcript *t, const struct render_source *source, struct header *out);
void header_clear(struct header *header);
#define cleanup_header __attribute__((cleanup(header_clear)))

/* Appends the name of the recording without its extension. */
void header_put_title(const struct render_source *source, struct buffer *out);
