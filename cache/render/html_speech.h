/* What is said, as the page of a transcript has it: paragraphs of HTML, and the times of their words for its
 * script. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/buffer.h"

struct render_look;
struct transcript;

#define HTML_PALETTE 8 /* colours of voices in transcript.css */

struct html_speech {
    struct buffer turns;  /* HTML */
    struct buffer words;  /* JSON: see transcript.js */
    struct buffer voices; /* JSON: who speaks, by number: [{"id","key","style","plain","name"}] */
    size_t voice_count;
    size_t paragraphs;
    bool unsure; /* some words are marked as such */
};

/* Fills *out (zeroed). `look` may be NULL. 0 or -ENOMEM; clear it in any case. */
int html_speech_of(const struct transcript *t, const struct render_look *look, struct html_speech *out);
void html_speech_clear(struct html_speech *speech);
#define cleanup_html_speech __attribute__((cleanup(html_speech_clear)))

/* The transcript's language is written from the right. */
bool html_from_right(const struct transcript *t);
/* Appends "1:02:03", or "2:03" unless `hours`. */
void html_put_clock(struct buffer *out, int64_t ms, bool hours);
