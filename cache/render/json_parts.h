/* What the JSON formats have in common. Times are seconds with three digits, made of integer milliseconds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct render_source;
struct sentence;
struct spoken_word;
struct spoken_words;
struct transcript;

void json_put_seconds(struct buffer *out, int64_t ms);
/* "start":0.640,"end":2.005 */
void json_put_times(struct buffer *out, int64_t begin_ms, int64_t end_ms);
/* What was appended to `text` as a string; an allocation that failed there fails in out. */
void json_put_text(struct buffer *out, const struct buffer *text);
/* The text of a sentence; of all sentences. */
void json_put_sentence(struct buffer *out, const struct sentence *s);
void json_put_all(struct buffer *out, const struct transcript *t);
/* A word with its punctuation, after a space where `spaces` says so and the text has one. */
void json_put_word(struct buffer *out, const struct spoken_words *words, const struct spoken_word *word,
                   bool spaces);
/* "id":0,"seek":0,… "no_speech_prob":0: the ten members that OpenAI's schema requires of a segment. What
 * engines do not say is 0, not null. */
void json_put_segment(struct buffer *out, const struct sentence *s, size_t id);
