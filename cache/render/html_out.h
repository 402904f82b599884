/* Writing text from elsewhere into a page of HTML, so that it stays text. */
#pragma once

#include <stddef.h>

struct buffer;

/* Appends valid UTF-8 as text or as the value of a quoted attribute. */
void html_put(struct buffer *out, const char *text, size_t len);
/* Appends what text_clean() leaves of it (NULL: nothing) in the same way. */
void html_put_clean(struct buffer *out, const char *raw);
/* Appends a quoted JSON string that may stand in a script element, whatever is in it. */
void html_put_json(struct buffer *out, const char *text);
/* Appends the name of a file beside the page as a relative URL (RFC 3986): any bytes in, ASCII out. */
void html_put_url(struct buffer *out, const char *name);
/* Appends 'sha256-…' without the quotes: the source expression (CSP level 3) that allows this inline text. 0
 * or -ENOMEM. */
int html_put_hash(struct buffer *out, const char *text);
