/* Where the parts of the program are that are files of their own. */
#pragma once

/* The path of a part of scribefs: beside the executable (a build tree), or where make install puts it,
 * relative to the executable; malloc'ed. NULL if it is nowhere. */
char *program_part(const char *built, const char *installed);
