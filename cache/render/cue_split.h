/* Which tokens make a subtitle, and where its second line begins. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cue_rules;
struct token;

/* A subtitle ends before token `end` (and begins where the one before ends); its second line begins with
 * token `line`, which is `end` when there is one line, and where the subtitle begins when the name is alone
 * on the first. */
struct split {
    size_t line, end;
};

/* What a subtitle has beside its words, in columns. */
struct split_extra {
    int name;  /* who speaks, with the space after it; 0: not named */
    bool each; /* every subtitle is named, not the first alone */
    int mark;  /* ♪ at both ends */
};

/* Splits tokens of one speaker without a long silence between them (count > 0). `next_ms` is when the next
 * subtitle will begin (INT64_MAX: never). Every subtitle has no more lines than allowed, no wider than
 * allowed, and its words last no longer than rules->token_ms; among these, the best by the scores of its
 * breaks, reading speed and balance (dynamic programming). Where a run of glued tokens fits no line or no
 * subtitle, the glue is given up. With one line to a subtitle, a name that does not fit before its only token
 * is left out. *splits is malloc'ed, *split_count long. 0 or -ENOMEM. */
int cue_split(struct token *tokens, size_t count, int64_t next_ms, const struct cue_rules *rules,
              const struct split_extra *extra, struct split **splits, size_t *split_count);
