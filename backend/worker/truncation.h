/* Does a container's own structure say that its end is missing? */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Looks at the recording's bytes (WAV, AVI, AIFF, MP4 and its kin, Matroska, Ogg, ASF, MP3 with a Xing
 * header) through `fd`, a regular file of `size` bytes, without moving its offset. A few missing bytes of
 * padding are forgiven. False for whole files, unknown containers and streamed ones that never knew their
 * size. */
bool truncation_found(int fd, int64_t size);
