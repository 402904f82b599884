/* What a search found, as text: hits.txt, and what scribectl prints. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buffer;
struct search_answer;
struct search_found;

/* "Found in 2 recordings: budget", and what is to be known about that. */
void hits_head(const char *words, size_t recordings, const struct search_answer *answer, struct buffer *out);
/* A recording: its path, and a line for each hit: "  0:12:05  the new [budget] is here". */
void hits_of(const char *path, const struct search_found *found, struct buffer *out);
/* "0:12:05" */
void hits_time(int64_t ms, struct buffer *out);
