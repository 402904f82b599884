/* AVIO callbacks over a descriptor: positioned writes and seeks, nothing else. */
#include "backend/worker/sink.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>

enum { BUFFER_SIZE = 64 * 1024 };

static int sink_write(void *opaque, uint8_t *bytes, int len)
{
    struct sink *s = opaque;
    if (s->full || (s->max_bytes > 0 && s->offset + len >= s->max_bytes)) {
        s->full = true;
        return AVERROR(EFBIG);
    }
    for (int done = 0; done < len;) {
        ssize_t n = pwrite(s->fd, bytes + done, (size_t)(len - done), s->base + s->offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            s->error = n < 0 ? errno : EIO;
            return AVERROR(s->error);
        }
        done += (int)n;
        s->offset += n;
        if (s->size < s->offset)
            s->size = s->offset;
    }
    return len;
}

static int64_t sink_seek(void *opaque, int64_t offset, int whence)
{
    struct sink *s = opaque;
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
    if (offset < 0 || offset > s->size) /* no holes */
        return AVERROR(EINVAL);
    return s->offset = offset;
}

int sink_open(struct sink *s, int fd, int64_t base, int64_t max_bytes)
{
    *s = (struct sink){.fd = fd, .base = base, .max_bytes = max_bytes};
    if (!base && ftruncate(fd, 0))
        return -errno;
    unsigned char *buffer = av_malloc(BUFFER_SIZE);
    if (!buffer)
        return -ENOMEM;
    s->io = avio_alloc_context(buffer, BUFFER_SIZE, 1, s, NULL, sink_write, sink_seek);
    if (!s->io) {
        av_free(buffer);
        return -ENOMEM;
    }
    return 0;
}

void sink_close(struct sink *s)
{
    if (s->io)
        av_freep(&s->io->buffer);
    avio_context_free(&s->io);
}
