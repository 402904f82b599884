/* Early return without leaks: declare a variable with one of these attributes and it is released at scope
 * end. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_freep(void *p)
{
    free(*(void **)p);
}
static inline void cleanup_closep(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
static inline void cleanup_filep(FILE **f)
{
    if (*f)
        fclose(*f);
}

#define cleanup_free __attribute__((cleanup(cleanup_freep)))
#define cleanup_close __attribute__((cleanup(cleanup_closep))) /* the descriptor must start as -1 or valid   \
                                                                */
#define cleanup_file __attribute__((cleanup(cleanup_filep)))

/* Hand an owned pointer or descriptor on: returns it and leaves NULL or -1 behind. */
#define steal_ptr(p)                                                                                         \
    ({                                                                                                       \
        __typeof__(p) _stolen = (p);                                                                         \
        (p) = NULL;                                                                                          \
        _stolen;                                                                                             \
    })
#define steal_fd(fd)                                                                                         \
    ({                                                                                                       \
        int _stolen_fd = (fd);                                                                               \
        (fd) = -1;                                                                                           \
        _stolen_fd;                                                                                          \
    })
