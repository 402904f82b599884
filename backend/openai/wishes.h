/* The wishes of a job as canonical JSON, the settings it is frozen with, and back. Pure. */
#pragma once

#include "backend/openai/openai.h"

struct buffer;

/* Appends them to *out: equal wishes give equal bytes. 0 or negative errno and *err ("cloud.settings"). */
int openai_wishes_write(const struct openai_wishes *wishes, struct buffer *out, struct error *err);
/* Every text of *out is its own; openai_wishes_clear() in any case. */
int openai_wishes_read(const char *json, struct openai_wishes *out, struct error *err);
/* The same with the texts of another. */
int openai_wishes_copy(const struct openai_wishes *from, struct openai_wishes *out, struct error *err);
void openai_wishes_clear(struct openai_wishes *wishes);
