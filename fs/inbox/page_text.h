/* Text on its way into a page. Pure. */
#pragma once

#include <stdint.h>

struct buffer;

/* Appends text as HTML: &, <, >, " and ' are written as entities. */
void page_put_html(const char *text, struct buffer *out);
/* The same of bytes from outside: names, lines of other programs (status_escape). */
void page_put_text(const char *bytes, struct buffer *out);
/* Appends the bytes of a path as they stand in a URL: all but letters, digits, "-._~" and "/" as %XX. */
void page_put_url(const char *path, struct buffer *out);
