/* How the views of a recording should look: what the settings say, those of its folder, and the names of its
 * speakers. Plain data; its canonical JSON is part of the key of a rendered view. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/render/formats.h"

struct buffer;
struct error;

enum look_profile { LOOK_NETFLIX, LOOK_BBC };
/* Who speaks, in subtitles: named when the speaker changes; never; in every cue; by dashes, two turns to a
 * cue. */
enum look_speakers { LOOK_SPEAKERS_CHANGE, LOOK_SPEAKERS_NONE, LOOK_SPEAKERS_ALL, LOOK_SPEAKERS_DASH };
/* Chinese and Japanese subtitles: ，and 。become a space or nothing, as Netflix asks; or are kept. */
enum look_punctuation { LOOK_PUNCTUATION_NETFLIX, LOOK_PUNCTUATION_KEEP };

/* A person or a channel that has a name. */
struct look_name {
    int number; /* zero-based, as in the transcript */
    char *text; /* UTF-8, one line, never empty */
};
struct look_names {
    struct look_name *items; /* by number, each once */
    size_t count;
};

/* All zero is what is made without any setting. */
struct render_look {
    uint32_t listed; /* formats that folders list: bit n = enum format n; 0: txt, srt and json. Not part of
                        the JSON */

    /* Subtitles (srt, vtt). 0: as the profile says for the language. */
    enum look_profile profile;
    int line_cells;              /* per line: 42 Latin characters, or 16 Chinese */
    int lines;                   /* per cue, 1 or 2 */
    int reading_cps;             /* characters a second */
    int shortest_ms, longest_ms; /* of a cue */
    int gap_ms;                  /* between two cues, at least */
    enum look_speakers speakers;
    enum look_punctuation punctuation;
    bool no_empty_cue; /* of a recording in which nothing is said: no cue instead of one that says so */
    bool lyrics;       /* ♪ at both ends of a cue */

    /* Texts. */
    bool no_header;     /* txt, md: without the lines about the recording */
    bool no_timestamps; /* txt, md, docx: paragraphs without the time they begin at */
    bool emotions;      /* how a paragraph was said, unless that is neutral */

    /* Files for old Windows programs: txt, srt, csv, tsv, lrc. */
    bool crlf, bom;

    struct look_names speaker_names, channel_names;
};

/* The setting `key` of [views] ("profile", "line_length" …) gets a value: 0, -ENOENT when there is no such
 * key, or -EINVAL and *err ("config.value", which names the key, the value and what is wanted). */
int look_set(struct render_look *look, const char *key, const char *value, struct error *err);
/* Gives *to the value that *from has for this key of look_set(). */
void look_take(struct render_look *to, const struct render_look *from, const char *key);
/* The keys that look_set() knows, one by one; NULL after the last. */
const char *look_key(size_t i);
/* Names speaker or channel `number` (zero-based); NULL or "" takes the name away. 0 or -ENOMEM. */
int look_name(struct look_names *names, int number, const char *text);
/* The name, or NULL. */
const char *look_find_name(const struct look_names *names, int number);

/* A deep copy into *to (which is overwritten, not freed). 0 or -ENOMEM. */
int look_copy(struct render_look *to, const struct render_look *from);
void look_clear(struct render_look *look);
#define cleanup_look __attribute__((cleanup(look_clear)))

/* The same look always gives the same bytes; the default one is "{}". 0 or -ENOMEM. */
int look_to_json(const struct render_look *look, struct buffer *out);
/* Unknown members are ignored. 0, -EINVAL or -ENOMEM; *out is cleared with look_clear() in any case. */
int look_from_json(const char *json, size_t len, struct render_look *out);
