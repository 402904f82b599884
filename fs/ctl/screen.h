/* A text on the terminal that is replaced in place. The cursor rests below it, nothing about the terminal is
 * changed: there is nothing to restore when the program is interrupted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buffer;

struct screen {
    int lines; /* of the text that is shown */
    int width; /* of the terminal when it was drawn */
};

/* True if stdout is a terminal that understands cursor movements. */
bool screen_is_terminal(void);
/* True if it is to be coloured as well: not with NO_COLOR (https://no-color.org). */
bool screen_has_colours(void);
/* Of the terminal now; 80 and 24 when it does not say. */
void screen_size(int *width, int *rows);

/* Shows the text (lines, each ending in a newline), cut to the terminal, in place of the last one, in one
 * write. NULL takes it away. */
void screen_draw(struct screen *s, const char *text);

/* Columns the text takes on a terminal; it must have been escaped. Colours ("\033[31m") take none. */
int text_columns(const char *text, size_t len);
/* Length in bytes of the longest beginning that takes at most this many columns. */
size_t text_cut(const char *text, size_t len, int columns);
