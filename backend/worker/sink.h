/* An open file, from some place in it on, as output for FFmpeg's libraries, which never see a path. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct AVIOContext;

struct sink {
    int fd;
    int64_t base;      /* where in `fd` it begins */
    int64_t max_bytes; /* it stays below this; 0: no limit */
    int64_t offset;    /* of the next write, from base */
    int64_t size;      /* bytes */
    bool full;         /* a write did not fit and was dropped */
    int error;         /* errno of the first failed write; 0: none */
    struct AVIOContext *io;
};

/* Empties the file when `base` is 0; else nothing is there yet from `base` on. 0 or a negative errno. */
int sink_open(struct sink *s, int fd, int64_t base, int64_t max_bytes);
void sink_close(struct sink *s); /* what is buffered and not flushed is lost */
