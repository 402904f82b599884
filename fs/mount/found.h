/* What searches found lately, for MOUNT/search. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/search.h"
#include "fs/inbox/names.h"

struct buffer;
struct mount;
struct wording;

#define FOUND_MOST 500        /* transcripts of one search */
#define FOUND_PATHS_MOST 1000 /* recordings that show them: one may have any number of copies */

struct found_entry {
    char *path; /* of a recording, relative to the inbox */
    const struct search_found *found;
};

/* Never changes; counted. */
struct found_list {
    struct found_list *next;
    unsigned users; /* under found_lock, like next */
    int64_t until_ms; /* CLOCK_MONOTONIC */
    char *name;       /* of the directory */
    struct search_answer *answer;
    struct found_entry *entries;
    size_t count;
};

/* The words that a directory's name asks for: %20 and the like are decoded. malloc'ed; NULL when out of memory. */
char *found_words(const char *name);
/* What was found for it a moment ago; NULL: nothing. Give it back with found_put(). */
struct found_list *found_get(struct mount *m, const char *name);
/* Takes the answer over and keeps it for some seconds. NULL when out of memory. */
struct found_list *found_new(struct mount *m, const char *name, struct search_answer *answer);
void found_put(struct mount *m, struct found_list *list); /* NULL is fine */
void found_clear(struct mount *m);

/* `may` has a flag for each entry: only those are looked at.
 * The name of an entry's link: the recording's, with a number where another has the same. False: it is too long. */
bool found_name(const struct found_list *list, const bool *may, size_t entry, char name[NAME_SIZE]);
/* The entry of this name; list->count if there is none. */
size_t found_by_name(const struct found_list *list, const bool *may, const char *name);
/* hits.txt */
void found_text(const struct wording *wording, const struct found_list *list, const bool *may, struct buffer *out);
