/* The recording as a stream of samples: 16 bits, and unless asked otherwise 16 kHz and mono, whatever the
 * container, the codec and the channels.
 *
 * The samples keep the recording's own clock: a sound track that begins late or has holes is filled with
 * silence. Memory is bounded, whatever the length. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct media;
struct media_facts;

enum {
    MEDIA_RATE = 16000,
    MEDIA_CHANNELS_MAX = 8, /* of what is read: as many as FLAC can hold */
};

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
/* What the container says of the chosen sound track; *codec is FFmpeg's name of it, a constant. */
void media_facts(const struct media *m, struct media_facts *facts, const char **codec);
/* Before the first media_read(): its rate (1000..768000 Hz) and channels (1..MEDIA_CHANNELS_MAX), instead of
 * MEDIA_RATE and one. As many channels as the recording has: each one stays itself. */
int media_shape(struct media *m, int rate, int channels, struct error *err);
/* The next `count` samples of each channel, interleaved; fewer only at the end, 0 after it. */
ssize_t media_read(struct media *m, int16_t *out, size_t count, struct error *err);
