/* What people type to search, and where it is in a text. Pure.
 *
 *     budget meeting     both words, anywhere
 *     "new budget"       these words in this order, one after the other
 *     meet*              words that begin so
 *
 * All else separates words: punctuation, and the characters of other programs' query languages. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buffer;

#define SEARCH_TERMS 16 /* words and phrases of a query; more is refused */

struct search_term {
    char **tokens; /* in a row */
    size_t count;
    bool prefix; /* the last one may go on */
};

struct search_query {
    struct search_term terms[SEARCH_TERMS];
    size_t count;
};

/* 0, -ENOMEM, or -EINVAL: nothing in it can be searched for, or too much. Free with search_query_clear() in any
 * case. */
int search_query_parse(const char *words, struct search_query *out);
void search_query_clear(struct search_query *q);
/* The query in SQLite's FTS5 syntax. */
void search_query_match(const struct search_query *q, struct buffer *out);

struct search_span {
    size_t begin, end; /* bytes */
};
/* Where the terms are in a text in NFC, in order and without overlaps: at most `most`. *more: there are others.
 * *spans is malloc'ed. 0 or -ENOMEM. */
int search_query_find(const struct search_query *q, const char *text, size_t most, struct search_span **spans,
                      size_t *count, bool *more);
