/* What recognition costs, by the price list in the catalogue. Pure.
 *
 * Model Studio bills the audio that goes in, by the second; the text that comes out is free. Fun-ASR and
 * Paraformer bill the speech they found in it, the others its whole length; every channel that is recognised
 * is billed on its own ("Model pricing" and the API references of Model Studio, as of August 2026). The
 * answers say the number of seconds. Free quotas and discounts of an account are not known here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/catalogue.h"

/* The most that can be billed for a recording of that length: every begun second of every channel.
 * duration_ms negative (not known): 0. */
int64_t price_longest_ms(int64_t duration_ms, int channels);
/* True when a model bills only speech, so that a recording in which nobody speaks costs nothing. */
bool price_is_of_speech(const struct model *model);
/* A second of the dearest model of a region, in millionths of its currency. */
int64_t price_dearest(enum region region);
/* What that costs, in millionths of the region's currency, rounded to the nearest. False when the price is
 * not known. */
bool price_cost(const struct model *model, enum region region, int64_t billed_ms, int64_t *cost_micro);
