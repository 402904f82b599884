/* What the parsers of the service's JSON share. */
#pragma once

#include "backend/json_in.h"

struct sentence;
struct transcript;

/* Adds a sentence of the service ("sentence" object of any family) to the transcript. The speaker is the
 * service's number. Times that are missing are negative until transcript_estimate_times(). 0 or -ENOMEM. */
int add_sentence(struct transcript *t, const cJSON *json, int channel);
/* The same for a "sentence" that may hold the whole recording: cut where a sentence ends, if its words show
 * where that is. */
int add_split_sentence(struct transcript *t, const cJSON *json);
