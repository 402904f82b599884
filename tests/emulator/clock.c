/* The emulator's own time: real time with an offset and a speed. */
#include "tests/emulator/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_real_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

void clock_init(struct emu_clock *c)
{
    c->base_real_ms = c->base_ms = clock_real_ms();
    c->speed = 1;
}

int64_t clock_now(const struct emu_clock *c)
{
    return c->base_ms + (int64_t)((double)(clock_real_ms() - c->base_real_ms) * c->speed);
}

void clock_set_speed(struct emu_clock *c, double speed)
{
    c->base_ms = clock_now(c);
    c->base_real_ms = clock_real_ms();
    c->speed = speed;
}

void clock_advance(struct emu_clock *c, int64_t ms)
{
    c->base_ms += ms;
}

int64_t clock_wait(const struct emu_clock *c, int64_t when)
{
    int64_t left = when - clock_now(c);
    if (left <= 0)
        return 0;
    double real = (double)left / (c->speed > 0 ? c->speed : 0.001);
    return real > 60000 ? 60000 : (int64_t)real + 1;
}
