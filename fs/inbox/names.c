/* What names mean, and what views are called. Tables and byte strings only. */
#include "fs/inbox/names.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What backend/worker can decode; a name with another extension is an ordinary file. */
static const char *const recording_extensions[] = {
    "3gp", "aac", "aif",  "aiff", "amr",  "avi", "flac", "flv",  "m4a", "m4b",  "mka", "mkv", "mov",
    "mp3", "mp4", "mpeg", "mpg",  "mpga", "oga", "ogg",  "opus", "wav", "webm", "wma", "wmv",
};

/* Copies, downloads and saves in progress. */
static const char *const temporary_suffixes[] = {
    ".part",       ".partial",  ".partial~",
    ".filepart", /* KIO, Firefox, yt-dlp, Nextcloud, Thunar, WinSCP */
    ".crdownload", ".download", ".opdownload",
    ".aria2",      ".ytdl", /* Chrome, Safari, Opera, aria2, yt-dlp */
    ".!qb",        ".!ut",      ".!sync",
    ".bts", /* torrent clients, Resilio Sync */
    ".tmp",        ".temp",     "~",
    ".kate-swp",            /* editors, audio programs, BITS */
    ".lock",       ".zoom", /* Zoom before it converts its own recording */
};
static const char *const temporary_prefixes[] = {"~$", "~syncthing~"};

static const char *const junk_names[] = {
    "desktop.ini", "thumbs.db",  "ehthumbs.db", "ehthumbs_vista.db", "icon\r",
    ".ds_store",   ".localized", ".apdisk",     ".directory",
};
/* Dot names that never become a recording by a rename. */
static const char *const junk_prefixes[] = {"._",         ".nfs",        ".fuse_hidden",
                                            ".smbdelete", ".afpdeleted", ".~lock."};

static const char *const skipped_directories[] = {
    "@eadir",   "@recycle",   "@recently-snapshot", "#recycle", "#snapshot",
    "__macosx", "lost+found", "$recycle.bin",       "recycler", "system volume information",
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Folds ASCII only: names are bytes, and the locale must not change what they mean. */
static unsigned char fold(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 'a' - 'A') : u;
}

/* The second string of the next three is lower case. */
static bool same_folded(const char *bytes, const char *lower, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (fold(bytes[i]) != (unsigned char)lower[i])
            return false;
    return true;
}

static bool has_prefix(const char *name, const char *lower)
{
    size_t n = strlen(lower);
    return strnlen(name, n) == n && same_folded(name, lower, n);
}

static bool has_suffix(const char *name, size_t len, const char *lower)
{
    size_t n = strlen(lower);
    return len >= n && same_folded(name + len - n, lower, n);
}

static bool is_one_of(const char *name, size_t len, const char *const *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(table[i]) == len && same_folded(name, table[i], len))
            return true;
    return false;
}

static bool is_alnum(char c)
{
    unsigned char u = fold(c);
    return (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z');
}

static bool all_alnum(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(s[i]))
            return false;
    return true;
}

/* ".talk.mp3.Ab12Cd": the last component is a dot and six letters or digits. */
static bool is_rsync_temporary(const char *name, size_t len)
{
    return len > 8 && name[0] == '.' && name[len - 7] == '.' && all_alnum(name + len - 6, 6);
}

/* "talk.wav.sb-1a2b3c4d-Xy12Zw": macOS saves through such a directory or file. */
static bool is_safe_save(const char *name, size_t len)
{
    static const size_t tail = sizeof ".sb-12345678-123456" - 1;
    if (len < tail)
        return false;
    const char *s = name + len - tail;
    return memcmp(s, ".sb-", 4) == 0 && all_alnum(s + 4, 8) && s[12] == '-' && all_alnum(s + 13, 6);
}

static bool is_temporary(const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT(temporary_suffixes); i++)
        if (has_suffix(name, len, temporary_suffixes[i]))
            return true;
    for (size_t i = 0; i < COUNT(temporary_prefixes); i++)
        if (has_prefix(name, temporary_prefixes[i]))
            return true;
    if (len >= 2 && name[0] == '#' && name[len - 1] == '#') /* Emacs */
        return true;
    if (len >= 4 && has_suffix(name, len - 1, ".sw") && is_alnum(name[len - 1])) /* Vim: .swp, .swo … */
        return true;
    return is_safe_save(name, len) || strcmp(name, "4913") == 0; /* Vim's probe for a writable directory */
}

static bool is_junk(const char *name, size_t len)
{
    if (is_one_of(name, len, junk_names, COUNT(junk_names)))
        return true;
    /* rsync's temporary name of "_talk.mp3" begins like an AppleDouble file. */
    if (is_rsync_temporary(name, len))
        return false;
    for (size_t i = 0; i < COUNT(junk_prefixes); i++)
        if (has_prefix(name, junk_prefixes[i]))
            return true;
    return false;
}

/* Where the extension with its dot begins; the length of the name if it has none. A leading dot begins no
 * extension. */
static size_t extension_start(const char *name, size_t len)
{
    for (size_t i = len; i-- > 1;)
        if (name[i] == '.')
            return i;
    return len;
}

enum name_kind name_classify(const char *name)
{
    size_t len = strlen(name);
    if (is_junk(name, len))
        return NAME_JUNK;
    if (name[0] == '.' || is_temporary(name, len))
        return NAME_TEMPORARY;
    size_t dot = extension_start(name, len);
    if (dot < len &&
        is_one_of(name + dot + 1, len - dot - 1, recording_extensions, COUNT(recording_extensions)))
        return NAME_RECORDING;
    return NAME_OTHER;
}

static bool skips(const char *name, size_t len)
{
    if (name[0] == '.')
        return true;
    if (is_one_of(name, len, skipped_directories, COUNT(skipped_directories)))
        return true;
    if (has_suffix(name, len, ".download") || is_safe_save(name, len)) /* Safari downloads into a directory */
        return true;
    static const char saved[] = "(A Document Being Saved By ";
    return len > sizeof saved && memcmp(name, saved, sizeof saved - 1) == 0 && name[len - 1] == ')';
}

bool name_skips_directory(const char *name)
{
    return skips(name, strlen(name));
}

bool path_is_skipped(const char *path)
{
    while (*path) {
        size_t len = strcspn(path, "/");
        if (len > 0 && !(len == 1 && path[0] == '.') && skips(path, len))
            return true;
        path += len;
        path += *path == '/';
    }
    return false;
}

/* ---- Views ---- */

/* Ordered by length, the longest first: what a name ends in is looked for in this order. (cache/render/formats.c has
 * the same names; scribectl has no renderers.) */
static const struct {
    enum view_format format;
    const char *suffix;
} view_suffixes[VIEW_FORMATS] = {
    {VIEW_TRANSCRIBING, ".transcribing.txt"},
    {(enum view_format)FORMAT_DIARIZED_JSON, ".diarized.json"},
    {(enum view_format)FORMAT_WHISPERX_JSON, ".whisperx.json"},
    {(enum view_format)FORMAT_PODCAST_JSON, ".podcast.json"},
    {(enum view_format)FORMAT_WHISPER_JSON, ".whisper.json"},
    {(enum view_format)FORMAT_KARAOKE_VTT, ".karaoke.vtt"},
    {VIEW_FAILED, ".FAILED.txt"},
    {(enum view_format)FORMAT_LABELS_TXT, ".labels.txt"},
    {(enum view_format)FORMAT_PLAIN_TXT, ".plain.txt"},
    {(enum view_format)FORMAT_WORDS_TSV, ".words.tsv"},
    {(enum view_format)FORMAT_RAW_JSON, ".raw.json"},
    {(enum view_format)FORMAT_DOCX, ".docx"},
    {(enum view_format)FORMAT_ELRC, ".elrc"},
    {(enum view_format)FORMAT_HTML, ".html"},
    {VIEW_JSON, ".json"},
    {VIEW_TXT, ".txt"},
    {VIEW_SRT, ".srt"},
    {(enum view_format)FORMAT_VTT, ".vtt"},
    {(enum view_format)FORMAT_LRC, ".lrc"},
    {(enum view_format)FORMAT_TSV, ".tsv"},
    {(enum view_format)FORMAT_CSV, ".csv"},
    {(enum view_format)FORMAT_OTR, ".otr"},
    {(enum view_format)FORMAT_MD, ".md"},
};
/* Part of the names of views: never change it. */
#define LONGEST_SUFFIX (sizeof ".transcribing.txt" - 1)
#define BASE_MAX (NAME_SIZE - 1 - LONGEST_SUFFIX)
#define MARK_LENGTH 7 /* "~" and six hex digits */

static const char *suffix_of(enum view_format format)
{
    unsigned i = 0;
    while (i < VIEW_FORMATS - 1 && view_suffixes[i].format != format)
        i++;
    return view_suffixes[i].suffix;
}

const char *view_format_name(enum view_format format)
{
    return format == VIEW_TRANSCRIBING ? "transcribing" : format == VIEW_FAILED ? "failed" : suffix_of(format) + 1;
}

bool view_split(const char *name, unsigned *at, enum view_format *format, size_t *stem)
{
    size_t len = strlen(name);
    while (*at < VIEW_FORMATS) {
        const char *suffix = view_suffixes[*at].suffix;
        size_t n = strlen(suffix);
        *format = view_suffixes[(*at)++].format;
        if (len > n && memcmp(name + len - n, suffix, n) == 0) {
            *stem = len - n;
            return true;
        }
    }
    return false;
}

bool view_split_version(const char *name, size_t *stem, unsigned *number)
{
    size_t i = *stem;
    while (i > 0 && name[i - 1] >= '0' && name[i - 1] <= '9')
        i--;
    size_t digits = *stem - i;
    if (digits == 0 || digits > 4 || name[i] == '0' || i < 3 || name[i - 1] != 'v' || name[i - 2] != '.')
        return false;
    *number = 0;
    for (size_t k = i; k < *stem; k++)
        *number = *number * 10 + (unsigned)(name[k] - '0');
    *stem = i - 2;
    return true;
}

int view_version_name(const char *base, unsigned number, enum view_format format, char name[NAME_SIZE])
{
    char version[16] = "";
    if (number)
        snprintf(version, sizeof version, ".v%u", number);
    int n = snprintf(name, NAME_SIZE, "%s%s%s", base, version, suffix_of(format));
    return n < NAME_SIZE ? 0 : -ENAMETOOLONG;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* How long the character that begins with this byte should be; 1 for anything that begins none. */
static size_t utf8_length(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 0xf0 && u <= 0xf4 ? 4 : u >= 0xe0 && u <= 0xef ? 3 : u >= 0xc2 && u <= 0xdf ? 2 : 1;
}

/* The longest length <= max that splits no UTF-8 character. Bytes that are not UTF-8 may be cut anywhere. */
static size_t cut_length(const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    for (size_t back = 1; back <= 3 && back <= max; back++) {
        char c = s[max - back];
        if (is_continuation(c))
            continue;
        return utf8_length(c) > back ? max - back : max;
    }
    return max;
}

/* FNV-1a. Part of the names of views: never change it. */
static uint32_t name_hash(const char *s, size_t len)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h;
}

void view_base(const char *recording, bool whole, char base[NAME_SIZE])
{
    size_t len = strnlen(recording, NAME_SIZE - 1);
    size_t dot = extension_start(recording, len);
    size_t wanted = whole ? len : dot;
    if (wanted <= BASE_MAX) {
        memcpy(base, recording, wanted);
        base[wanted] = '\0';
        return;
    }
    /* With the extension wanted it stays at the end, so that the two forms of one name differ; an "extension"
     * that takes all the room is none. */
    size_t tail = whole ? len - dot : 0;
    if (tail > BASE_MAX / 2)
        tail = 0;
    size_t cut = cut_length(recording, wanted - tail, BASE_MAX - MARK_LENGTH - tail);
    memcpy(base, recording, cut);
    snprintf(base + cut, MARK_LENGTH + 1, "~%06x", (unsigned)(name_hash(recording, wanted) & 0xffffff));
    memcpy(base + cut + MARK_LENGTH, recording + len - tail, tail);
    base[cut + MARK_LENGTH + tail] = '\0';
}

void view_name(const char *base, enum view_format format, char name[NAME_SIZE])
{
    size_t len = view_is_of_folder(format) ? 0 : strnlen(base, BASE_MAX);
    memcpy(name, base, len);
    strcpy(name + len, format == VIEW_SETTINGS_ERROR ? SETTINGS_ERROR_NAME
                       : format == VIEW_CONFIRM      ? CONFIRM_NAME
                                                     : suffix_of(format));
}

bool name_is_status(const char *name)
{
    enum view_format format;
    size_t stem;
    for (unsigned at = 0; view_split(name, &at, &format, &stem);)
        if (view_is_status(format))
            return true;
    return strcmp(name, SETTINGS_ERROR_NAME) == 0 || strcmp(name, CONFIRM_NAME) == 0;
}
