/* Writing JSON values straight into a buffer. */
#include "backend/base/json_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/utf8.h"

void json_out_text(struct buffer *b, const char *text, size_t len)
{
    buffer_add(b, "\"", 1);
    size_t plain = 0; /* start of the bytes that can be copied as they are */
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t n = utf8_next(text + i, len - i, &c);
        char escape[16] = "";
        if (c == '"' || c == '\\') {
            escape[0] = '\\';
            escape[1] = (char)c;
        } else if (c == '\n') {
            strcpy(escape, "\\n");
        } else if (c == '\t') {
            strcpy(escape, "\\t");
        } else if (c == '\r') {
            strcpy(escape, "\\r");
        } else if (c < 0x20 || c == 0x7F || c == 0x2028 || c == 0x2029) {
            /* U+2028 and U+2029 end a line in JavaScript source, where JSON gets pasted. */
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
        } else if (c == UTF8_REPLACEMENT) {
            escape[utf8_put(c, escape)] = '\0';
        }
        if (escape[0]) {
            buffer_add(b, text + plain, i - plain);
            buffer_puts(b, escape);
            plain = i + n;
        }
        i += n;
    }
    buffer_add(b, text + plain, len - plain);
    buffer_add(b, "\"", 1);
}

void json_out_string(struct buffer *b, const char *text)
{
    if (text)
        json_out_text(b, text, strlen(text));
    else
        buffer_puts(b, "null");
}

void json_out_decimal(struct buffer *b, int64_t value, int digits)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t scale = 1;
    for (int i = 0; i < digits; i++)
        scale *= 10;
    buffer_printf(b, "%s%" PRIu64 ".%0*" PRIu64, value < 0 ? "-" : "", magnitude / scale, digits,
                  magnitude % scale);
}

void json_out_fraction(struct buffer *b, double value)
{
    double clamped = value > 0 ? value : 0; /* also for NaN */
    if (clamped > 1)
        clamped = 1;
    json_out_decimal(b, (int64_t)(clamped * 10000 + 0.5), 4);
}
