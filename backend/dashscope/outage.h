/* Is it the service that fails, or only this one request? Pure.
 *
 * One request without a proper answer is the affair of whoever sent it: that one backs off, the others go on.
 * When several different ones fail one after the other and nobody is answered in between, the service is
 * away: then one asks for all, less and less often, until there is an answer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* So many different ones. A service that fails one request in ten is taken for one that is away once in
 * 100,000 requests, and then for a second. */
enum { OUTAGE_ASKERS = 5 };

/* All zero: nothing is known yet. */
struct outage {
    unsigned round; /* counts the answers */
    int askers;     /* different ones that failed since the last answer */
    int probes;     /* failed ones of this outage */
};

/* What each asker remembers; all zero at first. */
struct outage_asker {
    unsigned failed_round; /* the round it failed in, plus one; 0: in none */
};

/* The service answered: whatever it said, it is there. */
void outage_answered(struct outage *o);
/* It gave no proper answer. `probing`: this one asked for all. True when all have to pause now, for
 * outage_pause_ms(). */
bool outage_failed(struct outage *o, struct outage_asker *asker, bool probing);
/* Only one may ask. */
bool outage_is_on(const struct outage *o);
int64_t outage_pause_ms(const struct outage *o);

/* 1, 2, 4 … 60 seconds after so many failures in succession; 0 after none. */
int64_t outage_backoff_ms(int failures);
