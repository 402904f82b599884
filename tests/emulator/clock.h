/* The emulator's own time, so that a test need not wait a day for a link to expire: it can be advanced and
 * sped up.
 *
 * What clients sign themselves (request dates, presigned links) is judged by the real clock; everything the
 * service measures (task ages, links, uploads, keys) by this one. */
#pragma once

#include <stdint.h>

struct emu_clock {
    int64_t base_real_ms, base_ms;
    double speed;
};

void clock_init(struct emu_clock *c);
int64_t clock_now(const struct emu_clock *c); /* Unix milliseconds */
void clock_set_speed(struct emu_clock *c, double speed);
void clock_advance(struct emu_clock *c, int64_t ms);
/* Real milliseconds until `when`; 0 when it has come. */
int64_t clock_wait(const struct emu_clock *c, int64_t when);

int64_t clock_real_ms(void); /* Unix milliseconds */
int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC */
