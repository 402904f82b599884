/* The answer of a server: one JSON object, events that come one after the other, a text, or subtitles.
 * Tolerant: what is missing stays unknown, numbers may be texts, and the same thing may be found in more than
 * one place. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct openai_answer;
struct transcript;

struct openai_answer *openai_answer_new(void); /* NULL when out of memory */
void openai_answer_free(struct openai_answer *a);

/* The data of one server-sent event. 0, or a negative errno and *err: "cloud.answer" when it is not
 * understood, or what the server says about a failure. */
int openai_answer_event(struct openai_answer *a, const char *data, size_t length, struct error *err);
/* A whole body. Its beginning decides what it is, since servers say little with Content-Type; bare text is
 * taken for an answer only if `text_is_fine`. Errors as above; "cloud.address" for a web page. */
int openai_answer_body(struct openai_answer *a, const char *body, size_t length, bool text_is_fine,
                       struct error *err);

/* The text as far as it is there; never NULL. */
const char *openai_answer_text(const struct openai_answer *a);
/* How far it has come, in milliseconds of the recording; 0: not known. */
int64_t openai_answer_reached_ms(const struct openai_answer *a);

/* The transcript of a recording of `duration_ms` (negative: not known), without provenance. NULL and *err
 * ("cloud.answer") when events are missing at the end, or when out of memory. */
struct transcript *openai_answer_take(struct openai_answer *a, int64_t duration_ms, struct error *err);
