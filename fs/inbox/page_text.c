/* Text on its way into a page. */
#include "fs/inbox/page_text.h"

#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/inbox/status.h"

void page_put_html(const char *text, struct buffer *out)
{
    static const char special[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    while (*text) {
        size_t plain = strcspn(text, special);
        buffer_add(out, text, plain);
        text += plain;
        if (*text)
            buffer_puts(out, entities[strchr(special, *text++) - special]);
    }
}

void page_put_text(const char *bytes, struct buffer *out)
{
    cleanup_buffer struct buffer safe = {0};
    status_escape(bytes, &safe);
    out->failed = out->failed || safe.failed;
    page_put_html(safe.data ? safe.data : "", out);
}

static bool is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~/", c));
}

void page_put_url(const char *path, struct buffer *out)
{
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if (is_plain(*p))
            buffer_add(out, p, 1);
        else
            buffer_printf(out, "%%%02X", *p);
    }
}
