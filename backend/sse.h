/* Server-sent events, taken apart as they come: pieces may end anywhere, also inside a character or a line
 * end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/base/buffer.h"

struct sse_event {
    const char *type; /* "result", "error" …; "" when none was said */
    const char *data; /* the data lines, joined by line feeds; followed by a NUL */
    size_t length;
    int status; /* from a ":HTTP_STATUS/400" comment, else from a "status:" line, else 0 */
    bool cut;   /* the stream ended inside this event */
};

/* All zero is a fresh one; `limit` must be set. */
struct sse {
    size_t limit; /* bytes of one event */
    struct buffer line, data;
    char type[32];
    int status_comment, status_line;
    bool has_data, after_cr, begun;
};

/* Calls fn for each event that is complete; what it returns, if not 0, stops the parsing and is returned.
 * -EMSGSIZE: an event is larger than the limit; -ENOMEM. */
int sse_feed(struct sse *sse, const char *bytes, size_t length,
             int (*fn)(void *context, const struct sse_event *event), void *context);
/* The stream has ended: an event that still waits for its empty line comes as `cut`. */
int sse_end(struct sse *sse, int (*fn)(void *context, const struct sse_event *event), void *context);
void sse_clear(struct sse *sse);
