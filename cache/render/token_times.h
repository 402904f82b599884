/* When each token of a sentence is spoken. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sentence;
struct token;

/* Sets the times of the tokens of one sentence, which lie in `text`. The words of the engine may be written
 * otherwise than the text (numbers, case, punctuation, corrections): both are compared character by
 * character, and what differs shares the time that its neighbours leave. No
 * token lasts longer than longest_ms. Without word times the sentence's
 * time is shared out by columns. Tokens that are parts of one word get glued. 0 or -ENOMEM. */
int token_times(struct token *tokens, size_t count, const char *text, const struct sentence *s,
                int64_t longest_ms);
