/* The emulator fetches the audio it is told about. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/emulator/hear.h"

/* Does the URL name a host of this machine? The emulator contacts no other. */
bool download_is_loopback(const char *url);

/* Fetches an http(s) URL into `fd`, at most `max_bytes`. Only loopback is ever contacted: names below
 * aliyuncs.com are this emulator, all others are unreachable. */
enum hear_failure download_url(struct emulator *emu, const char *url, int fd, int64_t max_bytes);
