/* Every format a transcript can be read in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct render_source;
struct transcript;

/* Stored in the index: never renumber. 3 and 4 are the status texts of fs/. */
enum format {
    FORMAT_TXT = 0,
    FORMAT_SRT = 1,
    FORMAT_JSON = 2,
    FORMAT_VTT = 5,
    FORMAT_LRC = 6,
    FORMAT_ELRC = 7,
    FORMAT_HTML = 8,
    FORMAT_MD = 9,
    FORMAT_DOCX = 10,
    FORMAT_TSV = 11,
    FORMAT_CSV = 12,
    FORMAT_PLAIN_TXT = 13,
    FORMAT_WORDS_TSV = 14,
    FORMAT_LABELS_TXT = 15,
    FORMAT_PODCAST_JSON = 16,
    FORMAT_OTR = 17,
    FORMAT_RAW_JSON = 18,
    FORMAT_WHISPERX_JSON = 19,
    FORMAT_DIARIZED_JSON = 20,
    FORMAT_KARAOKE_VTT = 21,
    FORMAT_WHISPER_JSON = 22,
    FORMATS = 23, /* one more than the highest; at most 32 */
};

struct format_info {
    const char *name;  /* as in the setting `views`: "txt", "plain.txt"; the suffix is "." and this */
    bool names_source; /* its bytes depend on the name or the time of the recording */
    int (*render)(const struct transcript *t, const struct render_source *source, struct buffer *out);
    /* NULL: not made of the transcript (raw.json: the provider's bytes) */
};

/* NULL for a number that is none of these. */
const struct format_info *format_info(int format);
/* The format of this name, or -1. */
int format_find(const char *name, size_t len);
