/* What is said in a folder where recordings wait until somebody confirms that they are sent (CONFIRM_NAME). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buffer;
struct wording;

struct confirm_facts {
    size_t count, unpriced; /* recordings; those of which the price is not known */
    int64_t ms, micro;      /* the most that can be billed: of audio, and in millionths of the currency */
    char currency[4];
};
/* "12.5 minutes of audio, at most 0.17 CNY" */
void confirm_put_estimate(const struct wording *w, const struct confirm_facts *facts, struct buffer *out);
/* The whole text; w NULL: English. */
void confirm_text(const struct wording *w, const struct confirm_facts *facts, struct buffer *out);
