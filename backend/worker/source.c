/* AVIO callbacks over a descriptor: positioned reads and seeks, nothing else. */
#include "backend/worker/source.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>

enum { BUFFER_SIZE = 64 * 1024 };

static int source_read(void *opaque, uint8_t *out, int len)
{
    struct source *s = opaque;
    for (;;) {
        ssize_t n = pread(s->fd, out, (size_t)len, s->offset);
        if (n > 0) {
            s->offset += n;
            return (int)n;
        }
        if (n == 0)
            return AVERROR_EOF;
        if (errno == EINTR)
            continue;
        s->error = errno;
        return AVERROR(errno);
    }
}

static int64_t source_seek(void *opaque, int64_t offset, int whence)
{
    struct source *s = opaque;
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return s->size;
    case SEEK_SET:
        break;
    case SEEK_CUR:
        offset += s->offset;
        break;
    case SEEK_END:
        offset += s->size;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (offset < 0)
        return AVERROR(EINVAL);
    return s->offset = offset;
}

int source_open(struct source *s, int fd)
{
    struct stat st;
    *s = (struct source){.fd = fd};
    if (fstat(fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    s->size = st.st_size;
    unsigned char *buffer = av_malloc(BUFFER_SIZE);
    if (!buffer)
        return -ENOMEM;
    s->io = avio_alloc_context(buffer, BUFFER_SIZE, 0, s, source_read, NULL, source_seek);
    if (!s->io) {
        av_free(buffer);
        return -ENOMEM;
    }
    return 0;
}

void source_close(struct source *s)
{
    if (s->io)
        av_freep(&s->io->buffer);
    avio_context_free(&s->io);
}
