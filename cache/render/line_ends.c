/* Files for old Windows programs. */
#include "cache/render/line_ends.h"

#include "backend/base/buffer.h"
#include "cache/render/look.h"

int line_ends_apply(struct buffer *out, size_t start, const struct render_look *look)
{
    if (buffer_error(out) || !look || !(look->crlf || look->bom) || out->len == start)
        return buffer_error(out);
    cleanup_buffer struct buffer text = {0};
    buffer_puts(&text, look->bom ? "\xEF\xBB\xBF" : "");
    for (size_t i = start; i < out->len; i++) {
        if (look->crlf && out->data[i] == '\n' && (i == start || out->data[i - 1] != '\r'))
            buffer_add(&text, "\r", 1);
        buffer_add(&text, out->data + i, 1);
    }
    if (buffer_error(&text))
        return buffer_error(&text);
    out->len = start;
    buffer_add(out, text.data, text.len);
    return buffer_error(out);
}
