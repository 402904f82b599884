/* Which tokens make a subtitle, and where its second line begins. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct language;
struct token;

/* A subtitle ends before token `end` (and begins where the one before ends); its second line begins with
 * token `line`, which is `end` when there is one line. */
struct split {
    size_t line, end;
};

/* Splits tokens of one speaker without a long silence between them (count > 0). `next_ms` is when the next
 * subtitle will begin (INT64_MAX: never). Every subtitle has at most two lines no wider than the language
 * allows and lasts no longer than TOKEN_LONGEST_MS; among these, the best by the scores of its breaks,
 * reading speed and balance (dynamic programming). Where a run of glued tokens fits no line or no subtitle,
 * the glue is given up. *splits is malloc'ed, *split_count long. 0 or -ENOMEM. */
int cue_split(struct token *tokens, size_t count, int64_t next_ms, const struct language *language,
              struct split **splits, size_t *split_count);
