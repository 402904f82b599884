/* Reads a view by the path of its recording, inside the daemon, which must not go through its own mount. */
#pragma once

#include "fs/inbox/names.h"

struct buffer;
struct library;

/* Appends the view of this format of the recording at `path` (relative to the inbox), as its folder shows it. 0 or negative
 * errno: -ENOENT when it is not there. Reads the disk; not under a lock of the library. */
int view_text(struct library *library, int inbox_fd, const char *path, enum view_format format, struct buffer *out);
