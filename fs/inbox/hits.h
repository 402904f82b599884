/* What a search found, as text: hits.txt. Pure. */
#pragma once

#include <stddef.h>

struct buffer;
struct search_answer;
struct search_found;
struct wording;

/* "Found in 2 recordings: budget", and what is to be known about that. */
void hits_head(const struct wording *w, const char *words, size_t recordings, const struct search_answer *answer,
               struct buffer *out);
/* A recording: its path, and a line for each hit: "  0:12:05  the new [budget] is here". */
void hits_of(const struct wording *w, const char *path, const struct search_found *found, struct buffer *out);
