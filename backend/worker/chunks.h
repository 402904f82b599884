/* Where to cut a long stretch of speech. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backend/worker/media.h"

enum {
    CHUNK_MAX = 30 * MEDIA_RATE, /* samples */
    CHUNK_MIN = 12 * MEDIA_RATE, /* no cut before this: words lose their context */
};

/* The middle of the quietest 0.3 s between CHUNK_MIN and the end of `count` samples (at least CHUNK_MIN + 0.3
 * s). */
size_t chunk_cut(const int16_t *samples, size_t count);
