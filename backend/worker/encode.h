/* Samples into a file: FLAC, or Opus in Ogg. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct encoder;
struct error;

enum encoding { ENCODING_FLAC, ENCODING_OPUS };

struct encoder_settings {
    enum encoding encoding;
    int rate;          /* Hz; Opus: 8000, 12000, 16000, 24000 or 48000 */
    int channels;      /* 1..8 */
    int64_t bit_rate;  /* bits per second of all channels, kept constant; Opus only */
    int64_t max_bytes; /* the file has to stay below this; 0: no limit */
    int64_t offset;    /* where in `fd` it begins */
};

/* Errors of this part: media.too_large (permanent, -EFBIG), media.write (transient), media.encode and
 * engine.memory (permanent). Each returns a negative errno. */

/* Writes from the offset on; `fd` is emptied when that is 0, and must stay open. */
int encoder_open(int fd, const struct encoder_settings *settings, struct encoder **out, struct error *err);
void encoder_free(struct encoder *e);
/* Samples of each channel that encoder_write() takes at once. */
size_t encoder_step(const struct encoder *e);
/* Interleaved; a whole step, only the last may be shorter. */
int encoder_write(struct encoder *e, const int16_t *samples, size_t count, struct error *err);
/* The file is complete after this. */
int encoder_finish(struct encoder *e, struct error *err);
/* Its bytes, after that. */
int64_t encoder_bytes(const struct encoder *e);
