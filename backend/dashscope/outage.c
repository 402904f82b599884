/* Telling an outage from single failures. */
#include "backend/dashscope/outage.h"

#define FIRST_PAUSE_MS 1000
#define LONGEST_PAUSE_MS 60000

void outage_answered(struct outage *o)
{
    o->round++;
    o->askers = o->probes = 0;
}

bool outage_failed(struct outage *o, struct outage_asker *asker, bool probing)
{
    bool was_on = outage_is_on(o);
    if (asker->failed_round != o->round + 1) {
        asker->failed_round = o->round + 1;
        o->askers++;
    }
    if (was_on && probing)
        o->probes++;
    return was_on ? probing : outage_is_on(o);
}

bool outage_is_on(const struct outage *o)
{
    return o->askers >= OUTAGE_ASKERS;
}

int64_t outage_pause_ms(const struct outage *o)
{
    return outage_is_on(o) ? outage_backoff_ms(o->probes + 1) : 0;
}

int64_t outage_backoff_ms(int failures)
{
    int64_t pause = FIRST_PAUSE_MS;
    if (failures <= 0)
        return 0;
    while (--failures > 0 && pause < LONGEST_PAUSE_MS)
        pause *= 2;
    return pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
}
