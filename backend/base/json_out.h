/* Writing JSON values straight into a buffer: the same bytes in every locale, valid UTF-8 whatever came in.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buffer;

/* A quoted, escaped string; broken UTF-8 becomes U+FFFD. NULL is written as null. */
void json_out_string(struct buffer *b, const char *text);
void json_out_text(struct buffer *b, const char *text, size_t len);
/* The number value / 10^digits with exactly `digits` digits (1..9) after the point: json_out_decimal(b, 1250,
 * 3) is 1.250. */
void json_out_decimal(struct buffer *b, int64_t value, int digits);
/* A value from 0 to 1 with four digits after the point; what lies outside is clamped, NaN is 0. */
void json_out_fraction(struct buffer *b, double value);
