/* What the files of the result cache share. */
#pragma once

#include "cache/results.h"

/* "HEX  NAME" for each file of a result, as sha256sum(1) writes it. */
#define RESULT_SUMS "sums"

/* The directory that holds it; stays the cache's. */
int results_root(const struct results *r);
