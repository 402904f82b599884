/* An open file as input for FFmpeg's libraries, which never see a path. */
#pragma once

#include <stdint.h>

struct AVIOContext;

struct source {
    int fd;
    int64_t size;   /* bytes */
    int64_t offset; /* of the next read */
    int error;      /* errno of the first failed read; 0: none */
    struct AVIOContext *io;
};

/* 0, -EINVAL when fd is not a regular file, or another negative errno. */
int source_open(struct source *s, int fd);
void source_close(struct source *s);
