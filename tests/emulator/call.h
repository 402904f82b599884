/* What the synchronous calls have in common: the audio in a message, and what is wrong with it. */
#pragma once

#include <stdbool.h>

#include "tests/emulator/hear.h"
#include "tests/emulator/reply.h"

struct cJSON;

/* Hears `audio` (URL, oss:// or data URI) for model `m`. False after refusing; silence is no failure here.
 * The caller frees `heard` in both cases. */
bool call_hear(struct request *r, struct reply *a, const struct model *m, const char *audio,
               struct heard *heard);
/* Whole seconds, rounded up. */
double call_seconds(const struct heard *h);
/* Tokens of a text, roughly as the service counts: words, or characters of scripts without spaces. */
int call_tokens(const char *text);
/* Where the next piece of a streamed text ends: a few words on. */
size_t call_piece(const char *text);
/* The answer that a script has word for word; false when it has none. `openai`: layout of streams. */
bool call_scripted(const struct request *r, struct reply *a, const struct heard *h, bool stream, bool openai);
