/* The backends of this daemon, as the settings ask for them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"

struct http;
struct loop;
struct options;
struct preparer;

struct recognisers {
    struct backend
        *backends[3]; /* the built-in recogniser, and the cloud and another server as far as they are set up */
    int count;
    struct backend *chosen; /* for new recordings … */
    const char *why_chosen; /* … and why */
    char line[256];         /* about the chosen one, for people */
    bool paid;              /* a service that bills what it is sent is used */
    /* Of the price list: its currency ("": there is none), and what has no price of its own counts for. */
    char currency[4];
    int64_t micro_per_second;
    /* Their own. */
    struct http *http;
    struct preparer *preparer;
    struct loop *loop;
    const struct options *options; /* while they are made */
};

/* Makes them and says in the log who transcribes. 0, or negative errno and *err; recognisers_free() in any
 * case. */
int recognisers_new(struct loop *loop, const struct options *options, struct recognisers *r,
                    struct error *err);
/* The jobs are gone; the loop is not, and does not run. */
void recognisers_free(struct recognisers *r);
