/* What a name means: recording, temporary, junk; and what its views are called. Pure; names are bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cache/render/formats.h"

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

/* What a view is: a format of cache/render/formats.h, or a status text. Stored numbers: never renumber (bits of
 * index_link.hidden). */
enum view_format {
    VIEW_TXT = FORMAT_TXT,
    VIEW_SRT = FORMAT_SRT,
    VIEW_JSON = FORMAT_JSON,
    VIEW_TRANSCRIBING = 3, /* talk.transcribing.txt */
    VIEW_FAILED = 4,       /* talk.FAILED.txt */
    VIEW_FORMATS = FORMATS,
    /* Texts of a folder: struct link has none. Never stored. */
    VIEW_SETTINGS_ERROR = 32, /* SETTINGS_ERROR_NAME */
    VIEW_CONFIRM = 33,        /* CONFIRM_NAME */
};
#define SETTINGS_ERROR_NAME "SETTINGS-ERROR.txt"
#define CONFIRM_NAME "DELETE ME TO START.txt"
static inline bool view_is_of_folder(enum view_format format)
{
    return format == VIEW_SETTINGS_ERROR || format == VIEW_CONFIRM;
}
#define VIEWS_LISTED (1u << VIEW_TXT | 1u << VIEW_SRT | 1u << VIEW_JSON) /* unless the settings say otherwise */

/* A status text tells how things are; it is not made of a result. */
static inline bool view_is_status(enum view_format format)
{
    return format == VIEW_TRANSCRIBING || format == VIEW_FAILED || view_is_of_folder(format);
}
/* "txt", "plain.txt"; "transcribing" and "failed" for the status texts. */
const char *view_format_name(enum view_format format);

/* The stem views are named by: the recording's name without its extension, or with it if `whole`. Cut at a
 * UTF-8 boundary so that every view name fits NAME_MAX; what was cut is replaced by '~' and six hex digits of
 * the name's hash. */
void view_base(const char *recording, bool whole, char base[NAME_SIZE]);
/* base + ".txt", ".srt", …; of a text of a folder its name, whatever the base */
void view_name(const char *base, enum view_format format, char name[NAME_SIZE]);
/* What a name can be as a view: goes through the suffixes that it ends in, the longest first. *at is 0 at the
 * beginning. True with the format and the stem's length (> 0), false when there are no more. */
bool view_split(const char *name, unsigned *at, enum view_format *format, size_t *stem);
/* True if `stem` bytes of a name end in ".v" and a number (1 to 9999, without leading zeros): *number, and *stem
 * without that. An earlier version of a view is called so: "talk.v1.txt". */
bool view_split_version(const char *name, size_t *stem, unsigned *number);
/* base + ".v1" + ".txt"; 0 is the current one. -ENAMETOOLONG where that is longer than a name can be. */
int view_version_name(const char *base, unsigned number, enum view_format format, char name[NAME_SIZE]);
/* True if the name could be a status view of ours ("*.transcribing.txt", "*.FAILED.txt", "SETTINGS-ERROR.txt"). */
bool name_is_status(const char *name);
