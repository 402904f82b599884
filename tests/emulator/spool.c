/* A request body that may be large. */
#include "tests/emulator/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SMALL = 1 << 20 };

void spool_init(struct spool *s)
{
    *s = (struct spool){.fd = -1};
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int spool_add(struct spool *s, const char *directory, const void *data, size_t len)
{
    if (s->fd < 0 && s->len + len > SMALL) {
        s->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (s->fd < 0)
            return -errno;
        int rc = s->len ? write_all(s->fd, s->small.data, s->len) : 0;
        buffer_clear(&s->small);
        if (rc)
            return rc;
    }
    s->len += len;
    if (s->fd >= 0)
        return write_all(s->fd, data, len);
    buffer_add(&s->small, data, len);
    return buffer_error(&s->small);
}

int spool_finish(struct spool *s)
{
    if (s->fd < 0)
        return 0;
    void *map = mmap(NULL, s->len, PROT_READ, MAP_PRIVATE, s->fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    s->map = map;
    return 0;
}

const char *spool_data(const struct spool *s)
{
    return s->map ? s->map : s->small.data ? s->small.data : "";
}

void spool_free(struct spool *s)
{
    if (s->map)
        munmap(s->map, s->len);
    if (s->fd >= 0)
        close(s->fd);
    buffer_clear(&s->small);
    spool_init(s);
}
