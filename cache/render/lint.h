/* Checks a subtitle file, anybody's, against the rules of subtitles. It shares with the writers of subtitles
 * the numbers (cue_rules.h) and the words that should not be parted (language.h), but reads and measures by
 * itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct language;
struct render_look;

struct lint_problem {
    size_t cue;       /* counted from 1; 0: the file */
    const char *rule; /* "H2": see scribectl(1) */
    bool hard;        /* else a warning: verbatim speech may force it */
    char value[120];  /* "45 cells in line 1"; UTF-8 */
    char limit[24];   /* "42", or "" */
};

struct lint {
    struct lint_problem *items; /* by cue */
    size_t count, capacity;
    size_t hard; /* so many of them */
    size_t cues; /* in the file */
    const struct language *language;
};

/* Fills *out (zeroed) with what is wrong in a SubRip or WebVTT file. `language` is a BCP-47 code, or NULL: it
 * is guessed from the text. 0 or -ENOMEM; clear it in any case. */
int lint_check(const char *file, size_t len, const char *language, const struct render_look *look,
               struct lint *out);
void lint_clear(struct lint *lint);
