/* Compares the store with what the library knows, for what happened behind the mount's back: a name, a
 * directory, everything. What the mount does itself is never mistaken for that: nothing is concluded while a
 * change of names through the mount is under way (intake_names_begin).
 *
 * Any thread but the mount's and the jobs loop's: they look at the disk. intake_scan() and intake_verify()
 * belong here as well; intake.h has them. */
#pragma once

#include <stdbool.h>

#include "fs/inbox/watch.h"
#include "fs/library.h"

struct intake;

/* What is known to have happened to a name. */
enum compare_event {
    COMPARE_WRITTEN = 1, /* bytes were written, or it was truncated */
    COMPARE_CLOSED = 2,  /* somebody had it open for writing, and wrote by a mapping perhaps */
    COMPARE_GONE = 4, /* if it is gone, or another file in its place, that is to be believed: it has not just
                         been moved to a name that is looked at next */
    COMPARE_ALL = 8,  /* if its directory is no longer at that path, nothing is there */
};

/* Looks at one name; `events` is a set of enum compare_event. Names of other files than recordings are none
 * of its business. 0: all is well, or intake knows now what is new. 1: look again in a moment (it is being
 * read, or gone and COMPARE_GONE was not said). -ESTALE: the directory is not at that path. */
int compare_name(struct intake *in, const struct place *place, unsigned events);
/* The directory `id` is at `path`. If the library thinks otherwise it is told. */
enum watched_place compare_directory(struct intake *in, struct file_id id, const char *path);
/* A directory was seen to leave `path`: unless there is one again, nothing is known there any more. */
void compare_directory_gone(struct intake *in, const char *path);
/* All of these and intake_scan(), for a watch; its context is a struct intake. */
extern const struct watch_sink compare_sink;
