/* What scribectl prints about recordings. */
#pragma once

#include <stdint.h>

#include "fs/ctl/answer.h"

struct buffer;

/* "talk.mp3: recognising, 40 % (0:31 of 1:17), about 20 s left" and a newline; a failure is followed by what
 * to do. */
void show_line(const struct item *item, int64_t now_ms, struct buffer *out);
/* "In the cloud: 12.5 of 60 minutes today …" and a newline; nothing when nothing was sent there. */
void show_spending(const struct answer *a, struct buffer *out);
/* Every recording on a line of its own: for pipes. */
void show_plain(const struct answer *a, int64_t now_ms, struct buffer *out);
/* A page for a terminal of this size: summary, what runs with bars, long lists cut. `rows` 0: as long as it
 * needs to be. */
void show_page(const struct answer *a, int width, int rows, int64_t now_ms, struct buffer *out);

/* Appends a line for each recording whose state or stage differs from what the last call said; `said` starts
 * as all zero. */
struct said {
    struct said_item *items;
    size_t count;
};
void show_changes(struct said *said, const struct answer *a, int64_t now_ms, struct buffer *out);
void said_clear(struct said *said);

/* Milliseconds since 1970. */
int64_t wall_clock_ms(void);
