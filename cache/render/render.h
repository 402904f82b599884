/* Transcript in, bytes of a view out. Pure functions: formats.h lists them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buffer;
struct render_look;
struct transcript;

/* The rules by which views are made: part of the key of each, so that a change of them makes all of them
 * anew. Add one when the bytes of any view change. */
#define RENDER_VERSION 2

/* What a view may say beside the words. Strings may be NULL. */
struct render_source {
    const char *name;               /* of the recording's file, without folders: bytes, perhaps not UTF-8 */
    const char *sha256;             /* hex digest of the recording's content */
    const char *settings_hash;      /* hex */
    int64_t size;                   /* bytes of the recording; negative when unknown */
    int64_t recorded_ms;            /* wall clock: last change of the recording when its content was first met; 0 when unknown */
    int64_t finished_ms;            /* wall clock of the result; 0 when unknown */
    const struct render_look *look; /* NULL: the default */
};

/* Each appends to out and returns 0 or -ENOMEM. The same input always gives the same bytes, in every locale
 * and time zone but that of dates people read, which is local. */
int render_txt(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_srt(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_json(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_md(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_plain_txt(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_tsv(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_csv(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_words_tsv(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_labels_txt(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_podcast_json(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_otr(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_whisperx_json(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_diarized_json(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_whisper_json(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_docx(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_vtt(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_karaoke_vtt(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_lrc(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_elrc(const struct transcript *t, const struct render_source *source, struct buffer *out);
int render_html(const struct transcript *t, const struct render_source *source, struct buffer *out);
