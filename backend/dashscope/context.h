/* Context: names, terms or what was said before, as the service takes it with a recording. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The service's own limits: so many rounds of a user and a reply are kept, each of so many characters. */
enum { CONTEXT_ROUNDS = 5, CONTEXT_CHARACTERS = 400 };

/* One message: of the user, or a reply of the assistant to the one before it. */
typedef void context_message(void *context, bool reply, const char *text, size_t length);

/* Calls fn for each message; false when something had to be left out.
 *
 * A text whose first line begins with "user:" or "assistant:" is a conversation: each line that begins so
 * begins a message. The latest rounds are kept, and of a round its beginning. Any other text is messages of
 * the user, cut between words, the first ones. */
bool context_each(const char *text, context_message *fn, void *context);
