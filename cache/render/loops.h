/* Loops: a recogniser that says the same sentence again and again, over music mostly. Views to read and
 * subtitles show it once; .json and .tsv keep all of it. */
#pragma once

#include <stddef.h>

struct transcript;

#define LOOP_SENTENCES 4 /* equal ones in a row: nobody speaks like that */

struct loop {
    size_t first, count; /* sentences of one speaker and channel, all with the same words */
};

struct loops {
    struct loop *items; /* in order */
    size_t count, capacity;
};

/* Fills *out (zeroed). 0 or -ENOMEM; clear it in any case. */
int loops_of(const struct transcript *t, struct loops *out);
void loops_clear(struct loops *loops);
#define cleanup_loops __attribute__((cleanup(loops_clear)))

/* How often sentence i is said: 1, or the length of the loop that it begins, or 0 when it repeats one. */
size_t loops_times(const struct loops *loops, size_t i);
