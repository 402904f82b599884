/* What programs may ask of a recording, or of one of its views, by name: the extended attributes
 * user.scribefs.*. Pure.
 *
 *   state     arriving, queued, running, done, failed
 *   progress  queued: how many are before it; running: the stage, and where it is known how far, "done/total
 * unit": "recognising 31000/77000 ms", "publishing 3100000/7700000 bytes", "preparing" error     the code of
 * what went wrong last: of a failure, or of what is tried again model     the model it is or was given to job
 * the key of its job, in hexadecimal backend   local, dashscope or openai
 *
 * They are answered when asked for by name and not listed: who copies attributes asks for the list, and none
 * of them is to be copied. */
#pragma once

#include <stdbool.h>

#include "fs/inbox/status.h"

struct buffer;

/* True for everything that begins with user.scribefs. */
bool fact_is_name(const char *attribute);
/* Appends the value of the attribute; `settings` are those frozen with its job (JSON), or NULL. 0, -ENODATA:
 * there is none (now), or -ENOMEM. */
int fact_value(const struct item *item, const char *settings, const char *attribute, struct buffer *out);
