/* The emulator's lock and waits. */
#include "tests/emulator/emulator.h"

#include <errno.h>
#include <time.h>

void emu_lock(struct emulator *emu)
{
    pthread_mutex_lock(&emu->lock);
}

void emu_unlock(struct emulator *emu)
{
    pthread_mutex_unlock(&emu->lock);
}

static struct timespec deadline(int64_t real_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += real_ms / 1000;
    t.tv_nsec += real_ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

void emu_wait(struct emulator *emu, int64_t real_ms)
{
    struct timespec until = deadline(real_ms);
    pthread_cond_timedwait(&emu->changed, &emu->lock, &until);
}

bool emu_sleep(struct emulator *emu, int64_t real_ms)
{
    struct timespec until = deadline(real_ms > 0 ? real_ms : 0);
    int rc = real_ms > 0 ? 0 : ETIMEDOUT;
    emu_lock(emu);
    while (!emu->stopping && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&emu->changed, &emu->lock, &until);
    bool stopping = emu->stopping;
    emu_unlock(emu);
    return !stopping;
}

int64_t emu_now(struct emulator *emu)
{
    emu_lock(emu);
    int64_t now = clock_now(&emu->clock);
    emu_unlock(emu);
    return now;
}
