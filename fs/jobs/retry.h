/* When to try again: pure policy. */
#pragma once

#include <stdint.h>

#include "backend/base/error.h"

/* Milliseconds until the next attempt after `attempts` failed ones, or -1: do not. `random` is any number; it
 * spreads the attempts by up to a quarter. A transient error is tried again without end while it lasts (the
 * service may be down for a day), but one that kills its worker each time (engine.killed) at most 3 times.
 * What needs a person is looked at again every minute: it goes on by itself when it works. */
int64_t retry_delay_ms(const struct error *err, int attempts, uint32_t random);
