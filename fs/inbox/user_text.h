/* Small text files as people write them: with a byte order mark, in UTF-16 as Notepad does, with the line
 * ends of any system. Pure. */
#pragma once

#include <stddef.h>

/* The text as UTF-8 with plain line ends, malloc'ed. -EILSEQ when it is not text, or -ENOMEM. What is not
 * UTF-8 and has no mark is taken for Windows-1252. */
int user_text(const char *data, size_t len, char **out);

/* Takes the next line off *text: NUL-terminated in place, without white space around it. NULL after the last.
 */
char *user_text_line(char **text);
