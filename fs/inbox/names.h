/* What a name means: recording, temporary, junk; and what its views are called. Pure; names are bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NAME_SIZE 256 /* NAME_MAX and the NUL */

enum name_kind {
    NAME_RECORDING, /* ends in a known audio or video extension and is none of the following */
    NAME_TEMPORARY, /* a copy in progress: becomes something when it is renamed (fuse-notes 4.3) */
    NAME_JUNK,      /* what shells leave behind; never looked at */
    NAME_OTHER,     /* an ordinary file */
};

enum name_kind name_classify(const char *name);
/* True for directories nothing is taken from: dot names, NAS and shell directories. */
bool name_skips_directory(const char *name);
/* True if any component of the relative path is such a directory. */
bool path_is_skipped(const char *path);

/* The views, in the order of their stored numbers: never renumber (bits of index_link.hidden). */
enum view_format {
    VIEW_TXT = 0,
    VIEW_SRT = 1,
    VIEW_JSON = 2,
    VIEW_TRANSCRIBING = 3, /* talk.transcribing.txt */
    VIEW_FAILED = 4,       /* talk.FAILED.txt */
    VIEW_FORMATS,
};
#define VIEW_RESULT_FORMATS 3 /* the first ones are rendered from a result; the others are status texts */

/* The name of the file of a result that holds this view, such as "view.txt". VIEW_TXT, VIEW_SRT, VIEW_JSON
 * only. */
const char *view_result_file(enum view_format format);

/* The stem views are named by: the recording's name without its extension, or with it if `whole`. Cut at a
 * UTF-8 boundary so that every view name fits NAME_MAX; what was cut is replaced by '~' and six hex digits of
 * the name's hash. */
void view_base(const char *recording, bool whole, char base[NAME_SIZE]);
/* base + ".txt", ".srt", … */
void view_name(const char *base, enum view_format format, char name[NAME_SIZE]);
/* True if the name could be a status view of ours ("*.transcribing.txt", "*.FAILED.txt"). */
bool name_is_status(const char *name);
