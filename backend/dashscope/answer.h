/* A direct answer of the service, whole or as it grows: the two layouts of the models' own interface and
 * OpenAI's chat completions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/error.h"

struct answer;
struct transcript;

/* `increments`: each event of the models' own interface brings a new piece of text (asked for with
 * incremental_output), not the whole text so far. OpenAI's chunks always bring pieces. NULL when out of
 * memory. */
struct answer *answer_new(bool increments);
void answer_free(struct answer *answer);

/* One event of a stream, or the whole body. 0, or a negative errno and *err: "cloud.answer", or what an error
 * inside means. */
int answer_add(struct answer *answer, const char *json, size_t length, struct error *err);
/* The text so far, for people; valid until the next call. */
const char *answer_text(const struct answer *answer);
/* The service has said that this was all. */
bool answer_complete(const struct answer *answer);
/* The transcript. `duration_ms` of the recording, negative: not known. NULL and *err ("cloud.answer",
 * transient) when the answer is not complete. Only once. */
struct transcript *answer_take(struct answer *answer, int64_t duration_ms, struct error *err);
