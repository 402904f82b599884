/* Where a long recording may be cut, by the power of frames of 10 ms. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    CUT_FRAME_MS = 10,
    CUT_LEVELS = 100, /* of 1 dB, the highest is full scale */
};

/* How loud a recording is: how many of its frames so far have which level. Begins with zeros. */
struct loudness {
    uint64_t frames[CUT_LEVELS];
};

/* Power of `count` samples of each channel, interleaved: variance (a constant offset is not heard), mean of
 * the channels; full scale is 2^30. 0 for no samples. */
float frame_power(const int16_t *samples, size_t count, int channels);
void loudness_add(struct loudness *loudness, float power);

/* The cut within the frames `power[0..count)`, count at least 1: how many of them, 1..count, belong to the
 * part before it. In the latest pause of half a second or more; else in the longest of a fifth of a second or
 * more; else, where there is no pause (or no telling pauses from speech), in the quietest 0.3 s. Of equals
 * the latest. */
size_t cut_choose(const struct loudness *loudness, const float *power, size_t count);
