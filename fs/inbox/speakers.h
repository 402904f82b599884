/* talk.speakers.txt: who speaks in one recording, as people write it down. Pure.
 *
 *   1 = Alice            the first speaker
 *   Speaker 2: Bob       the second, as transcripts call them
 *   channel 1 = Left     a channel
 *   # a comment */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cache/render/look.h"
#include "fs/inbox/folder.h"
#include "fs/inbox/names.h"

#define SPEAKERS_SUFFIX ".speakers.txt"

/* Could it be one? */
bool speakers_is_file(const char *name);
/* Its name beside a recording: `base` is the stem of the recording's views, or its whole name. False: too
 * long. */
bool speakers_file_name(const char *base, char name[NAME_SIZE]);
/* Takes the names in the bytes of such a file into *look, over those it has. Lines that are not understood
 * are in *mistakes (which is filled anew), and the others count. 0 or -ENOMEM. */
int speakers_parse(const char *data, size_t len, struct render_look *look, struct folder_mistakes *mistakes);
