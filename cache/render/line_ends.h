/* Files for old Windows programs. */
#pragma once

#include <stddef.h>

struct buffer;
struct render_look;

/* Puts a byte order mark before the text that begins at `start`, and CR before each LF in it, as the look
 * says (NULL: neither). 0 or -ENOMEM. */
int line_ends_apply(struct buffer *out, size_t start, const struct render_look *look);
