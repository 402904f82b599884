/* The recording as a stream of samples: 16 kHz, mono, 16 bits, whatever the container, the codec and the
 * channels.
 *
 * The samples keep the recording's own clock: a sound track that begins late or has holes is filled with
 * silence. Memory is bounded, whatever the length. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct media;

enum { MEDIA_RATE = 16000 };

static inline int64_t media_ms(int64_t samples)
{
    return samples * 1000 / MEDIA_RATE;
}

/* Errors of this part, all with *err filled: media.empty, media.not_audio, media.no_audio, media.truncated,
 * media.decode, media.too_long (permanent); media.read (transient); engine.memory. Each returns a negative
 * errno. */

/* Opens the first or best sound track of the regular file `fd`, which must stay open. `max_ms`: longest
 * recording. */
int media_open(int fd, int64_t max_ms, struct media **out, struct error *err);
void media_free(struct media *m);
/* The length the container promises, or an estimate; -1 when it cannot be told. */
int64_t media_duration_ms(const struct media *m);
/* The next `count` samples, fewer only at the end, 0 after it. */
ssize_t media_read(struct media *m, int16_t *out, size_t count, struct error *err);
